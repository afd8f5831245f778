"""Curves of training: loss and function evaluations over epochs, every seed shown."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anode.figures.style import palette, picture
from anode.training import Floats, History


@picture
def loss_and_nfe(
    histories: Mapping[str, History], title: str, floor: float | None = None
) -> Figure:
    """Training loss (log scale) and forward function evaluations against epochs (Figs 7 and 8).

    Thick lines are means over the seeds, thin lines single seeds. Seeds whose training failed are
    left out from the failure on, and the legend counts them.

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
    nfe.legend(title=f"mean of {seeds} seeds (thin: each)", loc="lower right")
    return fig


def draw_curves(ax: Axes, values: Floats, label: str, history: History) -> None:
    """One model's curves ``values (R, E)``: the mean thick, each seed thin."""
    colour, style = palette.model(label), palette.line_style(label)
    epochs = np.arange(1, values.shape[1] + 1)
    ax.plot(epochs, values.T, color=colour, linewidth=0.5, alpha=0.3)
    failed = len(history.failures)
    census = f" ({failed} of {len(values)} failed)" if failed else ""
    mean = mean_of_running(values)
    ax.plot(epochs, mean, color=colour, linestyle=style, linewidth=2, label=label + census)


def mean_of_running(values: Floats) -> Floats:
    """Mean ``(E,)`` of ``values (R, E)`` over the seeds that have not failed; NaN if all have."""
    running = np.isfinite(values)
    # Not nanmean: it warns on epochs in which no seed is left.
    total = np.where(running, values, 0).sum(0)
    count = running.sum(0)
    mean: Floats = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return mean
