"""Figures of the chapter on images (paper, section 5.2 and Figs 10, 11)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from anode.data import Data
from anode.figures.curves import draw_curves, mean_of_running
from anode.figures.style import palette, picture
from anode.levels import nfe_at_loss
from anode.training import Floats, History

_MARKERS = {"p = 0": "o", "p = 5": "s"}
_SIGNED = "PuOr"  # zero is light, so that both signs are seen


@picture
def samples(data: Data, names: Sequence[str], each: int = 3) -> Figure:
    """Some images of each class, and the data's name.

    Args:
        data: images of one channel, ``(N, 1, H, W)``, and class indices.
        names: one a class.
        each: images of a class, or all it has if it has fewer.
    """
    fig, axes = plt.subplots(
        each, len(names), figsize=(7.6, 0.72 * each + 0.65), squeeze=False, layout="constrained"
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for index, name in enumerate(names):
        axes[0, index].set_title(name, fontsize=9)
        chosen = data.x[data.y == index][:each, 0].cpu().numpy()
        for ax, image in zip(axes[:, index], chosen, strict=False):
            ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    fig.suptitle(f"{data.name}: {len(data)} for training", fontsize=10.5)
    return fig


@picture
def loss_nfe_and_both(histories: Mapping[str, History], title: str) -> Figure:
    """Training loss and function evaluations over epochs, and one against the other (Fig. 10).

    Thick lines are means over the seeds, thin lines single seeds. In the third panel a seed's
    evaluations are those at which its loss first came down to a level; its mean goes as far as
    every seed of the model went.

    Args:
        histories: model's label -> history.
        title: which data was trained on.
    """
    fig, (loss, nfe, both) = plt.subplots(1, 3, figsize=(7.6, 3.3), layout="constrained")
    for label, history in histories.items():
        draw_curves(loss, history.epoch_loss, label, history)
        draw_curves(nfe, history.epoch_nfe, label, history)
        _draw_nfe_against_loss(both, label, history)
    loss.set(yscale="log", xlabel="epoch", ylabel="training loss", title="Loss")
    nfe.set(xlabel="epoch", ylabel="evaluations, forward", title="NFE")
    both.set(xscale="log", xlabel="training loss", title="NFE against loss")
    both.invert_xaxis()  # training goes to the right, as in the other panels
    _plain_numbers(loss.yaxis)
    _plain_numbers(both.xaxis)
    high = max(nfe.get_ylim()[1], both.get_ylim()[1])
    for ax in (nfe, both):
        ax.set_ylim(0, high)
    for ax in (loss, nfe):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    for ax in (loss, nfe, both):
        ax.grid(visible=True)
    handles, labels = loss.get_legend_handles_labels()
    seeds = max(len(history.step_loss) for history in histories.values())
    fig.legend(
        handles, labels, title=f"mean of {seeds} seeds (thin: each)", loc="outside lower center",
        ncols=len(labels),
    )  # fmt: skip
    fig.suptitle(title, fontsize=10.5)
    return fig


def _plain_numbers(axis: Axis) -> None:
    """Labels 2, 1, 0.5 on a logarithmic axis that may be shorter than a power of ten."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _draw_nfe_against_loss(ax: Axes, label: str, history: History) -> None:
    colour, style = palette.model(label), palette.line_style(label)
    losses = history.epoch_loss
    complete = np.isfinite(losses).all(axis=1)
    if not complete.any():
        return
    # From the loss that all seeds have had to the lowest of any.
    levels = np.geomspace(losses[complete, 0].min(), losses[complete].min(), 80)
    nfe = nfe_at_loss(history, levels)[complete]
    ax.plot(levels, nfe.T, color=colour, linewidth=0.5, alpha=0.3)
    ax.plot(levels, nfe.mean(axis=0), color=colour, linestyle=style, linewidth=2)


@dataclass(frozen=True)
class Baseline:
    """A model without a flow, to compare with.

    Attributes:
        label: its name.
        loss, accuracy: on the validation data.
    """

    label: str
    loss: float
    accuracy: float


@picture
def validation(
    histories: Mapping[str, History], accuracies: Mapping[str, Floats], baseline: Baseline
) -> Figure:
    """Training and validation loss over epochs, a panel a model, and the final accuracies.

    Args:
        histories: label -> history with validation losses.
        accuracies: label -> accuracy of each seed on the validation data, shape ``(R,)``.
        baseline: drawn as a dotted line.
    """
    count = len(histories)
    fig, axes = plt.subplots(
        1, count + 1, figsize=(7.6, 3.2), layout="constrained", width_ratios=[*[1] * count, 0.8]
    )
    for ax in axes[1:count]:
        ax.sharey(axes[0])
        ax.tick_params(labelleft=False)
    for ax, (label, history) in zip(axes, histories.items(), strict=False):
        assert history.validation_loss is not None
        colour, epochs = palette.model(label), np.arange(1, history.epoch_loss.shape[1] + 1)
        for values, style, what in (
            (history.epoch_loss, "-", "training"),
            (history.validation_loss, ":", "validation"),
        ):
            ax.plot(epochs, values.T, style, color=colour, linewidth=0.5, alpha=0.4)
            ax.plot(epochs, mean_of_running(values), style, color=colour, linewidth=2, label=what)
        ax.axhline(baseline.loss, color=palette.ink(), linestyle="-.", linewidth=1)
        ax.set(title=label, xlabel="epoch", yscale="log")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        ax.legend(loc="upper right")
    axes[0].set_ylabel("cross-entropy")
    _plain_numbers(axes[0].yaxis)
    last = axes[-1]
    for index, (label, values) in enumerate(accuracies.items()):
        spread = index + np.linspace(-0.15, 0.15, len(values)) * (len(values) > 1)
        marker = _MARKERS.get(label, "^")
        last.plot(spread, 100 * values, marker, color=palette.model(label), markersize=6)
    last.axhline(
        100 * baseline.accuracy, color=palette.ink(), linestyle="-.", linewidth=1,
        label=baseline.label,
    )  # fmt: skip
    last.set(title="After training", ylabel="validation accuracy, %", xlim=(-0.6, count - 0.4))
    last.set_xticks(range(count), list(accuracies))
    fig.legend(*last.get_legend_handles_labels(), loc="outside lower center")
    for ax in axes:
        ax.grid(visible=True, axis="y")
    return fig


@dataclass(frozen=True)
class Trajectory:
    """One image on its way through a flow.

    Attributes:
        title: what the image is.
        states: shape ``(T, channels, H, W)``; the first channel is the image's.
    """

    title: str
    states: Floats


@picture
def through_time(times: Floats, node: Sequence[Trajectory], anode: Sequence[Trajectory]) -> Figure:
    """Images on their way through the flows: a block an image, a row a channel, times side by side.

    The topmost row is the Neural ODE's only channel. Each row has a scale of its own, the same for
    all images and times and symmetric about 0. Colours are proportional to the square root of a
    value: what grows tenfold on the way is still visible at its start.

    Args:
        times: shape ``(T,)``.
        node, anode: the same images through the flow of either model.
    """
    channels = anode[0].states.shape[1]
    names = ["p = 0: $h$", f"p = {channels - 1}: $h$", *(f"$a_{i}$" for i in range(1, channels))]
    rows = [[_signed_root(trajectory.states[:, 0]) for trajectory in node]]
    rows += [[_signed_root(each.states[:, i]) for each in anode] for i in range(channels)]
    fig = plt.figure(figsize=(7.6, 0.62 * len(rows) + 0.7), layout="constrained")
    # Pictures keep their shape, so the layout does not see how far the labels reach.
    fig.get_layout_engine().set(rect=(0.02, 0, 0.98, 1))  # type: ignore[union-attr,call-arg]
    blocks = fig.subfigures(1, len(anode), wspace=0.03, squeeze=False)
    for index, block in enumerate(blocks[0]):
        axes = block.subplots(len(rows), 1, squeeze=False)[:, 0]
        block.suptitle(anode[index].title, fontsize=10)
        for ax, name, row in zip(axes, names, rows, strict=True):
            strip, centres = _strip(row[index])
            largest = max(np.abs(states).max() for states in row) or 1.0
            ax.imshow(strip, cmap=_SIGNED, vmin=-largest, vmax=largest)
            ax.spines[:].set_visible(False)
            ax.set(xticks=[], yticks=[])
            if index == 0:
                ax.set_ylabel(name, rotation=0, ha="right", va="center")
        axes[0].set_xticks(centres, [f"{time:.2g}" for time in times])
        axes[0].tick_params(top=False, labeltop=True, bottom=False, labelbottom=False)
    return fig


def _strip(pictures: Floats) -> tuple[Floats, Floats]:
    """Pictures ``(T, H, W)`` side by side with transparent gaps, and their centres."""
    width = pictures.shape[2]
    gap = max(1, width // 8)
    padded = np.pad(pictures, ((0, 0), (0, 0), (0, gap)), constant_values=np.nan)
    strip = np.concatenate(list(padded), axis=1)[:, :-gap]
    return strip, np.arange(len(pictures)) * (width + gap) + (width - 1) / 2


def _signed_root(values: Floats) -> Floats:
    root: Floats = np.sign(values) * np.sqrt(np.abs(values))
    return root
