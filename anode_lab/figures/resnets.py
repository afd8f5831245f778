"""Figures of the first chapter: training, the flow in the plane, hidden states block by block."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from anode.training import Floats
from anode_lab.figures.style import palette, picture

_CLASSES = ((-1.0, palette.inner, "o", "target −1"), (1.0, palette.outer, "^", "target +1"))
_PATHS = 40  # trajectories drawn of each class: more turn to a blot


@dataclass(frozen=True)
class Journey:
    """States of points of the plane on their way through a network.

    Attributes:
        states: at successive times or layers, the inputs first, shape ``(T, n, 2)``.
        y: targets -1 and 1, shape ``(n,)``.
        weight, bias: w of shape ``(2,)`` and b of the linear layer, which gives 0 on a line.
    """

    states: Floats
    y: Floats
    weight: Floats
    bias: float


@picture
def losses_and_evaluations(losses: Floats, evaluations: Floats, steps_per_epoch: int) -> Figure:
    """One training: loss (log scale) and function evaluations of each step, and epoch means.

    Args:
        losses, evaluations: one number a step, shape ``(S,)``.
        steps_per_epoch: S is a multiple of it.
    """
    fig, axes = plt.subplots(1, 2, figsize=(7.6, 3.0), layout="constrained")
    steps = np.arange(1, len(losses) + 1)
    middles = steps.reshape(-1, steps_per_epoch).mean(axis=1)
    for ax, values, name in zip(
        axes, (losses, evaluations), ("loss of a batch", "function evaluations"), strict=True
    ):
        ax.plot(steps, values, color=palette.node, lw=0.6, alpha=0.5, label="each step")
        means = values.reshape(-1, steps_per_epoch).mean(axis=1)
        ax.plot(middles, means, color=palette.node, lw=2, label="mean over an epoch")
        ax.set(xlabel="training step", ylabel=name)
        ax.grid(visible=True)
    axes[0].set_yscale("log")
    axes[0].legend(loc="upper right")
    axes[1].set_ylim(0, 1.08 * evaluations.max())
    return fig


@picture
def same_training(plain: Floats, package: Floats) -> Figure:
    """Two trainings from the same weights on the same batches: their losses, and the difference.

    Args:
        plain, package: loss of each step, shape ``(S,)``.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.0), layout="constrained")
    steps = np.arange(1, len(plain) + 1)
    left.plot(steps, plain, color=palette.node, lw=2.6, alpha=0.45, label="the loop above")
    left.plot(steps, package, "--", color=palette.anode, lw=0.9, label="the package")
    left.set(xlabel="training step", ylabel="loss of a batch", yscale="log")
    left.legend(loc="upper right")
    # Losses are stored in single precision: a difference of 0 is drawn as half of its last digit.
    smallest = np.finfo(np.float32).eps * plain / 2
    difference = np.maximum(np.abs(plain - package), smallest)
    right.plot(steps, difference, color=palette.ink(), lw=0.8, label="difference")
    right.plot(steps, plain, color=palette.node, lw=0.8, alpha=0.6, label="loss")
    right.set(xlabel="training step", ylabel="loss, and difference of losses", yscale="log")
    right.set_ylim(difference.min() / 100, None)
    right.legend(loc="lower right")
    for ax in (left, right):
        ax.grid(visible=True)
    return fig


@picture
def inputs_flow_features(journey: Journey, grid_x: Floats, grid_output: Floats) -> Figure:
    """What a Neural ODE does in the plane: its inputs with the decision, its flow, its features.

    Args:
        journey: the trajectories of the data.
        grid_x: coordinates of a square grid, shape ``(G,)``.
        grid_output: the model's output at (grid_x[j], grid_x[i]), shape ``(G, G)``.
    """
    fig, axes = plt.subplots(1, 3, figsize=(7.6, 3.1), layout="constrained")
    inputs, flow, features = axes
    draw_points(inputs, journey.states[0], journey.y)
    _square(inputs, journey.states[0])
    if grid_output.min() < 0 < grid_output.max():
        inputs.contour(
            grid_x, grid_x, grid_output, levels=[0], colors=[palette.ink()], linestyles="--",
            linewidths=1.2,
        )  # fmt: skip
    inputs.set_title("inputs $x$")
    _draw_paths(flow, journey)
    _square(flow, journey.states)
    flow.set_title(r"flow $\varphi_t(x)$")
    draw_points(features, journey.states[-1], journey.y)
    _square(features, journey.states[-1])
    draw_boundary(features, journey)
    features.set_title(r"features $\varphi(x)$")
    for ax in axes:
        ax.set(xlabel="$h_1$", ylabel="$h_2$", aspect="equal")
        ax.yaxis.labelpad = -2
    _legend(fig)
    return fig


@picture
def hidden_states(resnet: Journey, node: Journey) -> Figure:
    """Hidden states of a ResNet after each block, over a Neural ODE's at the same parts of T.

    Args:
        resnet: states after 0, 1, ..., K blocks.
        node: states at the times 0, 1/K, ..., 1.
    """
    blocks = len(resnet.states) - 1
    fig, axes = plt.subplots(2, blocks + 1, figsize=(7.6, 3.6), layout="constrained")
    for row, journey, name in ((axes[0], resnet, "ResNet"), (axes[1], node, "Neural ODE")):
        low, high = journey.states.min((0, 1)), journey.states.max((0, 1))
        margin = 0.08 * (high - low)
        for k, ax in enumerate(row):
            draw_points(ax, journey.states[k], journey.y, size=4)
            ax.set(xlim=(low[0] - margin[0], high[0] + margin[0]), xticks=[])
            ax.set(ylim=(low[1] - margin[1], high[1] + margin[1]), yticks=[])
            title = f"block {k}" if name == "ResNet" else f"$t = {k / blocks:.2g}$"
            ax.set_xlabel("input" if k == 0 else title, labelpad=3)
            ax.spines[:].set_visible(True)
            ax.spines[:].set_color(palette.muted)
        draw_boundary(row[-1], journey)
        row[0].set_ylabel(name)
    _legend(fig)
    return fig


@picture
def flow_frame(journey: Journey, step: int, end_time: float = 1.0) -> Figure:
    """One moment of a flow: where the points are, and how they came there.

    Args:
        journey: states at evenly spaced times, first the inputs.
        step: the index of the time that is shown; the paths until then are drawn too.
        end_time: T.
    """
    fig, ax = plt.subplots(figsize=(4.2, 3.8), layout="constrained")
    shown = _chosen(journey.y)
    for target, colour, _, _ in _CLASSES:
        for path in np.moveaxis(journey.states[: step + 1, shown & (journey.y == target)], 1, 0):
            ax.plot(*path.T, color=colour, lw=0.6, alpha=0.5)
    draw_points(ax, journey.states[step], journey.y)
    low, high = journey.states.min((0, 1)), journey.states.max((0, 1))
    margin = 0.06 * (high - low)
    ax.set(xlim=(low[0] - margin[0], high[0] + margin[0]), xlabel="$h_1$")
    ax.set(ylim=(low[1] - margin[1], high[1] + margin[1]), ylabel="$h_2$")
    draw_boundary(ax, journey)
    time = end_time * step / (len(journey.states) - 1)
    ax.set_title(f"$t = {time:.2f}$")
    return fig


def draw_points(ax: Axes, states: Floats, y: Floats, size: float = 7) -> None:
    """Points ``states (n, 2)`` in the colour and shape of their targets ``y (n,)``."""
    for target, colour, marker, _ in _CLASSES:
        x1, x2 = states[y == target].T
        ax.scatter(x1, x2, s=size, color=colour, marker=marker, linewidths=0)


def draw_boundary(ax: Axes, journey: Journey) -> None:
    """The line w.z + b = 0, within the axes' present limits."""
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    w, foot = journey.weight, -journey.bias * journey.weight / np.sum(journey.weight**2)
    reach = np.hypot(max(abs(x0), abs(x1)), max(abs(y0), abs(y1))) + np.hypot(*foot)
    along = np.array([-w[1], w[0]]) / np.hypot(*w) * reach
    ax.plot(*np.stack([foot - along, foot + along]).T, "--", color=palette.ink(), lw=1.2)
    ax.set(xlim=(x0, x1), ylim=(y0, y1))


def _chosen(y: Floats) -> NDArray[np.bool_]:
    """A mask ``(n,)`` of the points whose trajectories are drawn, the first of each class."""
    mask = np.zeros(len(y), dtype=bool)
    for target, *_ in _CLASSES:
        mask[np.flatnonzero(y == target)[:_PATHS]] = True
    return mask


def _square(ax: Axes, states: Floats) -> None:
    """Limits of equal length around ``states (..., 2)``."""
    flat = states.reshape(-1, 2)
    middle = (flat.min(axis=0) + flat.max(axis=0)) / 2
    reach = 0.54 * np.ptp(flat, axis=0).max()
    ax.set(xlim=(middle[0] - reach, middle[0] + reach))
    ax.set(ylim=(middle[1] - reach, middle[1] + reach))


def _draw_paths(ax: Axes, journey: Journey) -> None:
    shown = _chosen(journey.y)
    for target, colour, _, _ in _CLASSES:
        paths = journey.states[:, shown & (journey.y == target)]
        ax.plot(paths[:, :, 0], paths[:, :, 1], color=colour, lw=0.7, alpha=0.6)
    draw_points(ax, journey.states[-1][shown], journey.y[shown])


def _legend(fig: Figure) -> None:
    handles = [
        Line2D([], [], color=colour, marker=marker, ls="none", ms=5, label=label)
        for _, colour, marker, label in _CLASSES
    ]
    handles.append(Line2D([], [], color=palette.ink(), ls="--", lw=1.2, label="output 0"))
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
