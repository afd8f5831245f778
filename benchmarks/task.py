"""What every contestant does: train R networks on the same batches from the same weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anode import Loss, NeuralODE
from anode.data import Data, concentric_spheres
from anode.fields import MLPField
from anode.training import Batches

Floats = NDArray[np.float64]

DIM, HIDDEN = 2, 32
LEARNING_RATE = 1e-3
MODELS = {"NODE": 0, "ANODE (p = 5)": 5}
"""Name -> p, the number of zeros appended."""


class Weights(NamedTuple):
    """The networks' weights, R of each; a layer maps ``h`` to ``h @ w + b``.

    With D = d + p and H hidden units: ``w1 (R, D, H)``, ``time (R, 1, H)``, ``b1 (R, 1, H)``,
    ``w2 (R, H, H)``, ``b2 (R, 1, H)``, ``w3 (R, H, D)``, ``b3 (R, 1, D)``; of the linear layer
    after the solve ``head (R, D, 1)``, ``head_bias (R, 1, 1)``.
    """

    w1: Tensor
    time: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor
    w3: Tensor
    b3: Tensor
    head: Tensor
    head_bias: Tensor

    def of(self, network: int) -> "Weights":
        """Those of one network, without the axis R."""
        return Weights(*(weight[network] for weight in self))


@dataclass(frozen=True)
class Task:
    """Training steps of R networks with Adam, dopri5, direct gradients.

    Attributes:
        networks: R; network r has the weights and the order of the data of the package's seed r.
        augment_dim: p.
        batch: B, samples a step.
        steps: training steps of a round.
        tolerance: rtol and atol of the solver.
    """

    networks: int
    augment_dim: int = 0
    batch: int = 64
    steps: int = 20
    tolerance: float = 1e-3

    loss: ClassVar[Loss] = Loss.HUBER
    """What is minimised."""

    @property
    def width(self) -> int:
        """D = d + p, the dimension of the state."""
        return DIM + self.augment_dim

    @property
    def seeds(self) -> tuple[int, ...]:
        """One a network."""
        return tuple(range(self.networks))

    def model(self) -> NeuralODE:
        """The networks as this package's model, before training."""
        return NeuralODE((DIM,), augment_dim=self.augment_dim, hidden=HIDDEN, seeds=self.seeds)

    def weights(self) -> Weights:
        """The networks' weights before training, copies."""
        model = self.model()
        field, head = model.field, model.head
        assert isinstance(field, MLPField)
        assert field.time_weight is not None
        assert head is not None
        weights = Weights(
            field.weight1, field.time_weight, field.bias1, field.weight2, field.bias2,
            field.weight3, field.bias3, head.weight, head.bias,
        )  # fmt: skip
        return Weights(*(weight.detach().clone() for weight in weights))

    def data(self) -> Data:
        """As many points as the steps of a round take."""
        points = self.steps * self.batch
        return concentric_spheres(DIM, points // 3, points - points // 3)

    def batches(self) -> list[tuple[Tensor, Tensor]]:
        """Inputs ``(R, B, d)`` and targets ``(R, B, 1)`` of each step."""
        return list(Batches(self.seeds, self.data(), self.batch, torch.device("cpu")).epoch())


class Record(NamedTuple):
    """What a round's steps gave, ``(S, R)`` each.

    ``losses`` before each update, ``nfe`` evaluations of the forward solve, ``backward_nfe`` of the
    adjoint's; None is none.
    """

    losses: Floats
    nfe: Floats
    backward_nfe: Floats | None = None


class Training(Protocol):
    """The networks of a task, made with one library."""

    def reset(self) -> None:
        """Back to the weights before training; its time is not counted."""

    def run(self) -> Record:
        """All training steps of a round."""

    def features(self, x: Tensor) -> Tensor:
        """phi(x) ``(R, B, D)`` of inputs ``(R, B, d)`` with the weights before training."""


@dataclass(frozen=True)
class Contestant:
    """A library that does the task.

    Attributes:
        name: as tables print it.
        how: how its R networks are trained, in a few words.
        stacks: whether it trains the networks at once; otherwise it trains one after another.
        compiles: whether a task's first step compiles for seconds.
        prepare: makes the networks of a task.
    """

    name: str
    how: str
    stacks: bool
    compiles: bool
    prepare: Callable[[Task], Training]
