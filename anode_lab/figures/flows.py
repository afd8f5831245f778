"""Flows: where the inputs start, how they travel, where they end (Figs 1, 7 and 19)."""

from collections.abc import Iterable, Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from mpl_toolkits.mplot3d import Axes3D

from anode_lab.figures.states import (
    CLASSES,
    draw_boundary,
    draw_legend,
    draw_paths,
    draw_points,
    on_a_line,
    state_axes,
)
from anode_lab.figures.style import palette, picture
from anode_lab.figures.trajectories import Trajectories, median_replica, trajectories
from anode_lab.runs import Run
from anode_lab.theory.trajectories import path_geometry

__all__ = [
    "CLASSES",
    "Trajectories",
    "flows_1d",
    "flows_2d",
    "flows_by_data",
    "learned_flows",
    "median_replica",
    "trajectories",
]

_COLUMNS = ("inputs", "flow", "features")


def _with_room() -> ConstrainedLayoutEngine:
    """Constrained layout does not see the labels of axes in space: room for the last column's."""
    return ConstrainedLayoutEngine(rect=(0, 0, 0.97, 1))


@picture
def learned_flows(node: Run, anode: Run) -> Figure:
    """The flow of a trained NODE in the plane and of a trained ANODE (p = 1) in space (Fig. 1)."""
    fig = plt.figure(figsize=(7.6, 3.9), layout=_with_room())
    for column, run in enumerate((node, anode), start=1):
        flow = trajectories(run)
        ax = state_axes(fig, (1, 2, column), flow.coordinates)
        draw_paths(ax, flow.path, flow.y, arrows=True)
        draw_points(ax, flow.features, flow.y)
        ax.set_title(f"{run.label}: flow to the features")
    draw_legend(fig)
    return fig


@picture
def flows_by_data(columns: Mapping[str, tuple[Run, Run]]) -> Figure:
    """Flows of a NODE (top) and an ANODE with p = 1 (bottom), a column a data set (Fig. 19).

    Beside each, the length of the drawn paths over the distance between their ends.

    Args:
        columns: name of the data -> NODE and ANODE trained on it.
    """
    fig = plt.figure(figsize=(7.6, 6.6), layout=_with_room())
    count = len(columns)
    for column, (name, pair) in enumerate(columns.items(), start=1):
        for row, run in enumerate(pair):
            flow = trajectories(run)
            ax = state_axes(fig, (2, count, row * count + column), flow.coordinates)
            draw_paths(ax, flow.path, flow.y)
            draw_points(ax, flow.features, flow.y)
            ratio = np.median(path_geometry(flow.path).straightness)
            ax.set_title(
                f"{run.label}, {name}\nlength / displacement: {ratio:.3f} (median)", loc="left"
            )
    draw_legend(fig, ("target −1", "target +1"))
    return fig


@picture
def flows_1d(node: Run, anode: Run) -> Figure:
    """Inputs, flow and features of a NODE and an ANODE (p = 1) trained on g in d = 1 (Fig. 7).

    The NODE's state is one number, drawn against time; the ANODE's is a point (h, a) of the plane.
    The dashed lines are where the linear head gives 0.
    """
    fig, axes = plt.subplots(2, 3, figsize=(7.6, 4.8), layout="constrained")
    flow = trajectories(node)
    row = axes[0]
    draw_points(row[0], on_a_line(flow.inputs), flow.y)
    for target, colour, _, _ in CLASSES:
        paths = flow.path[:, flow.y == target, 0]
        row[1].plot(flow.times, paths, color=colour, linewidth=0.7, alpha=0.7)
    draw_points(row[2], on_a_line(flow.features), flow.y)
    row[2].axvline(-flow.bias / flow.weight[0], color=palette.ink(), linestyle="--", linewidth=1)
    row[1].set(xlabel="t", ylabel="h(t)")
    for ax, label in ((row[0], "x"), (row[2], "h(1)")):
        ax.set(xlabel=label, yticks=[], ylim=(-1, 1))
        ax.spines["left"].set_visible(False)
    flow = trajectories(anode)
    row = axes[1]
    draw_points(row[0], flow.inputs, flow.y)
    draw_paths(row[1], flow.path, flow.y)
    draw_points(row[1], flow.features, flow.y)
    draw_points(row[2], flow.features, flow.y)
    draw_boundary(row[2], flow)
    for ax in row:
        ax.set(xlabel="h", ylabel="a")
    row[0].set_ylim(-1, 1)
    _titles(axes)
    axes[0, 0].set_title(f"{node.label}\ninputs", loc="left")
    axes[1, 0].set_title(f"{anode.label}\ninputs", loc="left")
    draw_legend(fig)
    return fig


@picture
def flows_2d(node: Run, anode: Run) -> Figure:
    """Inputs, flow and features of a NODE and an ANODE (p = 1) trained on g in d = 2 (Fig. 7).

    The dashed line and the grey plane are where the linear head gives 0.
    """
    fig = plt.figure(figsize=(7.6, 5.2), layout=_with_room())
    for row, run in enumerate((node, anode)):
        flow = trajectories(run)
        for column, name in enumerate(_COLUMNS, start=1):
            ax = state_axes(fig, (2, 3, 3 * row + column), flow.coordinates)
            if name == "flow":
                draw_paths(ax, flow.path, flow.y)
            draw_points(ax, flow.inputs if name == "inputs" else flow.features, flow.y)
            if name == "features":
                draw_boundary(ax, flow)
            if name == "inputs" and isinstance(ax, Axes3D):
                ax.set_zlim(-1, 1)  # all have a = 0; the automatic limits would magnify nothing
            ax.set_title(f"{run.label}\n{name}" if column == 1 else name, loc="left")
    draw_legend(fig)
    return fig


def _titles(axes: Iterable[Iterable[Axes]]) -> None:
    for row in axes:
        for ax, name in zip(row, _COLUMNS, strict=True):
            ax.set_title(name, loc="left")
