"""Flows: where the inputs start, how they travel, where they end (Figs 1 and 7)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d import Axes3D

from anode.experiments import Run
from anode.figures.style import palette, picture
from anode.models import NeuralODE
from anode.training import Floats

CLASSES = (
    (-1, palette.inner, "o", "ball A, target −1"),
    (1, palette.outer, "^", "annulus, target +1"),
)
"""Target, colour, marker and legend of the two classes of the toy data."""

_SHOWN = 60  # points of each class whose trajectories are drawn: more turn to a blot
_TIMES = 60
_COLUMNS = ("inputs", "flow", "features")


def median_replica(run: Run) -> int:
    """The replica whose loss in the last epoch is the median: neither the best nor the worst.

    Raises:
        ValueError: if the training of every replica failed.
    """
    last = run.history.epoch_loss[:, -1]
    finished = int(np.isfinite(last).sum())
    if not finished:
        raise ValueError(f"{run.label}: no replica was trained to the end, all {len(last)} failed")
    return int(np.argsort(last, kind="stable")[finished // 2])  # NaN comes last


@picture
def learned_flows(node: Run, anode: Run) -> Figure:
    """The flow of a trained NODE in the plane and of a trained ANODE (p = 1) in space (Fig. 1)."""
    # Constrained layout does not see the labels of axes in space: room for the last one's.
    fig = plt.figure(figsize=(7.6, 3.9), layout=ConstrainedLayoutEngine(rect=(0, 0, 0.97, 1)))
    for column, run in enumerate((node, anode), start=1):
        flow = trajectories(run)
        ax = _axes(fig, (1, 2, column), flow.dim)
        _draw_paths(ax, flow, arrows=True)
        _draw_points(ax, flow.features, flow.y)
        ax.set_title(f"{run.label}: flow to the features")
        _label_axes(ax)
    _legend(fig)
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
    _draw_points(row[0], _on_a_line(flow.inputs), flow.y)
    for target, colour, _, _ in CLASSES:
        paths = flow.path[:, flow.y == target, 0]
        row[1].plot(flow.times, paths, color=colour, linewidth=0.7, alpha=0.7)
    _draw_points(row[2], _on_a_line(flow.features), flow.y)
    row[2].axvline(-flow.bias / flow.weight[0], color=palette.ink(), linestyle="--", linewidth=1)
    row[1].set(xlabel="t", ylabel="h(t)")
    for ax, label in ((row[0], "x"), (row[2], "h(1)")):
        ax.set(xlabel=label, yticks=[], ylim=(-1, 1))
        ax.spines["left"].set_visible(False)
    flow = trajectories(anode)
    row = axes[1]
    _draw_points(row[0], flow.inputs, flow.y)
    _draw_paths(row[1], flow)
    _draw_points(row[1], flow.features, flow.y)
    _draw_points(row[2], flow.features, flow.y)
    _draw_boundary(row[2], flow)
    for ax in row:
        ax.set(xlabel="h", ylabel="a")
    row[0].set_ylim(-1, 1)
    _titles(axes)
    axes[0, 0].set_title(f"{node.label}\ninputs", loc="left")
    axes[1, 0].set_title(f"{anode.label}\ninputs", loc="left")
    _legend(fig)
    return fig


@picture
def flows_2d(node: Run, anode: Run) -> Figure:
    """Inputs, flow and features of a NODE and an ANODE (p = 1) trained on g in d = 2 (Fig. 7).

    The dashed line and the grey plane are where the linear head gives 0.
    """
    fig = plt.figure(figsize=(7.6, 5.2), layout="constrained")
    for row, run in enumerate((node, anode)):
        flow = trajectories(run)
        for column, name in enumerate(_COLUMNS, start=1):
            ax = _axes(fig, (2, 3, 3 * row + column), flow.dim)
            if name == "flow":
                _draw_paths(ax, flow)
            _draw_points(ax, flow.inputs if name == "inputs" else flow.features, flow.y)
            if name == "features":
                _draw_boundary(ax, flow)
            _label_axes(ax)
            if name == "inputs" and isinstance(ax, Axes3D):
                ax.set_zlim(-1, 1)  # all have a = 0; the automatic limits would magnify nothing
            ax.set_title(f"{run.label}\n{name}" if column == 1 else name, loc="left")
    _legend(fig)
    return fig


@dataclass(frozen=True)
class Trajectories:
    """The flow of a trained replica.

    Attributes:
        times: shape ``(T,)``.
        path: states, shape ``(T, n, dim)``.
        y: targets, shape ``(n,)``.
        weight, bias: of the linear head, shapes ``(dim,)`` and ``()``.
    """

    times: Floats
    path: Floats
    y: Floats
    weight: Floats
    bias: float

    @property
    def dim(self) -> int:
        """Dimension of the state."""
        return int(self.path.shape[2])

    @property
    def inputs(self) -> Floats:
        """States at time 0, shape ``(n, dim)``."""
        start: Floats = self.path[0]
        return start

    @property
    def features(self) -> Floats:
        """States at time T, shape ``(n, dim)``."""
        end: Floats = self.path[-1]
        return end


def trajectories(run: Run) -> Trajectories:
    """The median replica's trajectories of some of its training inputs of each class.

    Raises:
        ValueError: if ``run`` is not of a Neural ODE with a linear head.
    """
    model = run.model
    if not isinstance(model, NeuralODE) or model.head is None:
        raise ValueError(f"flows are drawn for Neural ODEs with a linear head, got {run.label}")
    replica = median_replica(run)
    data = run.data[replica] if len(run.data) > 1 else run.data[0]
    y = data.y[:, 0]
    chosen = torch.cat([(y == target).nonzero().flatten()[:_SHOWN] for target, *_ in CLASSES])
    x = data.x[chosen][None].to(model.head.weight.device)
    return Trajectories(
        times=np.linspace(0, model.end_time, _TIMES),
        path=model.flow(x, _TIMES)[:, replica].cpu().double().numpy(),
        y=y[chosen].double().numpy(),
        weight=model.head.weight[replica, :, 0].detach().cpu().double().numpy(),
        bias=float(model.head.bias[replica, 0, 0].detach()),
    )


def _axes(fig: Figure, place: tuple[int, int, int], dim: int) -> Axes:
    if dim < 3:
        ax = fig.add_subplot(*place)
        ax.set_aspect("equal", adjustable="datalim")
        return ax
    space: Any = fig.add_subplot(*place, projection="3d")
    space.view_init(elev=18, azim=-60)
    space.set_box_aspect(None, zoom=1.1)
    for axis in (space.xaxis, space.yaxis, space.zaxis):
        axis.set_pane_color((0.5, 0.5, 0.5, 0.06))
        axis.set_major_locator(MaxNLocator(3))
        axis.line.set_color(palette.muted)
    return space


def _label_axes(ax: Axes) -> None:
    ax.set(xlabel="$h_1$", ylabel="$h_2$")
    if isinstance(ax, Axes3D):
        ax.set_zlabel("$a$")
        ax.tick_params(labelsize=8, pad=-2)
        ax.xaxis.labelpad = ax.yaxis.labelpad = ax.zaxis.labelpad = -5


def _on_a_line(states: Floats) -> Floats:
    """Points of the line as points of the plane, ``(n, 1)`` -> ``(n, 2)``."""
    return np.column_stack([states[:, 0], np.zeros(len(states))])


def _draw_points(ax: Axes, states: Floats, y: Floats) -> None:
    for target, colour, marker, _ in CLASSES:
        style: dict[str, Any] = {"s": 9, "color": colour, "marker": marker, "linewidths": 0}
        ax.scatter(*states[y == target].T, zorder=3, **style)


def _draw_paths(ax: Axes, flow: Trajectories, *, arrows: bool = False) -> None:
    for target, colour, _, _ in CLASSES:
        for line in np.moveaxis(flow.path[:, flow.y == target], 1, 0):  # (T, dim)
            ax.plot(*line.T, color=colour, linewidth=0.7, alpha=0.55)
            if arrows:
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


def _draw_boundary(ax: Axes, flow: Trajectories) -> None:
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
        ax.plot_surface(*plane, color=palette.muted, alpha=0.35, linewidth=0)
    else:
        ax.plot(*plane, color=palette.ink(), linestyle="--", linewidth=1)


def _titles(axes: Iterable[Iterable[Axes]]) -> None:
    for row in axes:
        for ax, name in zip(row, _COLUMNS, strict=True):
            ax.set_title(name, loc="left")


def _legend(fig: Figure) -> None:
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=4, linewidth=0.8, label=label)
        for _, colour, marker, label in CLASSES
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=2)
