"""The measurements as one picture."""

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from anode_lab.figures.style import palette, picture
from benchmarks.aims import rows
from benchmarks.contestants import BASELINE
from benchmarks.measure import ONE, STACK, Limit, Results
from benchmarks.rounds import Measured

_LOOK = {
    "anode": (palette.anode, "o", "-"),
    "torchdiffeq": (palette.node, "s", "--"),
    "torchdyn": (palette.muted, "v", ":"),
    "torchode": (palette.resnet, "^", "-."),
    "diffrax": (palette.accent, "D", (0, (1, 1))),
}
"""Contestant -> colour, marker, dashes."""


@picture
def overview(results: Results) -> Figure:
    """Above, a step of one network and of a stack for each model; below, growth."""
    threads = list(dict.fromkeys(each.threads for each in results.by_networks))
    height = 1 + len(threads)
    figure, axes = plt.subplots(height, 2, figsize=(9, 3.4 * height), layout="constrained")
    for panel, limit in zip(axes[0], results.limits, strict=False):
        _points(panel, results, limit)
    for panel in axes[0, len(results.limits) :]:
        panel.set_visible(False)
    for (left, right), count in zip(axes[1:], threads, strict=True):
        label = f"{count} thread{'s' if count > 1 else ''}"
        _lines(left, results.by_networks, "networks", count)
        left.set(xlabel="networks R", title=f"batch {results.by_networks[0].batch}, {label}")
        _lines(right, results.by_batch, "batch", count)
        right.set(xlabel="batch size B", title=f"{STACK} networks, {label}")
        left.legend()
    return figure


def _points(axis: Axes, results: Results, limit: Limit) -> None:
    """A step's time by contestant, hollow for one network and full for the stack."""
    one, stack = (rows(results, limit.model, networks) for networks in (ONE, STACK))
    names = sorted(stack, key=lambda name: -stack[name].median)
    for place, name in enumerate(names):
        colour, marker, _ = _LOOK[name]
        times = [1e3 * entry.median for entry in (one[name], stack[name])]
        axis.plot(times, [place, place], color=colour, linewidth=1, alpha=0.5)
        for time, face in zip(times, ("none", colour), strict=True):
            axis.plot(
                time, place, marker, markersize=8, markerfacecolor=face, markeredgecolor=colour
            )
            axis.annotate(
                f"{time:.3g}", (time, place), (0, 8), textcoords="offset points", ha="center",
                fontsize=8,
            )  # fmt: skip
    axis.axvline(
        1e3 * one[BASELINE].median, color=palette.node, linestyle="--", linewidth=1,
        label=f"one network of {BASELINE}",
    )  # fmt: skip
    axis.axvline(
        1e3 * limit.seconds(STACK), color=palette.ink(), linestyle=":", linewidth=1.2,
        label=f"matrix products of {STACK} networks",
    )  # fmt: skip
    axis.set_xscale("log")
    _plain_numbers(axis.xaxis)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(-0.5, len(names) + 0.6)
    axis.set(
        xlabel="a training step, ms", title=f"{limit.model}: R = {ONE} hollow, R = {STACK} full"
    )
    axis.legend(loc="upper right", fontsize=8)


def _lines(axis: Axes, entries: list[Measured], variable: str, threads: int) -> None:
    """A step's time over R or B, with the least and the largest of the rounds."""
    for name, (colour, marker, dashes) in _LOOK.items():
        own = [e for e in entries if (e.contestant, e.threads) == (name, threads) and e.step]
        if not own:
            continue
        x = [getattr(entry, variable) for entry in own]
        axis.plot(
            x, [1e3 * entry.median for entry in own], color=colour, marker=marker,
            linestyle=dashes, markersize=4, label=name,
        )  # fmt: skip
        low, high = ([1e3 * f(entry.step) for entry in own] for f in (min, max))
        axis.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    values = sorted({getattr(entry, variable) for entry in entries})
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks(values, [str(value) for value in values])
    axis.xaxis.set_minor_locator(NullLocator())
    _plain_numbers(axis.yaxis)
    axis.grid(axis="y")
    axis.set_ylabel("a training step, ms")


def _plain_numbers(axis: Axis) -> None:
    """Label 1, 2, 5, 10, ... of a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())
