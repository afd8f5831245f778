"""Whether contestants do the same: the same solution, the same training, a loss that falls."""

from dataclasses import dataclass, replace

import torch

from benchmarks.peers.torchdiffeq import prepare
from benchmarks.task import Contestant, Record, Task

TIGHT = 1e-9
BOUND = 10.0
"""Largest error allowed, in multiples of the tolerance."""


@dataclass(frozen=True)
class Check:
    """What was found for a contestant at a task.

    Attributes:
        contestant, model: names.
        error: largest ``|phi(x) - reference| / (atol + rtol |reference|)`` over the networks, the
            first batch and the coordinates; the reference is torchdiffeq's in double precision with
            tolerance :data:`TIGHT`.
        difference: largest difference from torchdiffeq's losses over the round's steps and
            networks, in multiples of the tolerance.
        first_loss, last_loss: means over the networks and the first and last fifth of the steps.
    """

    contestant: str
    model: str
    error: float
    difference: float
    first_loss: float
    last_loss: float

    @property
    def faults(self) -> list[str]:
        """What is wrong."""
        return [
            *([f"error {self.error:.1f}"] if not self.error <= BOUND else []),
            *([f"losses differ by {self.difference:.1f}"] if not self.difference <= BOUND else []),
            *(["the loss does not fall"] if not self.last_loss < self.first_loss else []),
        ]


def check(contestant: Contestant, model: str, task: Task, record: Record, plain: Record) -> Check:
    """Compare a contestant's features and the ``record`` of its round with torchdiffeq's."""
    x = task.batches()[0][0]
    reference = prepare(replace(task, tolerance=TIGHT)).features(x.double())
    features = contestant.prepare(task).features(x).double()
    errors = (features - reference).abs() / (task.tolerance * (1 + reference.abs()))
    fifth = -(-task.steps // 5)
    return Check(
        contestant.name,
        model,
        error=float(torch.nan_to_num(errors, nan=torch.inf).max()),
        difference=float(abs(record.losses - plain.losses).max() / task.tolerance),
        first_loss=float(record.losses[:fifth].mean()),
        last_loss=float(record.losses[-fifth:].mean()),
    )
