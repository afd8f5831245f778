"""Figures of the chapter on generalisation: ways out of the ball, a slice left out (Fig. 9)."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Wedge

from anode.data.toy import RADII
from anode.training import Floats, History
from anode_lab.figures.curves import mean_of_running
from anode_lab.figures.failures import census, failures_handle, mark_failures
from anode_lab.figures.style import palette, picture
from anode_lab.theory.circle_image import CircleImage
from anode_lab.theory.escape_curve import EscapeCurve


@picture
def ways_out(node: EscapeCurve, anode: EscapeCurve) -> Figure:
    """The ways out of the origin of all seeds: of NODEs in the plane, of ANODEs out of it.

    Args:
        node: of Neural ODEs in the plane.
        anode: of augmented ones with p = 1.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.7), layout="constrained")
    r1, r2, r3 = RADII
    for outer, width, colour in ((r1, r1, palette.inner), (r3, r3 - r2, palette.outer)):
        left.add_patch(Wedge((0, 0), outer, 0, 360, width=width, color=colour, alpha=0.25, lw=0))
    for curve in node.states:
        left.plot(*curve.T, color=palette.node, linewidth=0.9, alpha=0.8)
    left.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    left.set_title(f"NODE, {len(node.states)} seeds")
    for (low, high), colour in (((0, r1), palette.inner), ((r2, r3), palette.outer)):
        right.plot(
            [low, high], [0, 0], color=colour, linewidth=7, alpha=0.45, solid_capstyle="butt"
        )
    for curve in anode.states:
        x, added = np.linalg.norm(curve[:, :2], axis=1), curve[:, 2]
        right.plot(x, added, color=palette.model("ANODE (p = 1)"), linewidth=0.9, alpha=0.8)
    right.axhline(0, color=palette.ink(), linewidth=0.8, linestyle="--")
    right.annotate(
        "inputs", (1, 0), xycoords=("axes fraction", "data"), xytext=(-2, 3),
        textcoords="offset points", ha="right", fontsize=9,
    )  # fmt: skip
    right.set(xlim=(0, 2), ylim=(-2, 2), xlabel=r"$\|h(0)\|$", ylabel="$a(0)$")
    right.set_title(f"ANODE (p = 1), {len(anode.states)} seeds")
    handles = [
        Line2D([], [], color=colour, linewidth=7, alpha=0.45, label=label)
        for colour, label in ((palette.inner, "ball A"), (palette.outer, "annulus B"))
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=2)
    return fig


@picture
def lowest_on_circle(
    rings: Mapping[str, CircleImage], origin: Mapping[str, Floats], shown: int
) -> Figure:
    """Outputs around the circle of radius r2, of one seed, and the lowest one of every seed.

    Args:
        rings: model's label -> its outputs around the circle, R replicas.
        origin: model's label -> output at the origin, ``(R,)``.
        shown: the replica on the left.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.6), layout="constrained")
    for label, ring in rings.items():
        colour, style = palette.model(label), palette.line_style(label)
        turn = np.degrees(ring.angles[shown])
        left.plot(turn, ring.outputs[shown], style, color=colour, linewidth=1.4, label=label)
    first, ring = next(iter(rings.items()))
    left.axhline(origin[first][shown], color=palette.ink(), linewidth=0.9, linestyle=(0, (1, 1)))
    left.annotate(
        f"{first} at the origin", (0, origin[first][shown]), xytext=(2, 3),
        textcoords="offset points", fontsize=9,
    )  # fmt: skip
    left.set(xlabel="angle, degrees", ylabel="output at $\\|x\\| = r_2$", xlim=(0, 360))
    left.set_title("one seed")
    left.set_xticks([0, 90, 180, 270, 360])
    values = [np.concatenate([origin[label], ring.outputs.min(1)]) for label, ring in rings.items()]
    low, high = np.nanmin(values) - 0.2, max(np.nanmax(values), 1) + 0.2
    right.fill_between([low, high], [low, high], high, color=palette.muted, alpha=0.22, linewidth=0)
    right.text(
        0.32, 0.62, "here no NODE\ncan be", transform=right.transAxes, ha="left", va="center"
    )
    for (label, ring), marker in zip(rings.items(), "o^sD", strict=False):
        right.plot(
            origin[label], ring.outputs.min(1), marker, color=palette.model(label), ms=5, alpha=0.8,
            linestyle="none", label=label,
        )  # fmt: skip
    right.set(xlabel="output at the origin", ylabel="lowest output at $\\|x\\| = r_2$")
    right.set(xlim=(low, high), ylim=(low, high), aspect="equal", title="every seed")
    for ax in (left, right):
        ax.grid(visible=True)
    handles, labels = right.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return fig


@picture
def slice_losses(histories: Mapping[str, History]) -> Figure:
    """Training loss and loss on the slice over epochs, a panel a model (Fig. 9, right).

    Thin: each seed on the slice. Thick: mean and median over the seeds on the slice, and the mean
    of the training loss.
    """
    fig, axes = plt.subplots(
        1, len(histories), figsize=(7.6, 3.2), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, (label, history) in zip(axes[0], histories.items(), strict=True):
        assert history.validation_loss is not None
        colour, held_out = palette.model(label), history.validation_loss
        epochs = np.arange(1, held_out.shape[1] + 1)
        ax.plot(epochs, held_out.T, color=colour, linewidth=0.5, alpha=0.45)
        median = np.ma.median(np.ma.masked_invalid(held_out), axis=0)
        lines = (
            (mean_of_running(history.epoch_loss), ":", palette.ink(), "training, mean"),
            (mean_of_running(held_out), "-", colour, "slice, mean"),
            (median, "--", colour, "slice, median"),
        )
        for values, style, shade, name in lines:
            ax.plot(epochs, values, style, color=shade, linewidth=2, label=name)
            if style != "--":
                each = held_out if style == "-" else history.epoch_loss
                mark_failures(ax, each, history, shade)
        ax.set(title=label + census(history).replace(" (", "\n("), xlabel="epoch", yscale="log")
        ax.grid(visible=True)
    axes[0, 0].set_ylabel("Huber loss")
    handles = [
        Line2D([], [], color=palette.ink(), ls=style, lw=width, label=name)
        for style, width, name in (
            (":", 2, "training, mean"),
            ("-", 2, "slice, mean"),
            ("--", 2, "slice, median"),
            ("-", 0.5, "slice, each seed"),
        )
    ]
    handles += failures_handle(histories.values())
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return fig


@picture
def slice_errors(wrong: Mapping[str, Floats], half: float, sector: float) -> Figure:
    """The share of the seeds that give a point the wrong sign, near a slice left out.

    Args:
        wrong: model's label -> share on a grid of the square, ``(n, n)``; NaN where g has no value.
        half: of the square.
        sector: angle up to which, from the first axis on, no training samples lie.
    """
    fig, axes = plt.subplots(
        1, len(wrong), figsize=(7.6, 2.9), sharey=True, squeeze=False, layout="constrained"
    )
    highest = max(0.1, *(float(np.nanmax(values)) for values in wrong.values()))
    shown: Any = None
    for ax, (label, values) in zip(axes[0], wrong.items(), strict=True):
        shown = ax.imshow(
            values, cmap="cividis", vmin=0, vmax=highest, extent=(-half, half) * 2, origin="lower"
        )
        for turn in (0.0, sector):
            ax.plot(
                [0, 3 * np.cos(turn)], [0, 3 * np.sin(turn)], color=palette.ink(), lw=0.8, ls="--"
            )
        ax.set(title=label, xlim=(0, 1.6), ylim=(-0.6, 1.6), xlabel="$x_1$", aspect="equal")
    axes[0, 0].set_ylabel("$x_2$")
    bar = fig.colorbar(shown, ax=axes, location="bottom", aspect=50, fraction=0.05, pad=0.02)
    bar.set_label("share of seeds, wrong sign")
    return fig


@picture
def slice_gaps(
    gaps: Mapping[str, Floats],
    means: Mapping[str, tuple[float, float, float]],
    angles: Floats,
    sector: float,
) -> Figure:
    """Generalisation gaps of every seed, and a NODE's against the angle of its way out.

    Args:
        gaps: model's label -> loss on the slice less training loss, ``(R,)``; a NODE first.
        means: model's label -> mean over the seeds, and the ends of an interval for it.
        angles: where the NODEs' ways out cross the annulus, in radians from -pi to pi, ``(R,)``.
        sector: the slice is from 0 to this angle.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.6), sharey=True, layout="constrained")
    labels = list(gaps)
    table = np.array([gaps[label] for label in labels])  # (models, R)
    left.plot(range(len(labels)), table, color=palette.muted, linewidth=0.5, alpha=0.6)
    for place, label in enumerate(labels):
        colour, (mean, low, high) = palette.model(label), means[label]
        at = np.full(table.shape[1], place)
        left.plot(at, table[place], "o", color=colour, markersize=4, alpha=0.7)
        bar = {"capsize": 4, "color": palette.ink(), "linewidth": 1.5, "markersize": 7}
        ends = np.clip([[mean - low], [high - mean]], 0, 10)  # with one or two seeds, infinite
        left.errorbar(place + 0.22, mean, yerr=ends, fmt="D", **bar)
    left.set_xticks(range(len(labels)), [label.replace(" (", "\n(") for label in labels])
    left.set(xlim=(-0.4, len(labels) - 0.4), ylabel="loss on the slice − training loss")
    left.set_title("each seed; diamonds: mean, 95 %")
    right.axvspan(0, np.degrees(sector), color=palette.muted, alpha=0.3, linewidth=0)
    right.plot(np.degrees(angles), table[0], "o", color=palette.model(labels[0]), markersize=5)
    right.annotate(
        "slice", (np.degrees(sector) / 2, 0.03), xycoords=("data", "axes fraction"), ha="center",
        va="bottom", fontsize=9,
    )  # fmt: skip
    right.set(xlim=(-180, 180), xlabel="angle of the way out, degrees", title=labels[0])
    right.set_xticks([-180, -90, 0, 90, 180])
    for ax in (left, right):
        ax.set_yscale("symlog", linthresh=1e-4)
        ax.set_ylim(top=1)
        ax.grid(visible=True, axis="y")
    return fig
