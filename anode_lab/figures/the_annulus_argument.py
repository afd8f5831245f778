"""Figures of the chapter on the annulus argument."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.ticker import MaxNLocator

from anode.arrays import Floats
from anode_lab.figures.parts.annulus_diagrams import deform as deform
from anode_lab.figures.parts.states import (
    Limits,
    circle,
    draw_legend,
    draw_points,
    limits_of,
    set_limits,
)
from anode_lab.figures.style import Style, entry, legend_below, palette, panels, picture

# Maps of the plane


@picture
def stages(
    states: Mapping[str, Floats],
    y: Floats,
    *,
    level: float | None = None,
    limits: Limits | None = None,
    size: float = 3,
) -> Figure:
    """Draw the same points of both classes after each of several maps of the plane.

    Args:
        states: Title -> points, shape ``(n, 2)`` each.
        y: Targets, shape ``(n,)``.
        level: First coordinate at which a dashed line cuts the last panel; no line without it.
        limits: Limits of both coordinates in the last panel; those of its points without them.
        size: Size of a marker.
    """
    fig, axes = panels(len(states), 3.2 if len(states) < 4 else 2.6)
    for ax, (title, points) in zip(axes, states.items(), strict=True):
        draw_points(ax, points, y, size=size)
        set_limits(ax, limits_of(points, margin=0.1))
        ax.set(title=title, xlabel="$h_1$")
    axes[0].set(xlabel="$x_1$", ylabel="$x_2$")
    if limits is not None:
        axes[-1].set(xlim=limits[0], ylim=limits[1])
    if level is not None:
        axes[-1].axvline(level, color=palette.ink(), ls="--", lw=1)
    draw_legend(fig)
    return fig


@picture
def regions(areas: Mapping[str, tuple[Floats, Floats, Floats]]) -> Figure:
    """Draw which of several outputs is the largest, over squares of the plane.

    Args:
        areas: Title -> coordinates ``(n,)`` of both axes, and classes ``(n, n)``, numbered from 0,
            with the first axis for the second coordinate.
    """
    fig, axes = panels(len(areas), 3.3, width=3.8 * len(areas))
    colours = (palette.inner, palette.outer, palette.resnet, palette.accent, palette.muted)
    count = 1 + max(int(classes.max()) for *_, classes in areas.values())
    for ax, (title, (x1, x2, classes)) in zip(axes, areas.items(), strict=True):
        ax.contourf(x1, x2, classes, levels=np.arange(count + 1) - 0.5, colors=colours[:count])
        for label in range(count):
            inside = np.argwhere(classes == label)
            if len(inside):
                row, column = inside[np.abs(inside - inside.mean(0)).sum(1).argmin()]
                ax.annotate(
                    f"{label + 1}", (x1[column], x2[row]), ha="center", va="center", color="white",
                    weight="bold", fontsize=12,
                )  # fmt: skip
        ax.set(title=title, xlabel="$x_1$", ylabel="$x_2$")
        ax.set_aspect("equal")
    return fig


# What was found on trained models


@dataclass(frozen=True)
class Pair:
    """Outputs of R models at the centre and where they are lowest on the inner rim.

    Attributes:
        centre: Output at the input 0, shape ``(R,)``.
        rim: Lowest output on the sphere ``|x| = r2``, shape ``(R,)``.
    """

    centre: Floats
    rim: Floats


@picture
def witnesses(found: Mapping[str, Pair]) -> Figure:
    """Draw the output at the centre and the lowest output on the rim, one line a seed.

    A seed's line is solid where the rim is lower than the centre, which is a witness against the
    model, and dotted where it is not.

    Args:
        found: Title -> outputs of the models; a panel each.
    """
    fig, axes = panels(len(found), 4.2, sharey=True, sharex=True)
    for ax, (title, pair) in zip(axes, found.items(), strict=True):
        for seed, (centre, rim) in enumerate(zip(pair.centre, pair.rim, strict=True)):
            style: Style = {"ls": "-", "color": palette.accent}
            if not rim < centre:
                style = {"ls": ":", "color": palette.muted}
            ax.plot([centre, rim], [seed, seed], lw=1.4, **style)
        seeds = np.arange(len(pair.centre))
        ax.plot(pair.centre, seeds, "o", color=palette.inner, ms=5)
        ax.plot(pair.rim, seeds, "^", color=palette.outer, ms=5)
        for side in (-1, 1):
            ax.axvline(side, color=palette.muted, lw=0.6)
        ax.set(title=title.replace(", ", "\n", 1), xlabel="output")
    axes[0].set_ylabel("seed")
    axes[0].yaxis.set_major_locator(MaxNLocator(integer=True))
    handles = [
        entry("centre, target −1", color=palette.inner, marker="o", ls="none"),
        entry("lowest on the rim, +1", color=palette.outer, marker="^", ls="none"),
        entry("rim lower: a witness", color=palette.accent, ls="-"),
        entry("rim higher", color=palette.muted, ls=":"),
    ]
    legend_below(fig, handles, columns=4)
    return fig


@dataclass(frozen=True)
class EnclosingTriangle:
    """A closed curve of features with a triangle of three of them around a point.

    Attributes:
        curve: Points of the curve, shape ``(n, 2)``.
        centre: Features of the origin, shape ``(2,)``.
        corners: Corners of the triangle, shape ``(3, 2)``.
        depth: Distance of the point from the triangle's nearest side.
    """

    curve: Floats
    centre: Floats
    corners: Floats
    depth: float


@picture
def triangles(found: Mapping[str, EnclosingTriangle]) -> Figure:
    """Draw images of the inner rim, each with a triangle that holds the image of the centre.

    The small circle around the centre's image reaches as far as the triangle's nearest side.

    Args:
        found: Title -> curve and triangle, a panel each.
    """
    fig, axes = panels(len(found), 3.1)
    for ax, (title, shown) in zip(axes, found.items(), strict=True):
        ax.plot(*shown.curve.T, color=palette.outer, lw=0.9)
        edges: Style = {"fill": False, "color": palette.accent, "lw": 1.4, "ls": "--"}
        ax.add_patch(Polygon(shown.corners, closed=True, **edges))
        ax.plot(*shown.corners.T, "s", color=palette.accent, ms=5)
        ax.plot(*shown.centre, "o", color=palette.inner, ms=4)
        around = circle(shown.depth, shown.centre.tolist())
        ax.plot(*around.T, color=palette.inner, lw=1)
        set_limits(ax, limits_of(np.concatenate([shown.curve, shown.corners, around]), 0.08))
        ax.set(title=title, xlabel="$h_1$")
    axes[0].set_ylabel("$h_2$")
    handles = [
        entry(r"$\varphi(\partial D)$", color=palette.outer, lw=0.9),
        entry("three of its points", color=palette.accent, marker="s", ls="--"),
        entry(r"$\varphi(0)$, depth", color=palette.inner, marker="o", lw=1),
    ]
    legend_below(fig, handles, columns=3)
    return fig


@picture
def margins(found: Mapping[str, tuple[Floats, Floats]]) -> Figure:
    """Draw the margin of each seed against the bound of its numerical error.

    A point above the diagonal is proved: the margin exceeds the bound.

    Args:
        found: Label -> positive margins and error bounds, shape ``(R,)`` each.
    """
    fig, (ax,) = panels(1, 3.4, width=5.4, grid="both")
    looks = (("o", palette.node), ("s", palette.anode), ("^", palette.accent))
    for (label, (margin, bound)), (marker, colour) in zip(found.items(), looks, strict=False):
        ax.plot(bound, margin, marker, color=colour, ms=5, alpha=0.8, label=label)
    values = np.concatenate([np.concatenate(pair) for pair in found.values()])
    positive = values[np.isfinite(values) & (values > 0)]
    ends = [positive.min(), positive.max()]
    ax.plot(ends, ends, color=palette.ink(), ls="--", lw=1, label="margin = bound")
    ax.set(xscale="log", yscale="log", xlabel="bound of the numerical error", ylabel="margin")
    legend_below(fig, ax, columns=len(found) + 1)
    return fig
