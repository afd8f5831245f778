"""Diagrams of the annulus argument (paper, Figs 4, 13 and 14) and of what its steps leave open."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from anode.data.toy import RADII
from anode.training import Floats
from anode_lab.figures.states import draw_legend, draw_points, limits_of, set_limits
from anode_lab.figures.style import palette, picture

Limits = tuple[tuple[float, float], tuple[float, float]]

_TURN = np.linspace(0, 2 * np.pi, 721)
_W = np.array([0.35, 1.0])  # the linear layer of the diagrams
_ALONG = np.array([_W[1], -_W[0]])


def deform(x: Floats) -> Floats:
    """The homeomorphism of the diagrams, three shears, ``(..., 2)`` -> ``(..., 2)``.

    A shear moves points along one axis by a distance that depends on the other coordinate, so it
    can be undone: it is the flow of a field that is constant along its own trajectories.
    """
    first, second = x[..., 0], x[..., 1]
    second = second + 0.35 * np.sin(1.7 * first)
    first = first + 0.45 * second**2
    second = second - 0.25 * np.cos(1.3 * first)
    return np.stack([first, second], axis=-1)


def circle(radius: float, centre: Sequence[float] = (0.0, 0.0)) -> Floats:
    """721 points of a circle, the first again at the end, shape ``(721, 2)``."""
    points: Floats = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1) * radius + np.asarray(centre)
    return points


@picture
def target() -> Figure:
    """The paper's g in the plane, what a flow can make of it, and what the linear layer needs.

    After the paper's Figs 4 and 13. The middle panel is computed with :func:`deform`; the line is a
    level of the linear layer through the image of the centre.
    """
    fig, axes = plt.subplots(1, 3, figsize=(7.6, 2.9), layout="constrained")
    r1, r2, r3 = (circle(radius) for radius in RADII)
    for ax, (inner, middle, outer) in zip(
        axes[:2], ((r1, r2, r3), (deform(r1), deform(r2), deform(r3))), strict=True
    ):
        _region(ax, inner, colour=palette.inner)
        _region(ax, outer, middle, colour=palette.outer)
    for index, (radius, angle) in enumerate(zip(RADII, (0.5, 0.25, 0.0), strict=True), start=1):
        end = radius * np.array([np.cos(np.pi * angle), np.sin(np.pi * angle)])
        axes[0].annotate(
            "", end, (0, 0), arrowprops={"arrowstyle": "-|>", "color": palette.ink(), "lw": 0.8}
        )
        axes[0].annotate(f"$r_{index}$", end * (radius + 0.22) / radius, ha="center", va="center")
    centre = deform(np.zeros(2))
    _level(axes[1], centre)
    for end in _met(deform(circle(sum(RADII[1:]) / 2)), centre, _W):
        axes[1].plot(*end, "X", color=palette.accent, ms=8, zorder=4)
    _region(axes[2], circle(0.5, (0.0, -0.85)), colour=palette.inner)
    _region(axes[2], _opened(RADII[1], RADII[2]), colour=palette.outer)
    axes[2].axhline(0, color=palette.ink(), ls="--", lw=1)
    for side in (-1, 1):
        _note(axes[2], "torn here", (side * 1.33, 0.42), (0, 0.3))
    for ax, title in zip(axes, ("inputs", "what a flow can do", "what $L$ needs"), strict=True):
        ax.set(title=title, xlim=(-1.75, 1.75), ylim=(-1.75, 1.75))
        _bare(ax)
    axes[1].set(xlim=(-1.75, 2.55), ylim=(-2.15, 2.15))
    handles = [
        _patch(palette.inner, "ball $A$, target −1"),
        _patch(palette.outer, "annulus $B$, target +1"),
        Line2D([], [], color=palette.ink(), ls="--", lw=1, label="level of $L$"),
        Line2D([], [], color=palette.accent, marker="X", ls="none", label="meets $B$"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig


@picture
def disk() -> Figure:
    """The disk argument (paper, Fig. 14) and the minimum principle that replaces it.

    Left: the disk and one of its inner points. Middle: a line through the point's image leaves the
    image of the disk, which is bounded, on both sides. Right: the levels of the linear layer; the
    lowest one that the image touches touches it at the rim. All computed with :func:`deform`.
    """
    fig, axes = plt.subplots(1, 3, figsize=(7.6, 3.0), layout="constrained")
    rim, x = circle(RADII[1]), np.array([-0.1, 0.1])
    image, phi_x = deform(rim), deform(x)
    _region(axes[0], rim, colour=palette.muted, alpha=0.25)
    axes[0].plot(*rim.T, color=palette.outer)
    axes[0].plot(*x, "o", color=palette.inner)
    axes[0].annotate("$x$", x + np.array([0.1, 0.05]))
    axes[0].annotate(r"$\partial D$", (0.78, 0.78))
    for ax in axes[1:]:
        _region(ax, image, colour=palette.muted, alpha=0.25)
        ax.plot(*image.T, color=palette.outer)
        ax.plot(*phi_x, "o", color=palette.inner)
    axes[1].annotate(r"$\varphi(x)$", phi_x + np.array([0.12, -0.1]), va="top")
    ends = _met(image, phi_x, np.array([-0.5, 1.0]))
    first, last = ends[0], ends[-1]
    axes[1].axline(first, last, color=palette.ink(), lw=0.8)
    for name, end in zip(("$z_1$", "$z_2$"), (first, last), strict=True):
        axes[1].plot(*end, "s", color=palette.accent, ms=6, zorder=4)
        axes[1].annotate(name, end + np.array([0.0, 0.14]), ha="center")
    levels = image @ _W
    lowest = image[levels.argmin()]
    for level in np.linspace(levels.min(), phi_x @ _W, 4):
        foot = level * _W / (_W @ _W)
        style: dict[str, Any] = {"lw": 1, "ls": "--", "color": palette.ink()}
        axes[2].axline(foot, foot + _ALONG, **style)
    axes[2].plot(*lowest, "D", color=palette.accent, ms=7, zorder=4)
    axes[2].annotate(r"$\varphi(x_*)$", lowest - np.array([0.1, 0.12]), ha="right", va="top")
    axes[2].annotate(
        "", phi_x + 0.75 * _W, phi_x,
        arrowprops={"arrowstyle": "-|>", "color": palette.ink(), "lw": 1.2},
    )  # fmt: skip
    axes[2].annotate("$w$", phi_x + 0.82 * _W)
    for ax, title in zip(
        axes, ("the disk $D$", "two points of the rim", "the lowest level"), strict=True
    ):
        ax.set_title(title)
        _bare(ax)
    axes[0].set(xlim=(-1.35, 1.35), ylim=(-1.35, 1.35))
    for ax in axes[1:]:
        ax.set(xlim=(-1.3, 1.95), ylim=(-1.95, 1.4))
    return fig


@picture
def gaps() -> Figure:
    """Four small pictures of what the steps of the disk argument do not exclude as they are stated.

    Top left: features (x, a) of a model that represents g on the line exactly, with one appended
    coordinate; the inside of D is not separated from the rim, and the ball is from the annulus.
    Top right: a connected region with a point on no chord. Bottom left: a region that is not
    connected, in which each point is on a chord. Bottom right: a disk whose inside and rim cannot
    be separated, beside a ball that can.
    """
    fig, axes = plt.subplots(2, 2, figsize=(7.6, 5.4), layout="constrained")
    _gap_lifted(axes[0, 0])
    _gap_unbounded(axes[0, 1])
    _gap_two(axes[1, 0])
    _gap_beside(axes[1, 1])
    handles = [
        _patch(palette.inner, "$A$, target −1"),
        _patch(palette.outer, "$B$ or $\\partial D$, target +1"),
        _patch(palette.muted, "the rest of int $D$"),
        Line2D([], [], color=palette.ink(), ls="--", lw=1, label="level of $L$"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig


def _gap_lifted(ax: Axes) -> None:
    r1, r2, r3 = RADII
    ax.plot([-r1, r1], [-1, -1], color=palette.inner, lw=4)
    for side in (-1, 1):
        ax.plot([side * r1, side * r2], [-1, 1], color=palette.muted, lw=4)
        ax.plot([side * r2, side * r3], [1, 1], color=palette.outer, lw=4)
    ax.axhline(0, color=palette.ink(), ls="--", lw=1)
    _note(ax, "of int $D$, above", (0.93, 0.72), (0.28, 0.72))
    ax.set(title="not separable: int $D$ and $\\partial D$", xlabel="$x$", ylabel="appended $a$")
    ax.set(xlim=(-1.7, 1.7), ylim=(-1.35, 1.35), yticks=[-1, 0, 1])


def _gap_unbounded(ax: Axes) -> None:
    ax.axvspan(-2, 0, color=palette.muted, alpha=0.25, lw=0)
    ax.axvline(0, color=palette.outer, lw=3)
    ax.axvspan(-2, -1, color=palette.inner, alpha=0.85, lw=0)
    ax.axvline(-0.5, color=palette.ink(), ls="--", lw=1)
    ax.plot(-1.5, 0, "o", color=palette.ink(), ms=5)
    for angle in np.linspace(-0.9, 0.9, 5):
        tip = (-1.5 - 0.45 * np.cos(angle), -0.45 * np.sin(angle))
        ax.annotate(
            "", tip, (-1.5, 0), arrowprops={"arrowstyle": "-|>", "color": palette.ink(), "lw": 0.8}
        )
    ax.set(title="connected, and on no chord", xlabel="$z_1$", ylabel="$z_2$")
    ax.set(xlim=(-2, 1), ylim=(-1.1, 1.1))


def _gap_two(ax: Axes) -> None:
    for centre in (-1.2, 1.2):
        rim = circle(0.8, (centre, 0))
        _region(ax, rim, colour=palette.muted, alpha=0.25)
        ax.plot(*rim.T, color=palette.outer)
    x, slope = np.array([-1.0, 0.2]), np.array([-0.6, 1.0])
    ends = _met(circle(0.8, (-1.2, 0)), x, slope)
    ax.plot(*np.array(ends).T, color=palette.ink(), lw=1)
    ax.plot(*x, "o", color=palette.ink(), ms=5)
    ax.plot(*np.array(ends).T, "s", color=palette.accent, ms=6)
    ax.set(title="not connected, and on a chord", xlabel="$z_1$", ylabel="$z_2$")
    ax.set(xlim=(-2.4, 2.4), ylim=(-1.2, 1.2), aspect="equal")


def _gap_beside(ax: Axes) -> None:
    rim = circle(0.8, (-1.2, 0))
    _region(ax, rim, colour=palette.muted, alpha=0.25)
    ax.plot(*rim.T, color=palette.outer, lw=3)
    _region(ax, circle(0.5, (1.2, 0)), colour=palette.inner)
    ax.axvline(0.15, color=palette.ink(), ls="--", lw=1)
    ax.set(title="the same disk, $A$ elsewhere", xlabel="$z_1$", ylabel="$z_2$")
    ax.set(xlim=(-2.4, 2.4), ylim=(-1.2, 1.2), aspect="equal")


@picture
def stages(
    states: Mapping[str, Floats],
    y: Floats,
    *,
    level: float | None = None,
    limits: Limits | None = None,
    size: float = 3,
) -> Figure:
    """The same points of both classes after each of several maps of the plane.

    Args:
        states: title -> points, shape ``(n, 2)`` each.
        y: targets, shape ``(n,)``.
        level: where the last panel's first coordinate is cut by a dashed line, if it is.
        limits: of both coordinates in the last panel; those of its points if left out.
        size: of a marker.
    """
    fig, axes = plt.subplots(
        1, len(states), figsize=(7.6, 3.2 if len(states) < 4 else 2.6), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax, (title, points) in zip(axes[0], states.items(), strict=True):
        draw_points(ax, points, y, size=size)
        set_limits(ax, limits_of(points, margin=0.1))
        ax.set(title=title, xlabel="$h_1$")
    axes[0, 0].set(xlabel="$x_1$", ylabel="$x_2$")
    last = axes[0, -1]
    if limits is not None:
        last.set(xlim=limits[0], ylim=limits[1])
    if level is not None:
        last.axvline(level, color=palette.ink(), ls="--", lw=1)
    draw_legend(fig)
    return fig


@picture
def regions(areas: Mapping[str, tuple[Floats, Floats, Floats]]) -> Figure:
    """Which of several outputs is the largest, over squares of the plane.

    Args:
        areas: title -> coordinates ``(n,)`` of both axes and the classes ``(n, n)``, numbered from
            0, the first axis for the second coordinate.
    """
    fig, axes = plt.subplots(
        1, len(areas), figsize=(3.8 * len(areas), 3.3), squeeze=False, layout="constrained"
    )
    colours = (palette.inner, palette.outer, palette.resnet, palette.accent, palette.muted)
    count = 1 + max(int(classes.max()) for *_, classes in areas.values())
    for ax, (title, (x1, x2, classes)) in zip(axes[0], areas.items(), strict=True):
        ax.contourf(x1, x2, classes, levels=np.arange(count + 1) - 0.5, colors=colours[:count])
        for label in range(count):
            inside = np.argwhere(classes == label)
            if len(inside):
                where = np.abs(inside - inside.mean(0)).sum(1).argmin()
                row, column = inside[where]
                ax.annotate(
                    f"{label + 1}", (x1[column], x2[row]), ha="center", va="center", color="white",
                    weight="bold", fontsize=12,
                )  # fmt: skip
        ax.set(title=title, xlabel="$x_1$", ylabel="$x_2$")
        ax.set_aspect("equal")
    return fig


# Parts of the diagrams


def _region(
    ax: Axes, outer: Floats, hole: Floats | None = None, *, colour: str, alpha: float = 0.85
) -> None:
    """The inside of a closed curve, without that of another one that runs the same way."""
    paths = [Path(outer, closed=True)] + ([] if hole is None else [Path(hole[::-1], closed=True)])
    ax.add_patch(PathPatch(Path.make_compound_path(*paths), color=colour, alpha=alpha, lw=0))


def _level(ax: Axes, point: Floats) -> None:
    """The level of the diagrams' linear layer through a point."""
    along = point + _ALONG
    ax.axline((point[0], point[1]), (along[0], along[1]), color=palette.ink(), ls="--", lw=1)


def _met(curve: Floats, point: Floats, normal: Floats) -> list[Floats]:
    """Where a closed curve meets the line through ``point`` across ``normal``, along the line."""
    height = (curve - point) @ normal
    crossed = np.flatnonzero(height[:-1] * height[1:] < 0)
    part = (height[crossed] / (height[crossed] - height[crossed + 1]))[:, None]
    ends: Floats = (1 - part) * curve[crossed] + part * curve[crossed + 1]
    along = (ends - point) @ np.array([normal[1], -normal[0]])
    return list(ends[along.argsort()])


def _opened(inner: float, outer: float) -> Floats:
    """The annulus cut at one angle and bent open, as a closed curve."""
    angle = np.linspace(-1, 1, 121) * 0.3 * np.pi
    radii = (2.4, 2.4 + outer - inner)
    sides = [np.stack([r * np.sin(angle), r * np.cos(angle)], axis=1) for r in radii]
    curve: Floats = np.concatenate([sides[0], sides[1][::-1], sides[0][:1]])
    return 0.7 * (curve - [0.0, 1.05])


def _note(ax: Axes, text: str, point: tuple[float, float], place: tuple[float, float]) -> None:
    arrow = {"arrowstyle": "-|>", "color": palette.ink(), "lw": 0.8}
    ax.annotate(text, point, place, ha="center", va="center", fontsize=9, arrowprops=arrow)


def _patch(colour: str, label: str) -> Line2D:
    return Line2D([], [], color=colour, marker="s", ms=7, ls="none", label=label)


def _bare(ax: Axes) -> None:
    ax.set_aspect("equal")
    ax.set_axis_off()
