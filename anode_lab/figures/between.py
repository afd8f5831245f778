"""What a flow does between the samples: wrong outputs, and circles that stay whole."""

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from anode.data import Data
from anode.data.toy import RADII
from anode.models import NeuralODE
from anode.training import Floats
from anode_lab.figures.states import draw_legend, draw_points, limits_of, set_limits
from anode_lab.figures.style import palette, picture
from anode_lab.theory.circle_image import CircleImage

CLASSES = ("target −1", "target +1")
"""The two classes in a legend, whatever the data set."""


@dataclass(frozen=True)
class Window:
    """Outputs of a model on a square of the plane.

    Attributes:
        x1, x2: the grid's coordinates, shape ``(n,)`` each.
        outputs: shape ``(n, n)``, the first axis for ``x2``.
    """

    x1: Floats
    x2: Floats
    outputs: Floats


@torch.no_grad()
def window(model: NeuralODE, centre: tuple[float, float], half: float, n: int = 201) -> Window:
    """Outputs of the first replica on the square of half width ``half`` around ``centre``."""
    weight = next(model.parameters())
    x1, x2 = (np.linspace(c - half, c + half, n) for c in centre)
    grid = torch.from_numpy(np.stack(np.meshgrid(x1, x2), axis=-1)).to(weight)  # (n, n, 2)
    outputs = model(grid.view(1, -1, 2))[0, :, 0].view(n, n)
    return Window(x1, x2, outputs.double().cpu().numpy())


@picture
def between_samples(windows: tuple[Window, ...], data: Data) -> Figure:
    """A model's decision, closer and closer, with its training samples and the radii of g.

    Args:
        windows: each within the one before, which shows it as a square.
        data: what the model was trained on.
    """
    fig, axes = plt.subplots(
        1, len(windows), figsize=(7.6, 3.1), squeeze=False, layout="constrained"
    )
    colours = [to_rgba(palette.inner, 0.3), to_rgba(palette.outer, 0.3)]
    for index, (ax, shown) in enumerate(zip(axes[0], windows, strict=True)):
        ax.contourf(shown.x1, shown.x2, shown.outputs, levels=[-1e9, 0, 1e9], colors=colours)
        draw_points(ax, data.x.numpy(), data.y[:, 0].numpy(), size=1.5 + 6 * index)
        draw_circles(ax)
        ax.set(xlim=shown.x1[[0, -1]], ylim=shown.x2[[0, -1]], xlabel="$x_1$")
        ax.set_aspect("equal")
        ax.locator_params(nbins=4)
        ax.tick_params(labelsize=8)
        if index + 1 < len(windows):
            _draw_square(ax, windows[index + 1])
    axes[0, 0].set_ylabel("$x_2$")
    draw_legend(fig, CLASSES)
    return fig


@picture
def ring_images(
    rings: Mapping[str, CircleImage], centre: Floats, weight: Floats, bias: float
) -> Figure:
    """What one flow makes of the circle of radius r2, as coarser and finer rings show it.

    Args:
        rings: title -> ring of one replica.
        centre: features of the input 0, shape ``(2,)``.
        weight, bias: of the head, shapes ``(2,)`` and ``()``; it gives 0 on the dashed line.
    """
    fig, axes = plt.subplots(
        1, len(rings), figsize=(7.6, 3.2), squeeze=False, sharey=True, layout="constrained"
    )
    limits = limits_of(np.concatenate([ring.features[0] for ring in rings.values()]), margin=0.08)
    for ax, (title, ring) in zip(axes[0], rings.items(), strict=True):
        _draw_ring(ax, ring)
        ax.plot(*centre, "o", color=palette.inner, ms=7)
        _draw_head(ax, weight, bias)
        set_limits(ax, limits)
        ax.set(title=title, xlabel="$h_1$")
    axes[0, 0].set_ylabel("$h_2$")
    handles = [
        Line2D([], [], color=palette.inner, marker="o", ls="none", label="features of 0"),
        Line2D([], [], color=palette.outer, marker=".", lw=0.8, label="circle, output ≥ 0"),
        Line2D([], [], color=palette.accent, marker="x", lw=0.8, label="circle, output < 0"),
        Line2D([], [], color=palette.ink(), ls="--", lw=1, label="head gives 0"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig


@dataclass(frozen=True)
class Carried:
    """A closed curve and samples, carried by a flow.

    Attributes:
        times: shape ``(T,)``.
        ring: the curve, shape ``(T, n, 2)``.
        samples: shape ``(T, m, 2)``, with targets ``y (m,)``.
    """

    times: Floats
    ring: Floats
    samples: Floats
    y: Floats


@picture
def flow_frame(carried: Carried, step: int) -> Figure:
    """The samples and the circle at one time of the flow, on axes that hold all times."""
    fig, ax = plt.subplots(figsize=(4.6, 4.4), layout="constrained")
    ax.plot(*carried.ring[step].T, color=palette.ink(), linewidth=0.9)
    draw_points(ax, carried.samples[step], carried.y, size=4)
    set_limits(ax, limits_of(np.concatenate([carried.ring, carried.samples], axis=1)))
    ax.set(title=f"t = {carried.times[step]:.3f}", xlabel="$h_1$", ylabel="$h_2$")
    draw_legend(fig, CLASSES)
    return fig


def draw_circles(ax: Axes, *, labels: bool = False) -> None:
    """The circles of radii r1, r2 and r3."""
    angle = np.linspace(0, 2 * np.pi, 721)
    # Labels stand where no sample is: r1 and r2 between ball and annulus, r3 outside.
    places = ((0.69, 1.25 * np.pi), (0.85, 1.75 * np.pi), (1.66, 1.75 * np.pi))
    for index, (radius, (at, turn)) in enumerate(zip(RADII, places, strict=True), start=1):
        ax.plot(radius * np.cos(angle), radius * np.sin(angle), color=palette.ink(), linewidth=0.8)
        if labels:
            place = (at * np.cos(turn), at * np.sin(turn))
            ax.annotate(f"$r_{index}$", place, ha="center", va="center", fontsize=9)


def _draw_square(ax: Axes, inner: Window) -> None:
    (left, right), (low, high) = inner.x1[[0, -1]], inner.x2[[0, -1]]
    corners = [(left, low), (right, low), (right, high), (left, high), (left, low)]
    ax.plot(*zip(*corners, strict=True), color=palette.ink(), linewidth=1.4)


def _draw_ring(ax: Axes, ring: CircleImage) -> None:
    """A ring's points and the line through them, in other colours where the output is negative."""
    features, below = ring.features[0], ring.outputs[0] < 0
    wrong = np.where(below[:, None], features, np.nan)
    right = np.where(below[:, None], np.nan, features)
    size = 5 if len(features) < 200 else 2.5
    ax.plot(*right.T, ".-", color=palette.outer, ms=size, lw=0.8)
    ax.plot(*wrong.T, "x-", color=palette.accent, ms=size, lw=0.8)


def _draw_head(ax: Axes, weight: Floats, bias: float) -> None:
    """The line w.z + b = 0, across the panel."""
    foot = -bias * weight / (weight @ weight)
    along = foot + np.array([-weight[1], weight[0]])
    ax.axline(
        (foot[0], foot[1]),
        (along[0], along[1]),
        color=palette.ink(),
        linestyle="--",
        linewidth=1,
    )
