"""Which module of the package imports which: the package's architecture, read from its sources."""

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from anode_lab.figures.style import palette, picture

_ROOT = Path(__file__).parents[2]
_PACKAGES = ("anode", "anode_lab")
_ROW = 0.19  # inches
_SIZE = 22


def modules() -> dict[str, str]:
    """Name of each top module of the package -> what its docstring says first."""
    return {
        name: (ast.get_docstring(ast.parse(path.read_text(encoding="utf8"))) or "").split("\n\n")[0]
        for name, path in _doors().items()
    }


def imports() -> dict[str, set[str]]:
    """Name of each top module -> the top modules that it, or a part of it, imports."""
    names = _doors()
    return {name: _imported(path) & names.keys() - {name} for name, path in names.items()}


def in_order(found: Mapping[str, set[str]]) -> list[str]:
    """The modules so that each comes after all that it imports; of those that may come next, first
    the one on which the most others rest.

    Raises:
        ValueError: if modules import each other in a circle.
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


@picture
def import_matrix(found: Mapping[str, set[str]]) -> Figure:
    """A square for each pair of modules of which the row's imports the column's.

    Args:
        found: as :func:`imports` gives it.
    """
    names = in_order(found)
    pairs = [(names.index(to), i) for i, name in enumerate(names) for to in found[name]]
    side = 1.5 + _ROW * len(names)
    fig, ax = plt.subplots(figsize=(side, side), layout="constrained")
    ax.axline((0, 0), slope=1, color=palette.muted, linewidth=0.8)
    columns, rows = np.array(pairs).T
    ax.scatter(columns, rows, marker="s", s=_SIZE, color=palette.anode, linewidth=0)
    places: Sequence[int] = range(len(names))
    ax.set_xticks(places, names, rotation=90, fontsize=8)
    ax.set_yticks(places, names, fontsize=8)
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set(
        xlim=(-0.7, len(names) - 0.3),
        ylim=(len(names) - 0.3, -0.7),
        xlabel="is imported by the row's module",
        ylabel="imports",
    )
    ax.tick_params(length=0)
    ax.set_axisbelow(True)
    ax.grid(linewidth=0.3)
    return fig


def _doors() -> dict[str, Path]:
    """Each top module's own file, a package's being its ``__init__``."""
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
