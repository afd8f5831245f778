"""Persistence diagrams side by side, which show the components and loops that a map has kept."""

from collections.abc import Mapping

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anode_lab.figures.style import legend_below, palette, panels, picture
from anode_lab.theory.topology.homology import PersistenceDiagram

_MARKERS = (
    ("o", "inner", "components, $H_0$"),
    ("^", "outer", "loops, $H_1$"),
    ("s", "accent", "voids, $H_2$"),
)
_ESSENTIAL = 1.12  # height of the line for classes that never die, in units of the longest death


@picture
def diagrams(measured: Mapping[str, PersistenceDiagram]) -> Figure:
    """Draw birth and death of every class, a panel a point set, each with a scale of its own.

    A class far above the diagonal lives long. Those that never die are on the dashed line at the
    top, drawn open.

    Args:
        measured: Title -> diagram, in up to dimension 2.

    Raises:
        ValueError: If there is no diagram, or one of a dimension above 2.
    """
    top = max((len(each.births) for each in measured.values()), default=0)
    if not 0 < top <= len(_MARKERS):
        raise ValueError(f"one or more diagrams of dimension 0, 1 or 2 are drawn, got {top - 1}")
    height = min(7.6 / len(measured), 3.6) + 1  # of a square panel, with its labels
    fig, axes = panels(len(measured), height)
    for ax, (title, diagram) in zip(axes, measured.items(), strict=True):
        limit = _limit(diagram)
        _draw_frame(ax, limit)
        for dimension in range(len(diagram.births)):
            _draw_classes(ax, diagram, dimension, _ESSENTIAL * limit)
        ax.set(title=title, xlabel="birth (radius)")
    axes[0].set_ylabel("death (radius)")
    legend_below(fig, _handles(axes[0], top), columns=top + 1)
    return fig


def _limit(diagram: PersistenceDiagram) -> float:
    """Return the longest finite death, or birth; 1 where there are none but at 0."""
    everything = np.concatenate([*diagram.births, *diagram.deaths])
    return float(everything[np.isfinite(everything)].max(initial=0)) or 1.0


def _draw_frame(ax: Axes, limit: float) -> None:
    ends = np.array([0, _ESSENTIAL * limit])
    ax.plot(ends, ends, color=palette.ink(), linewidth=0.8)
    ax.axhline(ends[1], color=palette.muted, linewidth=0.8, linestyle="--")
    ax.set_xlim(-0.04 * limit, 1.04 * limit)
    ax.set_ylim(-0.04 * limit, (_ESSENTIAL + 0.06) * limit)
    ax.set_aspect("equal")
    ticks = [tick for tick in ax.get_yticks() if 0 <= tick <= limit]
    ax.set_xticks(ticks)
    ax.set_yticks([*ticks, ends[1]], [f"{tick:g}" for tick in ticks] + ["∞"])
    ax.tick_params(labelsize=8)


def _draw_classes(ax: Axes, diagram: PersistenceDiagram, dimension: int, top: float) -> None:
    marker, name, _ = _MARKERS[dimension]
    colour = getattr(palette, name)
    births, deaths = diagram.births[dimension], diagram.deaths[dimension]
    never = np.isinf(deaths)
    ax.scatter(births[~never], deaths[~never], s=16, marker=marker, color=colour, linewidths=0)
    ax.scatter(
        births[never], np.full(never.sum(), top), s=40, marker=marker, facecolors="none",
        edgecolors=colour, linewidths=1.6, clip_on=False,
    )  # fmt: skip


def _handles(ax: Axes, dimensions: int) -> list[Artist]:
    """Return the legend's entries: one for each dimension, and one for what never dies."""
    handles: list[Artist] = [
        ax.scatter([], [], s=24, marker=marker, color=getattr(palette, name), label=label)
        for marker, name, label in _MARKERS[:dimensions]
    ]
    open_ = ax.scatter(
        [], [], s=40, facecolors="none", edgecolors=palette.muted, label="never dies"
    )
    return [*handles, open_]
