"""Diagrams of g, of the disk argument and of its gaps (paper, Figs 4, 13 and 14)."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from anode.arrays import Floats
from anode.data.toy import RADII
from anode_lab.figures.parts.states import circle
from anode_lab.figures.style import Style, entry, legend_below, palette, panels, picture

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
