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
        options = {"grid_constructor": lambda _field, _h0, t: step_times(t, settings)}
        found = _solved(field, (h0, *field.weights), times, settings, options)
        backward = (found.counter,) * len(h0) if adjoint else ()
        return fixed_solution(found.states, times, settings, backward)
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

    def __init__(self, dynamics: Dynamics, times: Tensor, first: Dynamics | None = None) -> None:
        super().__init__()
        self.dynamics = dynamics
        self.first = first or dynamics  # for the first evaluation
        self.evaluations = 0
        self.steps = 0
        self.time: Tensor = times[0]
        # torchdiffeq negates a decreasing time. It undoes that for the forward callbacks' t0, but
        # not for the adjoint's.
        self.direction = 1 if times[1] > times[0] else -1
        self.forward_evaluations = 0
        self.forward_steps = 0
        self.backward_failure: SolveFailure | None = None

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        self.evaluations += 1
        return (self.first if self.evaluations == 1 else self.dynamics)(t, h)

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
        steps, time = self.steps - self.forward_steps, float(self.time.detach())
        return SolveFailure(status, steps, time, self.backward_evaluations())


class AdaptiveCounter(EvaluationCounter):
    """The counter for adaptive methods, which may reject a step, and for their adjoint."""

    def callback_accept_step(self, t0: Tensor, h0: Tensor, dt: Tensor) -> None:
        self.time = t0 + self.direction * dt

    def callback_step_adjoint(self, t0: Tensor, a0: Tensor, dt: Tensor) -> None:
        self.steps += 1
        self.time = self.direction * t0

    def callback_accept_step_adjoint(self, t0: Tensor, a0: Tensor, dt: Tensor) -> None:
        self.time = self.direction * (t0 - dt)


@dataclass(frozen=True)
class _Solved:
    """What torchdiffeq gives for one replica, or for all of them at once."""

    states: Tensor  # (T, r, B, *state_shape), NaN if the solve failed
    counter: EvaluationCounter  # of the backward solve too
    failure: SolveFailure | None = None  # of the forward solve


def _alone(
    field: VectorField, replica: int, h0: Tensor, times: Tensor, settings: SolverSettings
) -> _Solved:
    """Solve one replica with adaptive steps."""
    _, weights = field.select(replica)
    control = settings.controller
    options = {
        "max_num_steps": settings.max_steps,
        "safety": control.safety,
        "ifactor": control.largest,
        "dfactor": control.smallest,
    }
    inputs = (h0[replica : replica + 1], *weights)
    return _solved(field, inputs, times, settings, options)


def _solved(
    field: VectorField,
    outer: tuple[Tensor, ...],
    times: Tensor,
    settings: SolverSettings,
    options: dict[str, Any],
) -> _Solved:
    """Solve from the state and with the weights ``outer`` of some replicas."""
    inner, solve, extra = outer, odeint, dict[str, Any]()
    adjoint = settings.gradient is Gradient.ADJOINT and torch.is_grad_enabled()
    if adjoint:
        # The solve's graph ends at these copies; attach joins it to the caller's.
        inner = tuple(tensor.detach().requires_grad_() for tensor in outer)
        solve, extra = odeint_adjoint, {"adjoint_params": inner[1:]}
    start, weights = inner[0], inner[1:]
    kind = AdaptiveCounter if settings.method.adaptive else EvaluationCounter
    first = partial(field.closed_slopes, weights) if adjoint else None
    counter = kind(partial(field.slopes, weights), times, first)
    tolerances = {"rtol": settings.rtol, "atol": settings.atol, "method": settings.method.name}
    try:
        with _torchdiffeq_failures():
            states = solve(counter, start, times, options=options, **tolerances, **extra)
    except _SolveError as error:
        failure = counter.failure(error.args[0])
        counter.end_forward()
        return _Solved(start.new_full((len(times), *start.shape), torch.nan), counter, failure)
    counter.end_forward()
    if adjoint:
        states = _attached(states, inner, outer, counter)
    return _Solved(states, counter)


def _attached(
    states: Tensor, inner: tuple[Tensor, ...], outer: tuple[Tensor, ...], counter: EvaluationCounter
) -> Tensor:
    """``states`` solved from ``inner`` as a function of ``outer``, whose backward solve may fail.

    A failure of a replica's adaptive solve is recorded by the counter and makes the gradients NaN,
    so that it does not end the backward pass of the other replicas.
    """

    def pull_back(gradient: Tensor) -> tuple[Tensor, ...]:
        try:
            with _torchdiffeq_failures():
                found = torch.autograd.grad(states, inner, gradient, retain_graph=True)
            # torchdiffeq takes the norm of the adjoint's parts with max(), which may drop a NaN, so
            # that it can end a backward solve as if nothing had happened.
            adaptive = isinstance(counter, AdaptiveCounter)
            if adaptive and not all(bool(each.isfinite().all()) for each in found):
                raise _SolveError(SolveStatus.NON_FINITE)
        except _SolveError as error:
            counter.backward_failure = counter.failure(error.args[0])
            return tuple(torch.full_like(tensor, torch.nan) for tensor in inner)
        return found

    return attach(states, pull_back, outer)


class _SolveError(Exception):
    """A failed solve; its argument is the status."""


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
