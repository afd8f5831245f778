"""Figures of the chapter on trajectories that do not cross (paper, section 3 and Fig. 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from anode.arrays import Floats
from anode.models import NeuralODE
from anode_lab.figures.style import legend_below, look_of, palette, panels, picture
from anode_lab.runs import Run

# Start -> colour, line style and marker: no trajectory is told by its colour alone.
_STARTS = {-1.0: (palette.inner, "-", "o"), 1.0: (palette.outer, "-", "s")}
_TIME = "time $t$"
_STATE = "state $h(t)$"


# Continuous curves


@picture
def continuous_and_euler(
    times: Floats, solutions: Floats, euler_times: Floats, euler: Floats
) -> Figure:
    """Draw why a flow cannot exchange two points of the line, and an Euler step can (Fig. 3, top).

    Left, a diagram: two continuous curves that exchange -1 and 1 meet. Right, computed: solutions
    of an ODE (solid) and Euler's method on it (dashed).

    Args:
        times, solutions: Times ``(T,)`` and solutions from -1 and 1, shape ``(T, 2)``.
        euler_times, euler: Times ``(N + 1,)`` and Euler's states from -1 and 1, ``(N + 1, 2)``.
    """
    fig, (left, right) = panels(2, 3, width=7, grid="both", sharey=True, sharex=True)
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
        name = _name(start)
        right.plot(times, solutions[:, i], style, color=colour, label=f"solution from {name}")
        right.plot(
            euler_times, euler[:, i], "--", color=colour, marker=marker, clip_on=False,
            label=f"Euler from {name}",
        )  # fmt: skip
    right.set(title="Solutions do not cross; Euler steps can", xlabel=_TIME)
    legend_below(fig, right, columns=4)
    left.set_xticks([0, 0.5, 1])
    left.set_yticks([-1, 0, 1])
    return fig


@picture
def without_lipschitz() -> Figure:
    """Draw solutions that meet, for two continuous fields that are not Lipschitz at h = 0.

    Left: h' = -2 sgn(h) sqrt|h|, whose solutions stop at 0 in finite time. Right:
    h' = 8 (2t - 1) sgn(h) sqrt|h|, which has solutions that exchange -1 and 1. From (1/2, 0) a
    solution may go up, go down, or stay (dotted), wherever it came from.
    """
    fig, (left, right) = panels(2, 3, width=7, grid="both", sharey=True)
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
    return fig


# Trained flows


@picture
def trained_fields(runs: Mapping[str, Run], replica: int = 0) -> Figure:
    """Draw trained vector fields on the line and their trajectories (Fig. 3, bottom).

    Args:
        runs: Title -> trained stack of Neural ODEs with d = 1, without a linear layer.
        replica: Replica of each stack that is drawn.
    """
    fig, axes = panels(len(runs), 3.6, width=7, sharey=True)
    for ax, (title, run) in zip(axes, runs.items(), strict=True):
        assert isinstance(run.model, NeuralODE)
        _draw_field(ax, run.model, replica)
        _draw_trajectories(ax, run, run.model, replica)
        ax.set(title=title, xlabel=_TIME, xlim=(-0.04, 1.04), ylim=(-1.6, 1.6))
    axes[0].set_ylabel(_STATE)
    legend_below(fig, axes[0], columns=4)
    return fig


@torch.no_grad()
def _draw_field(ax: Axes, model: NeuralODE, replica: int) -> None:
    """Draw the field as arrows (1, f(h, t))."""
    field = model.field
    grid_t, grid_h = np.linspace(0.03, 0.97, 13), np.linspace(-1.5, 1.5, 15)
    weight = field.weights[0]
    states = torch.tensor(grid_h).to(weight).view(1, -1, 1).expand(field.replicas, -1, 1)
    slopes = np.stack(
        [field(torch.tensor(t).to(weight), states)[replica, :, 0].cpu() for t in grid_t], axis=1
    )
    # Of one length in the panel, which is about 1.1 units of time wide and 3.2 of state high, in a
    # nearly square box. angles="xy" makes an arrow tangent to the trajectory through its foot.
    length = np.sqrt(1 + (slopes * 1.1 / 3.2) ** 2)
    ax.quiver(
        *np.meshgrid(grid_t, grid_h), 1 / length, slopes / length, angles="xy",
        color=palette.muted, alpha=0.7, pivot="mid", scale=22, width=0.0035, headwidth=4,
    )  # fmt: skip


def _draw_trajectories(ax: Axes, run: Run, model: NeuralODE, replica: int) -> None:
    """Draw trajectories of the data's inputs, with their targets, and of others between them."""
    others = [h for h in np.linspace(-1.5, 1.5, 13) if abs(h) != 1]
    starts = torch.tensor([*_STARTS, *others]).to(model.field.weights[0]).view(1, -1, 1)
    paths = model.flow(starts, 101)[:, replica, :, 0].cpu().numpy()
    t = np.linspace(0, model.end_time, len(paths))
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
    """Return a start with its sign, as a text prints it."""
    return f"{start:+g}".replace("-", "−")


@picture
def loss_and_floor(epoch_loss: Floats, floor: float = 1.0) -> Figure:
    """Draw training losses of several seeds and the floor that no flow can reach.

    Left, the mean and standard deviation of the losses. Right, what is left above the floor on a
    logarithmic scale, each seed and the median; there a loss that the solver brought below the
    floor is a gap.

    Args:
        epoch_loss: Losses, shape ``(R, E)``.
        floor: Infimum of the loss over all flows.
    """
    fig, (left, right) = panels(2, 3.2, width=7, grid="both")
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
    excess = np.ma.masked_less_equal(losses - floor, 0)
    right.plot(epochs, excess.T, color=palette.node, lw=0.7, alpha=0.5)
    right.plot([], [], color=palette.node, lw=0.7, alpha=0.5, label="one seed")
    right.plot(epochs, np.ma.median(excess, axis=0), color=palette.node, lw=2.2, label="median")
    right.set(xlabel="epoch", ylabel=f"loss − {floor:g}", xscale="log", yscale="log")
    for ax in (left, right):
        ax.legend(loc="lower left")
    return fig


@dataclass(frozen=True)
class Stretch:
    """How a flow changes distances.

    Attributes:
        times: Times, the first 0, shape ``(T,)``.
        ratio: Distance at each time over that at 0, for some pairs, shape ``(T, pairs)``.
        pair: The same for the data's two inputs, shape ``(T,)``.
        lipschitz: Lipschitz constant of the field.
    """

    times: Floats
    ratio: Floats
    pair: Floats
    lipschitz: float


@picture
def distance_bounds(stretches: Mapping[str, Stretch]) -> Figure:
    """Draw measured distances between trajectories, between the two exponential bounds.

    Args:
        stretches: Title -> measurement.
    """
    fig, axes = panels(len(stretches), 3.6, width=7, grid="both")
    for ax, (title, s) in zip(axes, stretches.items(), strict=True):
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
    axes[0].set_ylabel("distance / initial distance")
    legend_below(fig, axes[0], columns=3)
    return fig


# Steps


@picture
def euler_order(
    fans: Mapping[int, Floats],
    counts: Sequence[int],
    least_stretch: Floats,
    lipschitz: Floats,
) -> Figure:
    """Draw Euler's method on a trained field: trajectories cross while the steps are too long.

    Three panels show the steps for some numbers N of them, the fourth the least stretch of any
    step for all N: below zero, neighbours change places.

    Args:
        fans: N -> states after each step from equally spaced starts, shape ``(N + 1, S)``; three.
        counts: Numbers N of steps in the fourth panel, C of them.
        least_stretch: Least ratio of neighbours' differences across one step, shape ``(R, C)``.
        lipschitz: Lipschitz constants of the R fields, shape ``(R,)``.
    """
    fig, axes = panels(2, 5.6, rows=2, width=7, grid="both")
    for ax, (count, states) in zip(axes, fans.items(), strict=False):
        _draw_fan(ax, states)
        ax.set(title=f"N = {count}", xlabel=_TIME, ylabel="state")
    ax, n = axes[3], np.asarray(counts)
    ax.axhspan(-1e3, 0, color=palette.accent, alpha=0.12, lw=0)
    ax.axhline(0, color=palette.ink(), lw=0.9)
    bounds = 1 - lipschitz.max() / n
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
    legend_below(fig, axes[0], columns=2)
    return fig


def _draw_fan(ax: Axes, states: Floats) -> None:
    """Draw Euler's polygons; the outermost two are marked so that the eye can follow them."""
    t = np.linspace(0, 1, len(states))
    few = len(states) <= 9
    ax.plot(t, states[:, 1:-1], "-", color=palette.muted, lw=0.8, marker="o" if few else "", ms=2.2)
    for index, (colour, _, marker) in zip((0, -1), _STARTS.values(), strict=True):
        ax.plot(
            t, states[:, index], "--", color=colour, marker=marker if few else "", ms=4,
            label=f"from {_name(states[0, index])}",
        )  # fmt: skip


@picture
def exchange_by_jumps(states: Floats, x: Floats, node: Floats, resnet: Floats) -> Figure:
    """Draw a trained ResNet that exchanges -1 and 1, and the maps that flows and ResNets learned.

    Args:
        states: State of one ResNet before and after each of its K blocks, shape ``(K + 1, S)``; the
            first two starts are -1 and 1.
        x: Inputs, shape ``(N,)``.
        node, resnet: Features of these inputs, one row a seed, shape ``(R, N)`` each.
    """
    fig, (left, right) = panels(2, 3.6, width=7, grid="both")
    blocks = np.arange(len(states))
    left.plot(blocks, states[:, 2:], "--", color=palette.muted, lw=0.8, marker=".", ms=3)
    for i, (start, (colour, _, marker)) in enumerate(_STARTS.items()):
        name = _name(start)
        left.plot(blocks, states[:, i], "--", color=colour, marker=marker, label=f"from {name}")
        right.plot(
            start, -start, marker, color=colour, mfc="none", ms=9, mew=1.8, zorder=4,
            label=f"target of {name}",
        )  # fmt: skip
    left.set(title="One ResNet: jumps", xlabel="blocks passed", ylabel="state", xticks=blocks)
    for values, label in ((node, "NODE"), (resnet, "ResNet")):
        look = look_of(label)
        lines = right.plot(x, values.T, linestyle=look.line, color=look.colour, lw=1.1)
        lines[0].set_label(f"{label}, {len(values)} seeds" if len(values) > 1 else label)
    right.set(title="The learned maps", xlabel="input $x$", ylabel=r"features $\varphi(x)$")
    handles = [handle for ax in (left, right) for handle in ax.get_legend_handles_labels()[0]]
    legend_below(fig, handles, columns=6, columnspacing=1.0, handlelength=1.6)
    return fig
