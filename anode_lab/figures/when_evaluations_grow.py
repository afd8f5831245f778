"""Figures of the chapter on evaluations that grow: signs that tell of it early, and what helps."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from anode.arrays import Floats
from anode_lab.figures.parts.remedies import Remedy as Remedy
from anode_lab.figures.parts.remedies import remedies as remedies
from anode_lab.figures.style import palette, panels, picture, plain_numbers

_COLUMNS = 2


@picture
def signs(epochs: Sequence[int], values: Mapping[str, Floats]) -> Figure:
    """Draw one panel a sign, over the epochs: thin lines are seeds, the thick one is their median.

    Args:
        epochs: Epochs after which the signs were measured, E of them.
        values: Name of a sign -> its values, shape ``(R, E)``, NaN where a seed has none.
    """
    rows = -(-len(values) // _COLUMNS)
    fig, axes = panels(_COLUMNS, 2.1 * rows + 0.3, rows=rows, grid="both", sharex=True)
    for ax in axes[len(values) :]:
        ax.set_axis_off()
    for ax, (name, each) in zip(axes, values.items(), strict=False):
        ax.plot(epochs, each.T, color=palette.node, linewidth=0.7, alpha=0.6)
        known = np.isfinite(each).any(axis=0)
        middle = np.nanmedian(each[:, known], axis=0)
        ax.plot(np.array(epochs)[known], middle, color=palette.node, linewidth=2)
        ax.set_title(name, loc="left")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.xaxis.set_tick_params(labelbottom=True)
        finite = each[np.isfinite(each)]
        if len(finite) and finite.min() > 0 and finite.max() > 8 * finite.min():
            ax.set_yscale("log")
            plain_numbers(ax.yaxis)
    for ax in axes[: len(values)][-_COLUMNS:]:
        ax.set_xlabel("epoch")
    return fig
