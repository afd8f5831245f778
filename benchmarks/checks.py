"""Whether contestants do the same: the same solution, the same training, a loss that falls."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from benchmarks.peers.torchdiffeq import prepare
from benchmarks.task import Contestant, Record, Task, Training

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


class Checker:
    """Compares contestants at a task with torchdiffeq.

    Args:
        model: name of the networks.
        task: what was done.
        plain: torchdiffeq's record of a round.
        reference: makes the task's networks with torchdiffeq.
    """

    def __init__(
        self,
        model: str,
        task: Task,
        plain: Record,
        reference: Callable[[Task], Training] = prepare,
    ) -> None:
        self.model, self.task, self.plain = model, task, plain
        self.x = task.batches()[0][0]
        tight = reference(replace(task, tolerance=TIGHT))
        self.reference = tight.features(self.x.double())  # (R, B, *state_shape)

    def check(self, contestant: Contestant, record: Record) -> Check:
        """A contestant's features before training, and the ``record`` of its round."""
        features = contestant.prepare(self.task).features(self.x).double()
        scale = self.task.tolerance * (1 + self.reference.abs())
        errors = (features - self.reference).abs() / scale
        fifth = -(-self.task.steps // 5)
        return Check(
            contestant.name,
            self.model,
            error=float(torch.nan_to_num(errors, nan=torch.inf).max()),
            difference=float(abs(record.losses - self.plain.losses).max() / self.task.tolerance),
            first_loss=float(record.losses[:fifth].mean()),
            last_loss=float(record.losses[-fifth:].mean()),
        )
