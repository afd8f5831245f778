"""Dormand-Prince 5(4) for R initial value problems at once, each with a step control of its own.

Every problem takes the steps that ``torchdiffeq.odeint(method="dopri5")`` takes when it solves it
alone: the same initial step, error norm (root mean square over that problem's states), acceptance
and step factors, time in double precision, a last step past the end and a fourth-order
interpolation back to it. Only the order of floating-point sums differs.

All problems are advanced by one tried step at a time; those that are done wait with a step of zero.
Gradients pass through the accepted steps and not through the step control.

References: Dormand and Prince (1980); Hairer, Norsett and Wanner, *Solving Ordinary Differential
Equations I*, section II.4, for the initial step; Shampine (1986), for the interpolation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from anode.status import SolveStatus

Rhs = Callable[[Tensor, Tensor], Tensor]
"""(t (R,), h (R, B, ...)) -> dh/dt."""

NODES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
ERROR = (
    35 / 384 - 1951 / 21600,
    0.0,
    500 / 1113 - 22642 / 50085,
    125 / 192 - 451 / 720,
    -2187 / 6784 + 12231 / 42400,
    11 / 84 - 649 / 6300,
    -1 / 60,
)
MIDPOINT = (
    6025192743 / 30085553152 / 2,
    0.0,
    51252292925 / 65400821598 / 2,
    -2691868925 / 45128329728 / 2,
    187940372067 / 1594534317056 / 2,
    -1776094331 / 19743644256 / 2,
    11237099 / 235043384 / 2,
)
ORDER = 5
SAFETY, LARGEST_FACTOR, SMALLEST_FACTOR = 0.9, 10.0, 0.2


def _interpolation() -> Tensor:
    """Rows i = 1..4: the part of x^i in the weights of the stages, at x = (t - t0) / dt.

    The quartic through both ends' values and slopes and the midpoint's value, written in the
    stages: h(x) = h(0) + dt * sum_j w_j(x) k_j.
    """
    end = torch.tensor((*STAGES[-1], 0.0), dtype=torch.float64)
    middle = torch.tensor(MIDPOINT, dtype=torch.float64)
    first, last = torch.zeros(2, 7, dtype=torch.float64)
    first[0] = last[-1] = 1
    return torch.stack(
        [
            first,
            last - 4 * first - 5 * end + 16 * middle,
            5 * first - 3 * last + 14 * end - 32 * middle,
            2 * (last - first) - 8 * end + 16 * middle,
        ]
    )


INTERPOLATION = _interpolation()


@dataclass(frozen=True)
class Outcome:
    """What the solve gave for each problem.

    Attributes:
        states: shape ``(T, R, B, ...)``; NaN for the problems that failed.
        nfe: evaluations of the right-hand side, shape ``(R,)``.
        steps: steps tried, shape ``(R,)``.
        time: time reached, shape ``(R,)``; that of the failure for the problems that failed.
        failed: problem -> what happened.
    """

    states: Tensor
    nfe: Tensor
    steps: Tensor
    time: Tensor
    failed: dict[int, SolveStatus]


class _Combine(torch.autograd.Function):
    """y + sum_j weights_j k_j for each problem.

    ``buffer`` holds the values of the ``k`` already; they are passed again for their gradients,
    which need neither the buffer nor the values.
    """

    @staticmethod
    def forward(ctx: Any, y: Tensor, weights: Tensor, buffer: Tensor, *k: Tensor) -> Tensor:
        ctx.save_for_backward(weights)
        return _combine(y, weights, buffer[:, : weights.shape[1]])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (weights,) = ctx.saved_tensors  # (R, j)
        rows = weights[:, :, None] @ gradient.reshape(len(weights), 1, -1)  # (R, j, N)
        parts = rows.view(*weights.shape, *gradient.shape[1:]).unbind(1)
        return (gradient, None, None, *parts)


def _combine(y: Tensor, weights: Tensor, k: Tensor) -> Tensor:
    """``y (R, B, ...)``, ``weights (R, j)``, ``k (R, j, N)`` with N the size of one state."""
    return torch.baddbmm(y.reshape(len(y), 1, -1), weights[:, None], k).view_as(y)


class _Steps:
    """The problems' common loop: their states, times and step sizes."""

    def __init__(
        self, rhs: Rhs, h0: Tensor, times: Tensor, rtol: float, atol: float, max_steps: int
    ) -> None:
        self.rhs, self.rtol, self.atol, self.max_steps = rhs, rtol, atol, max_steps
        self.shape = (len(h0),) + (1,) * (h0.dim() - 1)
        double, device = torch.float64, h0.device
        # Rounded from double precision, as torchdiffeq's are.
        self.stages = [torch.tensor(row, dtype=double).to(h0) for row in STAGES]
        self.error_weights = torch.tensor(ERROR, dtype=double).to(h0)
        self.interpolation = INTERPOLATION.to(device)
        self.times = times.to(device, double)
        self.y = h0
        self.t = self.times[0].expand(len(h0)).clone()
        self.out: list[Tensor] = [h0, *[torch.full_like(h0, torch.nan) for _ in times[1:]]]
        self.next = torch.ones(len(h0), dtype=torch.int64, device=h0.device)
        self.tried = torch.zeros_like(self.next)
        self.tried_since_output = torch.zeros_like(self.next)
        self.failed: dict[int, SolveStatus] = {}
        self.active = torch.ones(len(h0), dtype=torch.bool, device=h0.device)
        self.buffer = h0.new_empty(len(h0), 7, h0[0].numel())
        self.f = rhs(self.t.to(h0.dtype), h0)
        self.dt = self._first_step()
        self.evaluations = torch.full_like(self.next, 2)

    @torch.no_grad()
    def _first_step(self) -> Tensor:
        """Step sizes ``(R,)`` from the sizes of the state, its slope and its slope's change."""
        y, f, dtype = self.y, self.f, self.y.dtype
        scale = self.atol + y.abs() * self.rtol
        size, slope = _rms(y / scale), _rms(f / scale)
        tiny = torch.full_like(size, 1e-6)
        guess = torch.where((size < 1e-5) | (slope < 1e-5), tiny, 0.01 * size / slope)
        ahead = self.rhs((self.t + guess).to(dtype), y + guess.view(self.shape) * f)
        bend = _rms((ahead - f) / scale) / guess
        flat = (slope <= 1e-15) & (bend <= 1e-15)
        # Not torch.maximum, which would give NaN where only the bend is NaN; torchdiffeq goes on.
        by_order = (0.01 / torch.where(bend > slope, bend, slope)) ** (1 / ORDER)
        step = torch.where(flat, torch.maximum(tiny, guess * 1e-3), by_order)
        return torch.minimum(100 * guess, step).double()

    def run(self) -> None:
        """Try steps until every problem is done or has failed."""
        while True:
            self._fail_where_stuck()
            if not self.active.any():
                return
            self._try_step()

    def _fail_where_stuck(self) -> None:
        """Stop the problems that cannot go on, in the order in which torchdiffeq looks."""
        exhausted = self.tried_since_output >= self.max_steps
        finite = torch.isfinite(self.dt) & torch.isfinite(self.y).flatten(1).all(1)
        moving = self.t + self.dt > self.t
        bad = self.active & (exhausted | ~moving | ~finite)
        if not bad.any():
            return
        # A step of exactly zero is what a state or slope beyond the largest number gives.
        overflow = ~finite | (self.dt == 0)
        for r in bad.nonzero().flatten().tolist():
            if exhausted[r]:
                self.failed[r] = SolveStatus.TOO_MANY_STEPS
                continue
            self.tried[r] += 1  # the step that could not be made
            self.failed[r] = SolveStatus.NON_FINITE if overflow[r] else SolveStatus.UNDERFLOW
        self._retire(bad)

    def _retire(self, which: Tensor) -> None:
        self.active = self.active & ~which
        self.dt = torch.where(which, torch.zeros_like(self.dt), self.dt)

    def _try_step(self) -> None:
        y, t, dt, dtype = self.y, self.t, self.dt, self.y.dtype
        t1 = t + dt
        start, step, end = t.to(dtype), dt.to(dtype), t1.to(dtype)
        # A stage at the end of the step looks from within it, in case f jumps there.
        end = torch.nextafter(end, end - 1)
        k = [self.f]
        self._store(0, self.f)
        y1 = y
        for i, (node, row) in enumerate(zip(NODES, self.stages, strict=True)):
            y1 = self._combined(step[:, None] * row, k)
            k.append(self.rhs(end if node == 1 else start + node * step, y1))
            self._store(i + 1, k[-1])
        with torch.no_grad():
            self.tried += self.active
            self.tried_since_output += self.active
            self.evaluations += 6 * self.active
            ratio = self._error_ratio(step, y1)
            accepted = self.active & (ratio <= 1)
            next_dt = dt * _step_factor(ratio.double())
        if accepted.any():
            crossing = accepted & (self._next_output() <= t1)
            if crossing.any():
                self._output(crossing, t, dt, t1, k)
            self.t = torch.where(accepted, t1, t)
            if accepted.all():
                self.y, self.f = y1, k[-1]
            else:
                moved = accepted.view(self.shape)
                self.y, self.f = torch.where(moved, y1, y), torch.where(moved, k[-1], self.f)
        self.dt = torch.where(self.active, next_dt, self.dt)

    def _store(self, stage: int, k: Tensor) -> None:
        self.buffer[:, stage] = k.detach().reshape(len(k), -1)

    def _combined(self, weights: Tensor, k: list[Tensor]) -> Tensor:
        """y + sum_j weights_j k_j, ``weights (R, j)``."""
        result: Tensor = _Combine.apply(self.y, weights, self.buffer, *k[: weights.shape[1]])
        return result

    def _error_ratio(self, step: Tensor, y1: Tensor) -> Tensor:
        """The estimated error over the tolerance, ``(R,)``; a step is good at 1 or less."""
        weights = step[:, None] * self.error_weights
        error = (weights[:, None] @ self.buffer).view_as(y1)
        return _rms(error / (self.atol + self.rtol * torch.maximum(self.y.abs(), y1.abs())))

    def _next_output(self) -> Tensor:
        return self.times[self.next.clamp(max=len(self.times) - 1)]

    def _output(self, crossing: Tensor, t: Tensor, dt: Tensor, t1: Tensor, k: list[Tensor]) -> None:
        """Interpolate the problems that step past their next output times, and retire the done."""
        while crossing.any():
            x = ((self._next_output() - t) / torch.where(crossing, dt, 1.0)).clamp(0, 1)
            powers = torch.stack([x, x**2, x**3, x**4], dim=1)  # (R, 4)
            weights = (dt[:, None] * (powers @ self.interpolation)).to(self.y.dtype)
            value = self._combined(weights, k)
            for j in self.next[crossing].unique().tolist():
                here = (crossing & (self.next == j)).view(self.shape)
                self.out[j] = torch.where(here, value, self.out[j])
            self.next += crossing
            self.tried_since_output[crossing] = 0
            done = crossing & (self.next == len(self.times))
            crossing = crossing & ~done & (self._next_output() <= t1)
            self.active = self.active & ~done
            self.dt = torch.where(done, torch.zeros_like(self.dt), self.dt)


def dopri5(
    rhs: Rhs, h0: Tensor, times: Tensor, *, rtol: float, atol: float, max_steps: int
) -> Outcome:
    """Solve dh/dt = rhs(t, h) from ``h0`` at ``times[0]`` for R problems.

    Args:
        rhs: called with times ``(R,)`` and states ``(R, B, ...)``.
        h0: initial states ``(R, B, ...)``.
        times: output times ``(T,)``, strictly increasing or decreasing.
        rtol, atol: tolerances of one step, relative and absolute.
        max_steps: most steps between two output times, rejected ones included.
    """
    backwards = bool(times[1] < times[0])
    if backwards:  # h(-s) solves dg/ds = -rhs(-s, g)
        forward_rhs = rhs
        rhs = lambda s, h: -forward_rhs(-s, h)  # noqa: E731
        times = -times
    steps = _Steps(rhs, h0, times, rtol, atol, max_steps)
    steps.run()
    states = torch.stack(steps.out)
    if steps.failed:
        states = states.index_fill(
            1, torch.tensor(list(steps.failed), device=states.device), torch.nan
        )
    return Outcome(
        states=states,
        nfe=steps.evaluations.cpu(),
        steps=steps.tried.cpu(),
        time=(-steps.t if backwards else steps.t).cpu(),
        failed=steps.failed,
    )


def _rms(x: Tensor) -> Tensor:
    """Root mean square over each problem's state, ``(R, ...)`` -> ``(R,)``."""
    return x.flatten(1).pow(2).mean(1).sqrt()


def _step_factor(ratio: Tensor) -> Tensor:
    """By how much to change the step size after an error ratio, ``(R,)`` -> ``(R,)``."""
    least = torch.where(ratio < 1, 1.0, SMALLEST_FACTOR)
    factor = torch.maximum(SAFETY / ratio ** (1 / ORDER), least).clamp(max=LARGEST_FACTOR)
    return torch.where(ratio == 0, LARGEST_FACTOR, factor)
