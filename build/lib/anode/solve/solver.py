"""What every solver of a stack has: its door, and its place in torch's graph."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from anode.solve.status import SolveStatus
from anode.solve.tableau import Doubles

Weights = tuple[Tensor, ...]


@dataclass(frozen=True)
class Outcome:
    """What the solve gave for each problem.

    Attributes:
        states: shape ``(T, R, B, ...)``; NaN for the problems that failed.
        nfe: evaluations of the field, shape ``(R,)``.
        steps: steps tried, shape ``(R,)``.
        time: time reached, shape ``(R,)``; that of the failure for the problems that failed.
        failed: problem -> what happened.
    """

    states: Tensor
    nfe: Tensor
    steps: Tensor
    time: Tensor
    failed: dict[int, SolveStatus]


class Solver(ABC):
    """One solve of a stack, forwards and back.

    Args:
        times: output times ``(T,)``, strictly increasing or decreasing.
        rtol, atol: tolerances of one step, relative and absolute.
        max_steps: most steps between two output times, rejected ones included.
    """

    def __init__(self, times: Tensor, rtol: float, atol: float, max_steps: int) -> None:
        self.rtol, self.atol, self.max_steps = rtol, atol, max_steps
        # h(-s) solves dg/ds = -f(g, -s): backwards, s = -t runs forwards.
        self.sign = 1.0 if times[1] > times[0] else -1.0
        self.ends: Doubles = self.sign * times.double().cpu().numpy()
        self.record = False

    def solve(self, h0: Tensor, weights: Weights) -> Outcome:
        """Solve from ``h0 (R, B, ...)``; what a way back needs is kept if there can be one."""
        inputs = (h0, *weights)
        self.record = torch.is_grad_enabled() and any(x.requires_grad for x in inputs)
        return self.outcome(_Solve.apply(self, *inputs))

    @abstractmethod
    def run(self, h0: Tensor, weights: Weights) -> Tensor:
        """The states at the output times, ``(T, R, B, ...)``."""

    @abstractmethod
    def outcome(self, states: Tensor) -> Outcome:
        """The states with the counts of the solve that gave them."""

    @abstractmethod
    def pull_back(self, gradient: Tensor) -> tuple[Tensor, ...]:
        """Gradients of h0 and of the weights from that of the states; zero for what failed."""


class _Solve(torch.autograd.Function):
    """The states at the output times, and the way back to h0 and weights."""

    @staticmethod
    def forward(ctx: Any, solver: Solver, h0: Tensor, *weights: Tensor) -> Tensor:
        ctx.solver = solver
        return solver.run(h0, weights)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return (None, *ctx.solver.pull_back(gradient))
