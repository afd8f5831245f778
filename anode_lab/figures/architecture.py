"""Figure of the chapter on architecture: which module of the packages imports which."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from anode_lab.figures.style import palette, panels, picture
from anode_lab.measures.module_imports import in_order

_ROW = 0.19  # inches


@picture
def import_matrix(found: Mapping[str, set[str]]) -> Figure:
    """Draw a square for each pair of modules of which the row's imports the column's.

    Args:
        found: Imports, as :func:`anode_lab.measures.module_imports.imports` returns them.
    """
    names = in_order(found)
    count = len(names)
    side = 1.5 + _ROW * count
    fig, (ax,) = panels(1, side, width=side)
    ax.axline((0, 0), slope=1, color=palette.muted, linewidth=0.8)
    pairs = [(names.index(to), i) for i, name in enumerate(names) for to in found[name]]
    ax.scatter(*np.array(pairs).T, marker="s", s=22, color=palette.anode, linewidth=0)
    ax.set_xticks(range(count), names, rotation=90, fontsize=8)
    ax.set_yticks(range(count), names, fontsize=8)
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set(xlim=(-0.7, count - 0.3), xlabel="is imported by the row's module")
    ax.set(ylim=(count - 0.3, -0.7), ylabel="imports")
    ax.tick_params(length=0)
    ax.set_axisbelow(True)
    ax.grid(linewidth=0.3)
    return fig
