"""Figures of the chapter on images (paper, section 5.2 and Figs 10, 11, 16)."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anode.arrays import Floats
from anode.data import Data
from anode.training import History
from anode_lab.figures.parts.curves import (
    census,
    draw_loss_and_nfe,
    finish_epochs,
    from_zero,
    legend_of_models,
    mark_failures,
    mean_of_running,
    side_by_side,
)
from anode_lab.figures.style import entry, look_of, palette, panels, picture, plain_numbers
from anode_lab.measures.time_to_loss import nfe_at_loss

_SIGNED = "PuOr"  # zero is light, so that both signs are seen
_PHASES: dict[str, Literal["-", ":"]] = {"training": "-", "validation": ":"}


# Data


@picture
def samples(data: Data, names: Sequence[str], each: int = 3) -> Figure:
    """Draw some images of each class, and the data's name.

    Args:
        data: Images of one channel or of three, red, green and blue, ``(N, c, H, W)``, with pixels
            from 0 to 1, and class indices.
        names: Names of the classes.
        each: Number of images of a class, or all it has if it has fewer.

    Raises:
        ValueError: If the images have another number of channels.
    """
    if data.x.shape[1] not in (1, 3):
        raise ValueError(f"data must have 1 or 3 channels to be shown, got {data.x.shape[1]}")
    fig, axes = panels(len(names), 0.72 * each + 0.65, rows=each)
    for ax in axes:
        ax.set_axis_off()
    for index, name in enumerate(names):
        axes[index].set_title(name, fontsize=9)
        chosen = data.x[data.y == index][:each].movedim(1, 3).cpu().numpy()  # (n, H, W, c)
        for ax, image in zip(axes[index :: len(names)], chosen, strict=False):
            ax.imshow(image, cmap="gray", vmin=0, vmax=1)  # the last two for one channel only
    fig.suptitle(textwrap.fill(f"{data.name}: {len(data):,} for training", 95), fontsize=10.5)
    return fig


@picture
def not_here(what: str) -> Figure:
    """Draw an empty frame with a sentence, in the place of a figure whose data are missing.

    Args:
        what: The sentence, which tells what is missing.
    """
    fig, (ax,) = panels(1, 0.9)
    ax.set(xticks=[], yticks=[])
    ax.text(0.5, 0.5, textwrap.fill(what, 90), ha="center", va="center", transform=ax.transAxes)
    return fig


# Training


@picture
def loss_nfe_and_both(histories: Mapping[str, History], title: str) -> Figure:
    """Draw loss and evaluations over epochs, and one against the other (Figs 10, 16).

    Thick lines are means over the seeds, thin lines single seeds. In the third panel a seed's
    evaluations are those at which its loss first came down to a level; its mean goes as far as
    every seed of the model went.

    Args:
        histories: Label of a model -> history; more than five are hard to tell apart.
        title: What the models were trained on.
    """
    fig, (loss, nfe, both) = panels(3, 3.6)
    draw_loss_and_nfe(loss, nfe, histories)
    for label, history in histories.items():
        _draw_nfe_against_loss(both, label, history)
    loss.set(yscale="log", xlabel="epoch", ylabel="training loss", title="Loss")
    nfe.set(xlabel="epoch", ylabel="evaluations, forward", title="NFE")
    both.set(xscale="log", xlabel="training loss", title="NFE against loss")
    both.invert_xaxis()  # training goes to the right, as in the other panels
    plain_numbers(loss.yaxis)
    plain_numbers(both.xaxis)
    from_zero((nfe, both))
    finish_epochs((loss, nfe))
    both.grid(visible=True)
    legend_of_models(fig, loss.get_legend_handles_labels()[0], histories)
    fig.suptitle(textwrap.fill(title, 95), fontsize=10.5)
    return fig


@picture
def by_updates(columns: Mapping[str, Mapping[str, History]], part: int) -> Figure:
    """Draw loss and evaluations against the updates of the weights, a column for each training.

    Lines are as in :func:`loss_nfe_and_both`. All columns have one horizontal scale, which is
    logarithmic, and each row has one vertical scale.

    Args:
        columns: Title of a column -> label of a model -> history, whose epochs are parts of equally
            many updates, see :func:`~anode_lab.measures.time_to_loss.in_parts`.
        part: Number of updates in a part.
    """
    fig, axes = panels(len(columns), 4.8, rows=2, sharex=True, sharey="row", grid="both")
    losses, evaluations = axes[: len(columns)], axes[len(columns) :]
    for loss, nfe, (title, histories) in zip(losses, evaluations, columns.items(), strict=True):
        draw_loss_and_nfe(loss, nfe, histories)
        loss.set(yscale="log", title=title)
        nfe.set(xscale="log", xlabel="updates of the weights")
    losses[0].set_ylabel("training loss")
    evaluations[0].set_ylabel("evaluations, forward")
    plain_numbers(losses[0].yaxis)
    from_zero(evaluations)
    parts = [n for n in (1, 2, 5, 10, 20, 50, 100, 200) if n <= evaluations[0].get_xlim()[1]]
    evaluations[0].set_xticks(parts, [str(part * n) for n in parts])
    evaluations[0].xaxis.minorticks_off()
    every = {
        f"{title} {label}": history
        for title, histories in columns.items()
        for label, history in histories.items()
    }
    legend_of_models(fig, losses[0].get_legend_handles_labels()[0], every)
    return fig


def _draw_nfe_against_loss(ax: Axes, label: str, history: History) -> None:
    losses = history.epoch_loss
    complete = np.isfinite(losses).all(axis=1)
    if not complete.any():
        return
    # From the loss that all seeds have had to the lowest of any.
    levels = np.geomspace(losses[complete, 0].min(), losses[complete].min(), 80)
    nfe, look = nfe_at_loss(history, levels)[complete], look_of(label)
    ax.plot(levels, nfe.T, color=look.colour, linewidth=0.5, alpha=0.3)
    ax.plot(levels, nfe.mean(axis=0), color=look.colour, linestyle=look.line, linewidth=2)


# Validation


@dataclass(frozen=True)
class Baseline:
    """A model without a flow, to compare with.

    Attributes:
        label: Name of the model.
        loss, accuracy: Loss and accuracy on the validation data.
    """

    label: str
    loss: float
    accuracy: float


@picture
def validation(
    histories: Mapping[str, History],
    accuracies: Mapping[str, Floats],
    baseline: Baseline | None = None,
) -> Figure:
    """Draw training and validation loss over epochs, a panel a model, and accuracies (Fig. 11).

    Args:
        histories: Label of a model -> history with validation losses.
        accuracies: Label of a model -> final accuracy of each seed on the validation data, shape
            ``(R,)``; NaN where the training failed.
        baseline: A model that is drawn as a dash-dotted line.

    Raises:
        ValueError: If a history has no validation losses.
    """
    if without := [label for label, each in histories.items() if each.validation_loss is None]:
        raise ValueError(f"histories must have validation losses, got none of {without}")
    count = len(histories) + 1
    rows = 1 if count <= 3 else 2
    columns = -(-count // rows)
    fig, axes = panels(columns, 3.3 if rows == 1 else 5.4, rows=rows)
    *curves, last = axes[:count]
    for ax in axes[count:]:
        ax.remove()
    for index, (ax, (label, history)) in enumerate(zip(curves, histories.items(), strict=True)):
        _draw_validation(ax, label, history, baseline)
        ax.set_ylabel("cross-entropy" if index % columns == 0 else "")
    finish_epochs(curves)
    low, high = zip(*(ax.get_ylim() for ax in curves), strict=True)
    for ax in curves:
        ax.set_ylim(min(low), max(high))
        plain_numbers(ax.yaxis)
    _draw_accuracies(last, accuracies, baseline)
    ink = palette.ink()
    handles = [
        entry(what, color=ink, linestyle=style, linewidth=2) for what, style in _PHASES.items()
    ]
    if baseline is not None:
        name = f"{baseline.label}, validation"
        handles.append(entry(name, color=ink, linestyle="-.", linewidth=1))
    legend_of_models(fig, handles, histories)
    return fig


def _draw_validation(ax: Axes, label: str, history: History, baseline: Baseline | None) -> None:
    assert history.validation_loss is not None
    colour, epochs = look_of(label).colour, np.arange(1, history.epoch_loss.shape[1] + 1)
    losses = (history.epoch_loss, history.validation_loss)
    for values, style in zip(losses, _PHASES.values(), strict=True):
        ax.plot(epochs, values.T, style, color=colour, linewidth=0.5, alpha=0.4)
        ax.plot(epochs, mean_of_running(values), style, color=colour, linewidth=2)
        mark_failures(ax, values, history, colour)
    if baseline is not None:
        ax.axhline(baseline.loss, color=palette.ink(), linestyle="-.", linewidth=1)
    ax.set(title=(label + census(history)).replace(", ", ",\n"), xlabel="epoch", yscale="log")


def _draw_accuracies(ax: Axes, accuracies: Mapping[str, Floats], baseline: Baseline | None) -> None:
    """Draw a column of points for each model."""
    for index, (label, values) in enumerate(accuracies.items()):
        places, look = index + side_by_side(len(values)), look_of(label)
        ax.plot(places, 100 * values, look.marker, color=look.colour, markersize=5)
    if baseline is not None:
        ax.axhline(100 * baseline.accuracy, color=palette.ink(), linestyle="-.", linewidth=1)
    ax.set(title="Final validation", ylabel="accuracy, %")
    ax.set_xlim(-0.6, len(accuracies) - 0.4)
    names = [label.replace(", ", ",\n").replace(" as p", "\nas p") for label in accuracies]
    ax.set_xticks(range(len(accuracies)), names, fontsize=8)
    ax.grid(visible=True, axis="y")


# Images on their way


@dataclass(frozen=True)
class Trajectory:
    """One image on its way through a flow.

    Attributes:
        title: What the image is.
        states: States, shape ``(T, channels, H, W)``; the first channel is the image's.
    """

    title: str
    states: Floats


@picture
def through_time(times: Floats, node: Sequence[Trajectory], anode: Sequence[Trajectory]) -> Figure:
    """Draw images on their way: a block an image, a row a channel, times side by side.

    The topmost row is the Neural ODE's only channel. Each row has a scale of its own, the same for
    all images and times and symmetric about 0. Colours are proportional to the square root of a
    value: what grows tenfold on the way is still visible at its start.

    Args:
        times: Times, shape ``(T,)``.
        node, anode: The same images through the flow of either model.
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
    """Return pictures ``(T, H, W)`` side by side with transparent gaps, and their centres."""
    width = pictures.shape[2]
    gap = max(1, width // 8)
    padded = np.pad(pictures, ((0, 0), (0, 0), (0, gap)), constant_values=np.nan)
    strip = np.concatenate(list(padded), axis=1)[:, :-gap]
    return strip, np.arange(len(pictures)) * (width + gap) + (width - 1) / 2


def _signed_root(values: Floats) -> Floats:
    root: Floats = np.sign(values) * np.sqrt(np.abs(values))
    return root
