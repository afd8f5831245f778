"""What came of changes in a training: factors of the evaluations and of the loss."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anode_lab.claims import Measurement
from anode_lab.figures.style import palette, panels, picture, plain_numbers

_ROW = 0.34  # inches


@dataclass(frozen=True)
class Remedy:
    """What was changed in a training, and what came of it.

    Attributes:
        label: What was changed.
        evaluations: Evaluations of the last epoch, as a factor of those without a change.
        loss: Loss of the last epoch, as a factor of that without a change.
    """

    label: str
    evaluations: Measurement
    loss: Measurement


@picture
def remedies(found: Sequence[Remedy]) -> Figure:
    """Draw factors of the evaluations (left) and of the loss (right), with intervals.

    Left of the line at 1 it is less than without a change. Both axes are logarithmic.

    Args:
        found: Remedies, one a row.
    """
    fig, axes = panels(2, 0.9 + _ROW * len(found), grid="x", sharey=True)
    _draw_factors(axes[0], [each.evaluations for each in found], "evaluations, factor")
    _draw_factors(axes[1], [each.loss for each in found], "training loss, factor")
    axes[0].set_yticks(range(len(found)), [each.label for each in found])
    axes[0].set_ylim(len(found) - 0.5, -0.5)
    return fig


def _draw_factors(ax: Axes, factors: Sequence[Measurement], label: str) -> None:
    ax.axvline(1, color=palette.ink(), linewidth=1, linestyle=(0, (1, 1)))
    for y, one in enumerate(factors):
        if not np.isfinite(one.value):
            ax.annotate("no seed was trained to the end", (1.02, y), va="center", fontsize=8)
            continue
        colour = palette.anode if one.high < 1 else palette.node if one.low > 1 else palette.muted
        if np.isfinite(one.high):
            ax.plot([one.low, one.high], [y, y], color=colour, linewidth=1.8)
        ax.plot(one.value, y, marker="o", markersize=5.5, color=colour)
    ax.set_xscale("log")
    plain_numbers(ax.xaxis)
    ax.set_xlabel(label)
    ax.tick_params(axis="y", length=0)
