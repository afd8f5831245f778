"""What squeezing costs: passages between samples, steps of a solver, kinks of a field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Wedge
from matplotlib.ticker import NullFormatter, NullLocator

from anode.training import Floats
from anode_lab.figures.style import palette, picture
from anode_lab.theory.channel import Channel, Sector
from anode_lab.theory.switching import Switches, TriedSteps


@dataclass(frozen=True)
class Sample:
    """Points of the ball and of the annulus, and the ways out between them.

    Attributes:
        inner, outer: points, shape ``(n, 2)`` each.
        passage: the widest passage between the outer points.
        sector: the widest sector without an outer point.
    """

    inner: Floats
    outer: Floats
    passage: Channel
    sector: Sector


@picture
def passages(samples: Mapping[str, Sample]) -> Figure:
    """Samples, the loop that every way out has to cross, and the widest empty sector.

    Args:
        samples: title -> samples, one panel each.
    """
    fig, axes = plt.subplots(
        1, len(samples), figsize=(7.6, 3.2), squeeze=False, layout="constrained"
    )
    for ax, (title, sample) in zip(axes[0], samples.items(), strict=True):
        reach = 1.05 * np.linalg.norm(sample.outer, axis=1).max()
        middle, half = np.degrees([sample.sector.centre, sample.sector.half_angle])
        ax.add_patch(
            Wedge(
                (0, 0), reach, middle - half, middle + half, color=palette.accent, alpha=0.5, lw=0,
                label="widest empty sector",
            )
        )  # fmt: skip
        size = 2 if len(sample.outer) > 500 else 7
        ax.scatter(*sample.inner.T, s=size, color=palette.inner, lw=0, label="ball")
        ax.scatter(*sample.outer.T, s=size, marker="^", color=palette.outer, lw=0, label="annulus")
        loop = sample.outer[np.append(sample.passage.loop, sample.passage.loop[0])]
        ax.plot(*loop.T, color=palette.ink(), lw=1, label="loop with the shortest longest edge")
        lengths = np.linalg.norm(np.diff(loop, axis=0), axis=1)
        longest = int(lengths.argmax())
        ax.plot(*loop[longest : longest + 2].T, color=palette.node, lw=3, label="that edge")
        ax.set(title=title, xlabel="$x_1$", aspect="equal", xlim=(-reach, reach))
        ax.set_ylim(-reach, reach)
    axes[0, 0].set_ylabel("$x_2$")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3, markerscale=2)
    return fig


@dataclass(frozen=True)
class Study:
    """Networks trained on samples of N sizes, R seeds each; arrays are of shape ``(R, N)``.

    Attributes:
        samples: of the annulus, shape ``(N,)``.
        needed: slope of the output that every network needs that is right on the samples.
        by_hand: slope that is enough for it.
        found: slope that the trained networks have at least.
        nfe: function evaluations of the trained networks.
        nfe_by_hand: those of the flow that shows that ``by_hand`` is enough.
    """

    samples: Floats
    needed: Floats
    by_hand: Floats
    found: Floats
    nfe: Floats
    nfe_by_hand: Floats


@picture
def price_of_samples(study: Study) -> Figure:
    """Slopes, and function evaluations, against the number of samples; medians and every seed."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.4), layout="constrained")
    rows = (
        (left, study.found, palette.node, "-", "o", "trained, at least"),
        (left, study.by_hand, palette.resnet, "--", "s", "enough (by hand)"),
        (left, study.needed, palette.ink(), ":", "^", "needed by every NODE"),
        (right, study.nfe, palette.node, "-", "o", "trained"),
        (right, study.nfe_by_hand, palette.resnet, "--", "s", "by hand"),
    )
    for ax, values, colour, style, marker, label in rows:
        ax.plot(study.samples, values.T, marker, color=colour, ms=3.5, alpha=0.5, mew=0)
        ax.plot(study.samples, np.median(values, axis=0), style, color=colour, label=label)
    left.set(yscale="log", ylabel="slope of the output")
    right.set(ylabel="function evaluations")
    right.set_ylim(0, None)
    for ax in (left, right):
        ax.set(xscale="log", xlabel="samples of the annulus")
        ax.grid(visible=True, which="major")
        ax.legend()
    return fig


@picture
def linear_cost(
    stretch: Floats, nfe: Mapping[float, Floats], least: Mapping[float, Floats]
) -> Figure:
    """Evaluations for h' = (log S) h against S, with the proven least number.

    Args:
        stretch: S, shape ``(N,)``.
        nfe: tolerance -> counted, shape ``(N,)``.
        least: tolerance -> lower bound, shape ``(N,)``.
    """
    fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    colours = (palette.node, palette.anode, palette.resnet, palette.accent)
    for (tolerance, counted), colour, marker in zip(nfe.items(), colours, "os^D", strict=False):
        exponent = round(np.log10(tolerance))
        ax.plot(
            np.log(stretch), counted, marker, color=colour, ms=4, label=f"rtol $10^{{{exponent}}}$"
        )
        ax.plot(np.log(stretch), least[tolerance], color=colour, lw=1)
    ax.plot([], [], color=palette.ink(), lw=1, label="least")
    last = min(counted[-1] for counted in nfe.values())
    line = 1.4 * last * np.log(stretch) / np.log(stretch[-1])
    ax.plot(np.log(stretch), line, "--", color=palette.ink(), lw=1, label="slope 1")
    ax.set(xscale="log", yscale="log", xlabel="log of the stretch", ylabel="function evaluations")
    ax.set_xticks([3, 10, 30], ["3", "10", "30"])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid(visible=True, which="major")
    fig.legend(loc="outside right upper")
    return fig


@dataclass(frozen=True)
class Orders:
    """Errors and costs of the fields of one activation, R fields.

    Attributes:
        error: of N fixed steps, shape ``(R, N)``.
        nfe: of the adaptive method for a batch, shape ``(R, K)``.
        nfe_alone: of the adaptive method for one trajectory at a time, shape ``(R, K)``.
    """

    error: Floats
    nfe: Floats
    nfe_alone: Floats


@picture
def orders(
    counts: Sequence[int], tolerances: Sequence[float], found: Mapping[str, Orders], batch: int
) -> Figure:
    """Error against the number of fixed steps, and evaluations against tolerance.

    Args:
        counts: numbers of steps, N of them.
        tolerances: rtol = atol, K of them.
        found: name of the activation -> its fields'.
        batch: trajectories in a batch.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.6), layout="constrained")
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
    cheap = min(np.median(each.nfe, axis=0)[-1] for each in found.values())
    dear = max(np.median(each.nfe, axis=0)[-1] for each in found.values())
    for last, slope, style in ((dear, 2 / 5, "--"), (cheap, 1 / 5, "-.")):
        line = 1.3 * last * (tol[-1] / tol) ** slope
        name = "slope −2/5" if slope > 0.3 else "slope −1/5"
        right.plot(tol, line, style, color=palette.ink(), lw=1, label=name)
    left.set(xscale="log", yscale="log", xlabel="Runge–Kutta steps", ylabel="error at $T$")
    right.set(xscale="log", yscale="log", xlabel="rtol = atol", ylabel="function evaluations")
    right.invert_xaxis()
    for ax in (left, right):
        ax.grid(visible=True, which="major")
        ax.legend(fontsize=7.5)
    return fig


@picture
def steps_at_kinks(panels: Mapping[str, tuple[TriedSteps, Switches | None]]) -> Figure:
    """Sizes of the steps over time; thick bars were accepted, thin ones rejected.

    Args:
        panels: title -> the steps, and the kinks of the trajectory if its field has any.
    """
    fig, axes = plt.subplots(
        len(panels), 1, figsize=(7.6, 0.8 + 1.5 * len(panels)), sharex=True, sharey=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for ax, (title, (steps, kinks)) in zip(axes[:, 0], panels.items(), strict=True):
        if kinks is not None and len(kinks.times):
            strength = kinks.jumps / kinks.jumps.max()
            for time, part in zip(kinks.times, strength, strict=True):
                ax.axvline(time, color=palette.muted, lw=0.5 + 2 * part, alpha=0.6, zorder=0)
        for which, colour, width, name in (
            (~steps.accepted, palette.anode, 1.2, "rejected"),
            (steps.accepted, palette.node, 2.8, "accepted"),
        ):
            start, size = steps.start[which], steps.size[which]
            ax.hlines(size, start, start + size, color=colour, lw=width, label=name)
        ax.set(title=title, yscale="log", ylabel="step size", xlim=(0, 1))
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.grid(visible=True, axis="y")
    axes[0, 0].plot([], [], color=palette.muted, label="kink (thicker: larger jump)")
    axes[-1, 0].set_xlabel("time")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3)
    return fig


@picture
def cost_and_stretch(
    epochs: Floats, stretch: Mapping[str, Floats], nfe: Mapping[str, Floats]
) -> Figure:
    """Evaluations against stretch through training, a path for each seed, from ring to disc.

    Args:
        epochs: at which both were measured, shape ``(E,)``.
        stretch: model's label -> largest singular value of the flow's derivative, ``(E, R)``.
        nfe: the same labels -> function evaluations, ``(E, R)``.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.4), layout="constrained")
    for label, values in stretch.items():
        colour, style = palette.model(label), palette.line_style(label)
        _paths(left, values, nfe[label], colour, label)
        for row in values.T:
            right.plot(epochs, row, color=colour, lw=0.6, alpha=0.5)
        right.plot(epochs, np.median(values, axis=1), style, color=colour, lw=2, label=label)
    left.set(xscale="log", xlabel="stretch of the flow", ylabel="function evaluations")
    right.set(yscale="log", xlabel="epoch", ylabel="stretch of the flow")
    for ax in (left, right):
        ax.grid(visible=True, which="major")
        ax.legend()
    return fig


def _paths(ax: Axes, x: Floats, y: Floats, colour: str, label: str) -> None:
    """Paths ``(E, R)`` with their first and last points marked."""
    ax.plot(x, y, color=colour, lw=0.9, alpha=0.7)
    ax.plot(x[0], y[0], "o", color=colour, mfc="none", ms=5)
    ax.plot(x[-1], y[-1], "o", color=colour, ms=5, label=label)
