"""torchdyn: its ``NeuralODE`` with ``sensitivity="autograd"``, one network after another.

A solve of torchdyn has one step size for all that is in it, so networks that each choose their own
steps cannot share one. It adapts its steps as torchdiffeq does, but ends the last step at the end.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torchdyn.core import NeuralODE

from benchmarks.peers.one_by_one import OneByOne, PlainField, PlainNeuralODE, one_by_one
from benchmarks.task import Contestant, Task


class TorchdynField(nn.Module):
    """The field with the third argument that torchdyn gives."""

    def __init__(self, field: PlainField) -> None:
        super().__init__()
        self.field = field

    def forward(self, t: Tensor, h: Tensor, args: Any = None) -> Tensor:
        return self.field(t, h)


class Network(PlainNeuralODE):
    """Solved by torchdyn's ``NeuralODE``, which holds the same field."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.flow = NeuralODE(
            TorchdynField(self.field),
            solver="dopri5",
            sensitivity="autograd",
            rtol=self.tolerance,
            atol=self.tolerance,
            return_t_eval=False,
        )

    def solve(self, h0: Tensor) -> Tensor:
        end: Tensor = self.flow(h0, torch.tensor([0.0, 1.0], dtype=h0.dtype))[-1]
        return end


def prepare(task: Task) -> OneByOne:
    """The networks of a task."""
    return one_by_one(task, Network)


CONTESTANT = Contestant(
    "torchdyn", "one network after another", stacks=False, compiles=False, prepare=prepare
)
