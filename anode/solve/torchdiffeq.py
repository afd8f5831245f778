"""torchdiffeq's solvers: the reference for this package's, and the adjoint.

torchdiffeq has one step size for all that it is given, so that with adaptive steps each replica is
a call of its own. Its failed assertions become a status; every evaluation of the field is counted,
those of the adjoint's backward solve too.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torchdiffeq import odeint, odeint_adjoint

from anode.fields import Dynamics, VectorField
from anode.solve.backward import attach
from anode.solve.fixed_steps import fixed_solution, step_times
from anode.solve.settings import Gradient, SolverSettings
from anode.solve.solution import Solution, SolveFailure, SolveStatus


def solve(field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings) -> Solution:
    """Solve dh/dt = f(h, t) with torchdiffeq; arguments as for ``integrate``."""
    adjoint = settings.gradient is Gradient.ADJOINT
    if not settings.method.adaptive:
        states, counter = _fixed(field, h0, times, settings)
        return fixed_solution(states, times, settings, (counter,) * len(h0) if adjoint else ())
    solves = [_alone(field, replica, h0, times, settings) for replica in range(field.replicas)]
    counters = tuple(solve.counter for solve in solves)
    return Solution(
        states=torch.cat([solve.states for solve in solves], dim=1),
        nfe=torch.tensor([counter.forward_evaluations for counter in counters]),
        steps=torch.tensor([counter.forward_steps for counter in counters]),
        failures={r: solve.failure for r, solve in enumerate(solves) if solve.failure is not None},
        backward=counters if adjoint else (),
    )


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
        """Count what follows as the backward solve's."""
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
    """The counter for adaptive methods, which may reject a step, and for their adjoint."""

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
class _Alone:
    """What torchdiffeq gives for one replica."""

    states: Tensor  # (T, 1, B, *state_shape), NaN if the solve failed
    counter: EvaluationCounter  # of the backward solve too
    failure: SolveFailure | None = None  # of the forward solve


def _alone(
    field: VectorField, replica: int, h0: Tensor, times: Tensor, settings: SolverSettings
) -> _Alone:
    """Solve one replica with adaptive steps."""
    start = h0[replica : replica + 1]
    dynamics, weights = field.select(replica)
    outer = inner = (start, *weights)
    adjoint = settings.gradient is Gradient.ADJOINT and torch.is_grad_enabled()
    solve, extra = odeint, dict[str, Any]()
    if adjoint:
        # The solve's graph ends at these copies; attach joins it to the caller's.
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
                method=settings.method.name,
                options={
                    "max_num_steps": settings.max_steps,
                    "safety": settings.controller.safety,
                    "ifactor": settings.controller.largest,
                    "dfactor": settings.controller.smallest,
                },
                **extra,
            )
    except _SolveError as error:
        failure = counter.failure(error.status)
        counter.end_forward()
        return _Alone(torch.full((len(times), *start.shape), torch.nan).to(h0), counter, failure)
    counter.end_forward()
    if adjoint:
        states = _attached(states, inner, outer, counter)
    return _Alone(states, counter)


def _fixed(
    field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings
) -> tuple[Tensor, EvaluationCounter]:
    """States ``(T, R, B, ...)`` of all replicas at once: steps of one size need no control."""
    weights = field.weights
    counter = EvaluationCounter(partial(field.evaluate, weights), times)
    options = {"grid_constructor": lambda _field, _h0, t: step_times(t, settings)}
    solve, extra = odeint, dict[str, Any]()
    if settings.gradient is Gradient.ADJOINT:
        solve, extra = odeint_adjoint, {"adjoint_params": weights}
    states = solve(counter, h0, times, method=settings.method.name, options=options, **extra)
    counter.end_forward()
    return states, counter


def _attached(
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

    return attach(states, pull_back, outer)


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
