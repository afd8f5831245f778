"""Figures of what was found on trained models: witnesses, certificates, winding numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from anode.training import Floats
from anode_lab.figures.states import limits_of, set_limits
from anode_lab.figures.style import palette, picture


@dataclass(frozen=True)
class Pair:
    """Outputs of R models at the centre and where they are lowest on the inner rim.

    Attributes:
        centre: at the input 0, shape ``(R,)``.
        rim: the lowest on the sphere ``|x| = r2``, shape ``(R,)``.
    """

    centre: Floats
    rim: Floats


@picture
def witnesses(found: Mapping[str, Pair]) -> Figure:
    """Output at the centre and the lowest output on the rim, one line a seed.

    A seed's line is solid where the rim is lower than the centre, which is a witness against the
    model, and dotted where it is not.

    Args:
        found: title -> outputs of the models; a panel each.
    """
    fig, axes = plt.subplots(
        1, len(found), figsize=(7.6, 4.2), sharey=True, sharex=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax, (title, pair) in zip(axes[0], found.items(), strict=True):
        for seed, (centre, rim) in enumerate(zip(pair.centre, pair.rim, strict=True)):
            lower = bool(rim < centre)
            ax.plot(
                [centre, rim], [seed, seed], "-" if lower else ":",
                color=palette.accent if lower else palette.muted, lw=1.4,
            )  # fmt: skip
        seeds = np.arange(len(pair.centre))
        ax.plot(pair.centre, seeds, "o", color=palette.inner, ms=5)
        ax.plot(pair.rim, seeds, "^", color=palette.outer, ms=5)
        for side in (-1, 1):
            ax.axvline(side, color=palette.muted, lw=0.6)
        ax.set(title=title.replace(", ", "\n", 1), xlabel="output")
    axes[0, 0].set_ylabel("seed")
    axes[0, 0].yaxis.set_major_locator(MaxNLocator(integer=True))
    handles = [
        Line2D([], [], color=palette.inner, marker="o", ls="none", label="centre, target −1"),
        Line2D([], [], color=palette.outer, marker="^", ls="none", label="lowest on the rim, +1"),
        Line2D([], [], color=palette.accent, ls="-", label="rim lower: a witness"),
        Line2D([], [], color=palette.muted, ls=":", label="rim higher"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig


@picture
def separable(epochs: NDArray[np.int64], shares: Mapping[str, Floats]) -> Figure:
    """The share of the seeds whose features a hyperplane separates, through training.

    Args:
        epochs: shape ``(E,)``.
        shares: model's label -> shape ``(E,)``, between 0 and 1.
    """
    fig, ax = plt.subplots(figsize=(6.2, 3.0), layout="constrained")
    for label, share in shares.items():
        ax.plot(
            epochs, share, palette.line_style(label), marker=".", color=palette.model(label),
            label=label,
        )  # fmt: skip
    ax.set(xlabel="epoch", ylabel="share of the seeds", ylim=(-0.05, 1.05))
    ax.grid(visible=True)
    fig.legend(loc="outside right center")
    return fig


@dataclass(frozen=True)
class Enclosed:
    """A closed curve of features with a triangle of three of them around a point.

    Attributes:
        curve: shape ``(n, 2)``.
        centre: features of the origin, shape ``(2,)``.
        corners: of the triangle, shape ``(3, 2)``.
        depth: distance of the point from the triangle's nearest side.
    """

    curve: Floats
    centre: Floats
    corners: Floats
    depth: float


@picture
def triangles(found: Mapping[str, Enclosed]) -> Figure:
    """Images of the inner rim, each with a triangle that holds the image of the centre.

    The small circle around the centre's image reaches as far as the triangle's nearest side.

    Args:
        found: title -> curve and triangle, a panel each.
    """
    fig, axes = plt.subplots(1, len(found), figsize=(7.6, 3.1), squeeze=False, layout="constrained")
    turn = np.linspace(0, 2 * np.pi, 181)
    for ax, (title, shown) in zip(axes[0], found.items(), strict=True):
        ax.plot(*shown.curve.T, color=palette.outer, lw=0.9)
        ax.add_patch(
            Polygon(shown.corners, closed=True, fill=False, color=palette.accent, lw=1.4, ls="--")
        )
        ax.plot(*shown.corners.T, "s", color=palette.accent, ms=5)
        ax.plot(*shown.centre, "o", color=palette.inner, ms=4)
        around = shown.centre + shown.depth * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        ax.plot(*around.T, color=palette.inner, lw=1)
        set_limits(ax, limits_of(np.concatenate([shown.curve, shown.corners, around]), 0.08))
        ax.set(title=title, xlabel="$h_1$")
    axes[0, 0].set_ylabel("$h_2$")
    handles = [
        Line2D([], [], color=palette.outer, lw=0.9, label=r"$\varphi(\partial D)$"),
        Line2D([], [], color=palette.accent, marker="s", ls="--", label="three of its points"),
        Line2D([], [], color=palette.inner, marker="o", lw=1, label=r"$\varphi(0)$, depth"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    return fig


@picture
def sampling(counts: NDArray[np.int64], shares: Mapping[str, Floats], title: str) -> Figure:
    """What evenly spaced samples say, by their number: the share of the seeds that come out right.

    Args:
        counts: numbers of samples, shape ``(n,)``, increasing.
        shares: question -> share of the seeds for which the samples answer it as the curve does,
            shape ``(n,)``.
        title: of the figure.
    """
    fig, ax = plt.subplots(figsize=(6.2, 3.2), layout="constrained")
    looks = ((palette.node, "-", "o"), (palette.anode, "--", "s"), (palette.accent, ":", "^"))
    for (colour, style, marker), (label, share) in zip(looks, shares.items(), strict=False):
        ax.plot(counts, share, style, marker=marker, color=colour, ms=5, label=label)
    ax.set(xscale="log", xlabel="evenly spaced samples of the rim", ylabel="share of the seeds")
    ax.set(title=title, ylim=(-0.05, 1.05))
    ax.grid(visible=True)
    fig.legend(loc="outside lower center", ncols=len(shares))
    return fig


@picture
def margins(found: Mapping[str, tuple[Floats, Floats]]) -> Figure:
    """The margin of each seed against the bound of its numerical error.

    A point above the diagonal is proved: the margin exceeds the bound.

    Args:
        found: label -> margins ``(R,)`` and error bounds ``(R,)``, positive.
    """
    fig, ax = plt.subplots(figsize=(5.4, 3.4), layout="constrained")
    everything = np.concatenate([np.concatenate(pair) for pair in found.values()])
    looks = (("o", palette.node), ("s", palette.anode), ("^", palette.accent))
    for (label, (margin, bound)), (marker, colour) in zip(found.items(), looks, strict=False):
        ax.plot(bound, margin, marker, color=colour, ms=5, alpha=0.8, label=label)
    _diagonal(ax, everything)
    ax.set(xscale="log", yscale="log", xlabel="bound of the numerical error", ylabel="margin")
    ax.grid(visible=True)
    fig.legend(loc="outside lower center", ncols=len(found) + 1)
    return fig


def _diagonal(ax: Axes, values: Floats) -> None:
    positive = values[np.isfinite(values) & (values > 0)]
    ends = [positive.min(), positive.max()]
    ax.plot(ends, ends, color=palette.ink(), ls="--", lw=1, label="margin = bound")
