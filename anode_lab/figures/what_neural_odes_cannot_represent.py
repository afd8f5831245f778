"""Figures of the chapter on what Neural ODEs cannot represent (paper, Figs 4-6 and 13-15).

Figures of several data sets take title -> run, one Neural ODE trained on each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from anode.arrays import Floats
from anode.data import Data
from anode.training import History
from anode_lab.figures.parts.annulus_diagrams import disk as disk
from anode_lab.figures.parts.annulus_diagrams import gaps as gaps
from anode_lab.figures.parts.annulus_diagrams import target as target
from anode_lab.figures.parts.curves import census, failures_handle, mark_failures, quantiles
from anode_lab.figures.parts.scrubber import scrubber as scrubber
from anode_lab.figures.parts.states import (
    TARGETS,
    draw_circles,
    draw_legend,
    draw_line_of_zero,
    draw_points,
    limits_of,
    set_limits,
)
from anode_lab.figures.style import entry, legend_below, look_of, palette, panels, picture
from anode_lab.measures.toy_flows import median_replica, snapshots, spread_out
from anode_lab.runs import Run
from anode_lab.theory.circle_image import CircleImage

# Data and losses


@picture
def data_sets(line: Data, plane: Data, easy: Data) -> Figure:
    """Draw g on the line and in the plane, and the separable set (Fig. 4 and appendix F)."""
    fig, axes = panels(3, 2.9, width_ratios=(1.15, 1, 1))
    axes[0].set(title="$g$, $d = 1$", xlabel="$x$", ylabel="target", ylim=(-1.5, 1.5))
    axes[0].set(yticks=[-1, 0, 1], xticks=[-1.5, -1, -0.5, 0.5, 1, 1.5])
    axes[0].tick_params(axis="x", labelsize=8)
    states = np.column_stack([line.x[:, 0], line.y[:, 0]])
    draw_points(axes[0], states, line.y[:, 0].numpy(), size=4)
    for ax, data, title in (
        (axes[1], plane, "$g$, $d = 2$"),
        (axes[2], easy, "separable, $d = 2$"),
    ):
        draw_points(ax, data.x.numpy(), data.y[:, 0].numpy(), size=2)
        ax.set(title=title, xlabel="$x_1$", ylabel="$x_2$", xlim=(-1.9, 1.9), ylim=(-1.9, 1.9))
        ax.set_aspect("equal")
    draw_circles(axes[1], labels=True)
    draw_legend(fig, TARGETS)
    return fig


@picture
def losses_by_data(by_data: Mapping[str, Mapping[str, History]]) -> Figure:
    """Draw training losses, a column a data set: above as in Fig. 5, below by their quantiles.

    Above: mean and standard deviation of the seeds on a linear scale. Below, on a logarithmic one:
    the median, and the band from the 16th to the 84th percentile, which holds as many seeds of a
    normal law as one standard deviation; thin lines are seeds.

    Args:
        by_data: Title -> label of a model -> history. All have the same models.
    """
    fig, axes = panels(len(by_data), 5.4, rows=2, grid="both", sharex="col", sharey="row")
    above, below = axes[: len(by_data)], axes[len(by_data) :]
    for ax, logarithmic, (title, histories) in zip(above, below, by_data.items(), strict=True):
        for label, history in histories.items():
            look, values = look_of(label), np.ma.masked_invalid(history.epoch_loss)
            mean, deviation = np.ma.mean(values, axis=0), np.ma.std(values, axis=0, ddof=1)
            _draw_band(ax, mean - deviation, mean, mean + deviation, label)
            logarithmic.plot(_since_one(values), values.T, color=look.colour, lw=0.4, alpha=0.35)
            low, median, high = quantiles(values)
            _draw_band(logarithmic, low, median, high, label)
            for panel in (ax, logarithmic):
                mark_failures(panel, history.epoch_loss, history, look.colour)
        failed = [
            label + census(history) for label, history in histories.items() if history.failures
        ]
        ax.set(title="\n".join([title, *failed]))
        logarithmic.set(yscale="log", xlabel="epoch")
    above[0].set_ylabel("training loss,\nmean ± sd")
    below[0].set_ylabel("training loss,\nmedian and band")
    every = [history for histories in by_data.values() for history in histories.values()]
    handles = [*below[0].get_legend_handles_labels()[0], *failures_handle(every)]
    legend_below(fig, handles, columns=len(handles))
    return fig


def _draw_band(ax: Axes, low: Floats, middle: Floats, high: Floats, label: str) -> None:
    """Draw a model's curve over the epochs in the middle of a band."""
    look, epochs = look_of(label), _since_one(middle)
    ax.fill_between(epochs, low, high, color=look.colour, alpha=0.2, linewidth=0)
    ax.plot(epochs, middle, color=look.colour, linestyle=look.line, linewidth=2, label=label)


def _since_one(values: Floats) -> Floats:
    """Return the epochs 1, 2, ... of ``values (..., E)``."""
    return np.arange(1.0, values.shape[-1] + 1)


# Features through training


@picture
def features_and_nfe(runs: Mapping[str, Run], count: int = 5) -> Figure:
    """Draw features of held-out inputs through training, a row a data set (Fig. 15).

    The last column has the function evaluations of a forward pass. Features are those of the median
    replica, whose evaluations are the thick line; dots mark the epochs that are shown.

    Args:
        runs: Title -> a Neural ODE in the plane.
        count: Largest number of epochs that are shown.
    """
    ratios = (*[1] * count, 1.3)
    fig, axes = panels(count + 1, 0.5 + 1.6 * len(runs), rows=len(runs), width_ratios=ratios)
    rows = [axes[first : first + count + 1] for first in range(0, len(axes), count + 1)]
    for row, (title, run) in zip(rows, runs.items(), strict=True):
        found, y = snapshots(run)
        epochs = spread_out(list(found), count)
        for ax in row[len(epochs) : count]:
            ax.set_axis_off()
        for ax, epoch in zip(row, epochs, strict=False):
            draw_points(ax, found[epoch], y, size=2)
            set_limits(ax, limits_of(found[epoch], margin=0.1))
            ax.set_title(f"epoch {epoch}", fontsize=9, loc="left")
            ax.tick_params(labelsize=7, pad=1)
            ax.locator_params(nbins=3)
        row[0].set_ylabel(title)
        _draw_nfe(row[-1], run, epochs)
        row[-1].set_ylim(_nfe_limits(runs))
        row[-1].yaxis.tick_right()
        row[-1].tick_params(labelsize=7, pad=1)
    rows[-1][-1].set_xlabel("epoch")
    rows[0][-1].set_title("NFE", fontsize=9, loc="left")
    draw_legend(fig, TARGETS)
    return fig


def _draw_nfe(ax: Axes, run: Run, shown: Sequence[int]) -> None:
    nfe, replica = run.history.epoch_nfe, median_replica(run)
    ax.plot(_epochs(run), nfe.T, color=palette.node, linewidth=0.5, alpha=0.3)
    ax.plot(_epochs(run), nfe[replica], color=palette.node, linewidth=2)
    dots = [epoch for epoch in shown if epoch > 0]
    ax.plot(dots, nfe[replica, [epoch - 1 for epoch in dots]], "o", color=palette.ink(), ms=4)
    ax.grid(visible=True)


@picture
def training_frame(runs: Mapping[str, Run], epoch: int) -> Figure:
    """Draw features after one epoch, a panel a data set, and the epoch on the curves of NFE.

    Each panel's axes hold the features of all epochs, so that a slider's frames match.

    Args:
        runs: Title -> a Neural ODE in the plane; up to two.
        epoch: An epoch after which the training kept features.
    """
    fig, (*axes, nfe) = panels(len(runs) + 1, 2.9)
    for ax, (title, run), style in zip(axes, runs.items(), ("-", "--"), strict=False):
        found, y = snapshots(run)
        draw_points(ax, found[epoch], y, size=4)
        set_limits(ax, limits_of(np.stack(list(found.values()))))
        ax.set(title=title, xlabel="$h_1$", ylabel="$h_2$")
        curve = run.history.epoch_nfe[median_replica(run)]
        nfe.plot(_epochs(run), curve, style, color=palette.node, label=title, alpha=0.9)
    nfe.axvline(epoch, color=palette.ink(), linewidth=1)
    last = max(run.history.epoch_nfe.shape[1] for run in runs.values())
    nfe.set(title=f"epoch {epoch}", xlabel="epoch", ylabel="NFE")
    nfe.set(xlim=(-0.03 * last, 1.03 * last), ylim=_nfe_limits(runs))
    nfe.legend(loc="lower right")
    draw_legend(fig, TARGETS)
    return fig


def _epochs(run: Run) -> Floats:
    epochs: Floats = np.arange(1.0, run.history.epoch_nfe.shape[1] + 1)
    return epochs


def _nfe_limits(runs: Mapping[str, Run]) -> tuple[float, float]:
    """Return one scale for all data sets."""
    return 0, 1.08 * max(float(np.nanmax(run.history.epoch_nfe)) for run in runs.values())


@dataclass(frozen=True)
class Breaking:
    """How R networks break the annulus open in E epochs of training.

    Attributes:
        loss, nfe: Loss and forward evaluations, shape ``(R, E)``.
        epochs: Epochs after which the circle was measured, shape ``(K,)``; 0 is before training.
        stretch: Largest stretch of the circle, resolved, shape ``(R, K)``.
        stretch_even: The same from evenly spaced points, shape ``(R, K)``.
        points: Number of the evenly spaced points.
        share: Part of the circle with outputs of the wrong sign, shape ``(R, K)``.
    """

    loss: Floats
    nfe: Floats
    epochs: Floats
    stretch: Floats
    stretch_even: Floats
    points: int
    share: Floats


@picture
def breaking(found: Breaking) -> Figure:
    """Draw stretch, misclassified share, loss and evaluations over epochs, their medians thick."""
    fig, axes = panels(2, 5.2, rows=2, grid="both", sharex=True)
    trained = np.arange(1, found.loss.shape[1] + 1)
    stretch, share, loss, nfe = axes
    even = f"{found.points} even points"
    _draw_seeds(stretch, found.epochs, found.stretch, label="refined")
    _draw_seeds(
        stretch, found.epochs, found.stretch_even, label=even, colour=palette.muted, style="--"
    )
    _draw_seeds(share, found.epochs, found.share)
    _draw_seeds(loss, trained, found.loss)
    _draw_seeds(nfe, trained, found.nfe)
    stretch.set(title="largest stretch of the circle $\\|x\\| = r_2$", yscale="log")
    stretch.set_ylabel("distance after / before")
    stretch.legend(loc="lower right", title=f"median of {len(found.loss)} seeds (thin: each)")
    share.set(title="share of that circle with output below 0", yscale="log", ylabel="share")
    loss.set(title="training loss", yscale="log", xlabel="epoch", ylabel="loss")
    nfe.set(title="function evaluations", xlabel="epoch", ylabel="NFE, forward", ylim=(0, None))
    return fig


def _draw_seeds(
    ax: Axes,
    x: Floats,
    values: Floats,
    *,
    label: str | None = None,
    colour: str = palette.node,
    style: str = "-",
) -> None:
    """Draw each seed of ``values (R, n)`` thin, and the median of the known ones thick.

    Zeros are gaps.
    """
    shown = np.ma.masked_less_equal(np.ma.masked_invalid(values), 0)
    middle = np.ma.median(np.ma.masked_invalid(values), axis=0)
    ax.plot(x, shown.T, style, color=colour, linewidth=0.6, alpha=0.5)
    ax.plot(x, np.ma.masked_less_equal(middle, 0), style, color=colour, linewidth=2.2, label=label)


# Between the samples


@dataclass(frozen=True)
class Window:
    """Outputs of a model on a square of the plane.

    Attributes:
        centre: Centre of the square.
        half: Half the length of its side.
        outputs: Outputs on a grid, shape ``(n, n)``, rows upwards.
    """

    centre: Sequence[float]
    half: float
    outputs: Floats

    @property
    def sides(self) -> Floats:
        """Return the grid's coordinates, shape ``(2, n)``."""
        side = np.linspace(-self.half, self.half, len(self.outputs))
        both: Floats = np.asarray(self.centre)[:, None] + side
        return both


@picture
def between_samples(windows: Sequence[Window], data: Data) -> Figure:
    """Draw a model's decision, closer and closer, with its training samples and the radii of g.

    Args:
        windows: Squares, each within the one before, on which it is drawn.
        data: What the model was trained on.
    """
    fig, axes = panels(len(windows), 3.1)
    colours = [to_rgba(palette.inner, 0.3), to_rgba(palette.outer, 0.3)]
    for index, (ax, shown) in enumerate(zip(axes, windows, strict=True)):
        x1, x2 = shown.sides
        ax.contourf(x1, x2, shown.outputs, levels=[-1e9, 0, 1e9], colors=colours)
        draw_points(ax, data.x.numpy(), data.y[:, 0].numpy(), size=1.5 + 6 * index)
        draw_circles(ax)
        ax.set(xlim=x1[[0, -1]], ylim=x2[[0, -1]], xlabel="$x_1$")
        ax.set_aspect("equal")
        ax.locator_params(nbins=4)
        ax.tick_params(labelsize=8)
        if index + 1 < len(windows):
            (left, right), (low, high) = windows[index + 1].sides[:, [0, -1]]
            around = ([left, right, right, left, left], [low, low, high, high, low])
            ax.plot(*around, color=palette.ink(), linewidth=1.4)
    axes[0].set_ylabel("$x_2$")
    draw_legend(fig, TARGETS)
    return fig


@picture
def ring_images(
    rings: Mapping[str, CircleImage], centre: Floats, weight: Floats, bias: float
) -> Figure:
    """Draw what one flow makes of the circle of radius r2, as coarser and finer rings show it.

    Args:
        rings: Title -> ring of one replica.
        centre: Features of the input 0, shape ``(2,)``.
        weight, bias: Parameters of the linear layer, shapes ``(2,)`` and ``()``; it gives 0 on the
            dashed line.
    """
    fig, axes = panels(len(rings), 3.2, sharey=True)
    limits = limits_of(np.concatenate([ring.features[0] for ring in rings.values()]), margin=0.08)
    for ax, (title, ring) in zip(axes, rings.items(), strict=True):
        _draw_ring(ax, ring)
        ax.plot(*centre, "o", color=palette.inner, ms=7)
        draw_line_of_zero(ax, weight, bias)
        set_limits(ax, limits)
        ax.set(title=title, xlabel="$h_1$")
    axes[0].set_ylabel("$h_2$")
    handles = [
        entry("features of 0", color=palette.inner, marker="o", ls="none"),
        entry("circle, output ≥ 0", color=palette.outer, marker=".", lw=0.8),
        entry("circle, output < 0", color=palette.accent, marker="x", lw=0.8),
        entry("$L$ gives 0", color=palette.ink(), ls="--", lw=1.2),
    ]
    legend_below(fig, handles, columns=4)
    return fig


def _draw_ring(ax: Axes, ring: CircleImage) -> None:
    """Draw a ring as points on a line, in other colours where the output is negative."""
    features, below = ring.features[0], ring.outputs[0] < 0
    wrong = np.where(below[:, None], features, np.nan)
    right = np.where(below[:, None], np.nan, features)
    size = 5 if len(features) < 200 else 2.5
    ax.plot(*right.T, ".-", color=palette.outer, ms=size, lw=0.8)
    ax.plot(*wrong.T, "x-", color=palette.accent, ms=size, lw=0.8)


@dataclass(frozen=True)
class Carried:
    """A closed curve and samples, carried by a flow.

    Attributes:
        times: Times, shape ``(T,)``.
        ring: States of the curve's points, shape ``(T, n, 2)``.
        samples: States of the samples, shape ``(T, m, 2)``.
        y: Targets of the samples, shape ``(m,)``.
    """

    times: Floats
    ring: Floats
    samples: Floats
    y: Floats


@picture
def flow_frame(carried: Carried, step: int) -> Figure:
    """Draw the samples and the circle at one time of the flow, on axes that hold all times."""
    fig, (ax,) = panels(1, 4.4, width=4.6)
    ax.plot(*carried.ring[step].T, color=palette.ink(), linewidth=0.9)
    draw_points(ax, carried.samples[step], carried.y, size=4)
    set_limits(ax, limits_of(np.concatenate([carried.ring, carried.samples], axis=1)))
    ax.set(title=f"t = {carried.times[step]:.3f}", xlabel="$h_1$", ylabel="$h_2$")
    draw_legend(fig, TARGETS)
    return fig
