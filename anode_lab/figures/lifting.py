"""Figures of why augmentation works, and of what it leaves as it is."""

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from anode.data.toy import RADII
from anode.training import Floats
from anode_lab.figures.states import draw_legend, draw_points, set_limits, state_axes
from anode_lab.figures.style import palette, picture

_FLAT = 1e-9  # outputs this near to a target are that of the flat part of the graph
_DARK = "#1f2328"  # of lines on a map, whose colours are the same in both themes
_OUTPUT = LinearSegmentedColormap.from_list("lift", [palette.inner, "#f7f7f7", palette.outer])
_MARKERS = "os^Dv"


@picture
def graph(output: Floats, half: float, states: Floats, y: Floats) -> Figure:
    """A function of the plane as a map, and the samples that were lifted by it, in space.

    Args:
        output: values from -1 to 1 on a grid of the square ``[-half, half]^2``, ``(n, n)``, rows
            upwards; the outlines of its two flat parts are drawn.
        half: half the square's side.
        states: at the end of the flow, shape ``(k, 3)``, with targets ``y (k,)``.
    """
    fig = plt.figure(figsize=(7.6, 3.6), layout="constrained")
    plane = fig.add_subplot(1, 2, 1)
    extent = (-half, half, -half, half)
    plane.imshow(output, cmap=_OUTPUT, vmin=-1, vmax=1, extent=extent, origin="lower")
    levels = [-1 + _FLAT, 1 - _FLAT]
    plane.contour(output, levels, extent=extent, colors=_DARK, linewidths=1.2, linestyles="solid")
    angle = np.linspace(0, 2 * np.pi, 721)
    for radius in RADII[:2]:
        circle = radius * np.cos(angle), radius * np.sin(angle)
        plane.plot(*circle, color=_DARK, linestyle="--", linewidth=1)
    plane.set(title="$F$, the speed of $a$", xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    space = state_axes(fig, (1, 2, 2), ("$h_1$", "$h_2$", "$a$"))
    draw_points(space, states, y, size=2)
    space.set(title="states at $t = 1$")
    draw_legend(fig)
    return fig


@picture
def units(counts: Floats, errors: Mapping[str, Floats], bounds: Mapping[str, Floats]) -> Figure:
    """Errors of piecewise linear interpolants against the number of units, with their bounds.

    Args:
        counts: numbers of units, shape ``(n,)``.
        errors: function -> largest error for each count.
        bounds: the same functions -> what the proposition allows.
    """
    fig, ax = plt.subplots(figsize=(6.2, 3.6), layout="constrained")
    colours = (palette.anode, palette.node, palette.resnet)
    for (name, error), colour, marker in zip(errors.items(), colours, _MARKERS, strict=False):
        ax.loglog(counts, error, marker, color=colour, ms=5, label=f"{name}, error")
        ax.loglog(counts, bounds[name], "--", color=colour, lw=1, label=f"{name}, bound")
    ax.set(xlabel="hidden units $n$", ylabel="largest error")
    ax.legend(ncols=1, loc="lower left")
    return fig


@picture
def evaluations(tolerances: Floats, counted: Mapping[str, Floats], predicted: Floats) -> Figure:
    """Function evaluations of one solve against the tolerance, counted and predicted.

    Args:
        tolerances: shape ``(n,)``.
        counted: field -> number of evaluations for each tolerance.
        predicted: for a field at constant speed, shape ``(n,)``.
    """
    fig, ax = plt.subplots(figsize=(6.2, 3.4), layout="constrained")
    band = {"color": palette.muted, "lw": 4, "alpha": 0.6, "drawstyle": "steps-mid"}
    ax.semilogx(tolerances, predicted, label="predicted", **band)
    for (name, count), marker in zip(counted.items(), _MARKERS, strict=False):
        ax.semilogx(tolerances, count, marker, ms=5, color=palette.model(name), label=name)
    ax.invert_xaxis()
    ax.set(xlabel="tolerance, relative and absolute", ylabel="function evaluations", yscale="log")
    # Powers of ten alone would leave the axis with one number.
    most = max(float(np.max(count)) for count in (*counted.values(), predicted))
    ticks = [tick for tick in (8, 14, 20, 26, *(50 * 2**k for k in range(12))) if tick <= most]
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter("{x:g}")
    ax.margins(y=0.08)
    ax.legend()
    return fig


@dataclass(frozen=True)
class Curves:
    """Two closed curves in space.

    Attributes:
        first, second: shapes ``(n, 3)`` and ``(m, 3)``, of the classes -1 and +1.
        coordinates: names of the axes.
        plane: whether the third coordinate is the output, and 0 is where the head parts them.
    """

    first: Floats
    second: Floats
    coordinates: tuple[str, str, str] = ("$x_1$", "$x_2$", "$x_3$")
    plane: bool = False


def seen_from_head(first: Floats, second: Floats, weight: Floats, bias: float) -> Curves:
    """Features of two curves by the head's output and the two widest directions across it.

    In three dimensions it is a rotation and a shift, but for the scale of the output, so that what
    is linked looks linked. In more it is a projection, and what looks linked need not be.

    Args:
        first, second: features, shapes ``(n, dim)`` and ``(m, dim)``, dim >= 3.
        weight, bias: of the head, shapes ``(dim,)`` and ``()``.

    Raises:
        ValueError: if the features have less than three coordinates, or the weight is zero.
    """
    length = float(np.linalg.norm(weight))
    if first.shape[1] < 3 or length == 0:
        raise ValueError(
            f"features need 3 or more coordinates and a weight, got {first.shape[1]} and {weight}"
        )
    unit = weight / length
    together = np.concatenate([first, second])
    across = together - together.mean(0)
    across = across - np.outer(across @ unit, unit)
    _, _, directions = np.linalg.svd(across, full_matrices=False)
    frame = np.stack([directions[0], directions[1], unit], axis=1)  # (dim, 3)
    if len(frame) == 3 and np.linalg.det(frame) < 0:
        frame[:, 1] *= -1  # a mirror image would turn a link to the left into one to the right
    shift = np.array([0.0, 0.0, bias])
    scale = np.array([1.0, 1.0, length])
    shown = [points @ frame * scale + shift for points in (first, second)]
    return Curves(shown[0], shown[1], ("across", "across", "output"), plane=True)


@picture
def links(curves: Mapping[str, Curves]) -> Figure:
    """Two closed curves in space, a panel a map of it."""
    fig = plt.figure(figsize=(7.6, 3.3), layout="constrained")
    for place, (title, each) in enumerate(curves.items(), start=1):
        ax = state_axes(fig, (1, len(curves), place), each.coordinates)
        both = np.concatenate([each.first, each.second])
        for points, colour in ((each.first, palette.inner), (each.second, palette.outer)):
            ax.plot(*points.T, color=colour, lw=1.8)
        low, high = both.min(0), both.max(0)
        room = 0.05 * (high - low)
        set_limits(ax, list(zip(low - room, high + room, strict=True)))
        if each.plane:
            _draw_plane(ax)
        # A label of the vertical axis would stand nearer to the next panel than to its own.
        ax.set(zlabel="")
        ax.set_title(f"{title}\nheight: {each.coordinates[2]}", fontsize=10)
    handles = [
        Line2D([], [], color=palette.inner, lw=1.8, label="target −1"),
        Line2D([], [], color=palette.outer, lw=1.8, label="target +1"),
        Line2D([], [], color=palette.muted, lw=5, alpha=0.4, label="output 0"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    return fig


def _draw_plane(ax: Axes) -> None:
    """Where the third coordinate is 0."""
    x, y = np.meshgrid(ax.get_xlim(), ax.get_ylim())
    ax.plot_surface(x, y, np.zeros_like(x), color=palette.muted, alpha=0.25)  # type: ignore[attr-defined]


@picture
def clearances(
    samples: Floats, widths: Mapping[str, Floats], refined: Mapping[str, tuple[int, Floats]]
) -> Figure:
    """How far a way from the origin's features to infinity keeps from those of a circle.

    Args:
        samples: numbers of evenly spaced points of the circle, shape ``(n,)``.
        widths: model -> clearances, one row a seed, shape ``(R, n)``.
        refined: model -> a number of samples that were put where they are needed, and the
            clearances with them, shape ``(R,)``.
    """
    fig, ax = plt.subplots(figsize=(6.2, 3.6), layout="constrained")
    for marker, (label, rows) in zip(_MARKERS, widths.items(), strict=False):
        for index, row in enumerate(rows):
            name = label if index == 0 else None
            ax.loglog(
                samples, row, marker + palette.line_style(label), ms=4, lw=1,
                color=palette.model(label), label=name,
            )  # fmt: skip
    for label, (count, row) in refined.items():
        ax.loglog(
            np.full(len(row), count), row, "*", ms=9, color=palette.model(label),
            label=f"{label}, refined",
        )  # fmt: skip
    ax.set(xlabel="samples of the circle", ylabel="clearance of the way out")
    ax.legend()
    return fig


@picture
def squares(losses: Mapping[int, Floats], apart: Mapping[int, Floats]) -> Figure:
    """Losses of a map that sends opposite points to one, and how near their features come.

    Args:
        losses: augmentation dimension p -> training loss, one a seed.
        apart: p -> the least distance of the features of opposite points of a circle.
    """
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 3.1), layout="constrained")
    titles = ("mean squared error", "least distance of features\nof opposite points")
    for ax, values, label in zip(axes, (losses, apart), titles, strict=True):
        for p, each in values.items():
            ax.plot(np.full(len(each), p), each, "o", ms=5, alpha=0.7, color=palette.anode)
        ax.set(xlabel="augmentation dimension $p$", ylabel=label, xticks=list(values))
        ax.margins(x=0.15)
    axes[0].set_yscale("log")
    axes[1].set_ylim(bottom=0)
    return fig
