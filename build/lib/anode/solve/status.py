"""How a solve ends."""

from dataclasses import dataclass
from enum import Enum


class SolveStatus(Enum):
    """How a solve ended. A failure is an outcome of the science, so it is a value, no exception."""

    OK = "ok"
    UNDERFLOW = "underflow in dt"
    TOO_MANY_STEPS = "too many steps"
    NON_FINITE = "non-finite state"


@dataclass(frozen=True)
class SolveFailure:
    """Where one replica's solve ended early.

    Attributes:
        status: what happened.
        step: number of steps tried, rejected ones included, the impossible one too.
        time: the time t that was reached.
        nfe: function evaluations spent.
    """

    status: SolveStatus
    step: int
    time: float
    nfe: int

    def __str__(self) -> str:
        return f"{self.status.value} at step {self.step}, t = {self.time:.6g}, NFE {self.nfe}"
