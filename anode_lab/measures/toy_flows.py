"""Trajectories and features of trained toy models, sampled to be drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from anode.arrays import Floats
from anode.data import Data
from anode.models import Model, NeuralODE
from anode_lab.runs import Run

SAMPLES = 60
"""Points of each class whose trajectories are sampled: more turn to a blot in a picture."""

INTERVALS = 60
"""Intervals of time between the sampled states."""


@dataclass(frozen=True)
class Trajectories:
    """Flow of a trained replica.

    Attributes:
        label: Label of the model.
        input_dim: Dimension d of the inputs, the first d of a state's coordinates.
        times: Times, shape ``(T,)``.
        path: States, shape ``(T, n, dim)``.
        y: Targets, shape ``(n,)``.
        weight, bias: Parameters of the linear layer, shapes ``(dim,)`` and ``()``.
    """

    label: str
    input_dim: int
    times: Floats
    path: Floats
    y: Floats
    weight: Floats
    bias: float

    @property
    def dim(self) -> int:
        """Return the dimension of the state."""
        return int(self.path.shape[2])

    @property
    def inputs(self) -> Floats:
        """Return the states at time 0, shape ``(n, dim)``."""
        start: Floats = self.path[0]
        return start

    @property
    def features(self) -> Floats:
        """Return the states at time T, shape ``(n, dim)``."""
        end: Floats = self.path[-1]
        return end


def median_replica(run: Run) -> int:
    """Return the replica with the median loss in the last epoch: neither the best nor the worst.

    Raises:
        ValueError: If the training of every replica failed.
    """
    last = run.history.epoch_loss[:, -1]
    finished = int(np.isfinite(last).sum())
    if not finished:
        raise ValueError(f"{run.label}: no replica was trained to the end, all {len(last)} failed")
    return int(np.argsort(last, kind="stable")[finished // 2])  # NaN comes last


def some_of_each(data: Data, count: int) -> Tensor:
    """Return the indices of the first ``count`` samples of the class -1, then of the class 1."""
    y = data.y[:, 0]
    return torch.cat([(y == target).nonzero().flatten()[:count] for target in (-1, 1)])


def trajectories(run: Run) -> Trajectories:
    """Return the median replica's trajectories of some of its training inputs of each class.

    Raises:
        ValueError: If ``run`` is not of a Neural ODE with a linear layer.
    """
    replica = median_replica(run)
    data = run.data[replica] if len(run.data) > 1 else run.data[0]
    return flow_of(run.model, data, replica, run.label)


def flow_of(model: Model, data: Data, replica: int = 0, label: str = "") -> Trajectories:
    """Return trajectories of some inputs of each class, -1 and 1, through one replica of a model.

    Raises:
        ValueError: If ``model`` is not a Neural ODE of points with one output of a linear layer.
    """
    if not isinstance(model, NeuralODE) or model.head is None or len(model.input_shape) != 1:
        raise ValueError(
            f"flows are drawn for Neural ODEs of points with a linear layer, got {label or model}"
        )
    chosen = some_of_each(data, SAMPLES)
    x = data.x[chosen][None].to(model.head.weight.device)
    return Trajectories(
        label=label,
        input_dim=model.input_shape[0],
        times=np.linspace(0, model.end_time, INTERVALS + 1),
        path=model.flow(x, INTERVALS + 1)[:, replica].cpu().double().numpy(),
        y=data.y[chosen, 0].double().numpy(),
        weight=model.head.weight[replica, :, 0].detach().cpu().double().numpy(),
        bias=float(model.head.bias[replica, 0, 0].detach()),
    )


def snapshots(run: Run) -> tuple[Mapping[int, Floats], Floats]:
    """Return the median replica's features of the probe inputs through training.

    Returns:
        Epoch -> features ``(n, dim)``, in the order of epochs, and the inputs' targets ``(n,)``.

    Raises:
        ValueError: If the training kept none.
    """
    kept = run.history.snapshots
    if run.probe is None or not kept:
        raise ValueError(f"{run.label}: its training kept no snapshots")
    replica = median_replica(run)
    targets: Floats = run.probe.y[:, 0].double().numpy()
    return {epoch: kept[epoch][replica] for epoch in sorted(kept)}, targets


def spread_out(epochs: Sequence[int], count: int) -> list[int]:
    """Return at most ``count`` of the epochs, evenly spaced, with the first and the last."""
    index = np.linspace(0, len(epochs) - 1, min(count, len(epochs))).round().astype(int)
    return [epochs[i] for i in index]
