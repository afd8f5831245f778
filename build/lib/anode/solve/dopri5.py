"""Dormand-Prince 5(4) for R initial value problems at once, each with a step control of its own.

Every problem takes the steps that ``torchdiffeq.odeint(method="dopri5")`` takes when it solves it
alone: the same initial step, error norm (root mean square over that problem's states), acceptance
and step factors, time in double precision, a last step past the end and a fourth-order
interpolation back to it. Only the order of floating-point sums differs.

All problems are advanced by one tried step at a time; those that are done or have failed are put
aside. Gradients pass through the accepted steps and not through the step control: the way back is
written out here, step by step (see :mod:`anode.solve.stages`).

For any field on any device; :mod:`anode.solve.compiled` is for those of the toy experiments.

References: Dormand and Prince (1980); Hairer, Norsett and Wanner, *Solving Ordinary Differential
Equations I*, section II.4, for the initial step; Shampine (1986), for the interpolation.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anode.fields import VectorField
from anode.solve.solver import Outcome, Solver, Weights
from anode.solve.stages import Stages
from anode.solve.status import SolveStatus
from anode.solve.steps import Output, Step, combine, pull_back
from anode.solve.tableau import (
    INTERPOLATION,
    LARGEST_FACTOR,
    NODES,
    ORDER,
    SAFETY,
    SMALLEST_FACTOR,
    TABLEAU,
    Doubles,
)

Flags = NDArray[np.bool_]


def dopri5(
    vector_field: VectorField,
    h0: Tensor,
    times: Tensor,
    *,
    rtol: float,
    atol: float,
    max_steps: int,
) -> Outcome:
    """Solve dh/dt = f(h, t) from ``h0`` at ``times[0]`` for R problems.

    Args:
        vector_field: f, a stack of R.
        h0: initial states ``(R, B, ...)``.
        times: output times ``(T,)``, strictly increasing or decreasing.
        rtol, atol: tolerances of one step, relative and absolute.
        max_steps: most steps between two output times, rejected ones included.
    """
    return _Solver(vector_field, times, rtol, atol, max_steps).solve(h0, vector_field.weights)


class _Solver(Solver):
    """The problems' common loop: step control on the CPU in double precision, states in place.

    Arrays are of the problems that still run, n of R; ``problems`` says which. A state is flat, N
    numbers a problem (see :mod:`anode.solve.stages`).
    """

    def __init__(
        self,
        vector_field: VectorField,
        times: Tensor,
        rtol: float,
        atol: float,
        max_steps: int,
    ) -> None:
        super().__init__(times, rtol, atol, max_steps)
        self.field = vector_field
        self.failed: dict[int, SolveStatus] = {}
        self.taken: list[Step] = []

    def outcome(self, states: Tensor) -> Outcome:
        if self.failed:
            failed = torch.tensor(list(self.failed), device=states.device)
            states = states.index_fill(1, failed, torch.nan)
        return Outcome(
            states=states,
            nfe=torch.from_numpy(self.all_nfe),
            steps=torch.from_numpy(self.all_tried),
            time=torch.from_numpy(self.sign * self.all_t),
            failed=self.failed,
        )

    def run(self, h0: Tensor, weights: Weights) -> Tensor:
        """Try steps until every problem is done or has failed; ``(T, R, B, ...)``."""
        replicas = len(h0)
        self.weights = self.all_weights = tuple(w.detach() for w in weights)
        self.y = self.field.flatten(h0.detach())
        self.out = self.y.new_full((len(self.ends), *self.y.shape), torch.nan)
        self.out[0] = self.y
        self.nodes, self.tableau = self._tensor(np.array(NODES)), self._tensor(TABLEAU)
        self.all_nfe = np.full(replicas, 2)
        self.all_tried = np.zeros(replicas, dtype=np.int64)
        self.all_t = np.full(replicas, self.ends[0])
        self.problems = np.arange(replicas)
        self.t = self.all_t.copy()
        self.next = np.ones(replicas, dtype=np.int64)
        self.tried_since_output = np.zeros(replicas, dtype=np.int64)
        self.finite = torch.isfinite(self.y).all(1).cpu().numpy()
        self.f = torch.empty_like(self.y)
        self.first = self._stages(self._tensor(self.t)[None], self.f[None])
        self.first.evaluate(0, self.y)
        self.dt = self._first_step()
        while True:
            self._drop(self._stuck())
            if not len(self.problems):
                return self.field.unflatten(self.out)
            self._try_step()

    def _stages(self, times: Tensor, slopes: Tensor) -> Stages:
        times = times if self.sign > 0 else -times
        return Stages(self.field, self.weights, times, slopes, self.record)

    def _tensor(self, values: Doubles) -> Tensor:
        """Numbers of the step control for the states: their device and precision."""
        return torch.from_numpy(values).to(self.y.device, self.y.dtype)

    def _first_step(self) -> Doubles:
        """Step sizes from the sizes of the state, its slope and its slope's change."""
        y, f = self.y, self.f
        scale = self.atol + y.abs() * self.rtol
        size, slope = _rms(y / scale), _rms(f / scale)
        tiny = torch.full_like(size, 1e-6)
        guess = torch.where((size < 1e-5) | (slope < 1e-5), tiny, 0.01 * size / slope)
        ahead = torch.empty_like(f)
        stages = self._stages((self._tensor(self.t) + guess)[None], ahead[None])
        stages.evaluate(0, y + self.sign * guess[:, None] * f)
        bend = _rms((ahead - f) / scale) / guess
        flat = (slope <= 1e-15) & (bend <= 1e-15)
        # Not torch.maximum, which would give NaN where only the bend is NaN; torchdiffeq goes on.
        by_order = (0.01 / torch.where(bend > slope, bend, slope)) ** (1 / ORDER)
        step = torch.where(flat, torch.maximum(tiny, guess * 1e-3), by_order)
        found: Doubles = torch.minimum(100 * guess, step).double().cpu().numpy()
        return found

    def _stuck(self) -> Flags:
        """Which problems cannot go on; their status, in the order in which torchdiffeq looks."""
        exhausted = self.tried_since_output >= self.max_steps
        finite = np.isfinite(self.dt) & self.finite
        bad: Flags = exhausted | ~(self.t + self.dt > self.t) | ~finite
        for i in np.flatnonzero(bad):
            r = int(self.problems[i])
            if exhausted[i]:
                self.failed[r] = SolveStatus.TOO_MANY_STEPS
                continue
            self.all_tried[r] += 1  # the step that could not be made
            # A step of exactly zero is what a state or slope beyond the largest number gives.
            overflow = not finite[i] or self.dt[i] == 0
            self.failed[r] = SolveStatus.NON_FINITE if overflow else SolveStatus.UNDERFLOW
        return bad

    def _drop(self, which: Flags) -> None:
        """Put problems aside; the others are solved without them."""
        if not which.any():
            return
        self.all_t[self.problems] = self.t
        stay = np.flatnonzero(~which)
        self.problems, self.t, self.dt = self.problems[stay], self.t[stay], self.dt[stay]
        self.next, self.tried_since_output = self.next[stay], self.tried_since_output[stay]
        self.finite = self.finite[stay]
        index = torch.from_numpy(stay).to(self.y.device)
        self.weights = tuple(w[index] for w in self.weights)
        self.y, self.f = self.y[index], self.f[index]

    def _try_step(self) -> None:
        t, dt, y = self.t, self.dt, self.y
        start, step, end = (self._tensor(v) for v in (t, dt, t + dt))
        at = torch.addcmul(start, self.nodes[:, None], step)  # (6, n)
        # A stage at the end of the step looks from within it, in case f jumps there.
        at[4:] = torch.nextafter(end, end - 1)
        slopes = y.new_empty(7, *y.shape)
        slopes[0] = self.f
        stages = self._stages(at, slopes[1:])
        weights = (self.sign * step)[:, None, None] * self.tableau  # (n, 7, 7)
        y1 = y
        for i in range(6):
            y1 = combine(y, weights[:, i, : i + 1], slopes[: i + 1])
            stages.evaluate(i, y1)
        size = torch.maximum(y.abs(), y1.abs())
        error = combine(None, weights[:, 6], slopes)
        scaled = _rms(error / (self.atol + self.rtol * size))
        ratio, largest = torch.stack([scaled, size.amax(1)]).double().cpu().numpy()
        self.all_tried[self.problems] += 1
        self.all_nfe[self.problems] += 6
        self.tried_since_output += 1
        self.dt = dt * _step_factor(ratio)
        accepted: Flags = ratio <= 1
        if accepted.any():
            self._accept(accepted, stages, slopes, weights, y1, dt, np.isfinite(largest))

    def _accept(
        self,
        accepted: Flags,
        stages: Stages,
        slopes: Tensor,
        weights: Tensor,
        y1: Tensor,
        dt: Doubles,
        finite: Flags,
    ) -> None:
        """Move the problems that accepted their step to its end, over the output times in it."""
        everyone = len(self.problems) == len(self.all_t)
        taken = Step(
            stages,
            None if everyone else torch.from_numpy(self.problems).to(y1.device),
            weights.mT.contiguous(),
            None if accepted.all() else torch.from_numpy(accepted).to(y1.device)[:, None],
        )
        done = np.zeros_like(accepted)
        crossing = accepted & (self._next_end() <= self.t + dt)
        while crossing.any():
            self._output(taken, crossing, dt, slopes)
            self.next += crossing
            self.tried_since_output[crossing] = 0
            done |= crossing & (self.next == len(self.ends))
            crossing = crossing & ~done & (self._next_end() <= self.t + dt)
        self.t = np.where(accepted, self.t + dt, self.t)
        self.finite = np.where(accepted, finite, self.finite)
        if taken.accepted is None:
            self.y, self.f = y1, slopes[6]
        else:
            self.y = torch.where(taken.accepted, y1, self.y)
            self.f = torch.where(taken.accepted, slopes[6], self.f)
        if self.record:
            self.taken.append(taken)
        self._drop(done)

    def _next_end(self) -> Doubles:
        ends: Doubles = self.ends[np.minimum(self.next, len(self.ends) - 1)]
        return ends

    def _output(self, taken: Step, crossing: Flags, dt: Doubles, slopes: Tensor) -> None:
        """Interpolate the problems that step past their next output times."""
        x = np.where(crossing, np.clip((self._next_end() - self.t) / dt, 0, 1), 0)
        powers = np.stack([x, x**2, x**3, x**4], axis=1)  # (n, 4)
        weights = self._tensor(self.sign * dt[:, None] * (powers @ INTERPOLATION))
        value = combine(self.y, weights, slopes)
        for j in np.unique(self.next[crossing]).tolist():
            here = crossing & (self.next == j)
            which = torch.from_numpy(here).to(value.device)
            outside = torch.from_numpy(self.problems[here]).to(value.device)
            self.out[j, outside] = value[which]
            taken.outputs.append(Output(j, weights, which[:, None]))

    def pull_back(self, gradient: Tensor) -> tuple[Tensor, ...]:
        """Gradients of h0 and of the weights from that of the states, ``(T, R, B, ...)``."""
        by_time = self.field.flatten(gradient)  # (T, R, N)
        sums = [torch.zeros_like(w) for w in self.all_weights]
        gy, gf = torch.zeros_like(by_time[0]), torch.zeros_like(by_time[0])
        for step in reversed(self.taken):
            gy, gf = pull_back(step, by_time, gy, gf, sums)
        start = torch.empty_like(gy)
        self.first.pull_back(0, gf, start, sums)
        start += gy + by_time[0]
        found = [start, *sums]
        if self.failed:
            # Their gradient is zero, which infinite states would turn to NaN.
            failed = torch.tensor(list(self.failed), device=start.device)
            found = [g.index_fill(0, failed, 0.0) for g in found]
        return (self.field.unflatten(found[0]), *found[1:])


def _rms(x: Tensor) -> Tensor:
    """Root mean square over each problem's state, ``(n, N)`` -> ``(n,)``."""
    return x.pow(2).mean(1).sqrt()


def _step_factor(ratio: Doubles) -> Doubles:
    """By how much to change the step size after an error ratio, ``(n,)`` -> ``(n,)``."""
    least = np.where(ratio < 1, 1.0, SMALLEST_FACTOR)
    with np.errstate(divide="ignore"):
        factor = np.maximum(SAFETY / ratio ** (1 / ORDER), least)
    return np.minimum(factor, LARGEST_FACTOR)
