"""Maps of the line that flows make, where the field is Lipschitz and where it is not."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from anode.training import Floats
from anode_lab.figures.style import palette, picture

_EDGE = 0.035  # half the width of the bars along the axes, in parts of a panel's side


@dataclass(frozen=True)
class LineMap:
    """A map of a part of the line.

    Attributes:
        field: the right-hand side of h' = f(h, t), as text.
        verdict: what is to be seen.
        images: of the points that are drawn, shape ``(n,)``; NaN where the map is not defined.
        bounds: values that no image reaches, drawn as dashed lines.
    """

    field: str
    verdict: str
    images: Floats
    bounds: tuple[float, ...] = ()


@picture
def line_maps(x: Floats, maps: Sequence[LineMap]) -> Figure:
    """Graphs of maps, with the points where each is defined and those it reaches as bars.

    Args:
        x: points, increasing, shape ``(n,)``.
        maps: one a panel.

    Raises:
        ValueError: if a map has not one image for each point.
    """
    for each in maps:
        if each.images.shape != x.shape:
            raise ValueError(
                f"images of {each.field} must have the shape of x {x.shape}, got "
                f"{each.images.shape}"
            )
    fig, axes = plt.subplots(
        1, len(maps), figsize=(7.6, 2.9), squeeze=False, sharey=True, layout="constrained"
    )
    for ax, each in zip(axes[0], maps, strict=True):
        _draw_map(ax, x, each)
    axes[0, 0].set_ylabel(r"image $\varphi_1(x)$")
    handles = [
        Line2D([], [], color=palette.node, label="the map"),
        Line2D([], [], color=palette.inner, lw=5, label="where it is defined"),
        Line2D([], [], color=palette.accent, lw=5, label="what it reaches"),
        Line2D([], [], color=palette.ink(), lw=0.8, ls="--", label="not reached"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1.2)
    return fig


def _draw_map(ax: Axes, x: Floats, shown: LineMap) -> None:
    half = float(np.abs(x).max())
    # A map that runs off the panel reaches the panel's edge.
    inside = np.where(np.abs(shown.images) <= half, shown.images, np.nan)
    ax.plot(x, inside, color=palette.node, zorder=3)
    defined = np.isfinite(shown.images)
    _draw_bar(ax, x[defined], half, along_x=True)
    reached = np.clip(shown.images[defined], -half, half)
    _draw_bar(ax, np.array([reached.min(), reached.max()]), half, along_x=False)
    for value in shown.bounds:
        ax.axhline(value, color=palette.ink(), lw=0.8, ls="--")
    ax.set(xlim=(-half, half), ylim=(-half, half), xlabel="start $x$")
    ax.set_title(f"{shown.field}\n{shown.verdict}", fontsize=9)
    ax.set_aspect("equal")
    ax.locator_params(nbins=5)
    ax.tick_params(labelsize=8)
    ax.grid(visible=True)


def _draw_bar(ax: Axes, values: Floats, half: float, *, along_x: bool) -> None:
    """A bar along an axis, from the least to the greatest of the values."""
    low, high = float(values.min()), float(values.max())
    low, high = max(low, -half), min(high, half)
    width = 2 * _EDGE * half
    if along_x:
        ax.fill_between([low, high], -half, -half + width, color=palette.inner, lw=0, zorder=2)
    else:
        ax.fill_betweenx([low, high], -half, -half + width, color=palette.accent, lw=0, zorder=2)
