"""Figures on generalisation (paper, Fig. 9): maps, escape curves, a slice left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.patches import Wedge

from anode.arrays import Floats
from anode.data.toy import RADII
from anode.training import History
from anode_lab.figures.parts.curves import (
    census,
    failures_handle,
    mark_failures,
    mean_of_running,
)
from anode_lab.figures.parts.states import draw_circles
from anode_lab.figures.style import (
    OUTPUT_LIMIT,
    OUTPUT_MAP,
    Style,
    entry,
    legend_below,
    look_of,
    palette,
    panels,
    picture,
)
from anode_lab.theory.escape_curve import EscapeCurve

_ROWS, _PLACES = 2, 3  # of small maps under a large one


# Maps of the plane


@dataclass(frozen=True)
class PlaneMap:
    """What one replica makes of a square of the plane.

    Attributes:
        seed: Seed of the replica.
        output: Outputs on a grid, shape ``(n, n)``, rows upwards.
        half: Half the length of the square's side.
        centre: Centre of the square.
        escape: Escape curve, or another curve of inputs, to draw over it, shape ``(m, 2)``.
        samples: Inputs to draw over it, shape ``(k, 2)``.
    """

    seed: int
    output: Floats
    half: float
    centre: tuple[float, float] = (0.0, 0.0)
    escape: Floats | None = None
    samples: Floats | None = None


@picture
def maps(models: Mapping[str, Sequence[PlaneMap]], sector: float | None = None) -> Figure:
    """Draw to which output several models map each point of the plane (Fig. 9, left).

    Args:
        models: Label of a model -> maps; the first is drawn large, up to six more small.
        sector: Angle up to which, from the first axis on, no training samples lie.
    """
    fig = plt.figure(figsize=(7.6, 4.5))
    # Places by hand: the layout engine gives up on so many axes of fixed shape.
    columns = fig.add_gridspec(
        2, len(models), height_ratios=(3, 2.4), left=0.07, right=0.99, top=0.89, bottom=0.15,
        wspace=0.08, hspace=0.34,
    )  # fmt: skip
    shown: Any = None
    for column, (label, found) in enumerate(models.items()):
        large = fig.add_subplot(columns[0, column])
        shown = _draw_map(large, found[0], sector)
        large.set_title(f"{label}\nseed {found[0].seed}", fontsize=10)
        large.set(xticks=[-2, 2], yticks=[-2, 2])
        large.set_xlabel("$x_1$", labelpad=-8)
        large.tick_params(labelleft=column == 0, labelsize=8)
        if column == 0:
            large.set_ylabel("$x_2$", labelpad=-10)
        places = columns[1, column].subgridspec(_ROWS, _PLACES, wspace=0.06, hspace=0.3)
        cells = product(range(_ROWS), range(_PLACES))
        for (row, place), each in zip(cells, found[1:], strict=False):
            small = fig.add_subplot(places[row, place])
            _draw_map(small, each, sector, thin=0.5)
            small.set(xticks=[], yticks=[])
            small.set_title(str(each.seed), fontsize=7.5, pad=1.5)
    _draw_bar(fig, shown, cax=fig.add_axes((0.2, 0.085, 0.6, 0.02)))
    return fig


@picture
def channels(windows: Sequence[PlaneMap]) -> Figure:
    """Draw small squares where escape curves cross the annulus, with the samples there."""
    columns = min(3, len(windows))
    rows = -(-len(windows) // columns)
    width = min(7.6, 1.2 + 2.3 * columns)
    fig, axes = panels(columns, 0.9 + 2.35 * rows, rows=rows, width=width)
    shown: Any = None
    for ax, window in zip(axes, windows, strict=False):
        shown = _draw_map(ax, window, None)
        ax.set_title(f"seed {window.seed}, {2 * window.half:.2g} wide", fontsize=10)
        ax.set(xlabel="$x_1$", ylabel="$x_2$")
        ax.locator_params(nbins=2)
        ax.ticklabel_format(useOffset=False)
        ax.tick_params(labelsize=8)
    for ax in axes[len(windows) :]:
        ax.remove()
    _draw_bar(fig, shown, ax=fig.axes, aspect=50, fraction=0.04)
    return fig


def _draw_bar(fig: Figure, shown: Any, **place: Any) -> None:
    bar: Colorbar = fig.colorbar(shown, extend="both", orientation="horizontal", **place)
    bar.set_ticks([-OUTPUT_LIMIT, -1, 0, 1, OUTPUT_LIMIT])
    bar.set_label("output", labelpad=1)
    bar.ax.tick_params(labelsize=8)


def _draw_map(ax: Axes, plane: PlaneMap, sector: float | None, thin: float = 1.0) -> Any:
    """Draw a map, its contour at 0, the regions of g, the sector, an escape curve and samples.

    Args:
        ax: Panel in the plane.
        plane: The map.
        sector: Angle up to which no training samples lie, or none.
        thin: Factor of the widths of all lines.

    Returns:
        The image, for a colour bar.
    """
    (a, b), half = plane.centre, plane.half
    extent = (a - half, a + half, b - half, b + half)
    shown = ax.imshow(
        plane.output, cmap=OUTPUT_MAP, vmin=-OUTPUT_LIMIT, vmax=OUTPUT_LIMIT, extent=extent,
        origin="lower", interpolation="nearest",
    )  # fmt: skip
    colour = palette.on_map
    finite = plane.output[np.isfinite(plane.output)]
    if finite.size and finite.min() < 0 < finite.max():
        ax.contour(plane.output, [0], extent=extent, colors=colour, linewidths=1.1 * thin)
    draw_circles(ax, color=colour, linestyle=(0, (4, 3)), linewidth=0.6 * thin)
    if sector is not None:
        _draw_sector(ax, sector, color=colour, linestyle=(0, (1, 1.5)), linewidth=1.2 * thin)
    if plane.escape is not None:
        ax.plot(*plane.escape.T, color="white", linewidth=2.2 * thin)
        ax.plot(*plane.escape.T, color=colour, linewidth=1.1 * thin)
    if plane.samples is not None:
        ax.plot(*plane.samples.T, "^", color=colour, markersize=4)
    ax.set(xlim=extent[:2], ylim=extent[2:], aspect="equal")
    return shown


def _draw_sector(ax: Axes, sector: float, **style: Any) -> None:
    for turn in (0.0, sector):
        ax.plot([0, 3 * np.cos(turn)], [0, 3 * np.sin(turn)], **style)


# Escape curves


@picture
def escape_curves(node: EscapeCurve, anode: EscapeCurve) -> Figure:
    """Draw the escape curves of the origin, all seeds: of NODEs in the plane, of ANODEs above it.

    Args:
        node: Curves of Neural ODEs in the plane.
        anode: Curves of augmented ones with p = 1.
    """
    fig, (left, right) = panels(2, 3.7)
    r1, r2, r3 = RADII
    for low, high, colour in ((0, r1, palette.inner), (r2, r3, palette.outer)):
        ring: Style = {"width": high - low, "color": colour, "alpha": 0.25, "lw": 0}
        left.add_patch(Wedge((0, 0), high, 0, 360, **ring))
        line: Style = {"linewidth": 7, "alpha": 0.45, "solid_capstyle": "butt"}
        right.plot([low, high], [0, 0], color=colour, **line)
    for curve in node.states:
        left.plot(*curve.T, color=palette.node, linewidth=0.9, alpha=0.8)
    left.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    left.set_title(f"NODE, {len(node.states)} seeds")
    for curve in anode.states:
        x, added = np.linalg.norm(curve[:, :2], axis=1), curve[:, 2]
        right.plot(x, added, color=palette.anode_small, linewidth=0.9, alpha=0.8)
    right.axhline(0, color=palette.ink(), linewidth=0.8, linestyle="--")
    right.annotate(
        "inputs", (1, 0), xycoords=("axes fraction", "data"), xytext=(-2, 3),
        textcoords="offset points", ha="right", fontsize=9,
    )  # fmt: skip
    right.set(xlim=(0, 2), ylim=(-2, 2), xlabel=r"$\|h(0)\|$", ylabel="$a(0)$")
    right.set_title(f"ANODE (p = 1), {len(anode.states)} seeds")
    handles = [
        entry(label, color=colour, linewidth=7, alpha=0.45)
        for colour, label in ((palette.inner, "ball A"), (palette.outer, "annulus B"))
    ]
    legend_below(fig, handles, columns=2)
    return fig


# A slice left out


@picture
def slice_losses(histories: Mapping[str, History]) -> Figure:
    """Draw training loss and loss on the slice over epochs, a panel a model (Fig. 9, right).

    Thin lines are seeds on the slice. Thick lines are the mean and the median over the seeds on the
    slice, and the mean of the training loss.

    Args:
        histories: Label of a model -> history with the losses on the slice as validation losses.
    """
    fig, axes = panels(len(histories), 3.2, grid="both", sharey=True)
    for ax, (label, history) in zip(axes, histories.items(), strict=True):
        assert history.validation_loss is not None
        colour, held_out = look_of(label).colour, history.validation_loss
        epochs = np.arange(1, held_out.shape[1] + 1)
        ax.plot(epochs, held_out.T, color=colour, linewidth=0.5, alpha=0.45)
        for values, style, shade in (
            (history.epoch_loss, ":", palette.ink()), (held_out, "-", colour)
        ):  # fmt: skip
            ax.plot(epochs, mean_of_running(values), style, color=shade, linewidth=2)
            mark_failures(ax, values, history, shade)
        median = np.ma.median(np.ma.masked_invalid(held_out), axis=0)
        ax.plot(epochs, median, "--", color=colour, linewidth=2)
        ax.set(title=label + census(history).replace(" (", "\n("), xlabel="epoch", yscale="log")
    axes[0].set_ylabel("Huber loss")
    handles = [
        entry(name, color=palette.ink(), ls=style, lw=width)
        for style, width, name in (
            (":", 2, "training, mean"),
            ("-", 2, "slice, mean"),
            ("--", 2, "slice, median"),
            ("-", 0.5, "slice, each seed"),
        )
    ]
    handles += failures_handle(histories.values())
    legend_below(fig, handles, columns=len(handles))
    return fig


@picture
def slice_gaps(
    gaps: Mapping[str, Floats],
    means: Mapping[str, tuple[float, float, float]],
    angles: Floats,
    sector: float,
) -> Figure:
    """Draw generalisation gaps of every seed, and a NODE's against the angle of its escape curve.

    Args:
        gaps: Label of a model -> loss on the slice less training loss, ``(R,)``; a NODE first.
        means: Label of a model -> mean over the seeds, and the ends of an interval for it.
        angles: Where the NODEs' escape curves cross the annulus, from -pi to pi, ``(R,)``.
        sector: The slice is from 0 to this angle, in radians.
    """
    fig, (left, right) = panels(2, 3.6, grid="y", sharey=True)
    labels = list(gaps)
    table = np.array([gaps[label] for label in labels])  # (models, R)
    left.plot(range(len(labels)), table, color=palette.muted, linewidth=0.5, alpha=0.6)
    for place, label in enumerate(labels):
        colour, (mean, low, high) = look_of(label).colour, means[label]
        at = np.full(table.shape[1], place)
        left.plot(at, table[place], "o", color=colour, markersize=4, alpha=0.7)
        bar: Style = {"capsize": 4, "color": palette.ink(), "linewidth": 1.5, "markersize": 7}
        ends = np.clip([[mean - low], [high - mean]], 0, 10)  # with one or two seeds, infinite
        left.errorbar(place + 0.22, mean, yerr=ends, fmt="D", **bar)
    left.set_xticks(range(len(labels)), [label.replace(" (", "\n(") for label in labels])
    left.set(xlim=(-0.4, len(labels) - 0.4), ylabel="loss on the slice − training loss")
    left.set_title("each seed; diamonds: mean, 95 %")
    middle, first = np.degrees(sector) / 2, labels[0]
    right.axvspan(0, 2 * middle, color=palette.muted, alpha=0.3, linewidth=0)
    right.plot(np.degrees(angles), table[0], "o", color=look_of(first).colour, markersize=5)
    right.annotate(
        "slice", (middle, 0.03), xycoords=("data", "axes fraction"), ha="center", va="bottom",
        fontsize=9,
    )  # fmt: skip
    right.set(xlim=(-180, 180), xlabel="angle of the escape curve, degrees", title=first)
    right.set_xticks([-180, -90, 0, 90, 180])
    for ax in (left, right):
        ax.set_yscale("symlog", linthresh=1e-4)
        ax.set_ylim(top=1)
    return fig
