"""Features through training and states along the flow: side by side, or as a slider's frames.

After Fig. 8 (left) of the paper.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from mpl_toolkits.mplot3d import Axes3D

from anode.training import Floats
from anode_lab.figures.states import (
    draw_legend,
    draw_points,
    limits_of,
    set_limits,
    state_axes,
)
from anode_lab.figures.style import picture
from anode_lab.figures.trajectories import coordinates, median_replica
from anode_lab.runs import Run

_COLUMNS = 4


def snapshots(run: Run) -> tuple[dict[int, Floats], Floats]:
    """The median replica's features of the probe inputs through training.

    Returns:
        Epoch -> features ``(n, dim)``, and the inputs' targets ``(n,)``.

    Raises:
        ValueError: if the training kept none.
    """
    kept = run.history.snapshots
    if run.probe is None or not kept:
        raise ValueError(f"{run.label}: its training kept no snapshots")
    replica = median_replica(run)
    targets: Floats = run.probe.y[:, 0].double().numpy()
    return {epoch: kept[epoch][replica] for epoch in sorted(kept)}, targets


def spread_out(epochs: Sequence[int], count: int) -> list[int]:
    """At most ``count`` of the epochs, evenly along the list, the first and the last included."""
    index = np.linspace(0, len(epochs) - 1, min(count, len(epochs))).round().astype(int)
    return [epochs[i] for i in index]


@picture
def features_through_training(run: Run, panels: int = 8) -> Figure:
    """Features of inputs that were not trained on, from before training to after it (Fig. 8).

    They are the median replica's. All panels have the same axes.

    Args:
        run: a model whose state has two or three dimensions.
        panels: most epochs to show.
    """
    found, y = snapshots(run)
    epochs = spread_out(list(found), panels)
    limits = limits_of(np.stack([found[epoch] for epoch in epochs]))
    rows = -(-len(epochs) // _COLUMNS)
    fig = plt.figure(figsize=(7.6, 0.4 + (2 if len(limits) == 3 else 2.3) * rows), layout=_layout())
    for place, epoch in enumerate(epochs, start=1):
        ax = state_axes(fig, (rows, _COLUMNS, place), coordinates(run.model))
        draw_points(ax, found[epoch], y, size=4)
        set_limits(ax, limits)
        ax.set_title(_at_epoch(run, epoch), loc="left", fontsize=9)
        if not isinstance(ax, Axes3D):
            ax.label_outer()
    draw_legend(fig)
    return fig


def _layout() -> ConstrainedLayoutEngine:
    """Constrained layout does not see the labels of axes in space: room for the last column's."""
    return ConstrainedLayoutEngine(rect=(0, 0, 0.97, 1))


def _at_epoch(run: Run, epoch: int) -> str:
    """The epoch and the median replica's training loss in it."""
    if epoch == 0:
        return "epoch 0"
    return f"epoch {epoch}, loss {run.history.epoch_loss[median_replica(run), epoch - 1]:.1g}"
