"""Maps of the plane: to which output a model sends each point (paper, Fig. 9, left)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from anode.data.toy import RADII
from anode.training import Floats
from anode_lab.figures.style import palette, picture

LIMIT = 1.5
"""Outputs beyond are drawn in one dark colour: no value between or near the targets."""

_DARK = "#1f2328"  # of lines on a map, whose colours are the same in both themes
_COLOURS = ["#1d5c9c", palette.inner, "#f7f7f7", palette.outer, "#9c420f"]
_AT = [0, 1 / 6, 1 / 2, 5 / 6, 1]  # -1.5, -1, 0, 1, 1.5
_OUTPUT = LinearSegmentedColormap.from_list(
    "output", list(zip(_AT, _COLOURS, strict=True))
).with_extremes(under="#0a2440", over="#401a05", bad=palette.muted)
_BAR: Any = {"extend": "both", "orientation": "horizontal"}
_ROWS, _PLACES = 2, 3  # of small maps under a large one


@dataclass(frozen=True)
class PlaneMap:
    """What one replica makes of a square of the plane.

    Attributes:
        seed: the replica's.
        output: on a grid, shape ``(n, n)``, rows upwards.
        half, centre: of the square.
        way: a curve of inputs to draw over it, ``(m, 2)``.
        samples: inputs to draw over it, ``(k, 2)``.
    """

    seed: int
    output: Floats
    half: float
    centre: tuple[float, float] = (0.0, 0.0)
    way: Floats | None = None
    samples: Floats | None = None


@picture
def maps(models: Mapping[str, Sequence[PlaneMap]], sector: float | None = None) -> Figure:
    """To which output each point of the plane is mapped, by several models (Fig. 9, left).

    Args:
        models: model's label -> maps; the first is drawn large, up to six more small.
        sector: angle up to which, from the first axis on, no training samples lie.
    """
    fig = plt.figure(figsize=(7.6, 4.5))
    # Places by hand: the layout engine gives up on so many axes of fixed shape.
    columns = fig.add_gridspec(
        2, len(models), height_ratios=(3, 2.4), left=0.07, right=0.99, top=0.89, bottom=0.15,
        wspace=0.08, hspace=0.34,
    )  # fmt: skip
    shown: Any = None
    for column, (label, found) in enumerate(models.items()):
        large = fig.add_subplot(columns[0, column])
        shown = _draw_map(large, found[0], sector)
        large.set_title(f"{label}\nseed {found[0].seed}", fontsize=10)
        large.set(xticks=[-2, 2], yticks=[-2, 2])
        large.set_xlabel("$x_1$", labelpad=-8)
        large.tick_params(labelleft=column == 0, labelsize=8)
        if column == 0:
            large.set_ylabel("$x_2$", labelpad=-10)
        places = columns[1, column].subgridspec(_ROWS, _PLACES, wspace=0.06, hspace=0.3)
        cells = product(range(_ROWS), range(_PLACES))
        for (row, place), each in zip(cells, found[1:], strict=False):
            small = fig.add_subplot(places[row, place])
            _draw_map(small, each, sector, thin=0.5)
            small.set(xticks=[], yticks=[])
            small.set_title(str(each.seed), fontsize=7.5, pad=1.5)
    _label_bar(fig.colorbar(shown, cax=fig.add_axes((0.2, 0.085, 0.6, 0.02)), **_BAR))
    return fig


@picture
def channels(windows: Sequence[PlaneMap]) -> Figure:
    """Small squares around places where ways out cross the annulus, with the samples there."""
    columns = min(3, len(windows))
    rows = -(-len(windows) // columns)
    size = (min(7.6, 1.2 + 2.3 * columns), 0.9 + 2.35 * rows)
    fig, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    shown: Any = None
    for ax, window in zip(axes.flat, windows, strict=False):
        shown = _draw_map(ax, window, None)
        ax.set_title(f"seed {window.seed}, {2 * window.half:.2g} wide", fontsize=10)
        ax.set(xlabel="$x_1$", ylabel="$x_2$")
        ax.locator_params(nbins=2)
        ax.ticklabel_format(useOffset=False)
        ax.tick_params(labelsize=8)
    for ax in axes.flat[len(windows) :]:
        ax.remove()
    _label_bar(fig.colorbar(shown, ax=fig.axes, aspect=50, fraction=0.04, **_BAR))
    return fig


def _label_bar(bar: Colorbar) -> None:
    bar.set_ticks([-LIMIT, -1, 0, 1, LIMIT])
    bar.set_label("output", labelpad=1)
    bar.ax.tick_params(labelsize=8)


def _draw_map(ax: Axes, plane: PlaneMap, sector: float | None, thin: float = 1.0) -> Any:
    """A map, its contour at 0, the regions of g, the sector, a way out and samples."""
    (a, b), half = plane.centre, plane.half
    extent = (a - half, a + half, b - half, b + half)
    shown = ax.imshow(
        plane.output, cmap=_OUTPUT, vmin=-LIMIT, vmax=LIMIT, extent=extent, origin="lower",
        interpolation="nearest",
    )  # fmt: skip
    finite = plane.output[np.isfinite(plane.output)]
    if finite.size and finite.min() < 0 < finite.max():
        ax.contour(plane.output, [0], extent=extent, colors=_DARK, linewidths=1.1 * thin)
    angle = np.linspace(0, 2 * np.pi, 721)
    for radius in RADII:
        circle = radius * np.cos(angle), radius * np.sin(angle)
        ax.plot(*circle, color=_DARK, linestyle=(0, (4, 3)), linewidth=0.6 * thin)
    if sector is not None:
        ends = np.array([[0, 0], [3, 0]]), 3 * np.array([[0, 0], [np.cos(sector), np.sin(sector)]])
        for end in ends:
            ax.plot(*end.T, color=_DARK, linestyle=(0, (1, 1.5)), linewidth=1.2 * thin)
    if plane.way is not None:
        ax.plot(*plane.way.T, color="white", linewidth=2.2 * thin)
        ax.plot(*plane.way.T, color=_DARK, linewidth=1.1 * thin)
    if plane.samples is not None:
        ax.plot(*plane.samples.T, "^", color=_DARK, markersize=4)
    ax.set(xlim=extent[:2], ylim=extent[2:], aspect="equal")
    return shown
