"""Figures of the chapter on hyperparameters: each setting's loss, its spread, what predicts it."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from anode_lab.figures.style import Style, entry, legend_below, palette, panels, picture
from anode_lab.search import Part, SearchResult, Setting, Trial

Results = Mapping[str, SearchResult]
"""Kind of model, ResNet, NODE or ANODE -> the search for it."""

_CELLS = mpl.colormaps["cividis"]
_KINDS = {
    "ResNet": (palette.resnet, "^"), "NODE": (palette.node, "o"), "ANODE": (palette.anode, "s")
}  # fmt: skip
_FRAMES: dict[str, dict[str, Any]] = {
    "lowest": {"linewidth": 2.4, "linestyle": "-"},
    "ties with it": {"linewidth": 1.4, "linestyle": (0, (2, 1.5))},
}


@picture
def heat_maps(results: Results, chosen: Mapping[str, Setting]) -> Figure:
    """Draw the mean validation loss of every setting, with its standard deviation over the folds.

    The best setting of each kind has a solid frame, those that tie with it a dashed one. A setting
    with a failed fold has no mean; its cell counts the failures.

    Args:
        results: The three kinds of model, for one dimension.
        chosen: Kind -> the setting that gets a star.
    """
    fig, axes = plt.subplot_mosaic(
        [["ResNet", "NODE"], ["ANODE", "legend"]], width_ratios=[3, 1], figsize=(7.6, 6.3),
        layout="constrained",
    )  # fmt: skip
    means = [trial.mean() for result in results.values() for trial in result.trials]
    finite = [mean for mean in means if np.isfinite(mean)]
    norm = LogNorm(min(finite), max(finite)) if finite else LogNorm(0.1, 1)
    for kind, result in results.items():
        _draw_cells(axes[kind], result, chosen[kind], norm)
    axes["NODE"].set_ylabel("")
    axes["NODE"].tick_params(labelleft=False)
    axes["legend"].set_axis_off()
    ink = palette.ink()
    handles = [entry(name, color=ink, **line) for name, line in _FRAMES.items()]
    handles.append(entry("the paper's", color=ink, marker="*", linestyle="", markersize=9))
    axes["legend"].legend(handles=handles, loc="upper left", borderpad=0)
    scale = axes["legend"].inset_axes((0.06, 0.42, 0.88, 0.06))
    bar = fig.colorbar(ScalarMappable(norm, _CELLS), cax=scale, orientation="horizontal")
    bar.set_label("mean validation loss")
    fig.suptitle(f"g in d = {next(iter(results.values())).dim}, 3 folds", fontsize=10.5)
    return fig


def _draw_cells(ax: Axes, result: SearchResult, chosen: Setting, norm: LogNorm) -> None:
    """Draw one grid: learning rate and batch size down, the network and its width across."""
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
    """Return a number with two digits: 0.33, 4.1e-5."""
    if value >= 0.01:
        return f"{value:#.2g}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


@picture
def fold_losses(results: Sequence[Results]) -> Figure:
    """Draw the losses of every fold, settings in the order of their mean validation loss.

    Settings that tie with the best are drawn in full, the others pale.

    Args:
        results: One mapping a dimension, each a row of panels.
    """
    rows = len(results)
    shape: Style = {"width_ratios": [3, 1.4, 3], "sharey": "row"}
    fig, axes = panels(3, 2.7 * rows + 0.7, rows=rows, grid="y", **shape)
    for index, row in enumerate(results):
        line = axes[3 * index : 3 * index + 3]
        for ax, (kind, result) in zip(line, row.items(), strict=True):
            _draw_folds(ax, result, _KINDS[kind][0])
            ax.set_title(f"{kind}, d = {result.dim}")
        line[0].set(yscale="log", ylabel="loss")
    for ax in axes[-3:]:
        ax.set_xlabel("rank of the setting")
    ink = palette.ink()
    handles = [
        entry("validation loss of a fold", color=ink, marker=".", linestyle=""),
        entry("mean", color=ink, marker="_", linestyle="", markersize=9),
        entry("mean training loss", color=ink, marker="x", linestyle=""),
    ]
    legend_below(fig, handles, columns=3)
    return fig


def _draw_folds(ax: Axes, result: SearchResult, colour: str) -> None:
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


@picture
def predictions(results: Sequence[Results]) -> Figure:
    """Draw training against validation loss of every setting, and that against test loss.

    On the dashed line both are equal.

    Args:
        results: One mapping a dimension, each a row of two panels.
    """
    rows = len(results)
    fig, axes = panels(2, 3.2 * rows + 0.4, rows=rows, grid="both")
    for left, right, row in zip(axes[::2], axes[1::2], results, strict=True):
        _draw_pairs(left, row, Part.TRAINING, Part.VALIDATION)
        _draw_pairs(right, row, Part.VALIDATION, Part.TEST)
        for ax in (left, right):
            ax.set_title(f"d = {next(iter(row.values())).dim}")
    legend_below(fig, axes[0], columns=3)
    return fig


def _draw_pairs(ax: Axes, results: Results, across: Part, up: Part) -> None:
    drawn: list[float] = []
    for kind, result in results.items():
        pairs = [(trial.mean(across), trial.mean(up)) for trial in result.trials]
        pairs = [pair for pair in pairs if np.isfinite(pair).all()]
        drawn += [value for pair in pairs for value in pair]
        xs, ys = np.array(pairs).reshape(-1, 2).T
        colour, marker = _KINDS[kind]
        style: Style = {"markersize": 4.5, "alpha": 0.75, "markeredgewidth": 0}
        ax.plot(xs, ys, marker, color=colour, label=kind, **style)
    if drawn:
        ends = [min(drawn), max(drawn)]
        ax.plot(ends, ends, "--", color=palette.ink(), linewidth=0.8)
    ax.set(xscale="log", xlabel=f"mean {across.value} loss")
    ax.set(yscale="log", ylabel=f"mean {up.value} loss")
