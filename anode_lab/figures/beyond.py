"""Figures of the chapter beyond the paper: positions that cross, and densities."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from anode.training import Floats
from anode_lab.figures.style import legend_below, palette, picture

_SHOWN = 2500
"""Points of a density that are drawn: more turn to a blot."""


@picture
def positions(times: Floats, first: Floats, second: Floats, y: Floats) -> Figure:
    """Trajectories on the line: of a NODE, and of a model of second order, there also with speed.

    Args:
        times: shape ``(T,)``.
        first: states of the NODE, ``(T, n)``.
        second: positions and speeds, ``(T, n, 2)``.
        y: targets, -1 or +1, ``(n,)``.
    """
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(7.6, 2.9), layout="constrained")
    _lines(left, times, first, y)
    _lines(middle, times, second[..., 0], y)
    _lines(right, second[..., 0], second[..., 1], y)
    left.set(title="NODE", xlabel="$t$", ylabel="$h$")
    middle.set(title="second order", xlabel="$t$", ylabel="position $x$")
    right.set(title="second order", xlabel="position $x$", ylabel="speed $v$")
    right.plot(*second[-1].T, "o", color=palette.ink(), markersize=2.5)
    styles: dict[str, tuple[str, Any]] = {
        "target −1": (palette.inner, "--"),
        "target +1": (palette.outer, "-"),
    }
    handles = [
        Line2D([], [], color=colour, linestyle=style, label=label)
        for label, (colour, style) in styles.items()
    ]
    end = Line2D([], [], color=palette.ink(), marker="o", markersize=3, linestyle="none")
    end.set_label("at $t = 1$")
    legend_below(fig, [*handles, end])
    return fig


def _lines(ax: Axes, x: Floats, values: Floats, y: Floats) -> None:
    for index, target in enumerate(y):
        colour, style = (palette.inner, "--") if target < 0 else (palette.outer, "-")
        along = x if x.ndim == 1 else x[:, index]
        ax.plot(along, values[:, index], color=colour, linestyle=style, linewidth=0.9, alpha=0.8)


@picture
def densities(samples: Mapping[str, Floats], half: float = 2.2) -> Figure:
    """Points of the plane side by side, as many of each.

    Args:
        samples: what they are -> points ``(n, 2)``.
        half: of the side of the square that is drawn.
    """
    fig, axes = plt.subplots(
        1, len(samples), figsize=(7.6, 7.6 / len(samples) + 0.5), squeeze=False,
        sharex=True, sharey=True, layout="constrained",
    )  # fmt: skip
    count = min(_SHOWN, *map(len, samples.values()))
    for ax, (label, points) in zip(axes.flat, samples.items(), strict=True):
        shown = points[np.linspace(0, len(points) - 1, count).astype(int)]
        outside = int((np.abs(shown) > half).any(axis=1).sum())
        ax.plot(*shown.T, ".", color=palette.anode, markersize=1.6, alpha=0.6, rasterized=True)
        ax.set_title(label + (f"\n{outside} of {count} outside" if outside else ""))
        ax.set(xlim=(-half, half), ylim=(-half, half), aspect="equal", xlabel="$x_1$")
    axes[0, 0].set_ylabel("$x_2$")
    return fig


@picture
def dimensions(
    dims: Sequence[int], losses: Mapping[str, Floats], nfe: Mapping[str, Floats]
) -> Figure:
    """Loss and evaluations against the dimension: a point a seed, a line through the means.

    Args:
        dims: D dimensions of the input.
        losses, nfe: model's label -> of the last epoch, shape ``(D, R)``, NaN where it failed.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 2.9), layout="constrained")
    for ax, each, label in (
        (left, losses, "training loss, last epoch"),
        (right, nfe, "evaluations, last epoch"),
    ):
        for shift, (model, values) in enumerate(each.items()):
            places = np.arange(len(dims)) + 0.12 * (shift - (len(each) - 1) / 2)
            colour, marker = palette.model(model), palette.marker(model)
            ax.plot(
                np.repeat(places, values.shape[1]), values.ravel(), marker, color=colour,
                markersize=3.5, alpha=0.5,
            )  # fmt: skip
            line = palette.line_style(model)
            ax.plot(places, np.nanmean(values, axis=1), linestyle=line, color=colour, label=model)
        ax.set_xticks(range(len(dims)), [str(d) for d in dims])
        ax.set(xlabel="dimension $d$", ylabel=label)
        ax.grid(visible=True, axis="y")
    left.set_yscale("log")
    legend_below(fig, left.get_legend_handles_labels()[0])
    return fig
