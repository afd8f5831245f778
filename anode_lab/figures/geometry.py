"""How straight trajectories are, and how much flows stretch space: every seed shown."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anode.training import Floats
from anode_lab.figures.style import palette, picture
from anode_lab.theory.trajectories import PathGeometry

_SHORTEST = 1e-5  # excess lengths below are drawn here: the solver's and the polygon's errors


@picture
def straightness(measured: Mapping[str, Mapping[str, PathGeometry]]) -> Figure:
    """Distribution of the excess length of trajectories, length over displacement less 1.

    Thick: all points of all seeds together; thin: each seed. A curve further to the left belongs
    to straighter trajectories.

    Args:
        measured: name of the data -> model's label -> paths with arrays ``(R, n)``.
    """
    fig, axes = _panels(len(measured))
    for ax, (name, by_model) in zip(axes[0], measured.items(), strict=True):
        for label, paths in by_model.items():
            excess = np.maximum(paths.straightness - 1, _SHORTEST)
            _draw_distributions(ax, excess, label)
        ax.set(title=name, xscale="log", xlabel="length / displacement − 1", ylim=(0, 1))
        ax.grid(True, which="major")
    axes[0, 0].set_ylabel("share of the trajectories")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return fig


def _panels(count: int) -> tuple[Figure, Any]:
    return plt.subplots(
        1, count, figsize=(7.6, 3.1), sharex=True, sharey=True, squeeze=False, layout="constrained"
    )


def _draw_distributions(ax: Axes, values: Floats, label: str) -> None:
    """Shares of ``values (R, n)`` that are no larger: each seed thin, all together thick."""
    colour, style = palette.model(label), palette.line_style(label)
    finite = values[np.isfinite(values).all(1)]
    for row in finite:
        ax.ecdf(row, color=colour, linewidth=0.5, alpha=0.3)
    census = f" ({len(values) - len(finite)} failed)" if len(finite) < len(values) else ""
    if len(finite):
        ax.ecdf(finite.ravel(), color=colour, linestyle=style, linewidth=2, label=label + census)


@picture
def stretch(measured: Mapping[str, Mapping[str, Floats]]) -> Figure:
    """Range of the stretch over the inputs, one line a seed, in the order of its length.

    Thin: from the least to the largest singular value at any input; thick: from the median of the
    least to the median of the largest ones.

    Args:
        measured: name of the data -> model's label -> singular values ``(R, n, d)``.
    """
    fig, axes = _panels(len(measured))
    for ax, (name, by_model) in zip(axes[0], measured.items(), strict=True):
        for place, (label, values) in enumerate(by_model.items()):
            _draw_ranges(ax, values, label, -place)
        ax.axvline(1, color=palette.ink(), linewidth=0.8, linestyle=(0, (1, 1)))
        ax.set(title=name, xscale="log", xlabel="stretch")
        ax.grid(True, axis="x", which="major")
        labels = list(by_model)
        ax.set_yticks([-place for place in range(len(labels))], labels)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
    return fig


def _draw_ranges(ax: Axes, values: Floats, label: str, place: int) -> None:
    finite = values[np.isfinite(values).all((1, 2))]
    low, high = finite[..., -1], finite[..., 0]  # (R, n)
    if failed := len(values) - len(finite):
        ax.annotate(
            f"{failed} of {len(values)} failed",
            (0.99, place - 0.5),
            xycoords=("axes fraction", "data"),
            ha="right",
            fontsize=8,
        )
    order = np.argsort(high.max(1) / low.min(1))
    heights = place + np.linspace(0.35, -0.35, len(finite))
    colour = palette.model(label)
    outer = (low.min(1)[order], high.max(1)[order])
    inner = (np.median(low, axis=1)[order], np.median(high, axis=1)[order])
    ax.hlines(heights, *outer, color=colour, linewidth=0.8)
    ax.hlines(heights, *inner, color=colour, linewidth=2.6)
    for ends in inner:  # they coincide on the line, where there is one singular value
        ax.scatter(ends, heights, s=7, color=colour, linewidths=0)
