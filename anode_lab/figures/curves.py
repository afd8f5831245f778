"""Curves of training: loss and function evaluations over epochs, with their spread over seeds."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from anode.training import Floats, History
from anode_lab.figures.failures import census, failures_handle, mark_failures, mean_of
from anode_lab.figures.style import palette, picture


@picture
def loss_and_nfe(
    histories: Mapping[str, History], title: str, floor: float | None = None
) -> Figure:
    """Training loss (log scale) and forward function evaluations against epochs (Figs 7 and 8).

    Thick lines are means over the seeds, thin lines single seeds. Seeds whose training failed are
    left out from the failure on: their curves end with a cross, and the legend counts them.

    Args:
        histories: model's label -> history.
        title: what was trained on.
        floor: a proven lower bound of the NODE's loss, drawn as a line.
    """
    fig, (loss, nfe) = plt.subplots(1, 2, figsize=(7.6, 3.3), layout="constrained")
    for label, history in histories.items():
        draw_curves(loss, history.epoch_loss, label, history)
        draw_curves(nfe, history.epoch_nfe, label, history)
    if floor is not None:
        loss.axhline(floor, color=palette.ink(), linewidth=1, linestyle=(0, (1, 1)))
        loss.annotate(
            "no flow of the line below",
            (0.98, floor),
            xycoords=("axes fraction", "data"),
            xytext=(0, -3),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=9,
        )
    loss.set(yscale="log", xlabel="epoch", ylabel="training loss", title=title)
    nfe.set(xlabel="epoch", ylabel="function evaluations", ylim=(0, None))
    nfe.set_title("forward passes")
    for ax in (loss, nfe):
        ax.grid(True, which="major")
    seeds = max(len(history.step_loss) for history in histories.values())
    handles = [*nfe.get_legend_handles_labels()[0], *failures_handle(histories.values())]
    title = mean_of(f"{seeds} seed" + ("s" if seeds > 1 else ""), histories.values())
    title = title.replace(", but", ",\nbut")  # it has one panel's width
    nfe.legend(handles=handles, title=f"{title} (thin: each)", loc="lower right")
    return fig


@picture
def losses(histories: Mapping[str, History], title: str) -> Figure:
    """Training losses of several kinds of model together, on two scales (Fig. 18).

    Left, as in the paper: mean and standard deviation over the seeds. Right, on a logarithmic
    scale, where a band of that kind would reach below 0: median, and the seeds between the 16th
    and the 84th percentile, of which a normal law has as many within one standard deviation.

    Args:
        histories: model's label -> history.
        title: what was trained on.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.5), layout="constrained")
    for label, history in histories.items():
        colour, style = palette.model(label), palette.line_style(label)
        values = np.ma.masked_invalid(history.epoch_loss)  # failed seeds, from the failure on
        epochs = np.arange(1, values.shape[1] + 1)
        mean, deviation = values.mean(axis=0), values.std(axis=0)
        low, middle, high = _quantiles(values, (0.16, 0.5, 0.84))
        for ax, centre, bottom, top in (
            (left, mean, mean - deviation, mean + deviation),
            (right, middle, low, high),
        ):
            name = label + census(history)
            ax.plot(epochs, centre, color=colour, linestyle=style, linewidth=2, label=name)
            ax.fill_between(epochs, bottom, top, color=colour, alpha=0.2, linewidth=0)
            mark_failures(ax, history.epoch_loss, history, colour)
            ax.set(xlabel="epoch", ylabel="training loss")
            ax.grid(True, which="major")
    left.set(title=f"{title}: mean ± s.d.", ylim=(0, None))
    right.set(title="median, 16th to 84th percentile", yscale="log")
    handles = [*left.get_legend_handles_labels()[0], *failures_handle(histories.values())]
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return fig


@picture
def losses_by_data(panels: Mapping[str, Mapping[str, History]]) -> Figure:
    """Training losses on a logarithmic scale, a panel a data set (Fig. 5).

    Thick: median of the seeds; shaded: from the 16th to the 84th percentile, of which a normal law
    has as many within one standard deviation; thin: each seed. A standard deviation around the
    mean would reach below 0, which this scale cannot show.

    Args:
        panels: title -> model's label -> history, of the same models.
    """
    fig, axes = plt.subplots(
        1, len(panels), figsize=(7.6, 3.3), squeeze=False, sharey=True, layout="constrained"
    )
    for ax, (title, histories) in zip(axes[0], panels.items(), strict=True):
        for label, history in histories.items():
            colour, values = palette.model(label), np.ma.masked_invalid(history.epoch_loss)
            epochs = np.arange(1, values.shape[1] + 1)
            low, middle, high = _quantiles(values, (0.16, 0.5, 0.84))
            ax.plot(epochs, values.T, color=colour, linewidth=0.4, alpha=0.35)
            ax.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
            style = palette.line_style(label)
            ax.plot(epochs, middle, color=colour, linestyle=style, linewidth=2, label=label)
            mark_failures(ax, history.epoch_loss, history, colour)
        failed = [
            label + census(history) for label, history in histories.items() if history.failures
        ]
        ax.set(title="\n".join([title, *failed]), yscale="log", xlabel="epoch")
        ax.grid(True, which="major")
    axes[0, 0].set_ylabel("training loss")
    models = [line for line in axes[0, 0].lines if line.get_label() in next(iter(panels.values()))]
    every = [history for histories in panels.values() for history in histories.values()]
    handles = [*models, *failures_handle(every)]
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return fig


def _quantiles(values: np.ma.MaskedArray, shares: tuple[float, ...]) -> list[Floats]:
    """Quantiles over the seeds of ``values (R, E)``, each ``(E,)``; NaN if all have failed."""
    columns = [column.compressed() for column in values.T]
    return [
        np.array([np.quantile(column, share) if len(column) else np.nan for column in columns])
        for share in shares
    ]


def draw_curves(ax: Axes, values: Floats, label: str, history: History) -> Line2D:
    """One model's curves ``values (R, E)``: mean thick, seeds thin, a cross where one failed.

    Returns:
        The line of the mean.
    """
    colour, style = palette.model(label), palette.line_style(label)
    epochs = np.arange(1, values.shape[1] + 1)
    ax.plot(epochs, values.T, color=colour, linewidth=0.5, alpha=0.3)
    mean, name = mean_of_running(values), label + census(history)
    (line,) = ax.plot(epochs, mean, color=colour, linestyle=style, linewidth=2, label=name)
    mark_failures(ax, values, history, colour)
    return line


def mean_of_running(values: Floats) -> Floats:
    """Mean ``(E,)`` of ``values (R, E)`` over the seeds that have not failed; NaN if all have."""
    running = np.isfinite(values)
    # Not nanmean: it warns on epochs in which no seed is left.
    total = np.where(running, values, 0).sum(0)
    count = running.sum(0)
    mean: Floats = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return mean
