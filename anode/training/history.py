"""The history of a training, and the recorder that a running training writes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from anode.arrays import Floats
from anode.serialization import to_json
from anode.solve import SolveFailure, SolveStatus

Phase = Literal["forward", "backward"]

STEPS = ("step_loss", "step_nfe", "step_backward_nfe")
"""Attributes of a history that have one value for each step."""


@dataclass(frozen=True)
class TrainingFailure:
    """A replica whose training ended early.

    Attributes:
        seed: Seed of the replica.
        epoch: Epoch of the failure, counted from 1.
        iteration: Step of the failure, counted from 1 over the whole training.
        phase: Pass in which it happened.
        cause: The failed solve, or what is not finite although the solve succeeded.
    """

    seed: int
    epoch: int
    iteration: int
    phase: Phase
    cause: SolveFailure | str

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrainingFailure":
        """The inverse of :func:`~anode.serialization.to_json`."""
        cause = values["cause"]
        if isinstance(cause, Mapping):
            cause = SolveFailure(**dict(cause) | {"status": SolveStatus(cause["status"])})
        return cls(**dict(values) | {"cause": cause})

    def __str__(self) -> str:
        place = f"seed {self.seed}, epoch {self.epoch}, iteration {self.iteration}"
        return f"{place}, {self.phase} pass: {self.cause}"


@dataclass(frozen=True)
class History:
    """The course of a training of R replicas with S steps in E epochs.

    From the step at which a replica failed, its entries and its snapshots are NaN.

    Attributes:
        step_loss: Loss of each batch before its update, shape ``(R, S)``.
        step_nfe: Number of function evaluations of each forward pass, shape ``(R, S)``.
        step_backward_nfe: The same of each backward pass; 0 for direct gradients.
        steps_per_epoch: Number of steps in an epoch, S / E.
        validation_loss: Loss after each epoch, shape ``(R, E)``; None without validation data.
        snapshots: Features of the snapshot inputs by epoch, each ``(R, n, *state_shape)``.
        failures: Failures by replica.
        seconds: Time of the training steps, without validation and snapshots.
        seeds: Seed of each replica.
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
        """Mean number of function evaluations of a forward pass in each epoch, shape ``(R, E)``."""
        return self._by_epoch(self.step_nfe)

    def _by_epoch(self, values: Floats) -> Floats:
        means: Floats = values.reshape(len(values), -1, self.steps_per_epoch).mean(axis=2)
        return means


@dataclass
class Recorder:
    """Record of a training so far, for a stack of R replicas.

    Attributes:
        seeds: Seed of each replica.
        steps_per_epoch: Number of steps in an epoch.
        steps: Loss, NFE and NFE of the backward pass for each step, each of shape ``(R,)``.
        validation: Validation loss ``(R,)`` after each epoch.
        snapshots, failures, seconds: As in :class:`History`.
    """

    seeds: tuple[int, ...]
    steps_per_epoch: int
    steps: list[tuple[Tensor, ...]] = field(default_factory=list)
    validation: list[Floats] = field(default_factory=list)
    snapshots: dict[int, Floats] = field(default_factory=dict)
    failures: dict[int, TrainingFailure] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def epochs(self) -> float:
        """Number of epochs so far, with the share of the one that is not finished."""
        return len(self.steps) / self.steps_per_epoch

    @property
    def stopped(self) -> tuple[int, ...]:
        """Replicas that failed."""
        return tuple(self.failures)

    def fail(self, phase: Phase, causes: Mapping[int, SolveFailure | str]) -> None:
        """Record the first failure of each replica, in the step that is recorded next."""
        epoch, step = int(self.epochs) + 1, len(self.steps) + 1
        for r, cause in causes.items():
            failure = TrainingFailure(self.seeds[r], epoch, step, phase, cause)
            self.failures.setdefault(r, failure)

    def history(self) -> History:
        """The record as arrays, with NaN from the failure of a replica on."""
        steps = {name: values.double().cpu().numpy() for name, values in self._by_name().items()}
        for replica, failure in self.failures.items():
            for values in steps.values():  # (R, S)
                values[replica, failure.iteration - 1 :] = np.nan
        return History(
            **steps,
            steps_per_epoch=self.steps_per_epoch,
            validation_loss=np.stack(self.validation, axis=1) if self.validation else None,
            snapshots=self.snapshots,
            failures=self.failures,
            seconds=self.seconds,
            seeds=self.seeds,
        )

    def plain(self) -> dict[str, Any]:
        """The part of the record that JSON can hold."""
        failures = to_json(self.failures)
        return {"epochs": self.epochs, "seconds": self.seconds, "failures": failures}

    def arrays(self) -> dict[str, Tensor]:
        """The rest of the record, by name."""
        found = self._by_name()
        found |= {f"snapshot/{e}": torch.from_numpy(x) for e, x in self.snapshots.items()}
        if self.validation:
            found["validation"] = torch.from_numpy(np.stack(self.validation, axis=1))
        return found

    def restore(
        self, plain: Mapping[str, Any], arrays: Mapping[str, Tensor], device: torch.device
    ) -> None:
        """Take over the record of :meth:`plain` and :meth:`arrays`."""
        columns = (arrays[name].to(device).unbind(dim=1) for name in STEPS)
        self.steps = list(zip(*columns, strict=True))
        if "validation" in arrays:
            self.validation = list(arrays["validation"].numpy().T)
        for name, values in arrays.items():
            if name.startswith("snapshot/"):
                self.snapshots[int(name.partition("/")[2])] = values.numpy()
        failures = plain["failures"].items()
        self.failures = {int(r): TrainingFailure.from_dict(failure) for r, failure in failures}
        self.seconds = plain["seconds"]

    def _by_name(self) -> dict[str, Tensor]:
        """The values of all steps, each ``(R, S)``."""
        columns = [torch.stack(values, dim=1) for values in zip(*self.steps, strict=True)]
        return dict(zip(STEPS, columns, strict=True))
