"""The result of a solve: states, their cost, and how each replica's solve ended."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from torch import Tensor

from anode.arrays import Floats, Integers


class SolveStatus(Enum):
    """How a solve ended. A failure is a value, not an exception."""

    OK = "ok"
    UNDERFLOW = "underflow in dt"
    TOO_MANY_STEPS = "too many steps"
    NON_FINITE = "non-finite state"


@dataclass(frozen=True)
class SolveFailure:
    """The point at which one replica's solve ended early.

    Attributes:
        status: Cause.
        step: Number of steps tried, rejected ones and the impossible one included.
        time: The time t that was reached.
        nfe: Number of function evaluations spent.
        sample: Index in the batch of the first sample whose initial state is not finite, if any.
    """

    status: SolveStatus
    step: int
    time: float
    nfe: int
    sample: int | None = None

    def __str__(self) -> str:
        text = f"{self.status.value} at step {self.step}, t = {self.time:.6g}, NFE {self.nfe}"
        bad = f"; sample {self.sample} of the batch is not finite at the start"
        return text if self.sample is None else text + bad


@dataclass(frozen=True)
class Solution:
    """The solutions of R initial value problems.

    Attributes:
        states: States at the T output times, shape ``(T, R, B, *state_shape)``; NaN for a replica
            that failed.
        nfe: Function evaluations of the forward solve, shape ``(R,)``, integer.
        steps: Steps tried, rejected ones included, shape ``(R,)``, integer.
        failures: Failure of each replica that failed, by its index.
        backward: The evaluation counter of each replica's backward solve, for adjoints only.
    """

    states: Tensor
    nfe: Tensor
    steps: Tensor
    failures: dict[int, SolveFailure]
    backward: tuple[Any, ...] = ()

    @property
    def status(self) -> tuple[SolveStatus, ...]:
        """Status of the forward solve of each replica."""
        failed = {r: failure.status for r, failure in self.failures.items()}
        return tuple(failed.get(r, SolveStatus.OK) for r in range(len(self.nfe)))

    def backward_nfe(self) -> Tensor:
        """Function evaluations made since the forward solve, shape ``(R,)``.

        The adjoint's backward solve makes some; direct gradients replay the recorded steps and make
        none.
        """
        if not self.backward:
            return torch.zeros_like(self.nfe)
        return torch.tensor([solve.backward_evaluations() for solve in self.backward])

    def backward_failures(self) -> dict[int, SolveFailure]:
        """Failures of backward solves so far, by the replica's index; its gradients are NaN.

        The adjoint's backward solve can fail where the forward solve did not.
        """
        found = {r: solve.backward_failure for r, solve in enumerate(self.backward)}
        return {r: failure for r, failure in found.items() if failure is not None}


def adaptive_solution(
    states: Tensor,
    made: Integers,
    times: Floats,
    failed: Mapping[int, SolveStatus],
    stages: int,
) -> Solution:
    """The solution of R adaptive solves.

    Args:
        states: Shape ``(T, R, B, *state_shape)``; those of failed problems are replaced by NaN.
        made: Number of steps made, rejected ones included, shape ``(R,)``.
        times: Times that were reached, shape ``(R,)``.
        failed: Status of each problem that failed, by its index.
        stages: Function evaluations a step. Two more are made before the first step.
    """
    nfe, tried = 2 + stages * made, made.copy()
    for r, status in failed.items():
        tried[r] += status is not SolveStatus.TOO_MANY_STEPS  # the step that could not be made
    failures = {
        r: SolveFailure(status, int(tried[r]), float(times[r]), int(nfe[r]))
        for r, status in failed.items()
    }
    states = without(states, failed)
    return Solution(states, torch.from_numpy(nfe), torch.from_numpy(tried), failures)


def without(states: Tensor, failed: Collection[int]) -> Tensor:
    """States ``(T, R, ...)`` with NaN, and no way back, for the problems that failed."""
    if not failed:
        return states
    return states.index_fill(1, torch.tensor(list(failed), device=states.device), torch.nan)
