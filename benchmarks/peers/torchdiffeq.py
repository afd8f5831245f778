"""torchdiffeq, the library that the paper used: ``odeint``, one network after another."""

import torch
from torch import Tensor
from torchdiffeq import odeint

from benchmarks.peers.one_by_one import OneByOne, PlainNeuralODE, one_by_one
from benchmarks.task import Contestant, Task


class Network(PlainNeuralODE):
    """Solved by ``torchdiffeq.odeint``, gradients through its steps."""

    def solve(self, h0: Tensor) -> Tensor:
        times = torch.tensor([0.0, 1.0], dtype=h0.dtype)
        tolerance = self.tolerance
        states = odeint(self.field, h0, times, rtol=tolerance, atol=tolerance, method="dopri5")
        end: Tensor = states[1]
        return end


def prepare(task: Task) -> OneByOne:
    """The networks of a task."""
    return one_by_one(task, Network)


CONTESTANT = Contestant(
    "torchdiffeq", "one network after another", stacks=False, compiles=False, prepare=prepare
)
