"""Figures of the chapter on the way from residual networks to Neural ODEs (paper, Fig. 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from anode.arrays import Booleans, Floats
from anode_lab.figures.parts.curves import loss_and_nfe as loss_and_nfe
from anode_lab.figures.parts.scrubber import scrubber as scrubber
from anode_lab.figures.parts.states import (
    CLASSES,
    TARGETS,
    draw_line_of_zero,
    draw_points,
    limits_of,
    set_limits,
)
from anode_lab.figures.style import Style, entry, legend_below, palette, panels, picture

# The diagram of both architectures

BLOCKS = 4
"""Residual blocks in the diagram."""

STARTS: Floats = np.array([-1.3, -0.75, -0.35, 0.1, 0.6, 1.2])
"""Inputs whose states the diagram shows, on the line."""

# Horizontal places in parts of the figure's width: the panels' edges, then centres.
_LEFT, _RIGHT = 0.165, 0.645
_FEATURES, _HEAD, _OUTPUT = 0.722, 0.835, 0.945


def example_field(h: Floats, t: float) -> Floats:
    """Evaluate a field on the line that swings states up and down, and later pushes them apart."""
    slope: Floats = 2.4 * np.cos(2 * np.pi * t) + 4.5 * t * np.sin(1.8 * h) * np.exp(-0.25 * h**2)
    return slope


def euler_states(steps: int, starts: Floats = STARTS) -> Floats:
    """Return the states after each of ``steps`` Euler steps to T = 1, shape ``(steps + 1, S)``."""
    states = [starts]
    for n in range(steps):
        states.append(states[-1] + example_field(states[-1], n / steps) / steps)
    return np.stack(states)


@picture
def stack_and_flow() -> Figure:
    """Draw a residual network and a Neural ODE, from the input to the output (after Fig. 2).

    The curves are computed, not sketched: both halves follow one field on the line, the residual
    network in four steps.
    """
    fig = plt.figure(figsize=(7.6, 5.0))
    canvas = fig.add_axes((0, 0, 1, 1))
    canvas.set(xlim=(0, 1), ylim=(0, 1))
    canvas.set_axis_off()
    for bottom, draw, title in (
        (0.605, _draw_stack, "Residual network: one block after the other"),
        (0.105, _draw_flow, "Neural ODE: one field, for a time $T$"),
    ):
        ax = fig.add_axes((_LEFT, bottom, _RIGHT - _LEFT, 0.31))
        draw(ax)
        ax.set(xlim=(0, 1), ylim=(-2.5, 2.5), yticks=[])
        ax.tick_params(length=0)
        ax.patch.set_visible(False)
        ax.spines[:].set_visible(False)
        canvas.text(_LEFT, bottom + 0.355, title, fontsize=10.5, weight="bold", va="center")
    _draw_ends(canvas, 0.76, "$h_0 = x$", f"$h_{BLOCKS} = \\varphi(x)$")
    _draw_ends(canvas, 0.26, "$h(0) = x$", r"$h(T) = \varphi(x)$")
    return fig


def _draw_stack(ax: Axes) -> None:
    """Draw the upper panel: states at the layers, joined by straight lines."""
    states = euler_states(BLOCKS)
    layers = np.linspace(0, 1, BLOCKS + 1)
    for k in range(BLOCKS):
        _draw_block(ax, layers[k] + 0.012, 1 / BLOCKS - 0.024, palette.resnet)
        ax.text(layers[k] + 0.5 / BLOCKS, 2.02, f"$h + f_{k + 1}(h)$", ha="center", va="center")
    for path in states.T:
        colour, style, marker = _by_end(path[-1])
        ax.plot(layers, path, style, color=colour, marker=marker, ms=4.5, lw=1.4, clip_on=False)
    ax.set_xticks(layers, [f"$h_{k}$" for k in range(BLOCKS + 1)])
    ax.set_xlabel("blocks passed", labelpad=1)


def _draw_flow(ax: Axes) -> None:
    """Draw the lower panel: trajectories, with the field behind them."""
    _draw_block(ax, 0.012, 0.976, palette.node)
    fine = euler_states(400)
    times = np.linspace(0, 1, len(fine))
    grid_t, grid_h = np.linspace(0.06, 0.94, 12), np.linspace(-2.1, 1.6, 9)
    slopes = np.stack([example_field(grid_h, t) for t in grid_t], axis=1)
    length = np.sqrt(1 + slopes**2)  # quiver turns arrows to the axes' scale but keeps their length
    ax.quiver(
        *np.meshgrid(grid_t, grid_h), 1 / length, slopes / length, angles="xy",
        color=palette.muted, alpha=0.55, pivot="mid", scale=24, width=0.0035, headwidth=4,
    )  # fmt: skip
    for path in fine.T:
        colour, style, marker = _by_end(path[-1])
        ax.plot(times, path, style, color=colour, lw=1.6)
        ax.plot([0, 1], path[[0, -1]], marker, color=colour, ms=4.5, clip_on=False)
    ax.text(0.5, 2.02, r"$\frac{d}{dt}\,h(t) = f(h(t),\, t)$", ha="center", va="center")
    ax.set_xticks([0, 1], ["$0$", "$T$"])
    ax.set_xlabel("time $t$", labelpad=-8)


def _draw_block(ax: Axes, left: float, width: float, colour: str) -> None:
    style: Style = {"facecolor": colour, "alpha": 0.13, "edgecolor": "none"}
    ax.add_patch(Rectangle((left, -2.4), width, 4.8, **style))


def _by_end(end: float) -> tuple[str, str, str]:
    """Return colour, line style and marker of a trajectory by the side on which it ends."""
    return (palette.outer, "--", "^") if end > 0 else (palette.inner, "-", "o")


def _draw_ends(canvas: Axes, height: float, start: str, end: str) -> None:
    """Draw what lies left and right of a panel: input, features, linear layer, output."""
    width, tall = 0.082, 0.2
    canvas.add_patch(
        FancyBboxPatch(
            (_HEAD - width / 2, height - tall / 2), width, tall, boxstyle="round,pad=0.004",
            facecolor=palette.muted, alpha=0.25, edgecolor="none",
        )
    )  # fmt: skip
    canvas.text(_HEAD, height, "$L(z) =$\n$w \\cdot z + b$", ha="center", va="center", fontsize=9)
    canvas.text(_HEAD, height - tall / 2 - 0.02, "linear layer", ha="center", va="top", fontsize=9)
    for place, symbol, name in (
        (0.065, start, "input"), (_FEATURES, end, "features"), (_OUTPUT, "$F(x)$", "output")
    ):  # fmt: skip
        canvas.text(place, height + 0.035, symbol, ha="center", va="bottom")
        canvas.text(place, height - 0.035, name, ha="center", va="top", fontsize=9)
    for left, right in (
        (0.02, _LEFT - 0.025), (_RIGHT + 0.02, _HEAD - 0.047), (_HEAD + 0.047, 0.99)
    ):  # fmt: skip
        arrow = {"arrowstyle": "-|>", "color": palette.ink(), "linewidth": 1.3}
        canvas.annotate("", (right, height), (left, height), arrowprops=arrow)


# A training and its flow


_PATHS = 40  # trajectories drawn of each class: more turn to a blot


@dataclass(frozen=True)
class Journey:
    """States of points of the plane on their way through a network.

    Attributes:
        states: States at successive times or layers, the inputs first, shape ``(T, n, 2)``.
        y: Targets -1 and 1, shape ``(n,)``.
        weight, bias: Parameters of the linear layer, shapes ``(2,)`` and ``()``.
    """

    states: Floats
    y: Floats
    weight: Floats
    bias: float


@picture
def losses_and_evaluations(losses: Floats, evaluations: Floats, steps_per_epoch: int) -> Figure:
    """Draw one training: loss (log scale) and evaluations of each step, and their epoch means.

    Args:
        losses, evaluations: Numbers of each step, shape ``(S,)``.
        steps_per_epoch: Divisor of S.
    """
    fig, axes = panels(2, 3.0, grid="both")
    steps = np.arange(1, len(losses) + 1)
    middles = steps.reshape(-1, steps_per_epoch).mean(axis=1)
    for ax, values, name in zip(
        axes, (losses, evaluations), ("loss of a batch", "function evaluations"), strict=True
    ):
        ax.plot(steps, values, color=palette.node, lw=0.6, alpha=0.5, label="each step")
        means = values.reshape(-1, steps_per_epoch).mean(axis=1)
        ax.plot(middles, means, color=palette.node, lw=2, label="mean over an epoch")
        ax.set(xlabel="training step", ylabel=name)
    axes[0].set_yscale("log")
    axes[0].legend(loc="upper right")
    axes[1].set_ylim(0, 1.08 * evaluations.max())
    return fig


@picture
def inputs_flow_features(journey: Journey, grid_x: Floats, grid_output: Floats) -> Figure:
    """Draw what a Neural ODE does in the plane: inputs with the decision, flow, features.

    Args:
        journey: Trajectories of the data.
        grid_x: Coordinates of a square grid, shape ``(G,)``.
        grid_output: Outputs of the model at (grid_x[j], grid_x[i]), shape ``(G, G)``.
    """
    fig, (inputs, flow, features) = panels(3, 3.1)
    draw_points(inputs, journey.states[0], journey.y, size=7)
    set_limits(inputs, limits_of(journey.states[0], margin=0.04))
    if grid_output.min() < 0 < grid_output.max():
        style: Style = {"colors": [palette.ink()], "linestyles": "--", "linewidths": 1.2}
        inputs.contour(grid_x, grid_x, grid_output, levels=[0], **style)
    inputs.set_title("inputs $x$")
    shown = _chosen(journey.y)
    for target, colour, _, _ in CLASSES:
        paths = journey.states[:, shown & (journey.y == target)]
        flow.plot(paths[:, :, 0], paths[:, :, 1], color=colour, lw=0.7, alpha=0.6)
    draw_points(flow, journey.states[-1][shown], journey.y[shown], size=7)
    set_limits(flow, limits_of(journey.states, margin=0.04))
    flow.set_title(r"flow $\varphi_t(x)$")
    draw_points(features, journey.states[-1], journey.y, size=7)
    set_limits(features, limits_of(journey.states[-1], margin=0.04))
    draw_line_of_zero(features, journey.weight, journey.bias)
    features.set_title(r"features $\varphi(x)$")
    for ax in (inputs, flow, features):
        ax.set(xlabel="$h_1$", ylabel="$h_2$")
        ax.yaxis.labelpad = -2
    _draw_legend(fig)
    return fig


@picture
def hidden_states(resnet: Journey, node: Journey) -> Figure:
    """Draw hidden states of a ResNet after each block, over a Neural ODE's at the same parts of T.

    Args:
        resnet: States after 0, 1, ..., K blocks.
        node: States at the times 0, 1/K, ..., 1.
    """
    blocks = len(resnet.states) - 1
    fig, axes = panels(blocks + 1, 3.6, rows=2)
    for row, journey, name in (
        (axes[: blocks + 1], resnet, "ResNet"), (axes[blocks + 1 :], node, "Neural ODE")
    ):  # fmt: skip
        x, y = limits_of(journey.states, margin=0.08)
        for k, ax in enumerate(row):
            draw_points(ax, journey.states[k], journey.y, size=4)
            ax.set(xlim=x, ylim=y, xticks=[], yticks=[])
            title = f"block {k}" if name == "ResNet" else f"$t = {k / blocks:.2g}$"
            ax.set_xlabel("input" if k == 0 else title, labelpad=3)
            ax.spines[:].set_visible(True)
            ax.spines[:].set_color(palette.muted)
        draw_line_of_zero(row[-1], journey.weight, journey.bias)
        row[0].set_ylabel(name)
    _draw_legend(fig)
    return fig


@picture
def flow_frame(journey: Journey, step: int, end_time: float = 1.0) -> Figure:
    """Draw one moment of a flow: where the points are, and how they came there.

    Args:
        journey: States at evenly spaced times, the inputs first.
        step: Index of the time that is shown; the paths until then are drawn too.
        end_time: Time T of the last states.
    """
    fig, (ax,) = panels(1, 3.8, width=4.2)
    shown = _chosen(journey.y)
    for target, colour, _, _ in CLASSES:
        for path in np.moveaxis(journey.states[: step + 1, shown & (journey.y == target)], 1, 0):
            ax.plot(*path.T, color=colour, lw=0.6, alpha=0.5)
    draw_points(ax, journey.states[step], journey.y, size=7)
    x, y = limits_of(journey.states, margin=0.06)
    ax.set(xlim=x, ylim=y, xlabel="$h_1$", ylabel="$h_2$")
    draw_line_of_zero(ax, journey.weight, journey.bias)
    ax.set_title(f"$t = {end_time * step / (len(journey.states) - 1):.2f}$")
    return fig


def _chosen(y: Floats) -> Booleans:
    """Return a mask ``(n,)`` of the points whose paths are drawn: the first of each class."""
    mask = np.zeros(len(y), dtype=bool)
    for target, *_ in CLASSES:
        mask[np.flatnonzero(y == target)[:_PATHS]] = True
    return mask


def _draw_legend(fig: Figure) -> None:
    handles = [
        entry(label, color=colour, marker=marker, ls="none", ms=5)
        for (_, colour, marker, _), label in zip(CLASSES, TARGETS, strict=True)
    ]
    handles.append(entry("output 0", color=palette.ink(), ls="--", lw=1.2))
    legend_below(fig, handles, columns=4)


# Numerical methods


@picture
def euler_paths(exact: Floats, euler: Mapping[int, Floats]) -> Figure:
    """Draw Euler's polygons in the plane over the trajectories that they approximate.

    Args:
        exact: Solutions at dense times, shape ``(T, S, 2)``.
        euler: N -> states after each step from the same starts, shape ``(N + 1, S, 2)``.
    """
    fig, axes = panels(len(euler), 3.2)
    everything = np.concatenate([exact.reshape(-1, 2), *(s.reshape(-1, 2) for s in euler.values())])
    for ax, (count, states) in zip(axes, euler.items(), strict=True):
        ax.plot(exact[..., 0], exact[..., 1], color=palette.node, lw=0.9, alpha=0.8)
        ax.plot(*exact[-1].T, "o", color=palette.node, ms=4, mfc="none", mew=1)
        ax.plot(*np.moveaxis(states, 2, 0), "--", color=palette.resnet, lw=0.9, alpha=0.9)
        if count <= 8:
            ax.plot(*states.reshape(-1, 2).T, "s", color=palette.resnet, ms=2.4)
        ax.plot(*states[-1].T, "s", color=palette.resnet, ms=4)
        ax.set(title=f"N = {count} step" + "s" * (count > 1), xlabel="$h_1$")
        set_limits(ax, limits_of(everything, margin=0.04))
    axes[0].set_ylabel("$h_2$")
    handles = [
        entry("flow", color=palette.node, ls="-", marker="o", mfc="none", ms=4),
        entry("Euler", color=palette.resnet, ls="--", marker="s", ms=4),
    ]
    legend_below(fig, handles, columns=2)
    return fig


@picture
def euler_convergence(counts: Sequence[int], errors: Floats, estimates: Floats) -> Figure:
    """Draw the error of N Euler steps against N for each seed, with a slope of -1, and its order.

    Args:
        counts: Numbers N of steps, each twice the one before, K of them.
        errors: Largest error at T, shape ``(R, K)``.
        estimates: Bound of the theorem with measured constants, shape ``(R, K)``.
    """
    fig, (left, right) = panels(2, 3.4, grid="both")
    n = np.asarray(counts)
    style: Style = {"color": palette.resnet, "ms": 3.5, "lw": 1, "alpha": 0.8}
    for i, (error, estimate) in enumerate(zip(errors, estimates, strict=True)):
        names = (f"measured, {len(errors)} seeds", "estimate") if i == 0 else (None, None)
        left.plot(n, error, "o-", label=names[0], **style)
        left.plot(n, estimate, ":", color=palette.inner, lw=1.5, label=names[1])
    # Through the seeds' geometric mean at the largest N, where the slope is to be seen.
    last = np.exp(np.log(errors[:, -1]).mean())
    left.plot(n, last * n[-1] / n, "--", color=palette.ink(), lw=1.2, label="slope −1")
    left.set(xlabel="steps N", ylabel="error at $T$", xscale="log", yscale="log")
    left.legend(loc="lower left")
    right.axhline(1, color=palette.ink(), ls="--", lw=1.2)
    orders = np.log2(errors[:, :-1] / errors[:, 1:])
    right.plot(n[1:], orders.T, "o-", **style)
    right.set(xlabel="steps N", ylabel="order from N/2 to N", xscale="log")
    for ax in (left, right):  # every second N, written as a number
        ax.xaxis.set_major_locator(FixedLocator([int(count) for count in n[::2]]))
        ax.xaxis.set_major_formatter(ScalarFormatter())
        ax.xaxis.set_minor_locator(NullLocator())
    return fig


@picture
def work_precision(
    tolerances: Sequence[float],
    evaluations: Floats,
    errors: Floats,
    euler_counts: Sequence[int],
    euler_errors: Floats,
) -> Figure:
    """Draw what a tolerance buys: error against tolerance, and error against evaluations.

    Args:
        tolerances: Tolerances rtol = atol of the adaptive method, K of them.
        evaluations, errors: Evaluations and errors of the adaptive method, shape ``(R, K)``.
        euler_counts: Evaluations of Euler's method, N of them.
        euler_errors: Errors of Euler's method, shape ``(R, N)``.
    """
    fig, (left, right) = panels(2, 3.4, grid="both", sharey=True)
    style: Style = {"ms": 3.5, "lw": 1, "alpha": 0.8}
    for i, (nfe, error) in enumerate(zip(evaluations, errors, strict=True)):
        label = "dopri5, each seed" if i == 0 else None
        left.plot(tolerances, error, "o-", color=palette.node, **style)
        right.plot(nfe, error, "o-", color=palette.node, label=label, **style)
    for i, error in enumerate(euler_errors):
        label = "Euler, each seed" if i == 0 else None
        right.plot(euler_counts, error, "s--", color=palette.resnet, label=label, **style)
    left.plot(tolerances, tolerances, "--", color=palette.ink(), lw=1.2, label="error = tolerance")
    left.set(xlabel="rtol = atol", ylabel="error at $T$", xscale="log", yscale="log")
    left.invert_xaxis()
    left.legend(loc="lower left")
    right.set(xlabel="function evaluations", xscale="log")
    right.set_xticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
    right.xaxis.set_minor_locator(NullLocator())
    right.legend(loc="lower left")
    return fig
