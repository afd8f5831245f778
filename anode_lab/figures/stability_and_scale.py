"""Figures of the chapter on stability and scale (paper, Figs 12 and 17; sections 5.2 and 6)."""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from anode.arrays import Floats
from anode.training import History
from anode_lab.claims.interval import LEVEL, measure
from anode_lab.figures.parts.curves import (
    draw_curves,
    failures_handle,
    finish_epochs,
    from_zero,
    legend_of_models,
    mark_failures,
    side_by_side,
)
from anode_lab.figures.style import (
    entry,
    legend_below,
    look_of,
    palette,
    panels,
    picture,
    plain_numbers,
)
from anode_lab.formatting import count_seeds

_POINTS = 250  # of a seed's curve: as many as a narrow panel can tell apart
_MEDIANS = 100  # points of the thick curve: long blocks, since evaluations flip between two numbers
_WIDE = 8  # highest over lowest number, beyond which an axis is logarithmic
_NO_GROWTH = 1e-3  # share of the memory, over all evaluations, that is not called growth


# Instabilities


@picture
def instabilities(histories: Mapping[str, History], title: str) -> Figure:
    """Draw loss and evaluations of each step of long trainings, a column a model (Fig. 12).

    Thin lines are single seeds, and a cross is where one's training failed. Long trainings are
    drawn in blocks of equal length: thin the largest number of each of up to 250, so that no spike
    is lost, thick the median of the steps and seeds of each of up to 100.

    Args:
        histories: Label of a model -> history.
        title: What the models were trained on.
    """
    count = len(histories)
    fig, axes = panels(count, 5.2, rows=2, grid="both", sharex="col", sharey="row")
    for index, (label, history) in enumerate(histories.items()):
        loss, nfe = axes[index], axes[count + index]
        _draw_steps(loss, history.step_loss, label, history)
        _draw_steps(nfe, history.step_nfe, label, history)
        loss.set_title(label)
        nfe.set_xlabel("iteration")
        nfe.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    axes[0].set_ylabel("training loss")
    axes[count].set_ylabel("evaluations, forward")
    axes[0].set_yscale("log")
    plain_numbers(axes[0].yaxis)
    _scale(axes[count], [history.step_nfe for history in histories.values()])
    _legend_of_steps(fig, histories)
    fig.suptitle(textwrap.fill(title, 95), fontsize=10.5)
    return fig


def _draw_steps(ax: Axes, values: Floats, label: str, history: History) -> None:
    """Draw one model's ``values (R, S)``."""
    colour = look_of(label).colour
    places, blocks = _blocks(values, _POINTS)
    highest = _with_gaps(blocks.max(axis=2))
    ax.plot(places, highest.T, color=colour, linewidth=0.7, alpha=0.6)
    places, blocks = _blocks(values, _MEDIANS)
    ax.plot(places, _with_gaps(np.ma.median(blocks, axis=(0, 2))), color=colour, linewidth=2)
    mark_failures(ax, highest, history, palette.ink(), "iteration")


def _blocks(values: Floats, most: int) -> tuple[Floats, np.ma.MaskedArray]:
    """Cut ``values (R, S)`` into B blocks of so many steps that there are at most ``most``.

    Returns:
        The middle iteration of each block ``(B,)``, and the numbers ``(R, B, length)``; those that
        are not finite, or past the end, are masked.
    """
    replicas, steps = values.shape
    length = _length(steps, most)
    count = -(-steps // length)
    padded = np.pad(values, ((0, 0), (0, count * length - steps)), constant_values=np.nan)
    first = np.arange(count) * length + 1
    last = np.minimum(first + length - 1, steps)
    return (first + last) / 2, np.ma.masked_invalid(padded.reshape(replicas, count, length))


def _length(steps: int, most: int) -> int:
    return -(-steps // most)


def _with_gaps(values: Floats) -> Floats:
    """Return NaN for what is masked."""
    gaps: Floats = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)
    return gaps


def _scale(ax: Axes, values: Iterable[Floats]) -> None:
    """Start the vertical axis at zero if the values are of one size, else make it logarithmic."""
    known = np.concatenate([each[np.isfinite(each)] for each in values])
    positive = known[known > 0]
    if len(positive) and positive.max() > _WIDE * positive.min():
        ax.set_yscale("log")
        plain_numbers(ax.yaxis)
    else:
        from_zero([ax])


def _legend_of_steps(fig: Figure, histories: Mapping[str, History]) -> None:
    ink = palette.ink()
    steps = max(history.step_loss.shape[1] for history in histories.values())
    each, several = (_length(steps, most) for most in (_POINTS, _MEDIANS))
    thick = f"median of {count_seeds(histories)}" + (f" and {several} steps" if several > 1 else "")
    thin = "each seed" + (f", largest of {each} steps" if each > 1 else "")
    handles = [
        entry(thick, color=ink, linewidth=2),
        entry(thin, color=ink, linewidth=0.7),
        *failures_handle(histories.values()),
    ]
    legend_below(fig, handles)


# Weight decay


@picture
def weight_decay(histories: Mapping[str, History], title: str) -> Figure:
    """Draw loss and evaluations over epochs, with and without weight decay (Fig. 17).

    Wide pale lines are means of models without it, narrow ones of models with it, thin lines single
    seeds. The third panel has a point for each seed after training.

    Args:
        histories: Label of a model -> history; weight decay is after a comma.
        title: What the models were trained on.
    """
    fig, (loss, nfe, last) = panels(3, 3.6)
    means = []
    for label, history in histories.items():
        means.append(draw_curves(loss, history.epoch_loss, label, history))
        evaluations = draw_curves(nfe, history.epoch_nfe, label, history)
        at_end = (history.epoch_loss[:, -1], history.epoch_nfe[:, -1])
        last.plot(*at_end, **(_decay_style(label) | {"linestyle": "none"}))
        for mean in (means[-1], evaluations):
            mean.set(**(_decay_style(label) | {"marker": "None"}))
    loss.set(yscale="log", xlabel="epoch", ylabel="training loss", title="Loss")
    nfe.set(xlabel="epoch", ylabel="evaluations, forward", title="NFE")
    last.set(xscale="log", xlabel="training loss", title="Last epoch, each seed")
    last.invert_xaxis()  # less is to the right, as in the figures of training
    plain_numbers(loss.yaxis)
    plain_numbers(last.xaxis)
    finish_epochs((loss, nfe))
    last.grid(visible=True)
    from_zero((nfe, last))
    handles = [
        entry(str(mean.get_label()), linestyle=look_of(label).line, **_decay_style(label))
        for label, mean in zip(histories, means, strict=True)
    ]
    legend_of_models(fig, handles, histories)
    fig.suptitle(textwrap.fill(title, 95), fontsize=10.5)
    return fig


def _decay_style(label: str) -> dict[str, Any]:
    """Return how curves and points are drawn: both are seen if those with decay lie on others."""
    look = look_of(label)
    style = {"color": look.colour, "marker": look.marker}
    if "weight decay" in label:
        return style | {"linewidth": 1.4, "markersize": 7, "markerfacecolor": "none"}
    return style | {"linewidth": 4.5, "markersize": 8, "alpha": 0.5, "markeredgewidth": 0}


# Too many channels


@picture
def too_many(
    histories: Mapping[str, History], parameter_counts: Mapping[str, int], title: str
) -> Figure:
    """Draw final loss, best validation loss and evaluations against the added channels (section 6).

    Small points are seeds; the large one is their mean, with the interval of
    :func:`anode_lab.claims.interval.measure` if two or more seeds trained to the end.

    Args:
        histories: Labels "p = 0", "p = 1", ... -> history with validation losses.
        parameter_counts: The same labels -> number of parameters.
        title: What the models were trained on.

    Raises:
        ValueError: If a label is none of these, has no count, or no validation losses.
    """
    labels = sorted(histories, key=_channels)
    if without := [label for label in labels if histories[label].validation_loss is None]:
        raise ValueError(f"histories must have validation losses, got none of {without}")
    if without := [label for label in labels if label not in parameter_counts]:
        raise ValueError(f"parameter_counts must have each label, got none of {without}")
    fig, axes = panels(3, 3.5, grid="y")
    names = [f"{_channels(label)}\n{_short(parameter_counts[label])}" for label in labels]
    columns = {
        "Training loss, last epoch": [histories[label].epoch_loss[:, -1] for label in labels],
        "Validation loss, best epoch": [_best(histories[label]) for label in labels],
        "NFE, last epoch": [histories[label].epoch_nfe[:, -1] for label in labels],
    }
    for ax, (name, values) in zip(axes, columns.items(), strict=True):
        _draw_columns(ax, labels, values)
        ax.set_title(name, fontsize=10)
        ax.set_xticks(range(len(labels)), names, fontsize=8)
        ax.set(xlabel="p (below: parameters)", xlim=(-0.6, len(labels) - 0.4))
    for ax in axes[:2]:
        ax.set_yscale("log")
        plain_numbers(ax.yaxis)
    from_zero(axes[2:])
    _legend_of_columns(fig, {label: histories[label] for label in labels})
    fig.suptitle(textwrap.fill(title, 95), fontsize=10.5)
    return fig


def _channels(label: str) -> int:
    """Return p of "p = 5"."""
    found = re.fullmatch(r"p = (\d+)", label)
    if found is None:
        raise ValueError(f"labels must be 'p = 0', 'p = 1' and so on, got {label!r}")
    return int(found[1])


def _short(count: int) -> str:
    """Return 950, 12k, 1.2M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.1f}{unit}" if count < 10 * size else f"{count / size:.0f}{unit}"
    return str(count)


def _best(history: History) -> Floats:
    """Return the lowest validation loss of each seed, shape ``(R,)``; NaN if its training failed.

    A training that failed is left out here as well, since its best epoch could have come later.
    """
    losses = history.validation_loss
    assert losses is not None
    best: Floats = losses.min(axis=1)  # NaN if one is
    return best


def _draw_columns(ax: Axes, labels: Sequence[str], columns: Sequence[Floats]) -> None:
    for place, (label, values) in enumerate(zip(labels, columns, strict=True)):
        look, mean = look_of(label), measure(values, "")
        ax.plot(
            place - 0.15 + side_by_side(len(values), 0.25), values, look.marker, color=look.colour,
            markersize=3.5, alpha=0.75, markeredgewidth=0,
        )  # fmt: skip
        if np.isfinite([mean.low, mean.high]).all():
            ax.plot([place + 0.2] * 2, [mean.low, mean.high], color=look.colour, linewidth=1.6)
        ax.plot(place + 0.2, mean.value, look.marker, color=look.colour, markersize=7)


def _legend_of_columns(fig: Figure, histories: Mapping[str, History]) -> None:
    ink = palette.ink()
    mean = f"mean of {count_seeds(histories)}, {100 * LEVEL:.0f} % interval"
    handles = [
        entry("each seed", color=ink, marker="o", linestyle="none", markersize=3.5),
        entry(mean, color=ink, marker="o", markersize=7, linewidth=1.6),
    ]
    failed = [
        f"{label}: {len(history.failures)} of {len(history.step_loss)}"
        for label, history in histories.items()
        if history.failures
    ]
    legend_below(fig, handles, "failed, not shown: " + "; ".join(failed) if failed else None)


# Memory


@picture
def memory(measured: Mapping[str, Sequence[tuple[int, float]]], title: str) -> Figure:
    """Draw the memory of a training step against its evaluations, for both kinds of gradients.

    A thin line is the least-squares fit, with its slope in the legend, if the evaluations differ.

    Args:
        measured: "direct" or "adjoint" -> pairs of evaluations and bytes, in any order.
        title: Model and batch.

    Raises:
        ValueError: If there are other gradients than these, or no pairs.
    """
    styles = {"direct": ("o", palette.accent, "-"), "adjoint": ("s", palette.resnet, "--")}
    if unknown := set(measured) - set(styles):
        raise ValueError(f"measured must be of {tuple(styles)}, got {sorted(unknown)}")
    if empty := [name for name, pairs in measured.items() if not len(pairs)]:
        raise ValueError(f"measured must have pairs of evaluations and bytes, got none of {empty}")
    fig, (ax,) = panels(1, 3.4, grid="both")
    for name, pairs in measured.items():
        marker, colour, line = styles[name]
        nfe, size = np.array(sorted(pairs), dtype=float).T
        megabytes, label = size / 1e6, f"{name} gradients"
        if len(np.unique(nfe)) > 1:
            slope, constant = np.polyfit(nfe, megabytes, 1)
            ends = nfe[[0, -1]]
            ax.plot(ends, constant + slope * ends, color=colour, linestyle=line, linewidth=1)
            label += f": {_growth(slope, megabytes.max() / (ends[1] - ends[0]))}"
        ax.plot(nfe, megabytes, marker, color=colour, markersize=6, label=label)
    ax.set(xlabel="function evaluations of the forward pass", ylabel="memory, MB", title=title)
    ax.set(xlim=(0, None), ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below(fig, ax)
    return fig


def _growth(slope: float, whole: float) -> str:
    """Return a slope in words, given the slope at which all memory would come with the range."""
    if abs(slope) < _NO_GROWTH * whole:
        return "no growth"
    return f"{slope:+.2g} MB an evaluation".replace("-", "−")
