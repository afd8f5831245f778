"""Figures of the chapter on evaluations that grow: signs that tell of it early, and what helps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from anode.training import Floats
from anode_lab.claims import Measurement
from anode_lab.figures.style import palette, picture, plain_numbers

_ROW = 0.34  # inches


@dataclass(frozen=True)
class Remedy:
    """What was changed in a training, and what came of it.

    Attributes:
        label: what was changed.
        evaluations: of the last epoch, as a factor of those without a change.
        loss: of the last epoch, as a factor of that without a change.
    """

    label: str
    evaluations: Measurement
    loss: Measurement


@picture
def signs(epochs: Sequence[int], values: Mapping[str, Floats]) -> Figure:
    """One panel a sign, over the epochs: thin lines are seeds, the thick one their median.

    Args:
        epochs: after which the signs were measured, E of them.
        values: name of a sign -> shape ``(R, E)``, NaN where a seed has none.
    """
    columns = 2
    rows = -(-len(values) // columns)
    fig, axes = plt.subplots(
        rows, columns, figsize=(7.6, 2.1 * rows + 0.3), squeeze=False, sharex=True,
        layout="constrained",
    )  # fmt: skip
    for ax in axes.flat[len(values) :]:
        ax.set_axis_off()
    for ax, (name, each) in zip(axes.flat, values.items(), strict=False):
        ax.plot(epochs, each.T, color=palette.node, linewidth=0.7, alpha=0.6)
        known = np.isfinite(each).any(axis=0)
        middle = np.nanmedian(each[:, known], axis=0)
        ax.plot(np.array(epochs)[known], middle, color=palette.node, linewidth=2)
        ax.set_title(name, loc="left")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.xaxis.set_tick_params(labelbottom=True)
        ax.grid(visible=True)
        finite = each[np.isfinite(each)]
        if len(finite) and finite.min() > 0 and finite.max() > 8 * finite.min():
            ax.set_yscale("log")
            plain_numbers(ax.yaxis)
    for ax in axes.flat[: len(values)][-columns:]:
        ax.set_xlabel("epoch")
    return fig


@picture
def remedies(found: Sequence[Remedy]) -> Figure:
    """Factors of the evaluations (left) and of the loss (right), with intervals, one row a remedy.

    Left of the line at 1 it is less than without a change. Both axes are logarithmic.
    """
    fig, axes = plt.subplots(
        1, 2, figsize=(7.6, 0.9 + _ROW * len(found)), sharey=True, layout="constrained"
    )
    _factors(axes[0], [each.evaluations for each in found], "evaluations, factor")
    _factors(axes[1], [each.loss for each in found], "training loss, factor")
    axes[0].set_yticks(range(len(found)), [each.label for each in found])
    axes[0].set_ylim(len(found) - 0.5, -0.5)
    return fig


def _factors(ax: Axes, factors: Sequence[Measurement], label: str) -> None:
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
    ax.grid(visible=True, axis="x")
