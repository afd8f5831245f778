"""Figures of the chapter on trajectories that do not cross (paper, section 3 and Fig. 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter
from numpy.typing import NDArray

from anode.models import NeuralODE
from anode_lab.figures.style import palette, picture
from anode_lab.runs import Run

Floats = NDArray[np.float64]

# Start -> colour, line style and marker: no trajectory is told by its colour alone.
_STARTS = {-1.0: (palette.inner, "-", "o"), 1.0: (palette.outer, "-", "s")}
_TIME = "time $t$"
_STATE = "state $h(t)$"


@picture
def continuous_and_euler(
    times: Floats, solutions: Floats, euler_times: Floats, euler: Floats
) -> Figure:
    """Why a flow cannot exchange two points of the line, and how a step of Euler's method can.

    Left, a diagram: two continuous curves that exchange -1 and 1 meet. Right, computed: solutions
    of an ODE (solid) and Euler's method on it (dashed). Paper, Fig. 3, top row.

    Args:
        times, solutions: ``(T,)`` and ``(T, 2)``, the solutions from -1 and 1.
        euler_times, euler: ``(N + 1,)`` and ``(N + 1, 2)``, the Euler steps from -1 and 1.
    """
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(7, 3), sharey=True, sharex=True, layout="constrained"
    )
    t = np.linspace(0, 1, 101)
    curve = np.cos(np.pi * t)
    for start, (colour, style, marker) in _STARTS.items():
        left.plot(t, start * curve, style, color=colour)
        left.plot([0, 1], [start, -start], marker, color=colour, ls="none", clip_on=False)
    left.plot(0.5, 0, "X", ms=11, color=palette.accent, zorder=3)
    left.annotate(
        "one state, two pasts", (0.5, 0), (0.5, 0.8), ha="center",
        arrowprops={"arrowstyle": "-", "color": palette.ink(), "lw": 0.8, "shrinkB": 8},
    )  # fmt: skip
    left.set(title="A continuous exchange must meet", xlabel=_TIME, ylabel=_STATE)
    for i, (start, (colour, style, marker)) in enumerate(_STARTS.items()):
        right.plot(
            times, solutions[:, i], style, color=colour, label=f"solution from {_name(start)}"
        )
        right.plot(
            euler_times, euler[:, i], "--", color=colour, marker=marker, clip_on=False,
            label=f"Euler from {_name(start)}",
        )  # fmt: skip
    right.set(title="Solutions do not cross; Euler steps can", xlabel=_TIME)
    fig.legend(loc="outside lower center", ncols=4)
    left.set_xticks([0, 0.5, 1])
    left.set_yticks([-1, 0, 1])
    for ax in (left, right):
        ax.grid(visible=True)
    return fig


@picture
def without_lipschitz() -> Figure:
    """Solutions that meet, for two continuous fields that are not Lipschitz at h = 0.

    Left: h' = -2 sgn(h) sqrt|h|, whose solutions stop at 0 in finite time. Right:
    h' = 8 (2t - 1) sgn(h) sqrt|h|, which has solutions that exchange -1 and 1. From (1/2, 0) a
    solution may go up, go down, or stay (dotted), wherever it came from.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3), sharey=True, layout="constrained")
    t = np.linspace(0, 1.25, 301)
    for size in (0.2, 0.6, 1.0):
        for start, (colour, style, _) in _STARTS.items():
            h = start * np.clip(np.sqrt(size) - t, 0, None) ** 2
            left.plot(t, h, style, color=colour)
            left.plot(np.sqrt(size), 0, "X", ms=8, color=palette.accent, zorder=3, clip_on=False)
    left.set(title=r"$h'=-2\,\mathrm{sgn}(h)\sqrt{|h|}$: merging", xlabel=_TIME, ylabel=_STATE)
    t = np.linspace(0, 1, 301)
    for start, (colour, style, marker) in _STARTS.items():
        right.plot(t, start * np.sign(1 - 2 * t) * (2 * t - 1) ** 4, style, color=colour)
        right.plot([0, 1], [start, -start], marker, color=colour, ls="none", clip_on=False)
    right.plot([0.5, 1], [0, 0], ":", color=palette.ink())
    right.plot(0.5, 0, "X", ms=8, color=palette.accent, zorder=3)
    right.set(title=r"$h'=8(2t-1)\,\mathrm{sgn}(h)\sqrt{|h|}$: exchange", xlabel=_TIME)
    for ax in (left, right):
        ax.grid(visible=True)
    return fig


@picture
def trained_fields(runs: Mapping[str, Run], replica: int = 0) -> Figure:
    """Trained vector fields on the line and their trajectories (paper, Fig. 3, bottom row).

    Args:
        runs: title -> trained stack of Neural ODEs with d = 1, without a head.
        replica: which one of each stack is drawn.
    """
    fig, axes = plt.subplots(
        1, len(runs), figsize=(7, 3.6), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, (title, run) in zip(axes[0], runs.items(), strict=True):
        _draw_field(ax, run, replica)
        ax.set(title=title, xlabel=_TIME, xlim=(-0.04, 1.04), ylim=(-1.6, 1.6))
    axes[0, 0].set_ylabel(_STATE)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=4)
    return fig


def _draw_field(ax: Axes, run: Run, replica: int) -> None:
    """One field as arrows (1, f(h, t)), trajectories of the data's inputs and of others between."""
    assert isinstance(run.model, NeuralODE)
    field = run.model.field
    weight = field.weights[0]
    grid_t, grid_h = np.linspace(0.03, 0.97, 13), np.linspace(-1.5, 1.5, 15)
    states = torch.tensor(grid_h).to(weight).view(1, -1, 1).expand(field.replicas, -1, 1)
    with torch.no_grad():
        slopes = np.stack(
            [field(torch.tensor(t).to(weight), states)[replica, :, 0].cpu() for t in grid_t], axis=1
        )
    # angles="xy" makes an arrow tangent to the trajectory through its foot; all have one length.
    ax.quiver(
        *np.meshgrid(grid_t, grid_h), *_unit(slopes), angles="xy", color=palette.muted, alpha=0.7,
        pivot="mid", scale=22, width=0.0035, headwidth=4,
    )  # fmt: skip
    others = [h for h in np.linspace(-1.5, 1.5, 13) if abs(h) != 1]
    starts = torch.tensor([*_STARTS, *others]).to(weight).view(1, -1, 1)
    paths = run.model.flow(starts, 101)[:, replica, :, 0].cpu().numpy()
    t = np.linspace(0, run.model.end_time, len(paths))
    ax.plot(t, paths[:, 2:], "-", color=palette.ink(), lw=0.7, alpha=0.6)
    targets = dict(zip(run.data[0].x[:, 0].tolist(), run.data[0].y[:, 0].tolist(), strict=True))
    for i, (start, (colour, style, marker)) in enumerate(_STARTS.items()):
        ax.plot(
            t, paths[:, i], style, color=colour, lw=2.4, marker=marker, markevery=[0],
            label=f"trajectory from {_name(start)}",
        )  # fmt: skip
        ax.plot(
            t[-1], targets[start], marker, color=colour, mfc="none", ms=9, mew=1.8, ls="none",
            label=f"target of {_name(start)}", clip_on=False, zorder=4,
        )  # fmt: skip


def _name(start: float) -> str:
    """A start with its sign, as a text prints it."""
    return f"{start:+g}".replace("-", "−")


def _unit(slopes: Floats) -> tuple[Floats, Floats]:
    """Arrows in the direction (1, slope), shortened as the panel shows them, all of one length.

    A panel is about 1.1 units of time wide and 3.2 of state high, in a nearly square box.
    """
    rise = slopes * 1.1 / 3.2
    length = np.sqrt(1 + rise**2)
    return 1 / length, slopes / length


@picture
def loss_and_floor(epoch_loss: Floats, floor: float = 1.0) -> Figure:
    """Training losses of several seeds and the floor that no flow can reach.

    Left, the losses, mean and standard deviation; right, what is left above the floor, each seed
    and the median, on a logarithmic scale. A computed loss that the solver brought below the
    floor is a gap there.

    Args:
        epoch_loss: shape ``(R, E)``.
        floor: the infimum of the loss over all flows.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.2), layout="constrained")
    epochs = np.arange(1, epoch_loss.shape[1] + 1)
    losses = np.ma.masked_invalid(epoch_loss)  # a seed that failed
    mean, deviation = losses.mean(axis=0), losses.std(axis=0)
    count, failed = len(epoch_loss), int((~np.isfinite(epoch_loss[:, -1])).sum())
    census = f", {failed} of which failed" if failed else ""
    left.fill_between(epochs, mean - deviation, mean + deviation, color=palette.node, alpha=0.25)
    left.plot(epochs, mean, color=palette.node, label=f"mean ± s.d. of {count} seeds{census}")
    left.axhline(floor, color=palette.ink(), ls="--", label=f"floor: {floor:g}")
    left.set(xlabel="epoch", ylabel="mean squared error", xscale="log")
    left.set_ylim(bottom=0)
    left.legend(loc="lower left")
    excess = np.ma.masked_less_equal(losses - floor, 0)
    right.plot(epochs, excess.T, color=palette.node, lw=0.7, alpha=0.5)
    right.plot([], [], color=palette.node, lw=0.7, alpha=0.5, label="one seed")
    right.plot(epochs, np.ma.median(excess, axis=0), color=palette.node, lw=2.2, label="median")
    right.set(xlabel="epoch", ylabel=f"loss − {floor:g}", xscale="log", yscale="log")
    right.legend(loc="lower left")
    for ax in (left, right):
        ax.grid(visible=True)
    return fig


@dataclass(frozen=True)
class Stretch:
    """How a flow changes distances.

    Attributes:
        times: shape ``(T,)``, first 0.
        ratio: distance at t over distance at 0, of T times and some pairs, shape ``(T, pairs)``.
        pair: the same for the data's two inputs, shape ``(T,)``.
        lipschitz: a Lipschitz constant of the field.
    """

    times: Floats
    ratio: Floats
    pair: Floats
    lipschitz: float


@picture
def distance_bounds(stretches: Mapping[str, Stretch]) -> Figure:
    """Measured distances between trajectories, between the two exponential bounds.

    Args:
        stretches: title -> measurement.
    """
    fig, axes = plt.subplots(
        1, len(stretches), figsize=(7, 3.6), squeeze=False, layout="constrained"
    )
    for ax, (title, s) in zip(axes[0], stretches.items(), strict=True):
        bound = np.exp(s.lipschitz * s.times)
        ax.fill_between(s.times, 1 / bound, bound, color=palette.muted, alpha=0.18, lw=0)
        ax.plot(s.times, bound, "--", color=palette.ink(), lw=1.1, label=r"$e^{\pm Ct}$")
        ax.plot(s.times, 1 / bound, "--", color=palette.ink(), lw=1.1)
        ax.fill_between(
            s.times, s.ratio.min(1), s.ratio.max(1), color=palette.accent, alpha=0.45, lw=0,
            label="all neighbouring pairs",
        )  # fmt: skip
        ax.plot(s.times, s.pair, color=palette.node, lw=2.2, label="the pair −1, 1")
        # The upper bound may be astronomical; the page shows where the trajectories are.
        low = min(1 / bound[-1], s.ratio.min())
        ax.set(title=title, xlabel=_TIME, yscale="log", ylim=(low / 2, min(2 * bound[-1], 20)))
        if low > 0.05:
            # Less than two decades: powers of ten alone would leave the axis bare.
            ax.yaxis.set_major_formatter(ScalarFormatter())
            ax.set_yticks([v for v in (0.1, 0.2, 0.5, 1, 2, 5, 10) if low / 2 <= v <= 20])
            ax.yaxis.set_minor_formatter(NullFormatter())
        ax.grid(visible=True)
    axes[0, 0].set_ylabel("distance / initial distance")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3)
    return fig


@picture
def euler_order(
    fans: Mapping[int, Floats],
    counts: Sequence[int],
    least_stretch: Floats,
    lipschitz: Floats,
) -> Figure:
    """Euler's method on a trained field: trajectories cross while the steps are too long.

    Three panels show the steps for some numbers N of them, the fourth the least stretch of any
    step for all N: below zero, neighbours change places.

    Args:
        fans: N -> states after each step from equally spaced starts, shape ``(N + 1, S)``; three.
        counts: the N of the fourth panel, C of them.
        least_stretch: least ratio of neighbours' differences across one step, shape ``(R, C)``.
        lipschitz: Lipschitz constants of the R fields, shape ``(R,)``.
    """
    fig, axes = plt.subplots(2, 2, figsize=(7, 5.6), layout="constrained")
    panels = axes.ravel()
    for ax, (count, states) in zip(panels, fans.items(), strict=False):
        _draw_fan(ax, states)
        ax.set(title=f"N = {count}", xlabel=_TIME, ylabel="state")
    ax = panels[3]
    n = np.asarray(counts)
    bounds = 1 - lipschitz.max() / n
    ax.axhspan(-1e3, 0, color=palette.accent, alpha=0.12, lw=0)
    ax.axhline(0, color=palette.ink(), lw=0.9)
    ax.plot(n, bounds, "--", color=palette.ink(), label="guarantee $1 - CT/N$")
    for i, row in enumerate(least_stretch):
        label = f"measured, {len(least_stretch)} seeds" if i == 0 else None
        ax.plot(n, row, "o", ms=4.5, color=palette.resnet, alpha=0.8, label=label)
    low = min(-0.5, 1.1 * float(least_stretch.min()))
    ax.set(title="Least stretch of a step", xlabel="steps N", ylabel="stretch", xscale="log")
    ax.set_ylim(low, 1.15)
    ax.set_xticks([2**k for k in range(int(np.log2(n.max())) + 1)])
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.text(0.97, 0.04, "below 0: crossing", transform=ax.transAxes, ha="right", va="bottom")
    ax.legend(loc="center right", bbox_to_anchor=(1.0, 0.42))
    for each in panels:
        each.grid(visible=True)
    handles, labels = panels[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=2)
    return fig


def _draw_fan(ax: Axes, states: Floats) -> None:
    """Euler's polygons; the outermost two are marked so that the eye can follow them."""
    t = np.linspace(0, 1, len(states))
    marks = "o" if len(states) <= 9 else ""
    ax.plot(t, states[:, 1:-1], "-", color=palette.muted, lw=0.8, marker=marks, ms=2.2)
    for index, (colour, _, marker) in zip((0, -1), _STARTS.values(), strict=True):
        start = states[0, index]
        shown = marker if marks else ""
        ax.plot(t, states[:, index], "--", color=colour, marker=shown, ms=4)
        ax.lines[-1].set_label(f"from {_name(start)}")


@picture
def exchange_by_jumps(states: Floats, x: Floats, node: Floats, resnet: Floats) -> Figure:
    """A trained ResNet that exchanges -1 and 1, and the maps that flows and ResNets learned.

    Args:
        states: one ResNet's state before and after each of its K blocks, shape ``(K + 1, S)``; the
            first two starts are -1 and 1.
        x: inputs, shape ``(N,)``.
        node, resnet: features of these inputs, one row a seed, each of shape ``(R, N)``.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.6), layout="constrained")
    blocks = np.arange(len(states))
    left.plot(blocks, states[:, 2:], "--", color=palette.muted, lw=0.8, marker=".", ms=3)
    for i, (start, (colour, _, marker)) in enumerate(_STARTS.items()):
        left.plot(
            blocks, states[:, i], "--", color=colour, marker=marker, label=f"from {_name(start)}"
        )
        right.plot(
            start, -start, marker, color=colour, mfc="none", ms=9, mew=1.8, zorder=4,
            label=f"target of {_name(start)}",
        )  # fmt: skip
    left.set(title="One ResNet: jumps", xlabel="blocks passed", ylabel="state", xticks=blocks)
    for values, label, style in ((node, "NODE", "-"), (resnet, "ResNet", "-.")):
        lines = right.plot(x, values.T, style, color=palette.model(label), lw=1.1)
        lines[0].set_label(f"{label}, {len(values)} seeds" if len(values) > 1 else label)
    right.set(title="The learned maps", xlabel="input $x$", ylabel=r"features $\varphi(x)$")
    for ax in (left, right):
        ax.grid(visible=True)
    fig.legend(loc="outside lower center", ncols=6, columnspacing=1.0, handlelength=1.6)
    return fig
