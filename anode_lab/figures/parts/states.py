"""States of toy models in the plane or in space: points, paths, the head's boundary."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d import Axes3D

from anode.arrays import Floats
from anode.data.toy import RADII
from anode_lab.figures.style import Style, entry, legend_below, palette
from anode_lab.measures.toy_flows import Trajectories

CLASSES = (
    (-1, palette.inner, "o", "ball A, target −1"),
    (1, palette.outer, "^", "annulus, target +1"),
)
"""Target, colour, marker and legend of the two classes of the toy data."""

TARGETS = ("target −1", "target +1")
"""The two classes in a legend, whatever the data set."""

Limits = Sequence[tuple[float, float]]
"""Lowest and highest value of each coordinate."""


def coordinate_names(inputs: int, dim: int) -> tuple[str, ...]:
    """Return the names of a state's coordinates: h for the input's, a for those appended to it.

    Args:
        inputs: Dimension d of the inputs.
        dim: Dimension d + p of the states.
    """
    return (*_numbered("h", inputs), *_numbered("a", dim - inputs))


def _numbered(letter: str, count: int) -> list[str]:
    return [f"${letter}$"] if count == 1 else [f"${letter}_{i + 1}$" for i in range(count)]


def state_axes(fig: Figure, place: tuple[int, int, int], coordinates: Sequence[str]) -> Axes:
    """Add labelled axes for states with those coordinates, in the plane or in space.

    Args:
        fig: Figure to which they are added.
        place: Rows, columns and number of the panel, as ``add_subplot`` takes them.
        coordinates: Names of the coordinates.

    Raises:
        ValueError: If the coordinates are not two or three.
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
    """Return limits that hold all ``states (..., dim)``.

    Args:
        states: Points; those with NaN are left out.
        margin: Room on either side, as a share of the extent.
    """
    flat = states.reshape(-1, states.shape[-1])
    low, high = np.nanmin(flat, axis=0), np.nanmax(flat, axis=0)
    room = margin * np.maximum(high - low, 1e-6)
    return [(float(a), float(b)) for a, b in zip(low - room, high + room, strict=True)]


def set_limits(ax: Axes, limits: Limits) -> None:
    """Fix the limits of two or three coordinates.

    In the plane they become a square that holds them. In space each coordinate has at least half of
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
    """Return the interval, or one of at least that width around its middle."""
    more = max(0.0, least - (high - low)) / 2
    return low - more, high + more


def circle(radius: float, centre: Sequence[float] = (0.0, 0.0)) -> Floats:
    """Return 721 points of a circle, the first again at the end, shape ``(721, 2)``."""
    turn = np.linspace(0, 2 * np.pi, 721)
    points: Floats = np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius + np.asarray(centre)
    return points


def draw_circles(ax: Axes, *, labels: bool = False, **style: Any) -> None:
    """Draw the circles of radii r1, r2 and r3 between the classes of the toy data.

    Args:
        ax: Panel in the plane.
        labels: Whether the radii are named.
        style: Style of the lines; thin lines in the colour of text if left out.
    """
    # Labels stand where no sample is: r1 and r2 between ball and annulus, r3 outside.
    places = ((0.69, 1.25 * np.pi), (0.85, 1.75 * np.pi), (1.66, 1.75 * np.pi))
    look: Style = {"color": palette.ink(), "linewidth": 0.8} | style
    for index, (radius, (at, turn)) in enumerate(zip(RADII, places, strict=True), start=1):
        ax.plot(*circle(radius).T, **look)
        if labels:
            place = (at * np.cos(turn), at * np.sin(turn))
            ax.annotate(f"$r_{index}$", place, ha="center", va="center", fontsize=9)


def draw_points(ax: Axes, states: Floats, y: Floats, size: float = 9) -> None:
    """Draw states ``(n, dim)`` in the colour and the marker of their targets ``y (n,)``."""
    for target, colour, marker, _ in CLASSES:
        look: Style = {"s": size, "color": colour, "marker": marker, "linewidths": 0}
        ax.scatter(*states[y == target].T, zorder=3, **look)


def draw_paths(ax: Axes, path: Floats, y: Floats, *, arrows: bool = False) -> None:
    """Draw paths ``(T, n, dim)`` in the colours of their targets ``y (n,)``.

    Args:
        ax: Panel in the plane or in space.
        path: States at successive times.
        y: Targets -1 and 1.
        arrows: Whether each path has an arrow head in the middle.
    """
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
    """Draw an arrow head in the middle of a path's length."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    if length[-1] < 1e-3:
        return
    middle = int(np.clip(np.searchsorted(length, length[-1] / 2), 1, len(line) - 1))
    start, step = line[middle - 1], line[middle] - line[middle - 1]
    if isinstance(ax, Axes3D):
        direction = step / np.linalg.norm(step) * 0.12
        ax.quiver(*start, *direction, color=colour, linewidth=0.8, arrow_length_ratio=1.0)
    else:
        arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 0, "alpha": 0.9}
        ax.annotate("", start + step, start, arrowprops=arrow)


def draw_boundary(ax: Axes, flow: Trajectories) -> None:
    """Draw where the linear layer w.z + b is 0, within the extent of the features."""
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


def draw_line_of_zero(ax: Axes, weight: Floats, bias: float) -> None:
    """Draw the whole line w.z + b = 0 of the plane, with a weight of shape ``(2,)``."""
    foot = -bias * weight / (weight @ weight)
    along = foot + np.array([-weight[1], weight[0]])
    ends = ((foot[0], foot[1]), (along[0], along[1]))
    ax.axline(*ends, color=palette.ink(), linestyle="--", linewidth=1.2)


def draw_legend(fig: Figure, names: Sequence[str] = (CLASSES[0][3], CLASSES[1][3])) -> None:
    """Name the two classes below the figure, by default as those of g."""
    handles = [
        entry(name, color=colour, marker=marker, markersize=4, linewidth=0.8)
        for (_, colour, marker, _), name in zip(CLASSES, names, strict=True)
    ]
    legend_below(fig, handles, columns=2)
