"""Figures of the chapter beyond the paper: positions that cross, dimensions, and densities."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anode.arrays import Floats
from anode_lab.figures.parts.remedies import Remedy as Remedy
from anode_lab.figures.parts.remedies import remedies as remedies
from anode_lab.figures.parts.states import TARGETS
from anode_lab.figures.style import Style, entry, legend_below, look_of, palette, panels, picture

_SHOWN = 2500  # points of a density that are drawn: more turn to a blot
_STYLES: tuple[Style, Style] = (
    {"color": palette.inner, "linestyle": "--"},
    {"color": palette.outer, "linestyle": "-"},
)


@picture
def positions(times: Floats, first: Floats, second: Floats, y: Floats) -> Figure:
    """Draw trajectories of a NODE on the line and of a second-order model, with velocity too.

    Args:
        times: Times, shape ``(T,)``.
        first: States of the NODE, shape ``(T, n)``.
        second: Positions and velocities, shape ``(T, n, 2)``.
        y: Targets -1 or +1, shape ``(n,)``.
    """
    fig, (left, middle, right) = panels(3, 2.9)
    position, velocity = second[..., 0], second[..., 1]
    across = np.broadcast_to(times[:, None], first.shape)
    _draw_lines(left, across, first, y)
    _draw_lines(middle, across, position, y)
    _draw_lines(right, position, velocity, y)
    left.set(title="NODE", xlabel="$t$", ylabel="$h$")
    middle.set(title="second order", xlabel="$t$", ylabel="position $x$")
    right.set(title="second order", xlabel="position $x$", ylabel="velocity $v$")
    right.plot(*second[-1].T, "o", color=palette.ink(), markersize=2.5)
    handles = [entry(label, **style) for label, style in zip(TARGETS, _STYLES, strict=True)]
    end = entry("at $t = 1$", color=palette.ink(), marker="o", markersize=3, linestyle="none")
    legend_below(fig, [*handles, end])
    return fig


def _draw_lines(ax: Axes, x: Floats, values: Floats, y: Floats) -> None:
    for index, target in enumerate(y):
        ax.plot(x[:, index], values[:, index], linewidth=0.9, alpha=0.8, **_STYLES[int(target > 0)])


@picture
def densities(samples: Mapping[str, Floats], half: float = 2.2) -> Figure:
    """Draw points of the plane side by side, the same number of each kind.

    Args:
        samples: What they are -> points, shape ``(n, 2)``.
        half: Half the length of the side of the square that is drawn.
    """
    fig, axes = panels(len(samples), 7.6 / len(samples) + 0.5, sharex=True, sharey=True)
    count = min(_SHOWN, *map(len, samples.values()))
    for ax, (label, points) in zip(axes, samples.items(), strict=True):
        shown = points[np.linspace(0, len(points) - 1, count).astype(int)]
        outside = int((np.abs(shown) > half).any(axis=1).sum())
        ax.plot(*shown.T, ".", color=palette.anode, markersize=1.6, alpha=0.6, rasterized=True)
        ax.set_title(label + (f"\n{outside} of {count} outside" if outside else ""))
        ax.set(xlim=(-half, half), ylim=(-half, half), aspect="equal", xlabel="$x_1$")
    axes[0].set_ylabel("$x_2$")
    return fig


@picture
def dimensions(
    dims: Sequence[int], losses: Mapping[str, Floats], nfe: Mapping[str, Floats]
) -> Figure:
    """Draw loss and evaluations against the dimension: a point a seed, a line through the means.

    Args:
        dims: Dimensions of the input, D of them.
        losses, nfe: Label of a model -> numbers of the last epoch, shape ``(D, R)``, NaN where a
            training failed.
    """
    fig, (left, right) = panels(2, 2.9, grid="y")
    for ax, each, label in (
        (left, losses, "training loss, last epoch"),
        (right, nfe, "evaluations, last epoch"),
    ):
        for shift, (model, values) in enumerate(each.items()):
            look, replicas = look_of(model), values.shape[1]
            places = np.arange(len(dims)) + 0.12 * (shift - (len(each) - 1) / 2)
            style: Style = {"color": look.colour, "markersize": 3.5, "alpha": 0.5}
            ax.plot(np.repeat(places, replicas), values.ravel(), look.marker, **style)
            style = {"color": look.colour, "linestyle": look.line}
            ax.plot(places, np.nanmean(values, axis=1), label=model, **style)
        ax.set_xticks(range(len(dims)), [str(d) for d in dims])
        ax.set(xlabel="dimension $d$", ylabel=label)
    left.set_yscale("log")
    legend_below(fig, left)
    return fig
