"""Solving dh/dt = f(h, t) for a stack of replicas, and counting what it costs.

Each replica is its own initial value problem: its own step sizes, its own number of function
evaluations, its own success or failure.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from anode.fields import VectorField
from anode.solve import compiled
from anode.solve.dopri5 import dopri5
from anode.solve.settings import Gradient, SolverSettings
from anode.solve.status import SolveFailure, SolveStatus
from anode.solve.torchdiffeq_reference import EvaluationCounter, solve_alone, solve_fixed


@dataclass(frozen=True)
class Solution:
    """The solutions of R initial value problems.

    Attributes:
        states: shape ``(T, R, B, *state_shape)`` for T output times; a failed replica's are NaN.
        nfe: function evaluations of the forward solve, shape ``(R,)``, integer.
        steps: steps tried, rejected ones included, shape ``(R,)``, integer.
        failures: the failed replicas' index and failure.
        counters: for the adjoint, one a replica; they count the backward solve's evaluations too.
    """

    states: Tensor
    nfe: Tensor
    steps: Tensor
    failures: dict[int, SolveFailure]
    counters: tuple[EvaluationCounter, ...] = ()

    @property
    def status(self) -> tuple[SolveStatus, ...]:
        """One status a replica, of the forward solve."""
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
        return torch.tensor([counter.backward_evaluations() for counter in self.counters])

    def backward_failures(self) -> dict[int, SolveFailure]:
        """The replicas whose backward solve failed so far; their gradients are NaN.

        The adjoint's backward solve can fail where the forward solve did not.
        """
        found = {r: counter.backward_failure for r, counter in enumerate(self.counters)}
        return {r: failure for r, failure in found.items() if failure is not None}


def integrate(
    field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings | None = None
) -> Solution:
    """Solve dh/dt = f(h, t) from ``h0`` at ``times[0]``, one problem for each replica.

    Args:
        field: R vector fields.
        h0: initial states, shape ``(R, B, *state_shape)``.
        times: output times, shape ``(T,)``, strictly increasing or decreasing, T >= 2.
        settings: method, tolerances, gradient, engine; the paper's if left out.

    Returns:
        The states at ``times``, the cost, and how each replica's solve ended.

    On CUDA this turns TF32 off, and leaves it off: see :func:`keep_precision`.

    Raises:
        ValueError: if shapes, dtype or device of the arguments do not fit together, or torch's
            autocast is on.
    """
    settings = settings or SolverSettings()
    _check_problem(field, h0, times)
    keep_precision(h0.device)
    if settings.stacked:
        return _stacked(field, h0, times, settings)
    if settings.method.adaptive:
        return _one_by_one(field, h0, times, settings)
    return _fixed_steps(field, h0, times, settings)


def keep_precision(device: torch.device) -> None:
    """Have fields evaluated on a GPU in the precision of their weights.

    Torch lets convolutions in single precision round their inputs to TF32, 10 bits of mantissa for
    23. The solver estimates its error from differences of slopes and cannot tell that rounding from
    it: it takes smaller steps, which do not help, so that NFE would depend on the device. Gradients
    are computed after :func:`integrate` has returned, and in torch's threads, so that this is a
    setting of the process, not one for a while.
    """
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False


def _stacked(field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings) -> Solution:
    """All replicas at once, each with its own steps."""
    solve = compiled.dopri5 if compiled.suits(field, h0) else dopri5
    outcome = solve(
        field,
        h0,
        times,
        rtol=settings.rtol,
        atol=settings.atol,
        max_steps=settings.max_steps,
    )
    failures = {
        r: SolveFailure(status, int(outcome.steps[r]), float(outcome.time[r]), int(outcome.nfe[r]))
        for r, status in outcome.failed.items()
    }
    return Solution(outcome.states, outcome.nfe, outcome.steps, failures)


def _one_by_one(
    field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings
) -> Solution:
    """One torchdiffeq solve a replica, forwards now and backwards when gradients are asked for."""
    solves = [solve_alone(field, r, h0, times, settings) for r in range(field.replicas)]
    counters = tuple(solve.counter for solve in solves)
    return Solution(
        states=torch.cat([solve.states for solve in solves], dim=1),
        nfe=torch.tensor([counter.forward_evaluations for counter in counters]),
        steps=torch.tensor([counter.forward_steps for counter in counters]),
        failures={r: solve.failure for r, solve in enumerate(solves) if solve.failure is not None},
        counters=counters if settings.gradient is Gradient.ADJOINT else (),
    )


def _fixed_steps(
    field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings
) -> Solution:
    """All replicas at once, with the same steps."""
    states, counter = solve_fixed(field, h0, times, settings)
    nfe = torch.full((field.replicas,), counter.forward_evaluations)
    steps = torch.full_like(nfe, counter.forward_steps)
    finite = torch.isfinite(states.detach()).transpose(0, 1).flatten(1).all(1)
    # Nothing ends such a solve early: a failure is found at the end, at the cost of all steps.
    failures = {
        r: SolveFailure(SolveStatus.NON_FINITE, int(steps[r]), float(times[-1]), int(nfe[r]))
        for r in (~finite).nonzero().flatten().tolist()
    }
    if failures:
        failed = torch.tensor(list(failures), device=states.device)
        states = states.index_fill(1, failed, torch.nan)
    adjoint = settings.gradient is Gradient.ADJOINT
    counters = (counter,) * field.replicas if adjoint else ()
    return Solution(states, nfe, steps, failures, counters)


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
    if torch.is_autocast_enabled(h0.device.type):
        raise ValueError(
            f"torch.autocast is on for {h0.device.type}: fields would be evaluated in half "
            f"precision, whose rounding the solver takes for its own error; leave it or turn it "
            f"off around the model"
        )
