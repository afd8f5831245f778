"""Which module of the packages imports which, read from their sources."""

import ast
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PACKAGES = ("anode", "anode_lab")


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
    """Return each top module's own file, a package's being its ``__init__``."""
    found = {}
    for package in _PACKAGES:
        root = _ROOT / package
        paths = [path for path in root.glob("*.py") if not path.stem.startswith("_")]
        for path in [*paths, *root.glob("*/__init__.py")]:
            top = path.parent if path.stem == "__init__" else path.with_suffix("")
            found[".".join(top.relative_to(_ROOT).parts)] = path
    return dict(sorted(found.items()))


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
