"""Which module of the packages imports which, read from their sources."""

import ast
from collections.abc import Mapping
from pathlib import Path

from anode_lab.runs.code_digest import sources


def purposes() -> dict[str, str]:
    """Return the name of each top module of the packages -> the first sentence of its docstring."""
    return {
        name: (ast.get_docstring(ast.parse(path.read_text(encoding="utf8"))) or "").split("\n\n")[0]
        for name, path in _doors().items()
    }


def imports() -> dict[str, set[str]]:
    """Return the name of each top module -> the top modules that it, or a part of it, imports."""
    names = _doors()
    return {name: _imported(path) & names.keys() - {name} for name, path in names.items()}


def in_order(found: Mapping[str, set[str]]) -> list[str]:
    """Return the modules so that each comes after all that it imports.

    Of those that may come next, the one on which the most others rest is the first.

    Args:
        found: Name of a module -> names of those that it imports.

    Raises:
        ValueError: If modules import each other in a circle.
    """
    order: list[str] = []
    users = {name: sum(name in others for others in found.values()) for name in found}
    while len(order) < len(found):
        ready = [name for name in found if name not in order and found[name] <= set(order)]
        if not ready:
            left = sorted(set(found) - set(order))
            raise ValueError(f"modules import each other in a circle: {', '.join(left)}")
        order.append(max(ready, key=lambda name: (users[name], name)))
    return order


def _doors() -> dict[str, Path]:
    """Each top module's own file, a package's being its ``__init__``."""
    return {
        name: path
        for name, path in sources().items()
        if name.count(".") == 1 and not name.partition(".")[2].startswith("_")
    }


def _imported(door: Path) -> set[str]:
    paths = sorted(door.parent.rglob("*.py")) if door.stem == "__init__" else [door]
    names: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                modules = [node.module] if "." in node.module else _members(node)
            elif isinstance(node, ast.Import):
                modules = [each.name for each in node.names]
            else:
                continue
            names |= {".".join(module.split(".")[:2]) for module in modules}
    return names


def _members(node: ast.ImportFrom) -> list[str]:
    return [f"{node.module}.{alias.name}" for alias in node.names]
