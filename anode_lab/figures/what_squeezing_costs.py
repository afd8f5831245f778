"""Figures on what squeezing costs: channels, slopes, bounds of the stretch, a linear flow."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Wedge
from matplotlib.ticker import NullLocator

from anode.arrays import Floats
from anode_lab.figures.style import Style, legend_below, look_of, palette, panels, picture
from anode_lab.theory.channel import Channel, Sector
from anode_lab.theory.gronwall import GronwallBounds

_TEN = np.log(10)


@dataclass(frozen=True)
class Sample:
    """Points of the ball and of the annulus, and the channels between them.

    Attributes:
        inner, outer: Points, shape ``(n, 2)`` each.
        channel: Widest channel between the outer points.
        sector: Widest sector without an outer point.
    """

    inner: Floats
    outer: Floats
    channel: Channel
    sector: Sector


@picture
def channels(samples: Mapping[str, Sample]) -> Figure:
    """Draw samples, the loop that every escape curve crosses, and the widest empty sector.

    Args:
        samples: Title -> samples, one panel each.
    """
    fig, axes = panels(len(samples), 3.2)
    for ax, (title, sample) in zip(axes, samples.items(), strict=True):
        reach = 1.05 * np.linalg.norm(sample.outer, axis=1).max()
        middle, half = np.degrees([sample.sector.centre, sample.sector.half_angle])
        style: Style = {"color": palette.accent, "alpha": 0.5, "lw": 0}
        wedge = Wedge((0, 0), reach, middle - half, middle + half, **style)
        ax.add_patch(wedge).set_label("widest empty sector")
        size = 2 if len(sample.outer) > 500 else 7
        ax.scatter(*sample.inner.T, s=size, color=palette.inner, lw=0, label="ball")
        ax.scatter(*sample.outer.T, s=size, marker="^", color=palette.outer, lw=0, label="annulus")
        loop = sample.outer[np.append(sample.channel.loop, sample.channel.loop[0])]
        ax.plot(*loop.T, color=palette.ink(), lw=1, label="loop with the shortest longest edge")
        longest = int(np.linalg.norm(np.diff(loop, axis=0), axis=1).argmax())
        ax.plot(*loop[longest : longest + 2].T, color=palette.node, lw=3, label="that edge")
        ax.set(title=title, xlabel="$x_1$", aspect="equal", xlim=(-reach, reach))
        ax.set_ylim(-reach, reach)
    axes[0].set_ylabel("$x_2$")
    legend_below(fig, axes[0], columns=3, markerscale=2)
    return fig


@dataclass(frozen=True)
class Study:
    """Networks trained on samples of N sizes, R seeds each; arrays are of shape ``(R, N)``.

    Attributes:
        samples: Numbers of samples of the annulus, shape ``(N,)``.
        needed: Slope of the output that every network needs that is right on the samples.
        by_hand: Slope that is enough for it.
        found: Slope that the trained networks have at least.
        nfe: Function evaluations of the trained networks.
        nfe_by_hand: Function evaluations of the flow that shows that ``by_hand`` is enough.
    """

    samples: Floats
    needed: Floats
    by_hand: Floats
    found: Floats
    nfe: Floats
    nfe_by_hand: Floats


@picture
def slopes_by_samples(study: Study) -> Figure:
    """Draw slopes and evaluations against the number of samples: seeds, and their medians."""
    fig, (left, right) = panels(2, 3.4, grid="both")
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
        ax.legend()
    return fig


@picture
def linear_cost(
    stretch: Floats, nfe: Mapping[float, Floats], least: Mapping[float, Floats]
) -> Figure:
    """Draw the evaluations for h' = (log S) h against S, with the proven least number.

    Args:
        stretch: Stretches S, shape ``(N,)``.
        nfe: Tolerance -> counted evaluations, shape ``(N,)``.
        least: Tolerance -> lower bound, shape ``(N,)``.
    """
    fig, (ax,) = panels(1, 3.4, width=6.4, grid="both")
    colours = (palette.node, palette.anode, palette.resnet, palette.accent)
    for (tolerance, counted), colour, marker in zip(nfe.items(), colours, "os^D", strict=False):
        label = f"rtol $10^{{{round(np.log10(tolerance))}}}$"
        ax.plot(np.log(stretch), counted, marker, color=colour, ms=4, label=label)
        ax.plot(np.log(stretch), least[tolerance], color=colour, lw=1)
    ax.plot([], [], color=palette.ink(), lw=1, label="least")
    last = min(counted[-1] for counted in nfe.values())
    line = 1.4 * last * np.log(stretch) / np.log(stretch[-1])
    ax.plot(np.log(stretch), line, "--", color=palette.ink(), lw=1, label="slope 1")
    ax.set(xscale="log", yscale="log", xlabel="log of the stretch", ylabel="function evaluations")
    ax.set_xticks([3, 10, 30], ["3", "10", "30"])
    ax.xaxis.set_minor_locator(NullLocator())
    fig.legend(loc="outside right upper")
    return fig


@picture
def gronwall_bounds(measured: Mapping[str, GronwallBounds], replica: int = 0) -> Figure:
    """Draw the four kinds of bounds and the measured stretch over time, one panel a model.

    The vertical axis is the decimal logarithm of the stretch: a coarse bound may be too large for
    a number.

    Args:
        measured: Label of a model -> bounds and measurements of R flows.
        replica: The flow that is drawn.
    """
    lines = {  # colour and dashes: no kind is told by its colour alone
        "product": (palette.muted, (0, (1, 1))),
        "hull": (palette.resnet, (0, (6, 2))),
        "one-sided": (palette.anode, "-."),
        "along": (palette.accent, "-"),
    }
    fig, axes = panels(len(measured), 3.6, grid="both", sharey=True)
    for ax, (label, each) in zip(axes, measured.items(), strict=True):
        for kind, band in each.bounds().items():
            colour, dashes = lines[kind]
            for side, name in ((band.lower, f"bound: {kind}"), (band.upper, None)):
                height = side[replica] / _TEN
                ax.plot(each.times, height, color=colour, ls=dashes, lw=1.4, label=name)
        style: Style = {"color": look_of(label).colour, "lw": 0}
        for band, alpha, name in (
            (each.singular, 0.35, "derivative"), (each.pairs, 0.7, "pairs of inputs")
        ):  # fmt: skip
            low, high = band.lower[replica] / _TEN, band.upper[replica] / _TEN
            ax.fill_between(each.times, low, high, alpha=alpha, label=name, **style)
        ax.axhline(0, color=palette.ink(), lw=0.6)
        ax.set(title=label, xlabel="time t", xlim=(0, each.times[-1]))
    axes[0].set_ylabel("log10 of the stretch")
    legend_below(fig, axes[0], columns=3)
    return fig
