"""Curves of training: loss and function evaluations, their spread over seeds, and failed seeds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from anode.arrays import Floats
from anode.training import History
from anode_lab.figures.style import entry, legend_below, look_of, palette, panels, picture
from anode_lab.formatting import count_seeds

_CROSS: dict[str, Any] = {
    "marker": "x", "linestyle": "none", "markersize": 7, "markeredgewidth": 1.8
}  # fmt: skip
_CROWDED = 15  # single lines in a panel, beyond which they are hard to tell apart


@picture
def loss_and_nfe(
    histories: Mapping[str, History], title: str, floor: float | None = None
) -> Figure:
    """Draw the training loss (log scale) and the forward evaluations against epochs (Figs 7, 8).

    Thick lines are means over the seeds, thin lines single seeds. The curve of a seed whose
    training failed ends with a cross; the mean leaves it out from there on, and the legend counts
    it.

    Args:
        histories: Label of a model -> its history.
        title: What the models were trained on.
        floor: Proven lower bound of the Neural ODE's loss, drawn as a line.
    """
    fig, (loss, nfe) = panels(2, 3.3, grid="both")
    draw_loss_and_nfe(loss, nfe, histories)
    if floor is not None:
        loss.axhline(floor, color=palette.ink(), linewidth=1, linestyle=(0, (1, 1)))
        loss.annotate(
            "no flow of the line below", (0.98, floor), xycoords=("axes fraction", "data"),
            xytext=(0, -3), textcoords="offset points", ha="right", va="top", fontsize=9,
        )  # fmt: skip
    loss.set(yscale="log", xlabel="epoch", ylabel="training loss", title=title)
    nfe.set(xlabel="epoch", ylabel="function evaluations", ylim=(0, None))
    nfe.set_title("forward passes")
    handles = [*nfe.get_legend_handles_labels()[0], *failures_handle(histories.values())]
    title = mean_of(histories).replace(", but", ",\nbut")  # it has one panel's width
    nfe.legend(handles=handles, title=f"{title} (thin: each)", loc="lower right")
    return fig


def draw_loss_and_nfe(loss: Axes, nfe: Axes, histories: Mapping[str, History]) -> None:
    """Draw the curves of each model: losses into one panel, forward evaluations into another."""
    for label, history in histories.items():
        draw_curves(loss, history.epoch_loss, label, history)
        draw_curves(nfe, history.epoch_nfe, label, history)


def draw_curves(ax: Axes, values: Floats, label: str, history: History) -> Line2D:
    """Draw one model's curves: the mean thick, seeds thin, a cross where one failed.

    Args:
        ax: Panel with epochs on its horizontal axis.
        values: Curve of each seed, shape ``(R, E)``.
        label: Label of the model.
        history: History of its training.

    Returns:
        The line of the mean.
    """
    look, epochs = look_of(label), np.arange(1, values.shape[1] + 1)
    ax.plot(epochs, values.T, color=look.colour, linewidth=0.5, alpha=0.3)
    mean, name = mean_of_running(values), label + census(history)
    (line,) = ax.plot(epochs, mean, color=look.colour, linestyle=look.line, linewidth=2, label=name)
    mark_failures(ax, values, history, look.colour)
    return line


def mean_of_running(values: Floats) -> Floats:
    """Return the mean ``(E,)`` of ``values (R, E)`` over the seeds that have not failed.

    It is NaN where all have.
    """
    running = np.isfinite(values)
    # Not nanmean: it warns on epochs in which no seed is left.
    total = np.where(running, values, 0).sum(0)
    count = running.sum(0)
    mean: Floats = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return mean


def quantiles(values: Floats, shares: Sequence[float] = (0.16, 0.5, 0.84)) -> list[Floats]:
    """Return quantiles ``(E,)`` of ``values (R, E)`` over the seeds that have not failed.

    They are NaN where all have. Between the default ones lie as many seeds as a normal law has
    within one standard deviation.
    """
    columns = [column.compressed() for column in np.ma.masked_invalid(values).T]
    return [
        np.array([np.quantile(column, share) if len(column) else np.nan for column in columns])
        for share in shares
    ]


# Seeds whose training failed


def census(history: History) -> str:
    """Return how many seeds failed, as the end of a label; nothing if none did."""
    failed = len(history.failures)
    return f" ({failed} of {len(history.step_loss)} failed)" if failed else ""


def mark_failures(
    ax: Axes,
    values: Floats,
    history: History,
    colour: str,
    time: Literal["epoch", "iteration"] = "epoch",
) -> None:
    """Draw a cross for each seed that failed: when it did, at the height of its last number.

    Args:
        ax: Panel with the curves, from epoch or iteration 1 on.
        values: Curves, shape ``(R, E)``, not finite from a failure on.
        history: History of the training.
        colour: Colour of the crosses.
        time: Quantity on the horizontal axis.
    """
    for replica, failure in history.failures.items():
        known = values[replica][np.isfinite(values[replica])]
        # A seed that failed before it had a number has its cross on the axis.
        height, where = (known[-1], ax.transData) if len(known) else (0, ax.get_xaxis_transform())
        ax.plot(
            getattr(failure, time), height, color=colour, zorder=4, clip_on=False, transform=where,
            **_CROSS,
        )  # fmt: skip


def failures_handle(histories: Iterable[History]) -> list[Line2D]:
    """Return the one legend entry for all crosses, with their number; none if no seed failed."""
    every = list(histories)
    failed = sum(len(history.failures) for history in every)
    trained = sum(len(history.step_loss) for history in every)
    label = f"training failed ({failed} of {trained})"
    return [entry(label, color=palette.ink(), **_CROSS)] if failed else []


def mean_of(histories: Mapping[str, History]) -> str:
    """Return what a curve is a mean of, as "mean of 5 seeds", and whether it leaves some out."""
    left_out = any(history.failures for history in histories.values())
    return f"mean of {count_seeds(histories)}" + (
        ", but for those that have failed" if left_out else ""
    )


# Axes and legends of several panels


def finish_epochs(axes: Iterable[Axes]) -> None:
    """Set whole epochs on the horizontal axes, and draw grids."""
    for ax in axes:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        ax.grid(visible=True)


def from_zero(axes: Iterable[Axes]) -> None:
    """Give all panels one vertical scale, from 0 to a bit above the highest number."""
    every = list(axes)
    high = max(ax.dataLim.y1 for ax in every)
    for ax in every:
        ax.set_ylim(0, 1.05 * high if np.isfinite(high) else None)


def legend_of_models(
    fig: Figure, handles: Sequence[Artist], histories: Mapping[str, History]
) -> None:
    """Draw a legend under all panels for mean curves, which tells the number of seeds.

    The lines of single seeds, those thinner than 1, are made fainter if there are many of them.

    Args:
        fig: Figure with mean curves and seeds.
        handles: Entries of the legend.
        histories: Label of a model -> its history.
    """
    legend_below(
        fig, [*handles, *failures_handle(histories.values())], f"{mean_of(histories)} (thin: each)"
    )
    crowded = sum(len(history.step_loss) for history in histories.values()) > _CROWDED
    for line in (line for panel in fig.axes for line in panel.lines):
        if line.get_linewidth() < 1:
            line.set_alpha(0.3 if crowded else 0.55)


def side_by_side(count: int, width: float = 0.3) -> Floats:
    """Return ``count`` places beside each other, around 0, shape ``(count,)``."""
    return np.linspace(-width / 2, width / 2, count) if count > 1 else np.zeros(count)
