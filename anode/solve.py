"""Solving dh/dt = f(h, t) for a stack of replicas, and counting what it costs.

Each replica is its own initial value problem: its own step sizes, its own number of function
evaluations, its own success or failure.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum

import torch
from torch import Tensor, nn
from torchdiffeq import odeint, odeint_adjoint

from anode.dopri5 import dopri5
from anode.fields import Dynamics, VectorField
from anode.status import SolveFailure, SolveStatus


class Method(Enum):
    """The numerical method. Dormand-Prince adapts its steps; the others take steps of one size."""

    DOPRI5 = "dopri5"
    EULER = "euler"
    RK4 = "rk4"

    @property
    def adaptive(self) -> bool:
        """Whether the step size follows an error estimate."""
        return self is Method.DOPRI5


class Gradient(Enum):
    """How gradients pass through a solve.

    DIRECT differentiates the steps that were taken. ADJOINT solves a second ODE backwards, which
    needs memory for the end state only (Chen et al. 2018).
    """

    DIRECT = "direct"
    ADJOINT = "adjoint"


@dataclass(frozen=True)
class SolverSettings:
    """Numerical method and tolerances; the defaults are the paper's (appendix F).

    Attributes:
        rtol, atol: relative and absolute tolerance of the adaptive method.
        max_steps: most steps, taken or rejected, between two output times.
        step_size: step of the fixed-step methods, in units of time; None for the adaptive one.
        gradient: how to differentiate.

    Raises:
        ValueError: on tolerances or steps that are not positive, on a fixed-step method without a
            step size, and on a step size for the adaptive method.
    """

    method: Method = Method.DOPRI5
    rtol: float = 1e-3
    atol: float = 1e-3
    max_steps: int = 1000
    step_size: float | None = None
    gradient: Gradient = Gradient.DIRECT

    def __post_init__(self) -> None:
        for name in ("rtol", "atol", "max_steps"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)!r}")
        if self.method.adaptive and self.step_size is not None:
            raise ValueError(
                f"step_size={self.step_size!r} given for {self.method.value}, which chooses its own "
                "steps; leave step_size out or choose Method.EULER or Method.RK4"
            )
        if not self.method.adaptive and not (self.step_size or 0) > 0:
            raise ValueError(
                f"{self.method.value} takes steps of one size: step_size must be a positive number, "
                f"got {self.step_size!r}"
            )

    def with_gradient(self, gradient: Gradient) -> "SolverSettings":
        """The same settings with another way to differentiate."""
        return replace(self, gradient=gradient)


@dataclass(frozen=True)
class Solution:
    """The solutions of R initial value problems.

    Attributes:
        states: shape ``(T, R, B, *state_shape)`` for T output times; a failed replica's are NaN.
        nfe: function evaluations of the forward solve, shape ``(R,)``, integer.
        steps: steps tried, rejected ones included, shape ``(R,)``, integer.
        failures: the failed replicas' index and failure.
        counters: for the adjoint, one a replica; they count the backward pass's evaluations too.
    """

    states: Tensor
    nfe: Tensor
    steps: Tensor
    failures: dict[int, SolveFailure]
    counters: "tuple[EvaluationCounter, ...]" = ()

    @property
    def status(self) -> tuple[SolveStatus, ...]:
        """One status a replica."""
        replicas = range(len(self.nfe))
        return tuple(
            self.failures[r].status if r in self.failures else SolveStatus.OK for r in replicas
        )

    def backward_nfe(self) -> Tensor:
        """Evaluations made since the forward solve, shape ``(R,)``.

        The adjoint method's backward solve makes some; direct gradients replay the stored graph
        and make none.
        """
        if not self.counters:
            return torch.zeros_like(self.nfe)
        return torch.tensor([c.evaluations for c in self.counters]) - self.nfe


class EvaluationCounter(nn.Module):
    """A replica's dynamics that counts its evaluations and follows the solver's steps.

    torchdiffeq calls ``callback_step`` before each step it tries.
    """

    def __init__(self, dynamics: Dynamics, start: float) -> None:
        super().__init__()
        self.dynamics = dynamics
        self.evaluations = 0
        self.steps = 0
        self.time: float | Tensor = start

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        self.evaluations += 1
        return self.dynamics(t, h)

    def callback_step(self, t0: Tensor, h0: Tensor, dt: Tensor) -> None:
        self.steps += 1
        self.time = t0  # not converted here: that would wait for the device at every step

    def failure(self, status: SolveStatus) -> SolveFailure:
        """The failure ``status`` at the point reached."""
        return SolveFailure(status, self.steps, float(self.time), self.evaluations)


class _SolveError(Exception):
    def __init__(self, status: SolveStatus) -> None:
        super().__init__(status.value)
        self.status = status


def integrate(
    field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings | None = None
) -> Solution:
    """Solve dh/dt = f(h, t) from ``h0`` at ``times[0]``, one problem for each replica.

    Args:
        field: R vector fields.
        h0: initial states, shape ``(R, B, *state_shape)``.
        times: output times, shape ``(T,)``, strictly increasing or decreasing, T >= 2.
        settings: method, tolerances, gradient; the paper's if left out.

    Returns:
        The states at ``times``, the cost, and how each replica's solve ended.

    Raises:
        ValueError: if shapes, dtype or device of the arguments do not fit together.
    """
    settings = settings or SolverSettings()
    _check_problem(field, h0, times)
    if not settings.method.adaptive:
        return _fixed_steps(field, h0, times, settings)
    if settings.gradient is Gradient.ADJOINT:
        return _adjoint(field, h0, times, settings)
    return _stacked(field, h0, times, settings)


def _stacked(
    field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings
) -> Solution:
    """All replicas at once, each with its own steps."""
    weights = field.weights
    outcome = dopri5(
        lambda t, h: field.evaluate(weights, t, h),
        h0,
        times,
        rtol=settings.rtol,
        atol=settings.atol,
        max_steps=settings.max_steps,
    )
    failures = {
        r: SolveFailure(
            status, int(outcome.steps[r]), float(outcome.time[r]), int(outcome.nfe[r])
        )
        for r, status in outcome.failed.items()
    }
    return Solution(outcome.states, outcome.nfe, outcome.steps, failures)


def _fixed_steps(
    field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings
) -> Solution:
    """All replicas at once: steps of one size need no control, so torchdiffeq takes the stack."""
    counter = EvaluationCounter(field, start=float(times[0]))
    options = {"step_size": float(settings.step_size or 0)}
    solve = odeint
    extra = {}
    if settings.gradient is Gradient.ADJOINT:
        solve = odeint_adjoint
        extra = {"adjoint_params": field.weights}
    states = solve(counter, h0, times, method=settings.method.value, options=options, **extra)
    nfe = torch.full((field.replicas,), counter.evaluations)
    steps = torch.full_like(nfe, counter.steps)
    finite = torch.isfinite(states.detach()).transpose(0, 1).flatten(1).all(1)
    failures = {
        r: SolveFailure(SolveStatus.NON_FINITE, counter.steps, float(times[-1]), int(nfe[r]))
        for r in (~finite).nonzero().flatten().tolist()
    }
    counters = (counter,) * field.replicas if extra else ()
    return Solution(states, nfe, steps, failures, counters)


def _adjoint(
    field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings
) -> Solution:
    """One torchdiffeq solve a replica, forwards now and backwards when gradients are asked for."""
    states, counters, failures = [], [], {}
    for r in range(field.replicas):
        dynamics, weights = field.select(r)
        counter = EvaluationCounter(dynamics, start=float(times[0]))
        start = h0[r : r + 1]
        try:
            with _torchdiffeq_failures():
                solved = odeint_adjoint(
                    counter,
                    start,
                    times,
                    rtol=settings.rtol,
                    atol=settings.atol,
                    method=settings.method.value,
                    options={"max_num_steps": settings.max_steps},
                    adjoint_params=weights,
                )
        except _SolveError as error:
            solved = torch.full((len(times), *start.shape), torch.nan).to(h0)
            failures[r] = counter.failure(error.status)
        states.append(solved)
        counters.append(counter)
    return Solution(
        states=torch.cat(states, dim=1),
        nfe=torch.tensor([c.evaluations for c in counters]),
        steps=torch.tensor([c.steps for c in counters]),
        failures=failures,
        counters=tuple(counters),
    )


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


@contextmanager
def adjoint_failures() -> Iterator[list[SolveStatus]]:
    """Collect the failure of a backward solve, for use around ``loss.backward()``.

    The adjoint's backward ODE can fail where the forward solve did not. The status is appended to
    the list that the context gives.
    """
    failures: list[SolveStatus] = []
    try:
        with _torchdiffeq_failures():
            yield failures
    except _SolveError as error:
        failures.append(error.status)


def _check_problem(field: VectorField, h0: Tensor, times: Tensor) -> None:
    expected = (field.replicas, *field.state_shape)
    if h0.dim() != len(field.state_shape) + 2 or (h0.shape[0], *h0.shape[2:]) != expected:
        want = ", ".join(map(str, (field.replicas, "B", *field.state_shape)))
        raise ValueError(f"h0 must have shape ({want}), got {tuple(h0.shape)}")
    if times.dim() != 1 or len(times) < 2 or not times.is_floating_point():
        raise ValueError(
            f"times must be one-dimensional floating point with at least 2 entries, got "
            f"{times.dtype} of shape {tuple(times.shape)}"
        )
    gaps = times.diff()
    if not bool((gaps > 0).all() or (gaps < 0).all()):
        raise ValueError(f"times must strictly increase or decrease, got {times.tolist()}")
    weight = field.weights[0]
    if h0.device != weight.device or h0.dtype != weight.dtype:
        raise ValueError(
            f"h0 is {h0.dtype} on {h0.device}, the field's weights are {weight.dtype} on "
            f"{weight.device}; move one to the other"
        )
