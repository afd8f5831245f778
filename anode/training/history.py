"""What happened in a training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from anode.arrays import Floats
from anode.solve import SolveFailure, SolveStatus

Phase = Literal["forward", "backward"]


@dataclass(frozen=True)
class TrainingFailure:
    """A replica whose training ended early.

    Attributes:
        seed: the replica's seed.
        epoch, iteration: when, counted from 1 and over the whole training.
        phase: the pass in which it happened.
        cause: the failed solve, or what is not finite although the solve succeeded.
    """

    seed: int
    epoch: int
    iteration: int
    phase: Phase
    cause: SolveFailure | str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        cause: Any = self.cause
        if isinstance(cause, SolveFailure):
            cause = vars(cause) | {"status": cause.status.value}
        return vars(self) | {"cause": cause}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrainingFailure":
        """The inverse of :meth:`as_dict`."""
        cause = values["cause"]
        if isinstance(cause, Mapping):
            cause = SolveFailure(**dict(cause) | {"status": SolveStatus(cause["status"])})
        return cls(**dict(values) | {"cause": cause})

    def __str__(self) -> str:
        return (
            f"seed {self.seed}, epoch {self.epoch}, iteration {self.iteration}, "
            f"{self.phase} pass: {self.cause}"
        )


@dataclass(frozen=True)
class History:
    """What happened in training, for R replicas, S steps and E epochs.

    A replica's entries are NaN from the step at which it failed; so are its snapshots.

    Attributes:
        step_loss: loss of each batch before its update, shape ``(R, S)``.
        step_nfe: function evaluations of each forward pass, shape ``(R, S)``.
        step_backward_nfe: of each backward pass, shape ``(R, S)``; 0 for direct gradients.
        steps_per_epoch: S = E * steps_per_epoch.
        validation_loss: after each epoch, shape ``(R, E)``; None without validation data.
        snapshots: epoch -> features of the snapshot inputs, shape ``(R, n, *state_shape)``.
        failures: replica -> how it failed.
        seconds: time of the training steps, without validation and snapshots.
        seeds: one a replica.
    """

    step_loss: Floats
    step_nfe: Floats
    step_backward_nfe: Floats
    steps_per_epoch: int
    validation_loss: Floats | None
    snapshots: dict[int, Floats]
    failures: dict[int, TrainingFailure]
    seconds: float
    seeds: tuple[int, ...]

    @property
    def epoch_loss(self) -> Floats:
        """Mean of the batch losses in each epoch, shape ``(R, E)``."""
        return self._by_epoch(self.step_loss)

    @property
    def epoch_nfe(self) -> Floats:
        """Mean function evaluations of a forward pass in each epoch, shape ``(R, E)``."""
        return self._by_epoch(self.step_nfe)

    @property
    def epoch_backward_nfe(self) -> Floats:
        """Mean function evaluations of a backward pass in each epoch, shape ``(R, E)``."""
        return self._by_epoch(self.step_backward_nfe)

    @classmethod
    def join(cls, histories: Sequence["History"]) -> "History":
        """One history of several trainings that differ in their seeds only."""
        first = histories[0]
        failures: dict[int, TrainingFailure] = {}
        replicas = 0
        for each in histories:
            failures |= {replicas + r: failure for r, failure in each.failures.items()}
            replicas += len(each.seeds)

        def stack(values: list[Floats]) -> Floats:
            return np.concatenate(values, axis=0)

        validation = [h.validation_loss for h in histories if h.validation_loss is not None]
        return cls(
            step_loss=stack([h.step_loss for h in histories]),
            step_nfe=stack([h.step_nfe for h in histories]),
            step_backward_nfe=stack([h.step_backward_nfe for h in histories]),
            steps_per_epoch=first.steps_per_epoch,
            validation_loss=stack(validation) if validation else None,
            snapshots={e: stack([h.snapshots[e] for h in histories]) for e in first.snapshots},
            failures=failures,
            seconds=sum(h.seconds for h in histories),
            seeds=tuple(seed for h in histories for seed in h.seeds),
        )

    def _by_epoch(self, values: Floats) -> Floats:
        means: Floats = values.reshape(len(values), -1, self.steps_per_epoch).mean(axis=2)
        return means
