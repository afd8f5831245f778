"""Figures of the chapter on augmented Neural ODEs (paper, Figs 1, 7, 8, 18 and 19)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from mpl_toolkits.mplot3d import Axes3D

from anode.arrays import Floats
from anode.data import Data
from anode.models import NeuralODE
from anode.training import History
from anode_lab.figures.parts.curves import census, failures_handle, mark_failures, quantiles
from anode_lab.figures.parts.curves import loss_and_nfe as loss_and_nfe
from anode_lab.figures.parts.living import living_flows as living_flows
from anode_lab.figures.parts.states import (
    CLASSES,
    TARGETS,
    coordinate_names,
    draw_boundary,
    draw_legend,
    draw_paths,
    draw_points,
    limits_of,
    set_limits,
    state_axes,
)
from anode_lab.figures.style import Style, legend_below, look_of, palette, panels, picture
from anode_lab.measures.toy_flows import (
    Trajectories,
    flow_of,
    median_replica,
    snapshots,
    spread_out,
    trajectories,
)
from anode_lab.runs import Run
from anode_lab.theory.trajectories import PathGeometry, path_geometry

_COLUMNS = ("inputs", "flow", "features")
_ROW = 4  # panels of features beside each other
_SHORTEST = 1e-5  # excess lengths below are drawn here: the solver's and the polygon's errors


def _space_figure(height: float) -> Figure:
    """Start a figure with room for the labels of axes in space, which the layout does not see."""
    return plt.figure(figsize=(7.6, height), layout=ConstrainedLayoutEngine(rect=(0, 0, 0.97, 1)))


def _axes_for(fig: Figure, place: tuple[int, int, int], flow: Trajectories) -> Axes:
    return state_axes(fig, place, coordinate_names(flow.input_dim, flow.dim))


# Flows


@picture
def learned_flows(node: Run, anode: Run) -> Figure:
    """Draw the flow of a NODE in the plane and of an ANODE (p = 1) in space (Fig. 1)."""
    fig = _space_figure(3.9)
    for column, run in enumerate((node, anode), start=1):
        flow = trajectories(run)
        ax = _axes_for(fig, (1, 2, column), flow)
        draw_paths(ax, flow.path, flow.y, arrows=True)
        draw_points(ax, flow.features, flow.y)
        ax.set_title(f"{run.label}: flow to the features")
    draw_legend(fig)
    return fig


@picture
def flows_by_data(columns: Mapping[str, tuple[Run, Run]]) -> Figure:
    """Draw flows of a NODE (top) and an ANODE with p = 1 (bottom), a column a data set (Fig. 19).

    The title has the median ratio of the drawn paths' length to the distance between their ends.

    Args:
        columns: Name of the data -> NODE and ANODE trained on it.
    """
    fig = _space_figure(6.6)
    count = len(columns)
    for column, (name, pair) in enumerate(columns.items(), start=1):
        for row, run in enumerate(pair):
            flow = trajectories(run)
            ax = _axes_for(fig, (2, count, row * count + column), flow)
            draw_paths(ax, flow.path, flow.y)
            draw_points(ax, flow.features, flow.y)
            ratio = np.median(path_geometry(flow.path).straightness)
            ax.set_title(
                f"{run.label}, {name}\nlength / displacement: {ratio:.3f} (median)", loc="left"
            )
    draw_legend(fig, TARGETS)
    return fig


@picture
def flows_1d(node: Run, anode: Run) -> Figure:
    """Draw inputs, flow and features of a NODE and an ANODE (p = 1) trained on g, d = 1 (Fig. 7).

    The NODE's state is one number, drawn against time; the ANODE's is a point (h, a) of the plane.
    The dashed lines are where the linear layer gives 0.
    """
    fig, axes = panels(3, 4.8, rows=2)
    _row_on_the_line(axes[:3], trajectories(node))
    flow, row = trajectories(anode), axes[3:]
    draw_points(row[0], flow.inputs, flow.y)
    draw_paths(row[1], flow.path, flow.y)
    draw_points(row[1], flow.features, flow.y)
    draw_points(row[2], flow.features, flow.y)
    draw_boundary(row[2], flow)
    for ax in row:
        ax.set(xlabel="h", ylabel="a")
    row[0].set_ylim(-1, 1)
    for index, ax in enumerate(axes):
        ax.set_title(_title((node, anode)[index // 3].label, index % 3), loc="left")
    draw_legend(fig)
    return fig


def _row_on_the_line(row: Sequence[Axes], flow: Trajectories) -> None:
    """Draw inputs, flow over time and features of a flow of the line."""
    for ax, states, label in ((row[0], flow.inputs, "x"), (row[2], flow.features, "h(1)")):
        draw_points(ax, np.column_stack([states[:, 0], np.zeros(len(states))]), flow.y)
        ax.set(xlabel=label, yticks=[], ylim=(-1, 1))
        ax.spines["left"].set_visible(False)
    for target, colour, _, _ in CLASSES:
        paths = flow.path[:, flow.y == target, 0]
        row[1].plot(flow.times, paths, color=colour, linewidth=0.7, alpha=0.7)
    row[1].set(xlabel="t", ylabel="h(t)")
    row[2].axvline(-flow.bias / flow.weight[0], color=palette.ink(), linestyle="--", linewidth=1)


def _title(label: str, column: int) -> str:
    return f"{label}\n{_COLUMNS[0]}".strip() if column == 0 else _COLUMNS[column]


@picture
def flows_2d(node: Run, anode: Run) -> Figure:
    """Draw inputs, flow and features of a NODE and an ANODE (p = 1) trained on g, d = 2 (Fig. 7).

    The dashed line and the grey plane are where the linear layer gives 0.
    """
    fig = _space_figure(5.2)
    for row, run in enumerate((node, anode)):
        _draw_stages(fig, 2, row, trajectories(run))
    draw_legend(fig)
    return fig


@picture
def stages(model: NeuralODE, data: Data, replica: int = 0) -> Figure:
    """Draw inputs, flow and features of a model of your own.

    Args:
        model: A model whose state has two or three dimensions.
        data: Inputs of the two classes, with targets -1 and 1.
        replica: Replica that is drawn.
    """
    fig = _space_figure(2.9)
    _draw_stages(fig, 1, 0, flow_of(model, data, replica))
    draw_legend(fig, ("target −1", "target +1"))
    return fig


def _draw_stages(fig: Figure, rows: int, row: int, flow: Trajectories) -> None:
    """Draw a row of inputs, flow and features."""
    for column, name in enumerate(_COLUMNS):
        ax = _axes_for(fig, (rows, 3, 3 * row + column + 1), flow)
        if name == "flow":
            draw_paths(ax, flow.path, flow.y)
        draw_points(ax, flow.inputs if name == "inputs" else flow.features, flow.y)
        if name == "features":
            draw_boundary(ax, flow)
        if name == "inputs" and isinstance(ax, Axes3D):
            ax.set_zlim(-1, 1)  # all have a = 0; the automatic limits would magnify nothing
        ax.set_title(_title(flow.label, column), loc="left")


# Training


@picture
def features_through_training(run: Run, count: int = 8) -> Figure:
    """Draw features of held-out inputs, from before training to after it (Fig. 8).

    They are the median replica's. All panels have the same axes.

    Args:
        run: A model whose state has two or three dimensions.
        count: Largest number of epochs that are shown.
    """
    found, y = snapshots(run)
    epochs = spread_out(list(found), count)
    limits = limits_of(np.stack([found[epoch] for epoch in epochs]))
    rows = -(-len(epochs) // _ROW)
    fig = _space_figure(0.4 + (2 if len(limits) == 3 else 2.3) * rows)
    names = coordinate_names(run.model.input_shape[0], len(limits))
    losses = run.history.epoch_loss[median_replica(run)]
    for place, epoch in enumerate(epochs, start=1):
        ax = state_axes(fig, (rows, _ROW, place), names)
        draw_points(ax, found[epoch], y, size=4)
        set_limits(ax, limits)
        loss = f", loss {losses[epoch - 1]:.1g}" if epoch else ""
        ax.set_title(f"epoch {epoch}{loss}", loc="left", fontsize=9)
        if not isinstance(ax, Axes3D):
            ax.label_outer()
    draw_legend(fig)
    return fig


@picture
def losses(histories: Mapping[str, History], title: str) -> Figure:
    """Draw training losses of several kinds of model together, on two scales (Fig. 18).

    Left, as in the paper: mean and standard deviation over the seeds. Right, on a logarithmic
    scale, where a band of that kind would reach below 0: the median, and the seeds between the 16th
    and the 84th percentile, of which a normal law has as many within one standard deviation.

    Args:
        histories: Label of a model -> its history.
        title: What the models were trained on.
    """
    fig, (left, right) = panels(2, 3.5, grid="both")
    for label, history in histories.items():
        look, values = look_of(label), np.ma.masked_invalid(history.epoch_loss)
        epochs = np.arange(1, values.shape[1] + 1)
        mean, deviation = values.mean(axis=0), values.std(axis=0)
        low, middle, high = quantiles(values)
        for ax, centre, bottom, top in (
            (left, mean, mean - deviation, mean + deviation),
            (right, middle, low, high),
        ):
            name = label + census(history)
            ax.plot(epochs, centre, color=look.colour, linestyle=look.line, linewidth=2, label=name)
            ax.fill_between(epochs, bottom, top, color=look.colour, alpha=0.2, linewidth=0)
            mark_failures(ax, history.epoch_loss, history, look.colour)
            ax.set(xlabel="epoch", ylabel="training loss")
    left.set(title=f"{title}: mean ± s.d.", ylim=(0, None))
    right.set(title="median, 16th to 84th percentile", yscale="log")
    handles = [*left.get_legend_handles_labels()[0], *failures_handle(histories.values())]
    legend_below(fig, handles, columns=len(handles))
    return fig


# Geometry of flows


@picture
def straightness(measured: Mapping[str, Mapping[str, PathGeometry]]) -> Figure:
    """Draw the distribution of the trajectories' excess length: length over displacement less 1.

    The thick curve has all points of all seeds together, a thin one those of a seed. A curve
    further to the left belongs to straighter trajectories.

    Args:
        measured: Name of the data -> label of a model -> paths with arrays ``(R, n)``.
    """
    fig, axes = panels(len(measured), 3.1, grid="both", sharex=True, sharey=True)
    for ax, (name, by_model) in zip(axes, measured.items(), strict=True):
        for label, paths in by_model.items():
            excess = np.maximum(paths.straightness - 1, _SHORTEST)
            _draw_distributions(ax, excess, label)
        ax.set(title=name, xscale="log", xlabel="length / displacement − 1", ylim=(0, 1))
    axes[0].set_ylabel("share of the trajectories")
    legend_below(fig, axes[0], columns=len(axes[0].get_legend_handles_labels()[1]))
    return fig


def _draw_distributions(ax: Axes, values: Floats, label: str) -> None:
    """Draw shares of ``values (R, n)`` that are no larger: each seed thin, all together thick."""
    look = look_of(label)
    finite = values[np.isfinite(values).all(1)]
    for row in finite:
        ax.ecdf(row, color=look.colour, linewidth=0.5, alpha=0.3)
    failed = f" ({len(values) - len(finite)} failed)" if len(finite) < len(values) else ""
    if len(finite):
        style: Style = {"color": look.colour, "linestyle": look.line, "linewidth": 2}
        ax.ecdf(finite.ravel(), label=label + failed, **style)


@picture
def stretch(measured: Mapping[str, Mapping[str, Floats]]) -> Figure:
    """Draw the range of the stretch over the inputs, one line a seed, in the order of its length.

    The thin line goes from the least to the largest singular value at any input, the thick one from
    the median of the least to the median of the largest ones.

    Args:
        measured: Name of the data -> label of a model -> singular values, shape ``(R, n, d)``.
    """
    fig, axes = panels(len(measured), 3.1, grid="x", sharex=True, sharey=True)
    for ax, (name, by_model) in zip(axes, measured.items(), strict=True):
        for place, (label, values) in enumerate(by_model.items()):
            _draw_ranges(ax, values, label, -place)
        ax.axvline(1, color=palette.ink(), linewidth=0.8, linestyle=(0, (1, 1)))
        ax.set(title=name, xscale="log", xlabel="stretch")
        ax.set_yticks([-place for place in range(len(by_model))], list(by_model))
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
    return fig


def _draw_ranges(ax: Axes, values: Floats, label: str, place: int) -> None:
    finite = values[np.isfinite(values).all((1, 2))]
    low, high = finite[..., -1], finite[..., 0]  # (R, n)
    if failed := len(values) - len(finite):
        ax.annotate(
            f"{failed} of {len(values)} failed", (0.99, place - 0.5),
            xycoords=("axes fraction", "data"), ha="right", fontsize=8,
        )  # fmt: skip
    order = np.argsort(high.max(1) / low.min(1))
    heights = place + np.linspace(0.35, -0.35, len(finite))
    colour = look_of(label).colour
    outer = (low.min(1)[order], high.max(1)[order])
    inner = (np.median(low, axis=1)[order], np.median(high, axis=1)[order])
    ax.hlines(heights, *outer, color=colour, linewidth=0.8)
    ax.hlines(heights, *inner, color=colour, linewidth=2.6)
    for ends in inner:  # they coincide on the line, where there is one singular value
        ax.scatter(ends, heights, s=7, color=colour, linewidths=0)
