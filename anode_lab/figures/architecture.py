"""What a Neural ODE is made of, beside the residual network that it continues (paper, Fig. 2).

The curves are computed, not sketched: both halves follow one field on the line, the residual
network in four steps.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from numpy.typing import NDArray

from anode_lab.figures.style import palette, picture

Floats = NDArray[np.float64]

BLOCKS = 4
"""Residual blocks in the diagram."""

STARTS: Floats = np.array([-1.3, -0.75, -0.35, 0.1, 0.6, 1.2])
"""Inputs whose states are drawn, on the line."""

# Horizontal places in parts of the figure's width: the panels' edges, then centres.
_LEFT, _RIGHT = 0.165, 0.645
_FEATURES, _HEAD, _OUTPUT = 0.722, 0.835, 0.945


def example_field(h: Floats, t: float) -> Floats:
    """A field on the line that swings the states up and down, and later pushes them apart."""
    slope: Floats = 2.4 * np.cos(2 * np.pi * t) + 4.5 * t * np.sin(1.8 * h) * np.exp(-0.25 * h**2)
    return slope


def euler_states(steps: int, starts: Floats = STARTS) -> Floats:
    """States after each of ``steps`` Euler steps to T = 1, shape ``(steps + 1, S)``."""
    states = [starts]
    for n in range(steps):
        states.append(states[-1] + example_field(states[-1], n / steps) / steps)
    return np.stack(states)


@picture
def stack_and_flow() -> Figure:
    """A residual network and a Neural ODE, from the input to the output."""
    fig = plt.figure(figsize=(7.6, 5.0))
    canvas = fig.add_axes((0, 0, 1, 1))
    canvas.set(xlim=(0, 1), ylim=(0, 1))
    canvas.set_axis_off()
    for bottom, draw, title in (
        (0.605, _stack, "Residual network: a stack of blocks"),
        (0.105, _flow, "Neural ODE: one field, for a time $T$"),
    ):
        ax = fig.add_axes((_LEFT, bottom, _RIGHT - _LEFT, 0.31))
        draw(ax)
        ax.set(xlim=(0, 1), ylim=(-2.5, 2.5), yticks=[])
        ax.patch.set_visible(False)
        ax.spines[:].set_visible(False)
        canvas.text(_LEFT, bottom + 0.355, title, fontsize=10.5, weight="bold", va="center")
    _ends(canvas, 0.76, "$h_0 = x$", f"$h_{BLOCKS} = \\varphi(x)$")
    _ends(canvas, 0.26, "$h(0) = x$", r"$h(T) = \varphi(x)$")
    return fig


def _stack(ax: Axes) -> None:
    """The upper panel: states at the layers, joined by straight lines."""
    states = euler_states(BLOCKS)
    layers = np.linspace(0, 1, BLOCKS + 1)
    for k in range(BLOCKS):
        ax.add_patch(
            Rectangle(
                (layers[k] + 0.012, -2.4), 1 / BLOCKS - 0.024, 4.8,
                facecolor=palette.resnet, alpha=0.13, edgecolor="none",
            )
        )  # fmt: skip
        ax.text(layers[k] + 0.5 / BLOCKS, 2.02, f"$h + F_{k + 1}(h)$", ha="center", va="center")
    for path in states.T:
        colour, style, marker = _look(path[-1])
        ax.plot(layers, path, style, color=colour, marker=marker, ms=4.5, lw=1.4, clip_on=False)
    ax.set_xticks(layers, [f"$h_{k}$" for k in range(BLOCKS + 1)])
    ax.tick_params(length=0)
    ax.set_xlabel("layer", labelpad=1)


def _flow(ax: Axes) -> None:
    """The lower panel: trajectories, with the field behind them."""
    ax.add_patch(
        Rectangle((0.012, -2.4), 0.976, 4.8, facecolor=palette.node, alpha=0.13, edgecolor="none")
    )
    fine = euler_states(400)
    times = np.linspace(0, 1, len(fine))
    grid_t, grid_h = np.linspace(0.06, 0.94, 12), np.linspace(-2.1, 1.6, 9)
    slopes = np.stack([example_field(grid_h, t) for t in grid_t], axis=1)
    length = np.sqrt(1 + slopes**2)  # quiver turns arrows to the axes' scale but keeps their length
    ax.quiver(
        *np.meshgrid(grid_t, grid_h), 1 / length, slopes / length, angles="xy",
        color=palette.muted, alpha=0.55, pivot="mid", scale=24, width=0.0035, headwidth=4,
    )  # fmt: skip
    for path in fine.T:
        colour, style, marker = _look(path[-1])
        ax.plot(times, path, style, color=colour, lw=1.6)
        ax.plot([0, 1], path[[0, -1]], marker, color=colour, ms=4.5, clip_on=False)
    ax.text(0.5, 2.02, r"$\frac{d}{dt}\,h(t) = f(h(t),\, t)$", ha="center", va="center")
    ax.set_xticks([0, 1], ["$0$", "$T$"])
    ax.tick_params(length=0)
    ax.set_xlabel("time $t$", labelpad=-8)


def _look(end: float) -> tuple[str, str, str]:
    """Colour, line style and marker of a trajectory by the side it ends on."""
    return (palette.outer, "--", "^") if end > 0 else (palette.inner, "-", "o")


def _ends(canvas: Axes, height: float, start: str, end: str) -> None:
    """What lies left and right of a panel: input, features, linear layer, output."""
    canvas.text(0.065, height + 0.035, start, ha="center", va="bottom")
    canvas.text(0.065, height - 0.035, "input", ha="center", va="top", fontsize=9)
    _arrow(canvas, 0.02, _LEFT - 0.025, height)
    canvas.text(_FEATURES, height + 0.035, end, ha="center", va="bottom")
    canvas.text(_FEATURES, height - 0.035, "features", ha="center", va="top", fontsize=9)
    _arrow(canvas, _RIGHT + 0.02, _HEAD - 0.047, height)
    width, tall = 0.082, 0.2
    canvas.add_patch(
        FancyBboxPatch(
            (_HEAD - width / 2, height - tall / 2), width, tall, boxstyle="round,pad=0.004",
            facecolor=palette.muted, alpha=0.25, edgecolor="none",
        )
    )  # fmt: skip
    canvas.text(_HEAD, height, "$L(z) =$\n$w \\cdot z + b$", ha="center", va="center", fontsize=9)
    canvas.text(_HEAD, height - tall / 2 - 0.02, "linear layer", ha="center", va="top", fontsize=9)
    _arrow(canvas, _HEAD + 0.047, 0.99, height)
    canvas.text(_OUTPUT, height + 0.035, "$g(x)$", ha="center", va="bottom")
    canvas.text(_OUTPUT, height - 0.035, "output", ha="center", va="top", fontsize=9)


def _arrow(canvas: Axes, start: float, end: float, height: float) -> None:
    canvas.annotate(
        "", (end, height), (start, height),
        arrowprops={"arrowstyle": "-|>", "color": palette.ink(), "linewidth": 1.3},
    )  # fmt: skip
