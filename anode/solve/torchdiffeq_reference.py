"""torchdiffeq's solvers: the reference for :mod:`anode.solve.dopri5`, the adjoint, and fixed steps.

torchdiffeq has one step size for all that it is given, so that with adaptive steps each replica is
a call of its own. Its failed assertions become a status; every evaluation of the field is counted,
those of the adjoint's backward solve too.
"""

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torchdiffeq import odeint, odeint_adjoint

from anode.fields import Dynamics, VectorField
from anode.solve.settings import Gradient, SolverSettings
from anode.solve.status import SolveFailure, SolveStatus


class EvaluationCounter(nn.Module):
    """Dynamics that count their evaluations and follow the solver's steps.

    torchdiffeq calls ``callback_step`` before each step that it tries.
    """

    def __init__(self, dynamics: Dynamics, times: Tensor) -> None:
        super().__init__()
        self.dynamics = dynamics
        self.evaluations = 0
        self.steps = 0
        self.time: Tensor = times[0]
        self.forward_evaluations = 0
        self.forward_steps = 0
        self.backward_failure: SolveFailure | None = None

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        self.evaluations += 1
        return self.dynamics(t, h)

    def callback_step(self, t0: Tensor, h0: Tensor, dt: Tensor) -> None:
        self.steps += 1
        self.time = t0  # not converted here: that would wait for the device at every step

    def end_forward(self) -> None:
        """What follows is counted as the backward solve's."""
        self.forward_evaluations, self.forward_steps = self.evaluations, self.steps

    def backward_evaluations(self) -> int:
        """Evaluations since :meth:`end_forward`."""
        return self.evaluations - self.forward_evaluations

    def failure(self, status: SolveStatus) -> SolveFailure:
        """The failure ``status`` of the solve under way, at the point reached."""
        return SolveFailure(
            status,
            self.steps - self.forward_steps,
            float(self.time.detach()),
            self.evaluations - self.forward_evaluations,
        )


class AdaptiveCounter(EvaluationCounter):
    """The counter for the adaptive method, which may reject a step, and for its adjoint."""

    def __init__(self, dynamics: Dynamics, times: Tensor) -> None:
        super().__init__(dynamics, times)
        # torchdiffeq negates a decreasing time. It undoes that for the forward callbacks' t0, but
        # not for the adjoint's.
        self.direction = 1 if times[1] > times[0] else -1

    def callback_accept_step(self, t0: Tensor, h0: Tensor, dt: Tensor) -> None:
        self.time = t0 + self.direction * dt

    def callback_step_adjoint(self, t0: Tensor, a0: Tensor, dt: Tensor) -> None:
        self.steps += 1
        self.time = self.direction * t0

    def callback_accept_step_adjoint(self, t0: Tensor, a0: Tensor, dt: Tensor) -> None:
        self.time = self.direction * (t0 - dt)


@dataclass(frozen=True)
class Alone:
    """What torchdiffeq gives for one replica.

    Attributes:
        states: shape ``(T, 1, B, *state_shape)``; NaN if the solve failed.
        counter: of evaluations and steps; of the backward solve's too once that is made.
        failure: how the forward solve failed, if it did.
    """

    states: Tensor
    counter: EvaluationCounter
    failure: SolveFailure | None = None


def solve_alone(
    field: VectorField, replica: int, h0: Tensor, times: Tensor, settings: SolverSettings
) -> Alone:
    """Solve one replica with adaptive steps.

    Args:
        field: R vector fields.
        replica: which of them.
        h0: all replicas' initial states, shape ``(R, B, *state_shape)``.
        times: output times, shape ``(T,)``.
        settings: method, tolerances, gradient.
    """
    start = h0[replica : replica + 1]
    dynamics, weights = field.select(replica)
    outer = inner = (start, *weights)
    adjoint = settings.gradient is Gradient.ADJOINT and torch.is_grad_enabled()
    solve, extra = odeint, {}
    if adjoint:
        # The solve's graph ends at these copies; _Guarded joins it to the caller's.
        inner = tuple(tensor.detach().requires_grad_() for tensor in outer)
        start, weights = inner[0], inner[1:]
        dynamics = partial(field.evaluate, weights)
        solve, extra = odeint_adjoint, {"adjoint_params": weights}
    counter = AdaptiveCounter(dynamics, times)
    try:
        with _torchdiffeq_failures():
            states = solve(
                counter,
                start,
                times,
                rtol=settings.rtol,
                atol=settings.atol,
                method=settings.method.value,
                options={"max_num_steps": settings.max_steps},
                **extra,
            )
    except _SolveError as error:
        failure = counter.failure(error.status)
        counter.end_forward()
        return Alone(torch.full((len(times), *start.shape), torch.nan).to(h0), counter, failure)
    counter.end_forward()
    if adjoint:
        states = _guarded(states, inner, outer, counter)
    return Alone(states, counter)


def solve_fixed(
    field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings
) -> tuple[Tensor, EvaluationCounter]:
    """Solve all replicas at once: steps of one size need no control.

    Returns:
        States ``(T, R, B, *state_shape)`` and the counter, which is the same for all replicas.
    """
    counter = EvaluationCounter(field, times)
    options = {"grid_constructor": _grid(settings.step_size or 0)}
    method = settings.method.value
    if settings.gradient is Gradient.ADJOINT:
        states = odeint_adjoint(
            counter, h0, times, method=method, options=options, adjoint_params=field.weights
        )
    else:
        states = odeint(counter, h0, times, method=method, options=options)
    counter.end_forward()
    return states, counter


def _grid(step_size: float) -> Callable[[Dynamics, Tensor, Tensor], Tensor]:
    """The times of steps of one size, the last one shorter where they do not fit.

    torchdiffeq's own grid has a step more, of length zero, where rounding makes the quotient of
    length and step size a little larger than a whole number.
    """

    def build(func: Dynamics, h0: Tensor, times: Tensor) -> Tensor:
        start, length = float(times[0]), float(times[-1] - times[0])
        count = max(1, math.ceil(abs(length) / step_size - 1e-6))
        grid = start + math.copysign(step_size, length) * torch.arange(
            count + 1, dtype=torch.float64
        )
        grid = grid.to(times)
        grid[-1] = times[-1]
        return grid

    return build


class _Guarded(torch.autograd.Function):
    """States whose gradient is computed by ``pull_back``, for the inputs that they depend on."""

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, pull_back: Callable[[Tensor], Any], *inputs: Tensor
    ) -> Tensor:
        ctx.pull_back = pull_back
        return states.view_as(states)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, *ctx.pull_back(gradient))


def _guarded(
    states: Tensor,
    inner: tuple[Tensor, ...],
    outer: tuple[Tensor, ...],
    counter: EvaluationCounter,
) -> Tensor:
    """``states`` solved from ``inner`` as a function of ``outer``, whose backward solve may fail.

    A failure is recorded by the counter and makes the gradients NaN, so that it does not end the
    backward pass of the other replicas.
    """

    def pull_back(gradient: Tensor) -> tuple[Tensor, ...]:
        try:
            with _torchdiffeq_failures():
                found = torch.autograd.grad(states, inner, gradient, retain_graph=True)
            # torchdiffeq takes the norm of the adjoint's parts with max(), which may drop a NaN, so
            # that it can end a backward solve as if nothing had happened.
            if not all(bool(each.isfinite().all()) for each in found):
                raise _SolveError(SolveStatus.NON_FINITE)
        except _SolveError as error:
            counter.backward_failure = counter.failure(error.status)
            return tuple(torch.full_like(tensor, torch.nan) for tensor in inner)
        return found

    guarded: Tensor = _Guarded.apply(states.detach(), pull_back, *outer)
    return guarded


class _SolveError(Exception):
    def __init__(self, status: SolveStatus) -> None:
        super().__init__(status.value)
        self.status = status


@contextmanager
def _torchdiffeq_failures() -> Iterator[None]:
    """Turn torchdiffeq's assertions about a failed solve into :class:`_SolveError`."""
    try:
        yield
    except AssertionError as error:
        status = _status_of(str(error))
        if status is None:
            raise
        raise _SolveError(status) from error


def _status_of(message: str) -> SolveStatus | None:
    if message.startswith("max_num_steps exceeded"):
        return SolveStatus.TOO_MANY_STEPS
    if message.startswith("non-finite values in state"):
        return SolveStatus.NON_FINITE
    if underflow := re.match(r"underflow in dt (\S+)", message):
        # torchdiffeq replaces a step size that became NaN, from a non-finite error estimate, by 0.
        return SolveStatus.NON_FINITE if float(underflow[1]) == 0 else SolveStatus.UNDERFLOW
    return None
