"""Figures on solvers and corners: orders, tried steps, evaluations against the stretch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from anode.arrays import Floats
from anode_lab.figures.style import Style, legend_below, look_of, palette, panels, picture
from anode_lab.theory.switching import Switches, TriedSteps


@dataclass(frozen=True)
class Orders:
    """Errors and costs of the fields of one activation, R fields.

    Attributes:
        error: Errors of N numbers of fixed steps, shape ``(R, N)``.
        nfe: Evaluations of the adaptive method for a batch, shape ``(R, K)``.
        nfe_alone: Evaluations for one trajectory at a time, shape ``(R, K)``.
    """

    error: Floats
    nfe: Floats
    nfe_alone: Floats


@picture
def orders(
    counts: Sequence[int], tolerances: Sequence[float], found: Mapping[str, Orders], batch: int
) -> Figure:
    """Draw the error against the number of fixed steps, and evaluations against the tolerance.

    Args:
        counts: Numbers of steps, N of them.
        tolerances: Tolerances rtol = atol, K of them.
        found: Name of the activation -> errors and costs of its fields.
        batch: Number of trajectories in a batch.
    """
    fig, (left, right) = panels(2, 3.6, grid="both")
    looks = ((palette.node, "o"), (palette.anode, "s"))
    n, tol = np.asarray(counts, float), np.asarray(tolerances)
    for (name, orders_of), (colour, marker) in zip(found.items(), looks, strict=False):
        left.plot(n, orders_of.error.T, color=colour, lw=0.6, alpha=0.5)
        middle = np.median(orders_of.error, axis=0)
        left.plot(n, middle, marker + "-", color=colour, ms=4, label=name)
        for nfe, style, many in (
            (orders_of.nfe, "-", f"batch of {batch}"),
            (orders_of.nfe_alone, ":", "one trajectory"),
        ):
            middle = np.median(nfe, axis=0)
            right.plot(tol, middle, marker + style, color=colour, ms=4, label=f"{name}, {many}")
    steepest = np.median(next(iter(found.values())).error, axis=0)
    for order, style in ((2, "--"), (4, "-.")):
        line = steepest[0] * (n[0] / n) ** order
        left.plot(n, line, style, color=palette.ink(), lw=1, label=f"slope −{order}")
    last = [np.median(each.nfe, axis=0)[-1] for each in found.values()]
    for most, slope, style in ((max(last), 2, "--"), (min(last), 1, "-.")):
        line = 1.3 * most * (tol[-1] / tol) ** (slope / 5)
        right.plot(tol, line, style, color=palette.ink(), lw=1, label=f"slope −{slope}/5")
    left.set(xscale="log", yscale="log", xlabel="Runge–Kutta steps", ylabel="error at $T$")
    right.set(xscale="log", yscale="log", xlabel="rtol = atol", ylabel="function evaluations")
    right.invert_xaxis()
    for ax in (left, right):
        ax.legend(fontsize=7.5)
    return fig


@picture
def steps_at_switches(by_title: Mapping[str, tuple[TriedSteps, Switches | None]]) -> Figure:
    """Draw the sizes of the steps over time; thick bars were accepted, thin ones rejected.

    Args:
        by_title: Title -> the steps, and the switching times if the field has any.
    """
    count = len(by_title)
    fig, axes = panels(1, 0.8 + 1.5 * count, rows=count, grid="y", sharex=True, sharey=True)
    for ax, (title, (steps, switches)) in zip(axes, by_title.items(), strict=True):
        if switches is not None and len(switches.times):
            strength = switches.jumps / switches.jumps.max()
            for time, part in zip(switches.times, strength, strict=True):
                ax.axvline(time, color=palette.muted, lw=0.5 + 2 * part, alpha=0.6, zorder=0)
        for which, colour, width, name in (
            (~steps.accepted, palette.anode, 1.2, "rejected"),
            (steps.accepted, palette.node, 2.8, "accepted"),
        ):
            start, size = steps.start[which], steps.size[which]
            ax.hlines(size, start, start + size, color=colour, lw=width, label=name)
        ax.set(title=title, yscale="log", ylabel="step size", xlim=(0, 1))
        ax.yaxis.set_minor_formatter(NullFormatter())
    axes[0].plot([], [], color=palette.muted, label="switching time (thicker: larger jump)")
    axes[-1].set_xlabel("time")
    legend_below(fig, axes[0], columns=3)
    return fig


@picture
def evaluations_and_stretch(
    epochs: Floats, stretch: Mapping[str, Floats], nfe: Mapping[str, Floats]
) -> Figure:
    """Draw evaluations against stretch through training, a path for each seed, from ring to disc.

    Args:
        epochs: Epochs at which both were measured, shape ``(E,)``.
        stretch: Label of a model -> largest singular value of the flow's derivative, ``(E, R)``.
        nfe: The same labels -> function evaluations, ``(E, R)``.
    """
    fig, (left, right) = panels(2, 3.4, grid="both")
    for label, values in stretch.items():
        look = look_of(label)
        _draw_training_paths(left, values, nfe[label], look.colour, label)
        for row in values.T:
            right.plot(epochs, row, color=look.colour, lw=0.6, alpha=0.5)
        style: Style = {"linestyle": look.line, "color": look.colour, "lw": 2}
        right.plot(epochs, np.median(values, axis=1), label=label, **style)
    left.set(xscale="log", xlabel="stretch of the flow", ylabel="function evaluations")
    right.set(yscale="log", xlabel="epoch", ylabel="stretch of the flow")
    for ax in (left, right):
        ax.legend()
    return fig


def _draw_training_paths(ax: Axes, x: Floats, y: Floats, colour: str, label: str) -> None:
    """Draw paths ``(E, R)`` with their first and last points marked."""
    ax.plot(x, y, color=colour, lw=0.9, alpha=0.7)
    ax.plot(x[0], y[0], "o", color=colour, mfc="none", ms=5)
    ax.plot(x[-1], y[-1], "o", color=colour, ms=5, label=label)
