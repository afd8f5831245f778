"""Trajectories of trained toy models, sampled for pictures."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from anode.data import Data
from anode.models import Model, NeuralODE
from anode.training import Floats
from anode_lab.runs import Run

SHOWN = 60  # points of each class whose trajectories are drawn: more turn to a blot
INTERVALS = 60


@dataclass(frozen=True)
class Trajectories:
    """The flow of a trained replica.

    Attributes:
        label: the model's.
        coordinates: names of the state's.
        times: shape ``(T,)``.
        path: states, shape ``(T, n, dim)``.
        y: targets, shape ``(n,)``.
        weight, bias: of the linear head, shapes ``(dim,)`` and ``()``.
    """

    label: str
    coordinates: tuple[str, ...]
    times: Floats
    path: Floats
    y: Floats
    weight: Floats
    bias: float

    @property
    def dim(self) -> int:
        """Dimension of the state."""
        return int(self.path.shape[2])

    @property
    def inputs(self) -> Floats:
        """States at time 0, shape ``(n, dim)``."""
        start: Floats = self.path[0]
        return start

    @property
    def features(self) -> Floats:
        """States at time T, shape ``(n, dim)``."""
        end: Floats = self.path[-1]
        return end


def coordinates(model: Model) -> tuple[str, ...]:
    """Names of a state's coordinates: h for the input's, a for those appended to it."""
    (inputs,), (states,) = model.input_shape, model.state_shape
    return (*_numbered("h", inputs), *_numbered("a", states - inputs))


def _numbered(letter: str, count: int) -> list[str]:
    return [f"${letter}$"] if count == 1 else [f"${letter}_{i + 1}$" for i in range(count)]


def median_replica(run: Run) -> int:
    """The replica whose loss in the last epoch is the median: neither the best nor the worst.

    Raises:
        ValueError: if the training of every replica failed.
    """
    last = run.history.epoch_loss[:, -1]
    finished = int(np.isfinite(last).sum())
    if not finished:
        raise ValueError(f"{run.label}: no replica was trained to the end, all {len(last)} failed")
    return int(np.argsort(last, kind="stable")[finished // 2])  # NaN comes last


def data_of(run: Run, replica: int) -> Data:
    """What a replica was trained on."""
    return run.data[replica] if len(run.data) > 1 else run.data[0]


def some_of_each(data: Data, count: int) -> Tensor:
    """Indices of the first ``count`` samples of the class -1, then of the class 1."""
    y = data.y[:, 0]
    return torch.cat([(y == target).nonzero().flatten()[:count] for target in (-1, 1)])


def trajectories(run: Run) -> Trajectories:
    """The median replica's trajectories of some of its training inputs of each class.

    Raises:
        ValueError: if ``run`` is not of a Neural ODE with a linear head.
    """
    model = run.model
    if not isinstance(model, NeuralODE) or model.head is None:
        raise ValueError(f"flows are drawn for Neural ODEs with a linear head, got {run.label}")
    replica = median_replica(run)
    data = data_of(run, replica)
    chosen = some_of_each(data, SHOWN)
    x = data.x[chosen][None].to(model.head.weight.device)
    return Trajectories(
        label=run.label,
        coordinates=coordinates(model),
        times=np.linspace(0, model.end_time, INTERVALS + 1),
        path=model.flow(x, INTERVALS + 1)[:, replica].cpu().double().numpy(),
        y=data.y[chosen, 0].double().numpy(),
        weight=model.head.weight[replica, :, 0].detach().cpu().double().numpy(),
        bias=float(model.head.bias[replica, 0, 0].detach()),
    )
