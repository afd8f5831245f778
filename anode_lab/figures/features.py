"""Features through training: how a flow breaks the annulus, and what it costs (Figs 4, 6, 15).

Figures of several data sets take title -> run, one Neural ODE trained on each.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anode.data import Data
from anode.training import Floats
from anode_lab.figures.between import CLASSES, draw_circles
from anode_lab.figures.evolution import snapshots, spread_out
from anode_lab.figures.states import draw_legend, draw_points, limits_of, set_limits
from anode_lab.figures.style import palette, picture
from anode_lab.figures.trajectories import median_replica
from anode_lab.runs import Run


@picture
def data_sets(line: Data, plane: Data, easy: Data) -> Figure:
    """g on the line and in the plane, and the separable set (Fig. 4 and appendix F)."""
    fig, axes = plt.subplots(
        1, 3, figsize=(7.6, 2.9), layout="constrained", width_ratios=(1.15, 1, 1)
    )
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
    draw_legend(fig, CLASSES)
    return fig


@picture
def features_and_nfe(runs: Mapping[str, Run], panels: int = 5) -> Figure:
    """Features of inputs that were not trained on through training, a row a data set (Fig. 15).

    The last column has the function evaluations of a forward pass. Features are the median
    replica's, thick in the last column, with the others thin; dots mark the epochs that are shown.

    Args:
        runs: title -> a Neural ODE in the plane.
        panels: most epochs to show.
    """
    fig, axes = plt.subplots(
        len(runs),
        panels + 1,
        figsize=(7.6, 0.5 + 1.6 * len(runs)),
        width_ratios=(*[1] * panels, 1.3),
        squeeze=False,
        layout="constrained",
    )
    for row, (title, run) in zip(axes, runs.items(), strict=True):
        found, y = snapshots(run)
        epochs = spread_out(list(found), panels)
        for ax in row[len(epochs) : panels]:
            ax.set_axis_off()
        for ax, epoch in zip(row, epochs, strict=False):
            draw_points(ax, found[epoch], y, size=2)
            set_limits(ax, limits_of(found[epoch], margin=0.1))
            ax.set_title(f"epoch {epoch}", fontsize=9, loc="left")
            ax.tick_params(labelsize=7, pad=1)
            ax.locator_params(nbins=3)
        row[0].set_ylabel(title)
        _draw_nfe(row[-1], run, epochs)
        row[-1].yaxis.tick_right()
        row[-1].tick_params(labelsize=7, pad=1)
    for row in axes:
        row[-1].set_ylim(_nfe_limits(runs))
    axes[-1, -1].set_xlabel("epoch")
    axes[0, -1].set_title("NFE", fontsize=9, loc="left")
    draw_legend(fig, CLASSES)
    return fig


@picture
def training_frame(runs: Mapping[str, Run], epoch: int) -> Figure:
    """Features after one epoch, one panel a data set, and where on the curves of NFE this is.

    Each panel's axes hold the features of all epochs, so that a slider's frames match.
    """
    fig, axes = plt.subplots(
        1, len(runs) + 1, figsize=(7.6, 2.9), layout="constrained", squeeze=False
    )
    nfe = axes[0, -1]
    for ax, (title, run), style in zip(axes[0], runs.items(), ("-", "--"), strict=False):
        found, y = snapshots(run)
        draw_points(ax, found[epoch], y, size=4)
        set_limits(ax, limits_of(np.stack(list(found.values()))))
        ax.set(title=title, xlabel="$h_1$", ylabel="$h_2$")
        curve = run.history.epoch_nfe[median_replica(run)]
        line = nfe.plot(_epochs(run), curve, style, color=palette.node, label=title)
        line[0].set_alpha(0.9)
    nfe.axvline(epoch, color=palette.ink(), linewidth=1)
    last = max(run.history.epoch_nfe.shape[1] for run in runs.values())
    nfe.set(title=f"epoch {epoch}", xlabel="epoch", ylabel="NFE")
    nfe.set(xlim=(-0.03 * last, 1.03 * last), ylim=_nfe_limits(runs))
    nfe.legend(loc="lower right")
    draw_legend(fig, CLASSES)
    return fig


@dataclass(frozen=True)
class Breaking:
    """How R networks break the annulus open in E epochs of training.

    Attributes:
        loss, nfe: shape ``(R, E)``.
        epochs: after which the circle was measured, shape ``(K,)``; 0 is before training.
        stretch: of the circle, resolved, shape ``(R, K)``.
        stretch_even: the same from evenly spaced points, shape ``(R, K)``.
        points: number of the evenly spaced points.
        share: part of the circle with outputs of the wrong sign, shape ``(R, K)``.
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
    """Stretch, misclassified share, loss and function evaluations over epochs; medians thick."""
    fig, axes = plt.subplots(2, 2, figsize=(7.6, 5.2), sharex=True, layout="constrained")
    trained = np.arange(1, found.loss.shape[1] + 1)
    stretch, share, loss, nfe = axes.ravel()
    _draw_seeds(stretch, found.epochs, found.stretch, palette.node, "-", "refined")
    _draw_seeds(
        stretch,
        found.epochs,
        found.stretch_even,
        palette.muted,
        "--",
        f"{found.points} even points",
    )
    _draw_seeds(share, found.epochs, found.share, palette.node, "-")
    _draw_seeds(loss, trained, found.loss, palette.node, "-")
    _draw_seeds(nfe, trained, found.nfe, palette.node, "-")
    stretch.set(title="largest stretch of the circle $\\|x\\| = r_2$", yscale="log")
    stretch.set_ylabel("distance after / before")
    stretch.legend(loc="lower right", title=f"median of {len(found.loss)} seeds (thin: each)")
    share.set(title="share of that circle with output below 0", yscale="log", ylabel="share")
    loss.set(title="training loss", yscale="log", xlabel="epoch", ylabel="loss")
    nfe.set(title="function evaluations", xlabel="epoch", ylabel="NFE, forward", ylim=(0, None))
    for ax in axes.ravel():
        ax.grid(visible=True, which="major")
    return fig


def _epochs(run: Run) -> Floats:
    epochs: Floats = np.arange(1.0, run.history.epoch_nfe.shape[1] + 1)
    return epochs


def _nfe_limits(runs: Mapping[str, Run]) -> tuple[float, float]:
    """One scale for all data sets."""
    return 0, 1.08 * max(float(np.nanmax(run.history.epoch_nfe)) for run in runs.values())


def _draw_nfe(ax: Axes, run: Run, shown: list[int]) -> None:
    nfe, replica = run.history.epoch_nfe, median_replica(run)
    ax.plot(_epochs(run), nfe.T, color=palette.node, linewidth=0.5, alpha=0.3)
    ax.plot(_epochs(run), nfe[replica], color=palette.node, linewidth=2)
    dots = [epoch for epoch in shown if epoch > 0]
    ax.plot(dots, nfe[replica, [epoch - 1 for epoch in dots]], "o", color=palette.ink(), ms=4)
    ax.grid(visible=True)


def _draw_seeds(
    ax: Axes, x: Floats, values: Floats, colour: str, style: str, label: str | None = None
) -> None:
    """Each seed thin and the median of those that are numbers thick; zeros are gaps."""
    shown = np.ma.masked_less_equal(np.ma.masked_invalid(values), 0)
    middle = np.ma.median(np.ma.masked_invalid(values), axis=0)
    ax.plot(x, shown.T, style, color=colour, linewidth=0.6, alpha=0.5)
    ax.plot(x, np.ma.masked_less_equal(middle, 0), style, color=colour, linewidth=2.2, label=label)
