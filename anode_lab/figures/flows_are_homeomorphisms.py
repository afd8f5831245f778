"""Figures of the chapter on flows as homeomorphisms: maps of the line and of the plane."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from anode.arrays import Floats
from anode_lab.figures.parts.persistence import diagrams as diagrams
from anode_lab.figures.style import Style, entry, legend_below, palette, panels, picture
from anode_lab.theory.flow_jacobian import Orientation
from anode_lab.theory.injectivity import Coincidences

_EDGE = 0.035  # half the width of the bars along the axes, in parts of a panel's side
_DETERMINANTS = "viridis"


@dataclass(frozen=True)
class LineMap:
    """A map of a part of the line.

    Attributes:
        field: Right-hand side of h' = f(h, t), as text.
        verdict: What is to be seen.
        images: Images of the points that are drawn, shape ``(n,)``; NaN where there is none.
        bounds: Values that no image reaches, drawn as dashed lines.
    """

    field: str
    verdict: str
    images: Floats
    bounds: tuple[float, ...] = ()


@picture
def line_maps(x: Floats, maps: Sequence[LineMap]) -> Figure:
    """Draw graphs of maps, with the points where each is defined and those it reaches as bars.

    Args:
        x: Points, increasing, shape ``(n,)``.
        maps: Maps, one a panel.

    Raises:
        ValueError: If a map has not one image for each point.
    """
    for each in maps:
        if each.images.shape != x.shape:
            raise ValueError(
                f"images of {each.field} must have the shape of x {x.shape}, got "
                f"{each.images.shape}"
            )
    fig, axes = panels(len(maps), 2.9, grid="both", sharey=True)
    for ax, each in zip(axes, maps, strict=True):
        _draw_map(ax, x, each)
    axes[0].set_ylabel(r"image $\varphi_1(x)$")
    handles = [
        entry("the map", color=palette.node),
        entry("where it is defined", color=palette.inner, lw=5),
        entry("what it reaches", color=palette.accent, lw=5),
        entry("not reached", color=palette.ink(), lw=0.8, ls="--"),
    ]
    legend_below(fig, handles, columns=4, columnspacing=1.2)
    return fig


def _draw_map(ax: Axes, x: Floats, shown: LineMap) -> None:
    half = float(np.abs(x).max())
    # A map that runs off the panel reaches the panel's edge.
    inside = np.where(np.abs(shown.images) <= half, shown.images, np.nan)
    ax.plot(x, inside, color=palette.node, zorder=3)
    defined = np.isfinite(shown.images)
    edges = (-half, -half + 2 * _EDGE * half)
    ends = (x[defined].min(), x[defined].max())
    ax.fill_between(ends, *edges, color=palette.inner, lw=0, zorder=2)
    reached = np.clip(shown.images[defined], -half, half)
    ends = (reached.min(), reached.max())
    ax.fill_betweenx(ends, *edges, color=palette.accent, lw=0, zorder=2)
    for value in shown.bounds:
        ax.axhline(value, color=palette.ink(), lw=0.8, ls="--")
    ax.set(xlim=(-half, half), ylim=(-half, half), xlabel="start $x$")
    ax.set_title(f"{shown.field}\n{shown.verdict}", fontsize=9)
    ax.set_aspect("equal")
    ax.locator_params(nbins=5)
    ax.tick_params(labelsize=8)


@picture
def grids(
    measured: Mapping[str, Orientation],
    pairs: Mapping[str, Coincidences] | None = None,
    replica: int = 0,
) -> Figure:
    """Draw the image of a square grid under each map, and mark the points where it is turned.

    Points are coloured by the decimal logarithm of the absolute value of the Jacobian determinant.
    Crosses mark points where the determinant is negative.

    Args:
        measured: Name of the map -> its images of the n x n points of a square, rows upwards.
        pairs: Name of the map -> two points with one image, which is marked by a star.
        replica: The one of the R maps that is drawn.

    Raises:
        ValueError: If the points are no square grid in the plane.
    """
    logs = {
        name: np.log10(np.maximum(np.abs(each.determinants[replica]), np.finfo(float).tiny))
        for name, each in measured.items()
    }
    norm = Normalize(*np.percentile(np.concatenate(list(logs.values())), [1, 99]))
    fig, axes = panels(len(measured), 7.6 / len(measured))
    for ax, (name, each) in zip(axes, measured.items(), strict=True):
        _draw_grid(ax, each.images[replica])
        _draw_determinants(ax, each, replica, logs[name], norm)
        if pairs is not None and name in pairs:
            _draw_pair(ax, each, pairs[name], replica)
        lowest = each.lowest()[replica]
        ax.set_title(f"{name}\nsmallest determinant {lowest:.2g}")
        ax.set_aspect("equal", adjustable="datalim")
    bar = fig.colorbar(ScalarMappable(norm, _DETERMINANTS), ax=axes, shrink=0.7)
    bar.set_label("log10 |determinant|")
    if axes[-1].get_legend_handles_labels()[1]:
        axes[-1].legend(loc="best")
    return fig


def _draw_grid(ax: Axes, images: Floats) -> None:
    n = round(len(images) ** 0.5)
    if n * n != len(images) or images.shape[1:] != (2,):
        raise ValueError(
            f"the points must be a square grid in the plane, n * n points, got {images.shape}"
        )
    rows = images.reshape(n, n, 2)
    lines = [*rows, *rows.swapaxes(0, 1)]
    ax.add_collection(LineCollection(lines, colors=palette.muted, linewidths=0.5))


def _draw_determinants(
    ax: Axes, each: Orientation, replica: int, logs: Floats, norm: Normalize
) -> None:
    turned = each.determinants[replica] < 0
    images = each.images[replica]
    style: Style = {"s": 7, "cmap": _DETERMINANTS, "norm": norm, "linewidths": 0, "zorder": 2}
    x, y = images[~turned].T
    ax.scatter(x, y, c=logs[~turned], **style)
    if turned.any():
        ax.plot(
            *images[turned].T, "x", color=palette.node, ms=4, mew=0.9, zorder=3,
            label="turned around",
        )  # fmt: skip


def _draw_pair(ax: Axes, each: Orientation, pair: Coincidences, replica: int) -> None:
    """Mark the common image, by that of the grid point next to the first of the pair."""
    if not pair.found[replica]:
        return
    nearest = np.linalg.norm(each.points - pair.first[replica], axis=1).argmin()
    ax.plot(
        *each.images[replica, nearest], "*", color=palette.accent, ms=14, mec=palette.ink(),
        zorder=4, ls="none", label="image of two points",
    )  # fmt: skip
