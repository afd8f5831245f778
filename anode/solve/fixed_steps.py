"""Any explicit Runge-Kutta method with steps of one size, the same for all problems."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from anode.fields import VectorField
from anode.solve.settings import SolverSettings
from anode.solve.solution import Solution, SolveFailure, SolveStatus, without


def solve(field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings) -> Solution:
    """Solve dh/dt = f(h, t) with steps of one size; arguments as for ``integrate``.

    Gradients are autograd's. Output times within a step are interpolated linearly, as torchdiffeq
    does it.
    """
    tableau, weights = settings.method, field.weights
    solution = tableau.matrix[-2].tolist()
    times = times.cpu()  # where comparing them does not wait for a device
    sign = times[1].sub(times[0]).sign()
    states, h = [h0], h0
    for start, end in pairwise(step_times(times, settings)):
        dt, before, slopes = end - start, h, list[Tensor]()
        for node, row in zip((0.0, *tableau.nodes), ((), *tableau.stages), strict=True):
            at = end if node == 1 else start + node * dt
            slopes.append(field.slopes(weights, at.to(h), _combine(before, dt, row, slopes)))
        h = _combine(before, dt, solution, slopes)
        while len(states) < len(times) and sign * (end - times[len(states)]) >= 0:
            part = ((times[len(states)] - start) / dt).to(h)
            states.append(h if part == 1 else before + part * (h - before))
    return fixed_solution(torch.stack(states), times, settings)


def step_times(times: Tensor, settings: SolverSettings) -> Tensor:
    """The times of steps of one size, ``(N + 1,)``; the last step is shorter if they do not fit.

    torchdiffeq's own grid has a step more, of length zero, where rounding makes the quotient of
    length and step size a little larger than a whole number.
    """
    start, length, size = float(times[0]), float(times[-1] - times[0]), settings.step_size or 0
    count = max(1, math.ceil(abs(length) / size - 1e-6))
    grid = start + math.copysign(size, length) * torch.arange(count + 1, dtype=torch.float64)
    grid = grid.to(times)
    grid[-1] = times[-1]
    return grid


def fixed_solution(
    states: Tensor, times: Tensor, settings: SolverSettings, backward: Sequence[Any] = ()
) -> Solution:
    """The solution with states ``(T, R, B, ...)``.

    Nothing ends a solve with steps of one size early: a failure is found at the end, at the cost of
    all steps.
    """
    count = len(step_times(times, settings)) - 1
    steps = torch.full((states.shape[1],), count)
    nfe = steps * (len(settings.method.nodes) + 1)
    finite = torch.isfinite(states.detach()).transpose(0, 1).flatten(1).all(1)
    failures = {
        r: SolveFailure(SolveStatus.NON_FINITE, count, float(times[-1]), int(nfe[r]))
        for r in (~finite).nonzero().flatten().tolist()
    }
    return Solution(without(states, failures), nfe, steps, failures, tuple(backward))


def _combine(h: Tensor, dt: Tensor, row: Sequence[float], slopes: Sequence[Tensor]) -> Tensor:
    """h + dt sum_j row_j slopes_j."""
    for weight, slope in zip(row, slopes, strict=True):
        h = h + (dt * weight) * slope if weight else h
    return h
