"""Figures of the chapter on the annulus argument (paper, Figs 4, 13 and 14)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Polygon
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from anode.arrays import Floats, Integers
from anode.data.toy import RADII
from anode_lab.figures.parts.states import (
    Limits,
    circle,
    draw_legend,
    draw_points,
    limits_of,
    set_limits,
)
from anode_lab.figures.style import Style, entry, legend_below, look_of, palette, panels, picture

_W = np.array([0.35, 1.0])  # the linear layer of the diagrams
_ALONG = np.array([_W[1], -_W[0]])


def deform(x: Floats) -> Floats:
    """Apply the homeomorphism of the diagrams, three shears, ``(..., 2)`` -> ``(..., 2)``.

    A shear moves points along one axis by a distance that depends on the other coordinate, so it
    can be undone: it is the flow of a field that is constant along its own trajectories.
    """
    first, second = x[..., 0], x[..., 1]
    second = second + 0.35 * np.sin(1.7 * first)
    first = first + 0.45 * second**2
    second = second - 0.25 * np.cos(1.3 * first)
    return np.stack([first, second], axis=-1)


# Diagrams


@picture
def target() -> Figure:
    """Draw the paper's g in the plane, what a flow can make of it, and what a linear layer needs.

    After Figs 4 and 13. The middle panel is computed with :func:`deform`; the line is a level of
    the linear layer through the image of the centre.
    """
    fig, (inputs, flow, needed) = panels(3, 2.9)
    for ax, move in ((inputs, np.asarray), (flow, deform)):
        inner, middle, outer = (move(circle(radius)) for radius in RADII)
        _draw_region(ax, inner, colour=palette.inner)
        _draw_region(ax, outer, middle, colour=palette.outer)
    for index, (radius, angle) in enumerate(zip(RADII, (0.5, 0.25, 0.0), strict=True), start=1):
        end = radius * np.array([np.cos(np.pi * angle), np.sin(np.pi * angle)])
        _draw_arrow(inputs, (0, 0), end)
        inputs.annotate(f"$r_{index}$", end * (radius + 0.22) / radius, ha="center", va="center")
    centre = deform(np.zeros(2))
    along = centre + _ALONG
    style: Style = {"color": palette.ink(), "ls": "--", "lw": 1}
    flow.axline((centre[0], centre[1]), (along[0], along[1]), **style)
    for end in _crossings(deform(circle(sum(RADII[1:]) / 2)), centre, _W):
        flow.plot(*end, "X", color=palette.accent, ms=8, zorder=4)
    _draw_region(needed, circle(0.5, (0.0, -0.85)), colour=palette.inner)
    _draw_region(needed, _opened_annulus(RADII[1], RADII[2]), colour=palette.outer)
    needed.axhline(0, **style)
    for side in (-1, 1):
        _draw_note(needed, "torn here", (side * 1.33, 0.42), (0, 0.3))
    for ax, title in ((inputs, "inputs"), (flow, "what a flow can do"), (needed, "what $L$ needs")):
        ax.set(title=title, xlim=(-1.75, 1.75), ylim=(-1.75, 1.75))
        _without_frame(ax)
    flow.set(xlim=(-1.75, 2.55), ylim=(-2.15, 2.15))
    handles = [
        _square_entry(palette.inner, "ball $A$, target −1"),
        _square_entry(palette.outer, "annulus $B$, target +1"),
        entry("level of $L$", **style),
        entry("meets $B$", color=palette.accent, marker="X", ls="none"),
    ]
    legend_below(fig, handles, columns=4)
    return fig


@picture
def disk() -> Figure:
    """Draw the disk argument (Fig. 14) and the minimum principle that replaces it.

    Left: the disk and one of its inner points. Middle: a line through the point's image leaves the
    image of the disk, which is bounded, on both sides. Right: levels of the linear layer; the
    lowest one that the image touches touches it at the rim. All are computed with :func:`deform`.
    """
    fig, axes = panels(3, 3.0)
    rim, x = circle(RADII[1]), np.array([-0.1, 0.1])
    image, phi_x = deform(rim), deform(x)
    for ax, curve, point in zip(axes, (rim, image, image), (x, phi_x, phi_x), strict=True):
        _draw_region(ax, curve, colour=palette.muted, alpha=0.25)
        ax.plot(*curve.T, color=palette.outer)
        ax.plot(*point, "o", color=palette.inner)
    axes[0].annotate("$x$", x + np.array([0.1, 0.05]))
    axes[0].annotate(r"$\partial D$", (0.78, 0.78))
    axes[1].annotate(r"$\varphi(x)$", phi_x + np.array([0.12, -0.1]), va="top")
    first, *_, last = _crossings(image, phi_x, np.array([-0.5, 1.0]))
    axes[1].axline(first, last, color=palette.ink(), lw=0.8)
    for name, end in (("$z_1$", first), ("$z_2$", last)):
        axes[1].plot(*end, "s", color=palette.accent, ms=6, zorder=4)
        axes[1].annotate(name, end + np.array([0.0, 0.14]), ha="center")
    _draw_levels(axes[2], image, phi_x)
    for ax, title in zip(
        axes, ("the disk $D$", "two points of the rim", "the lowest level"), strict=True
    ):
        ax.set_title(title)
        _without_frame(ax)
    axes[0].set(xlim=(-1.35, 1.35), ylim=(-1.35, 1.35))
    for ax in axes[1:]:
        ax.set(xlim=(-1.3, 1.95), ylim=(-1.95, 1.4))
    return fig


def _draw_levels(ax: Axes, image: Floats, phi_x: Floats) -> None:
    """Draw levels of the linear layer, from that of a point to the lowest on its closed curve."""
    levels = image @ _W
    lowest = image[levels.argmin()]
    for level in np.linspace(levels.min(), phi_x @ _W, 4):
        foot = level * _W / (_W @ _W)
        ax.axline(tuple(foot), tuple(foot + _ALONG), lw=1, ls="--", color=palette.ink())
    ax.plot(*lowest, "D", color=palette.accent, ms=7, zorder=4)
    ax.annotate(r"$\varphi(x_*)$", tuple(lowest - np.array([0.1, 0.12])), ha="right", va="top")
    _draw_arrow(ax, phi_x, phi_x + 0.75 * _W, width=1.2)
    ax.annotate("$w$", tuple(phi_x + 0.82 * _W))


@picture
def gaps() -> Figure:
    """Draw four small pictures of what the steps of the disk argument do not exclude as stated.

    Top left: features (x, a) of a model that represents g on the line exactly, with one appended
    coordinate; the inside of D is not separated from the rim, and the ball is from the annulus.
    Top right: a connected region with a point on no chord. Bottom left: a region that is not
    connected, in which each point is on a chord. Bottom right: a disk whose inside and rim cannot
    be separated, beside a ball that can.
    """
    fig, axes = panels(2, 5.4, rows=2)
    for ax, draw in zip(axes, (_gap_lifted, _gap_unbounded, _gap_two, _gap_beside), strict=True):
        draw(ax)
    handles = [
        _square_entry(palette.inner, "$A$, target −1"),
        _square_entry(palette.outer, "$B$ or $\\partial D$, target +1"),
        _square_entry(palette.muted, "the rest of int $D$"),
        entry("level of $L$", color=palette.ink(), ls="--", lw=1),
    ]
    legend_below(fig, handles, columns=4)
    return fig


def _gap_lifted(ax: Axes) -> None:
    r1, r2, r3 = RADII
    ax.plot([-r1, r1], [-1, -1], color=palette.inner, lw=4)
    for side in (-1, 1):
        ax.plot([side * r1, side * r2], [-1, 1], color=palette.muted, lw=4)
        ax.plot([side * r2, side * r3], [1, 1], color=palette.outer, lw=4)
    ax.axhline(0, color=palette.ink(), ls="--", lw=1)
    _draw_note(ax, "of int $D$, above", (0.93, 0.72), (0.28, 0.72))
    ax.set(title="not separable: int $D$ and $\\partial D$", xlabel="$x$", ylabel="appended $a$")
    ax.set(xlim=(-1.7, 1.7), ylim=(-1.35, 1.35), yticks=[-1, 0, 1])


def _gap_unbounded(ax: Axes) -> None:
    ax.axvspan(-2, 0, color=palette.muted, alpha=0.25, lw=0)
    ax.axvline(0, color=palette.outer, lw=3)
    ax.axvspan(-2, -1, color=palette.inner, alpha=0.85, lw=0)
    ax.axvline(-0.5, color=palette.ink(), ls="--", lw=1)
    ax.plot(-1.5, 0, "o", color=palette.ink(), ms=5)
    for angle in np.linspace(-0.9, 0.9, 5):
        _draw_arrow(ax, (-1.5, 0), (-1.5 - 0.45 * np.cos(angle), -0.45 * np.sin(angle)))
    ax.set(title="connected, and on no chord", xlabel="$z_1$", ylabel="$z_2$")
    ax.set(xlim=(-2, 1), ylim=(-1.1, 1.1))


def _gap_two(ax: Axes) -> None:
    for centre in (-1.2, 1.2):
        rim = circle(0.8, (centre, 0))
        _draw_region(ax, rim, colour=palette.muted, alpha=0.25)
        ax.plot(*rim.T, color=palette.outer)
    x, slope = np.array([-1.0, 0.2]), np.array([-0.6, 1.0])
    ends = _crossings(circle(0.8, (-1.2, 0)), x, slope)
    ax.plot(*np.array(ends).T, color=palette.ink(), lw=1)
    ax.plot(*x, "o", color=palette.ink(), ms=5)
    ax.plot(*np.array(ends).T, "s", color=palette.accent, ms=6)
    ax.set(title="not connected, and on a chord", xlabel="$z_1$", ylabel="$z_2$")
    ax.set(xlim=(-2.4, 2.4), ylim=(-1.2, 1.2), aspect="equal")


def _gap_beside(ax: Axes) -> None:
    rim = circle(0.8, (-1.2, 0))
    _draw_region(ax, rim, colour=palette.muted, alpha=0.25)
    ax.plot(*rim.T, color=palette.outer, lw=3)
    _draw_region(ax, circle(0.5, (1.2, 0)), colour=palette.inner)
    ax.axvline(0.15, color=palette.ink(), ls="--", lw=1)
    ax.set(title="the same disk, $A$ elsewhere", xlabel="$z_1$", ylabel="$z_2$")
    ax.set(xlim=(-2.4, 2.4), ylim=(-1.2, 1.2), aspect="equal")


def _draw_region(
    ax: Axes, outer: Floats, hole: Floats | None = None, *, colour: str, alpha: float = 0.85
) -> None:
    """Fill the inside of a closed curve, without that of another one that runs the same way."""
    paths = [Path(outer, closed=True)] + ([] if hole is None else [Path(hole[::-1], closed=True)])
    ax.add_patch(PathPatch(Path.make_compound_path(*paths), color=colour, alpha=alpha, lw=0))


def _crossings(curve: Floats, point: Floats, normal: Floats) -> list[Floats]:
    """Return where a closed curve meets the line through ``point`` across ``normal``, in order."""
    height = (curve - point) @ normal
    crossed = np.flatnonzero(height[:-1] * height[1:] < 0)
    part = (height[crossed] / (height[crossed] - height[crossed + 1]))[:, None]
    ends: Floats = (1 - part) * curve[crossed] + part * curve[crossed + 1]
    along = (ends - point) @ np.array([normal[1], -normal[0]])
    return list(ends[along.argsort()])


def _opened_annulus(inner: float, outer: float) -> Floats:
    """Return the annulus cut at one angle and bent open, as a closed curve."""
    angle = np.linspace(-1, 1, 121) * 0.3 * np.pi
    radii = (2.4, 2.4 + outer - inner)
    sides = [np.stack([r * np.sin(angle), r * np.cos(angle)], axis=1) for r in radii]
    curve: Floats = np.concatenate([sides[0], sides[1][::-1], sides[0][:1]])
    return 0.7 * (curve - [0.0, 1.05])


def _draw_arrow(ax: Axes, start: Any, end: Any, width: float = 0.8) -> None:
    ax.annotate("", end, start, arrowprops=_arrow(width))


def _draw_note(ax: Axes, text: str, point: Any, place: Any) -> None:
    """Write a text, with an arrow from it to a point."""
    ax.annotate(text, point, place, ha="center", va="center", fontsize=9, arrowprops=_arrow(0.8))


def _arrow(width: float) -> Style:
    return {"arrowstyle": "-|>", "color": palette.ink(), "lw": width}


def _square_entry(colour: str, label: str) -> Line2D:
    return entry(label, color=colour, marker="s", ms=7, ls="none")


def _without_frame(ax: Axes) -> None:
    ax.set_aspect("equal")
    ax.set_axis_off()


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


@picture
def separable(epochs: Integers, shares: Mapping[str, Floats]) -> Figure:
    """Draw the share of the seeds whose features a hyperplane separates, through training.

    Args:
        epochs: Epochs, shape ``(E,)``.
        shares: Label of a model -> shares between 0 and 1, shape ``(E,)``.
    """
    fig, (ax,) = panels(1, 3.0, width=6.2, grid="both")
    for label, share in shares.items():
        look = look_of(label)
        ax.plot(epochs, share, linestyle=look.line, marker=".", color=look.colour, label=label)
    ax.set(xlabel="epoch", ylabel="share of the seeds", ylim=(-0.05, 1.05))
    fig.legend(loc="outside right center")
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
def sampling(counts: Integers, shares: Mapping[str, Floats], title: str) -> Figure:
    """Draw for which share of the seeds evenly spaced samples give the right answer.

    Args:
        counts: Numbers of samples, increasing, shape ``(n,)``.
        shares: Question -> share of the seeds for which the samples answer it as the curve does,
            shape ``(n,)``.
        title: Title of the figure.
    """
    fig, (ax,) = panels(1, 3.2, width=6.2, grid="both")
    looks = ((palette.node, "-", "o"), (palette.anode, "--", "s"), (palette.accent, ":", "^"))
    for (colour, style, marker), (label, share) in zip(looks, shares.items(), strict=False):
        ax.plot(counts, share, style, marker=marker, color=colour, ms=5, label=label)
    ax.set(xscale="log", xlabel="evenly spaced samples of the rim", ylabel="share of the seeds")
    ax.set(title=title, ylim=(-0.05, 1.05))
    legend_below(fig, ax, columns=len(shares))
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
