"""States of toy models, drawn in the plane or in space: points, paths, the head's boundary."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d import Axes3D

from anode.training import Floats
from anode_lab.figures.style import palette
from anode_lab.figures.trajectories import Trajectories

CLASSES = (
    (-1, palette.inner, "o", "ball A, target −1"),
    (1, palette.outer, "^", "annulus, target +1"),
)
"""Target, colour, marker and legend of the two classes of the toy data."""

Limits = Sequence[tuple[float, float]]
"""Lowest and highest value of each coordinate."""


def state_axes(fig: Figure, place: tuple[int, int, int], coordinates: Sequence[str]) -> Axes:
    """Labelled axes for states with those coordinates, in the plane or in space.

    Raises:
        ValueError: if the coordinates are not two or three.
    """
    if len(coordinates) not in (2, 3):
        raise ValueError(f"states of 2 or 3 coordinates are drawn, got {len(coordinates)}")
    labels = dict(zip(("xlabel", "ylabel", "zlabel"), coordinates, strict=False))
    if len(coordinates) < 3:
        ax = fig.add_subplot(*place)
        ax.set_aspect("equal", adjustable="datalim")
        ax.set(**labels)
        return ax
    space: Any = fig.add_subplot(*place, projection="3d")
    space.view_init(elev=18, azim=-60)
    space.set_box_aspect(None, zoom=1.1)
    for axis in (space.xaxis, space.yaxis, space.zaxis):
        axis.set_pane_color((0.5, 0.5, 0.5, 0.06))
        axis.set_major_locator(MaxNLocator(3))
        axis.line.set_color(palette.muted)
        axis.labelpad = -5
    space.set(**labels)
    space.tick_params(labelsize=8, pad=-2)
    axes: Axes = space
    return axes


def limits_of(states: Floats, margin: float = 0.05) -> Limits:
    """Limits that hold all ``states (..., dim)``, with a margin as a share of the extent."""
    flat = states.reshape(-1, states.shape[-1])
    low, high = np.nanmin(flat, axis=0), np.nanmax(flat, axis=0)
    room = margin * np.maximum(high - low, 1e-6)
    return [(float(a), float(b)) for a, b in zip(low - room, high + room, strict=True)]


def set_limits(ax: Axes, limits: Limits) -> None:
    """Fix the limits of two or three coordinates.

    In the plane they become a square that holds them. In space no coordinate has less than half of
    the room of the widest, so that what hardly moves is not magnified.
    """
    widest = max(high - low for low, high in limits)
    least = widest / 2 if isinstance(ax, Axes3D) else widest
    x, y, *z = (_widened(low, high, least) for low, high in limits)
    ax.set(xlim=x, ylim=y)
    if isinstance(ax, Axes3D):
        ax.set_zlim(*z[0])
    else:
        ax.set_aspect("equal", adjustable="box")


def _widened(low: float, high: float, least: float) -> tuple[float, float]:
    """The interval, or one of at least that width around its middle."""
    more = max(0.0, least - (high - low)) / 2
    return low - more, high + more


def on_a_line(states: Floats) -> Floats:
    """Points of the line as points of the plane, ``(n, 1)`` -> ``(n, 2)``."""
    return np.column_stack([states[:, 0], np.zeros(len(states))])


def draw_points(ax: Axes, states: Floats, y: Floats, size: float = 9) -> None:
    """States ``(n, dim)`` with the colour and the marker of their class."""
    for target, colour, marker, _ in CLASSES:
        style: dict[str, Any] = {"s": size, "color": colour, "marker": marker, "linewidths": 0}
        ax.scatter(*states[y == target].T, zorder=3, **style)


def draw_paths(ax: Axes, path: Floats, y: Floats, *, arrows: bool = False) -> None:
    """Paths ``(T, n, dim)`` as lines, with an arrow head in the middle of each if asked for."""
    for target, colour, _, _ in CLASSES:
        lines = np.moveaxis(path[:, y == target], 1, 0)  # (n, T, dim)
        # One line with gaps: a hundred lines take the layout many times as long.
        gaps = np.full((len(lines), 1, lines.shape[2]), np.nan)
        joined = np.concatenate([lines, gaps], axis=1).reshape(-1, lines.shape[2])
        ax.plot(*joined.T, color=colour, linewidth=0.7, alpha=0.55)
        if arrows:
            for line in lines:
                _draw_arrow(ax, line, colour)


def _draw_arrow(ax: Axes, line: Floats, colour: str) -> None:
    """An arrow head in the middle of a path's length."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    if length[-1] < 1e-3:
        return
    middle = int(np.clip(np.searchsorted(length, length[-1] / 2), 1, len(line) - 1))
    start, step = line[middle - 1], line[middle] - line[middle - 1]
    if isinstance(ax, Axes3D):
        direction = step / np.linalg.norm(step) * 0.12
        ax.quiver(*start, *direction, color=colour, linewidth=0.8, arrow_length_ratio=1.0)
    else:
        ax.annotate(
            "",
            start + step,
            start,
            arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 0, "alpha": 0.9},
        )


def draw_boundary(ax: Axes, flow: Trajectories) -> None:
    """Where w.z + b = 0, within the extent of the features."""
    w, b = flow.weight, flow.bias
    low, high = flow.features.min(0), flow.features.max(0)
    solved = int(np.argmax(np.abs(w)))  # solve for the coordinate that the head weighs most
    others = [i for i in range(len(w)) if i != solved]
    grids = np.meshgrid(*(np.linspace(low[i], high[i], 41) for i in others), indexing="ij")
    plane: list[Floats] = [np.empty(0)] * len(w)
    for i, grid in zip(others, grids, strict=True):
        plane[i] = grid
    plane[solved] = -(b + sum(w[i] * plane[i] for i in others)) / w[solved]
    margin = 0.15 * (high[solved] - low[solved])
    outside = (plane[solved] < low[solved] - margin) | (plane[solved] > high[solved] + margin)
    plane[solved] = np.where(outside, np.nan, plane[solved])
    if isinstance(ax, Axes3D):
        ax.plot_surface(*plane, color=palette.muted, alpha=0.35, linewidth=0, shade=False)
    else:
        ax.plot(*plane, color=palette.ink(), linestyle="--", linewidth=1)


def draw_legend(fig: Figure, names: Sequence[str] = (CLASSES[0][3], CLASSES[1][3])) -> None:
    """The two classes below the figure, by default as those of g."""
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=4, linewidth=0.8, label=name)
        for (_, colour, marker, _), name in zip(CLASSES, names, strict=True)
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=2)
