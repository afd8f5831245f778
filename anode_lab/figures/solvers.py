"""Figures of numerical methods: Euler's steps, their order, and what an error costs."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from anode.training import Floats
from anode_lab.figures.style import palette, picture


@picture
def euler_paths(exact: Floats, euler: Mapping[int, Floats]) -> Figure:
    """Euler's polygons in the plane over the trajectories that they approximate.

    Args:
        exact: solutions at dense times, shape ``(T, S, 2)``.
        euler: N -> states after each step from the same starts, shape ``(N + 1, S, 2)``.
    """
    fig, axes = plt.subplots(1, len(euler), figsize=(7.6, 3.2), squeeze=False, layout="constrained")
    everything = np.concatenate([exact.reshape(-1, 2), *(s.reshape(-1, 2) for s in euler.values())])
    middle = (everything.min(axis=0) + everything.max(axis=0)) / 2
    reach = 0.54 * np.ptp(everything, axis=0).max()
    low, high = middle - reach, middle + reach
    for ax, (count, states) in zip(axes[0], euler.items(), strict=True):
        ax.plot(exact[..., 0], exact[..., 1], color=palette.node, lw=0.9, alpha=0.8)
        ax.plot(*exact[-1].T, "o", color=palette.node, ms=4, mfc="none", mew=1)
        ax.plot(*np.moveaxis(states, 2, 0), "--", color=palette.resnet, lw=0.9, alpha=0.9)
        if count <= 8:
            ax.plot(*states.reshape(-1, 2).T, "s", color=palette.resnet, ms=2.4)
        ax.plot(*states[-1].T, "s", color=palette.resnet, ms=4)
        ax.set(title=f"N = {count} step" + "s" * (count > 1), xlabel="$h_1$")
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes[0, 0].set_ylabel("$h_2$")
    axes[0, 0].plot([], [], "-o", color=palette.node, mfc="none", ms=4, label="flow")
    axes[0, 0].plot([], [], "--s", color=palette.resnet, ms=4, label="Euler")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=2)
    return fig


@picture
def euler_convergence(counts: Sequence[int], errors: Floats, estimates: Floats) -> Figure:
    """Error of N Euler steps against N, each seed, with a slope of -1; and the order observed.

    Args:
        counts: the N, each twice the one before, K of them.
        errors: largest error at T, shape ``(R, K)``.
        estimates: the theorem's bound with measured constants, shape ``(R, K)``.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.4), layout="constrained")
    n = np.asarray(counts)
    for i, (error, estimate) in enumerate(zip(errors, estimates, strict=True)):
        first = i == 0
        left.plot(
            n, error, "o-", color=palette.resnet, ms=3.5, lw=1, alpha=0.8,
            label=f"measured, {len(errors)} seeds" if first else None,
        )  # fmt: skip
        left.plot(
            n, estimate, ":", color=palette.inner, lw=1.5,
            label="estimate" if first else None,
        )  # fmt: skip
    # Through the seeds' geometric mean at the largest N, where the slope is to be seen.
    last = np.exp(np.log(errors[:, -1]).mean())
    left.plot(n, last * n[-1] / n, "--", color=palette.ink(), lw=1.2, label="slope −1")
    left.set(xlabel="steps N", ylabel="error at $T$", xscale="log", yscale="log")
    left.legend(loc="lower left")
    right.axhline(1, color=palette.ink(), ls="--", lw=1.2)
    orders = np.log2(errors[:, :-1] / errors[:, 1:])
    right.plot(n[1:], orders.T, "o-", color=palette.resnet, ms=3.5, lw=1, alpha=0.8)
    right.set(xlabel="steps N", ylabel="order from N/2 to N", xscale="log")
    for ax in (left, right):
        _powers_of_two(ax, n)
        ax.grid(visible=True)
    return fig


@picture
def work_precision(
    tolerances: Sequence[float],
    evaluations: Floats,
    errors: Floats,
    euler_counts: Sequence[int],
    euler_errors: Floats,
) -> Figure:
    """What tolerance buys: error against tolerance, and error against evaluations.

    Args:
        tolerances: rtol = atol of the adaptive method, K of them.
        evaluations, errors: of the adaptive method, shape ``(R, K)``.
        euler_counts: evaluations of Euler's method, N of them.
        euler_errors: its errors, shape ``(R, N)``.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.4), sharey=True, layout="constrained")
    for i, (nfe, error) in enumerate(zip(evaluations, errors, strict=True)):
        label = "dopri5, each seed" if i == 0 else None
        left.plot(tolerances, error, "o-", color=palette.node, ms=3.5, lw=1, alpha=0.8)
        right.plot(nfe, error, "o-", color=palette.node, ms=3.5, lw=1, alpha=0.8, label=label)
    for i, error in enumerate(euler_errors):
        label = "Euler, each seed" if i == 0 else None
        right.plot(
            euler_counts, error, "s--", color=palette.resnet, ms=3.5, lw=1, alpha=0.8, label=label
        )
    left.plot(tolerances, tolerances, "--", color=palette.ink(), lw=1.2, label="error = tolerance")
    left.set(xlabel="rtol = atol", ylabel="error at $T$", xscale="log", yscale="log")
    left.invert_xaxis()
    left.legend(loc="lower left")
    right.set(xlabel="function evaluations", xscale="log")
    right.set_xticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
    right.xaxis.set_minor_locator(NullLocator())
    right.legend(loc="lower left")
    for ax in (left, right):
        ax.grid(visible=True)
    return fig


def _powers_of_two(ax: Axes, counts: Floats) -> None:
    """Ticks at every second N, written as numbers."""
    ax.xaxis.set_major_locator(FixedLocator([int(n) for n in counts[::2]]))
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_locator(NullLocator())
