"""Figures of the hyperparameter search: every setting's loss, its spread, and what predicts it."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from anode_lab.figures.style import palette, picture
from anode_lab.search import Part, SearchResult, Setting, Trial

Results = Mapping[str, SearchResult]
"""Kind of model, ResNet, NODE or ANODE -> the search for it."""

_CELLS = mpl.colormaps["cividis"]
_COLOURS = {"ResNet": palette.resnet, "NODE": palette.node, "ANODE": palette.anode}
_MARKERS = {"ResNet": "^", "NODE": "o", "ANODE": "s"}
_FRAMES: dict[str, dict[str, Any]] = {
    "lowest": {"linewidth": 2.4, "linestyle": "-"},
    "ties with it": {"linewidth": 1.4, "linestyle": (0, (2, 1.5))},
}


@picture
def heat_maps(results: Results, chosen: Mapping[str, Setting]) -> Figure:
    """The mean validation loss of every setting, with its standard deviation over the folds.

    The best setting of each kind has a solid frame, those that tie with it a dashed one. A setting
    with a failed fold has no mean; its cell counts the failures.

    Args:
        results: the three kinds of model, for one dimension.
        chosen: kind -> the setting that gets a star.
    """
    fig, axes = plt.subplot_mosaic(
        [["ResNet", "NODE"], ["ANODE", "legend"]],
        width_ratios=[3, 1],
        figsize=(7.6, 6.3),
        layout="constrained",
    )
    means = [trial.mean() for result in results.values() for trial in result.trials]
    finite = [mean for mean in means if np.isfinite(mean)]
    norm = LogNorm(min(finite), max(finite)) if finite else LogNorm(0.1, 1)
    for kind, result in results.items():
        _draw_cells(axes[kind], result, chosen[kind], norm)
    axes["NODE"].set_ylabel("")
    axes["NODE"].tick_params(labelleft=False)
    axes["legend"].set_axis_off()
    ink = palette.ink()
    handles = [Line2D([], [], color=ink, label=name, **line) for name, line in _FRAMES.items()]
    handles.append(
        Line2D([], [], color=ink, marker="*", linestyle="", markersize=9, label="the paper's")
    )
    axes["legend"].legend(handles=handles, loc="upper left", borderpad=0)
    scale = axes["legend"].inset_axes((0.06, 0.42, 0.88, 0.06))
    bar = fig.colorbar(ScalarMappable(norm, _CELLS), cax=scale, orientation="horizontal")
    bar.set_label("mean validation loss")
    fig.suptitle(f"g in d = {next(iter(results.values())).dim}, 3 folds", fontsize=10.5)
    return fig


def _draw_cells(ax: Axes, result: SearchResult, chosen: Setting, norm: LogNorm) -> None:
    """One grid: learning rate and batch size down, the network and its width across."""
    grid = result.grid
    rows = [(rate, batch) for rate in grid.learning_rates for batch in grid.batch_sizes]
    columns = [(model, hidden) for model in grid.models for hidden in grid.hidden]
    best, *ties = (trial.setting for trial in result.ties())
    for trial in result.trials:
        setting = trial.setting
        x = columns.index((setting.model, setting.hidden))
        y = rows.index((setting.learning_rate, setting.batch_size))
        mean = trial.mean()
        face = _CELLS(norm(mean)) if np.isfinite(mean) else to_rgb(palette.muted)
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=face, linewidth=0))
        ink = "black" if np.dot(face[:3], (0.3, 0.59, 0.11)) > 0.5 else "white"
        ax.text(x, y, _cell_text(trial), color=ink, fontsize=8, ha="center", va="center")
        if setting == chosen:
            ax.plot(x - 0.36, y - 0.26, "*", color=ink, markersize=8, markeredgewidth=0)
        if setting == best or setting in ties:
            line = _FRAMES["lowest" if setting == best else "ties with it"]
            corner = (x - 0.45, y - 0.43)
            ax.add_patch(Rectangle(corner, 0.9, 0.86, fill=False, edgecolor=ink, **line))
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5), title=grid.name)
    ax.set_yticks(range(len(rows)), [f"{rate:g},  {batch}" for rate, batch in rows])
    ax.set_ylabel("learning rate, batch size")
    names = [f"{hidden}\n{model.label.partition('(')[2].rstrip(')')}" for model, hidden in columns]
    ax.set_xticks(range(len(columns)), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _cell_text(trial: Trial) -> str:
    losses = trial.loss[Part.VALIDATION]
    if failed := int(np.isnan(losses).sum()):
        return f"{failed} of {len(losses)}\nfailed"
    return f"{short(losses.mean())}\n± {short(losses.std(ddof=1))}"


def short(value: float) -> str:
    """Two digits: 0.33, 4.1e-5."""
    if value >= 0.01:
        return f"{value:#.2g}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


@picture
def fold_losses(results: Sequence[Results]) -> Figure:
    """The losses of every fold, settings in the order of their mean validation loss.

    Settings that tie with the best are drawn in full, the others pale.

    Args:
        results: one mapping a dimension, each a row of panels.
    """
    fig, axes = plt.subplots(
        len(results), 3, figsize=(7.6, 2.7 * len(results) + 0.7), squeeze=False,
        width_ratios=[3, 1.4, 3], layout="constrained", sharey="row",
    )  # fmt: skip
    for line, row in zip(axes, results, strict=True):
        for ax, (kind, result) in zip(line, row.items(), strict=True):
            _draw_folds(ax, result, kind)
            ax.set_title(f"{kind}, d = {result.dim}")
        line[0].set(yscale="log", ylabel="loss")
    for ax in axes[-1]:
        ax.set_xlabel("rank of the setting")
    ink = palette.ink()
    handles = [
        Line2D([], [], color=ink, marker=".", linestyle="", label="validation loss of a fold"),
        Line2D([], [], color=ink, marker="_", linestyle="", markersize=9, label="mean"),
        Line2D([], [], color=ink, marker="x", linestyle="", label="mean training loss"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    return fig


def _draw_folds(ax: Axes, result: SearchResult, kind: str) -> None:
    colour = _COLOURS[kind]
    ties = [trial.setting for trial in result.ties()]
    ranking = result.ranking()
    for rank, trial in enumerate(ranking, start=1):
        alpha = 1.0 if trial.setting in ties else 0.4
        losses = trial.loss[Part.VALIDATION]
        ax.plot([rank] * len(losses), losses, ".", color=colour, alpha=alpha, markersize=4)
        if np.isfinite(trial.mean()):
            ax.plot(rank, trial.mean(), "_", color=colour, alpha=alpha, markersize=7)
        training = trial.mean(Part.TRAINING)
        if np.isfinite(training):
            ax.plot(rank, training, "x", color=palette.ink(), alpha=0.7, markersize=3.5)
    ax.set_xlim(0, len(ranking) + 1)
    ax.grid(visible=True, axis="y")


@picture
def predictions(results: Sequence[Results]) -> Figure:
    """Training loss against validation loss of every setting, and that against test loss, as means.

    On the dashed line both are equal.

    Args:
        results: one mapping a dimension, each a row of two panels.
    """
    fig, axes = plt.subplots(
        len(results), 2, figsize=(7.6, 3.2 * len(results) + 0.4), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for line, row in zip(axes, results, strict=True):
        dim = next(iter(row.values())).dim
        _draw_pairs(line[0], row, Part.TRAINING, Part.VALIDATION)
        _draw_pairs(line[1], row, Part.VALIDATION, Part.TEST)
        line[0].set_title(f"d = {dim}")
        line[1].set_title(f"d = {dim}")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


def _draw_pairs(ax: Axes, results: Results, across: Part, up: Part) -> None:
    drawn: list[float] = []
    for kind, result in results.items():
        pairs = [(trial.mean(across), trial.mean(up)) for trial in result.trials]
        pairs = [pair for pair in pairs if np.isfinite(pair).all()]
        drawn += [value for pair in pairs for value in pair]
        xs, ys = np.array(pairs).reshape(-1, 2).T
        ax.plot(
            xs, ys, _MARKERS[kind], color=_COLOURS[kind], markersize=4.5, alpha=0.75,
            markeredgewidth=0, label=kind,
        )  # fmt: skip
    if drawn:
        ends = [min(drawn), max(drawn)]
        ax.plot(ends, ends, "--", color=palette.ink(), linewidth=0.8)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel=f"mean {across.value} loss",
        ylabel=f"mean {up.value} loss",
    )
    ax.grid(visible=True)
