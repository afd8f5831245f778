"""Figures of the chapter on why augmentation works, and on what it leaves as it is."""

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anode.arrays import Floats
from anode.data.toy import RADII
from anode_lab.figures.parts.states import (
    circle,
    draw_legend,
    draw_points,
    limits_of,
    set_limits,
    state_axes,
)
from anode_lab.figures.style import (
    OUTPUT_LIMIT,
    OUTPUT_MAP,
    Style,
    entry,
    legend_below,
    palette,
    panels,
    picture,
)

_FLAT = 1e-9  # outputs this near to a target are that of the flat part of the graph


@picture
def graph(output: Floats, half: float, states: Floats, y: Floats) -> Figure:
    """Draw a function of the plane as a map, and the samples that were lifted by it, in space.

    Args:
        output: Values from -1 to 1 on a grid of the square ``[-half, half]^2``, shape ``(n, n)``,
            rows upwards; the outlines of its two flat parts are drawn.
        half: Half the length of the square's side.
        states: States at the end of the flow, shape ``(k, 3)``.
        y: Targets, shape ``(k,)``.
    """
    fig = plt.figure(figsize=(7.6, 3.6), layout="constrained")
    plane = fig.add_subplot(1, 2, 1)
    extent = (-half, half, -half, half)
    colours: Style = {"cmap": OUTPUT_MAP, "vmin": -OUTPUT_LIMIT, "vmax": OUTPUT_LIMIT}
    plane.imshow(output, extent=extent, origin="lower", **colours)
    style: Style = {"colors": palette.on_map, "linewidths": 1.2, "linestyles": "solid"}
    plane.contour(output, [-1 + _FLAT, 1 - _FLAT], extent=extent, **style)
    for radius in RADII[:2]:
        plane.plot(*circle(radius).T, color=palette.on_map, linestyle="--", linewidth=1)
    plane.set(title="$F$, the speed of $a$", xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    space = state_axes(fig, (1, 2, 2), ("$h_1$", "$h_2$", "$a$"))
    draw_points(space, states, y, size=2)
    space.set(title="states at $t = 1$")
    draw_legend(fig)
    return fig


@picture
def squares(losses: Mapping[int, Floats], apart: Mapping[int, Floats]) -> Figure:
    """Draw losses of a map that sends opposite points to one, and how near their features come.

    Args:
        losses: Augmentation dimension p -> training loss, one a seed.
        apart: p -> least distance of the features of opposite points of a circle, one a seed.
    """
    fig, axes = panels(2, 3.1, width=7.2)
    titles = ("mean squared error", "least distance of features\nof opposite points")
    for ax, values, label in zip(axes, (losses, apart), titles, strict=True):
        for p, each in values.items():
            ax.plot(np.full(len(each), p), each, "o", ms=5, alpha=0.7, color=palette.anode)
        ax.set(xlabel="augmentation dimension $p$", ylabel=label, xticks=list(values))
        ax.margins(x=0.15)
    axes[0].set_yscale("log")
    axes[1].set_ylim(bottom=0)
    return fig


@dataclass(frozen=True)
class Curves:
    """Two closed curves in space.

    Attributes:
        first, second: Points of the classes -1 and +1, shapes ``(n, 3)`` and ``(m, 3)``.
        coordinates: Names of the axes.
        plane: Whether the third coordinate is the output, and the head parts the curves at 0.
    """

    first: Floats
    second: Floats
    coordinates: tuple[str, str, str] = ("$x_1$", "$x_2$", "$x_3$")
    plane: bool = False


def seen_from_head(first: Floats, second: Floats, weight: Floats, bias: float) -> Curves:
    """Turn features of two curves to the head's output and the two widest directions across it.

    In three dimensions it is a rotation and a shift, but for the scale of the output, so that what
    is linked looks linked. In more it is a projection, and what looks linked need not be.

    Args:
        first, second: Features, shapes ``(n, dim)`` and ``(m, dim)``, dim >= 3.
        weight, bias: Parameters of the linear layer, shapes ``(dim,)`` and ``()``.

    Raises:
        ValueError: If the features have fewer than three coordinates, or the weight is zero.
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
    """Draw two closed curves in space, a panel for each map of it.

    Args:
        curves: Title -> the images of the curves.
    """
    fig = plt.figure(figsize=(7.6, 3.3), layout="constrained")
    for place, (title, each) in enumerate(curves.items(), start=1):
        ax = state_axes(fig, (1, len(curves), place), each.coordinates)
        for points, colour in ((each.first, palette.inner), (each.second, palette.outer)):
            ax.plot(*points.T, color=colour, lw=1.8)
        set_limits(ax, limits_of(np.concatenate([each.first, each.second])))
        if each.plane:
            _draw_plane(ax)
        # A label of the vertical axis would stand nearer to the next panel than to its own.
        ax.set(zlabel="")
        ax.set_title(f"{title}\nheight: {each.coordinates[2]}", fontsize=10)
    handles = [
        entry("target −1", color=palette.inner, lw=1.8),
        entry("target +1", color=palette.outer, lw=1.8),
        entry("output 0", color=palette.muted, lw=5, alpha=0.4),
    ]
    legend_below(fig, handles, columns=3)
    return fig


def _draw_plane(ax: Axes) -> None:
    """Draw the plane where the third coordinate is 0."""
    x, y = np.meshgrid(ax.get_xlim(), ax.get_ylim())
    style = {"color": palette.muted, "alpha": 0.25}
    ax.plot_surface(x, y, np.zeros_like(x), **style)  # type: ignore[attr-defined]
