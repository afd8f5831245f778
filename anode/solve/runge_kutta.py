"""Any embedded Runge-Kutta pair for R initial value problems at once, each with steps of its own.

Every problem takes the steps that ``torchdiffeq.odeint`` takes with that pair when it solves the
problem alone: the same initial step, error norm (root mean square over that problem's states),
acceptance and step factors, time in double precision, a last step past the end and an interpolation
back to it. Only the order of floating-point sums differs. All problems are advanced by one tried
step at a time; those that are done or have failed are put aside.

This is for any field on any device; :mod:`anode.solve.compiled` is for the toy experiments' fields.

References: Hairer, Norsett and Wanner, *Solving Ordinary Differential Equations I*, section II.4,
for the initial step; Shampine (1986), for the interpolation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from anode.arrays import Booleans, Floats, Integers
from anode.fields import PullBack, VectorField
from anode.solve.backward import Output, SolveRecord, Step, Weights, attach, combine
from anode.solve.settings import SolverSettings
from anode.solve.solution import Solution, SolveStatus, adaptive_solution


def solve(field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings) -> Solution:
    """Solve dh/dt = f(h, t) with adaptive steps; arguments as for ``integrate``."""
    inputs = (h0, *field.weights)
    keep = torch.is_grad_enabled() and any(x.requires_grad for x in inputs)
    weights = tuple(w.detach() for w in field.weights)
    made, failed, steps = np.zeros(len(h0), np.int64), dict[int, SolveStatus](), list[Step]()
    y = field.flatten(h0.detach())
    solve = _Solve.of(field, y, times, settings, keep)
    with torch.no_grad():
        state, start = solve.begin(weights, y)
        reached = state.t.copy()
        out = y.new_full((len(times), *y.shape), torch.nan)
        out[0] = y
        while True:
            failures = solve.stuck(state)
            failed |= failures
            state = state.rows(~np.isin(state.problems, list(failures)))
            if not len(state.problems):
                break
            attempt = solve.attempt(state)
            state, step = solve.accept(state, attempt, out)
            made[state.problems], reached[state.problems] = state.made, state.t
            if keep and step is not None:
                steps.append(step)
            state = state.rows(state.output < len(times))
    states = field.unflatten(out)
    if start is not None:
        record = SolveRecord(field, weights, start, steps, list(failed))
        states = attach(states, record.pull_back, inputs)
    stages = len(settings.method.nodes)
    return adaptive_solution(states, made, solve.sign * reached, failed, stages)


class _State(NamedTuple):
    """The state of the n problems that still run; arrays are ``(n,)``, tensors ``(n, ...)``."""

    problems: Integers  # their indices among the R
    t: Floats
    dt: Floats  # size of the next step
    output: Integers  # index of the next output time
    made: Integers  # number of steps
    since_output: Integers  # number of steps since the last output time
    finite: Booleans  # whether the state is finite
    weights: Weights  # of their fields
    y: Tensor  # states, (n, N)
    f: Tensor  # slopes, (n, N)

    def rows(self, which: Booleans) -> "_State":
        """The problems ``which (n,)``."""
        if which.all():
            return self
        stay = np.flatnonzero(which)
        index = torch.from_numpy(stay).to(self.y.device)
        weights = tuple(w[index] for w in self.weights)
        arrays = (array[stay] for array in self[:7])
        return _State._make([*arrays, weights, self.y[index], self.f[index]])


class _Attempt(NamedTuple):
    """A step that n problems try."""

    end: Tensor  # states at its end, (n, N)
    slopes: Tensor  # (s + 1, n, N)
    weights: Tensor  # the tableau's matrix times dt, (n, s + 2, s + 1)
    ways_back: list[PullBack]  # through the s stages; none if no way back is kept
    ratio: Floats  # error over tolerance, (n,)
    finite: Booleans  # whether the states are finite at both ends, (n,)


@dataclass(frozen=True)
class _Solve:
    """The constants of a solve."""

    field: VectorField
    settings: SolverSettings
    keep: bool  # whether a way back is kept
    look: Callable[[Weights, Tensor, Tensor], Tensor]  # the field's slopes, ahead of the first step
    sign: float  # -1 for decreasing times: h(-s) solves dg/ds = -f(g, -s), and s = -t increases
    ends: Floats  # output times times the sign
    nodes: Tensor  # of the tableau, (s, 1)
    at_end: Tensor  # whether they are 1, (s, 1)
    matrix: Tensor  # of the tableau, (s + 2, s + 1)

    @classmethod
    def of(
        cls, field: VectorField, y: Tensor, times: Tensor, settings: SolverSettings, keep: bool
    ) -> "_Solve":
        """The solve of a problem with states like ``y``."""
        tableau, sign = settings.method, 1.0 if times[1] > times[0] else -1.0
        ends = sign * times.double().cpu().numpy()
        nodes = torch.tensor(tableau.nodes, dtype=y.dtype, device=y.device)[:, None]
        matrix = torch.from_numpy(tableau.matrix).to(y)
        look = field.closed_slopes if torch.is_grad_enabled() else field.slopes
        return cls(field, settings, keep, look, sign, ends, nodes, nodes == 1, matrix)

    def begin(self, weights: Weights, y: Tensor) -> tuple[_State, PullBack | None]:
        """The state of all R problems at the first time, and the way back through its slope."""
        replicas = len(y)
        t, zeros = np.full(replicas, self.ends[0]), np.zeros(replicas, np.int64)
        f, way_back = self._evaluate(weights, self._tensor(t), y)
        dt = self._first_step(weights, self._tensor(t), y, f)
        finite = torch.isfinite(y).all(1).cpu().numpy()
        problems = np.arange(replicas)
        return _State(problems, t, dt, zeros + 1, zeros, zeros, finite, weights, y, f), way_back

    def _evaluate(self, weights: Weights, t: Tensor, y: Tensor) -> tuple[Tensor, PullBack | None]:
        """Slopes at times ``(n,)`` and states ``(n, N)``, and the way back if one is kept."""
        h, t = self.field.unflatten(y), t if self.sign > 0 else -t
        if not self.keep:
            return self.field.flatten(self.field.slopes(weights, t, h)), None
        slopes, way_back = self.field.trace(weights, t, h)
        return self.field.flatten(slopes), way_back

    def _tensor(self, values: Floats) -> Tensor:
        """Numbers of the step control for the states: on their device, in their precision."""
        return torch.from_numpy(values).to(self.matrix)

    def _first_step(self, weights: Weights, t: Tensor, y: Tensor, f: Tensor) -> Floats:
        """Step sizes ``(n,)`` from the sizes of the state, its slope and its slope's change."""
        settings = self.settings
        scale = settings.atol + y.abs() * settings.rtol
        size, slope = _rms(y / scale), _rms(f / scale)
        tiny = torch.full_like(size, 1e-6)
        guess = torch.where((size < 1e-5) | (slope < 1e-5), tiny, 0.01 * size / slope)
        h = self.field.unflatten(y + self.sign * guess[:, None] * f)
        ahead = self.field.flatten(self.look(weights, self.sign * (t + guess), h))
        bend = _rms((ahead - f) / scale) / guess
        flat = (slope <= 1e-15) & (bend <= 1e-15)
        # Not torch.maximum, which would give NaN where only the bend is NaN; torchdiffeq goes on.
        by_order = (0.01 / torch.where(bend > slope, bend, slope)) ** (1 / settings.method.order)
        step = torch.where(flat, torch.maximum(tiny, guess * 1e-3), by_order)
        found: Floats = torch.minimum(100 * guess, step).double().cpu().numpy()
        return found

    def stuck(self, state: _State) -> dict[int, SolveStatus]:
        """Status of the problems that cannot go on, in the order in which torchdiffeq looks."""
        exhausted = state.since_output >= self.settings.max_steps
        finite = np.isfinite(state.dt) & state.finite
        bad = exhausted | ~(state.t + state.dt > state.t) | ~finite
        # A step of exactly zero is what a state or slope beyond the largest number gives.
        overflow = ~finite | (state.dt == 0)
        found = {}
        for i in np.flatnonzero(bad):
            status = SolveStatus.NON_FINITE if overflow[i] else SolveStatus.UNDERFLOW
            found[int(state.problems[i])] = SolveStatus.TOO_MANY_STEPS if exhausted[i] else status
        return found

    def attempt(self, state: _State) -> _Attempt:
        """Try a step."""
        t, dt, y = state.t, state.dt, state.y
        start, step, end = (self._tensor(v) for v in (t, dt, t + dt))
        at = torch.addcmul(start, self.nodes, step)  # (s, n)
        # A stage at the end of the step looks from within it, in case f jumps there.
        at = torch.where(self.at_end, torch.nextafter(end, end - 1), at)
        slopes = y.new_empty(len(at) + 1, *y.shape)
        slopes[0] = state.f
        weights = (self.sign * step)[:, None, None] * self.matrix
        y1, ways_back = y, list[PullBack]()
        for i, time in enumerate(at):
            y1 = combine(y, weights[:, i, : i + 1], slopes[: i + 1])
            slopes[i + 1], way_back = self._evaluate(state.weights, time, y1)
            ways_back += [] if way_back is None else [way_back]
        if not self.settings.method.first_same_as_last:
            y1 = combine(y, weights[:, -2], slopes)
        size = torch.maximum(y.abs(), y1.abs())
        error = combine(None, weights[:, -1], slopes)
        scaled = _rms(error / (self.settings.atol + self.settings.rtol * size))
        ratio, largest = torch.stack([scaled, size.amax(1)]).double().cpu().numpy()
        return _Attempt(y1, slopes, weights, ways_back, ratio, np.isfinite(largest))

    def accept(self, state: _State, attempt: _Attempt, out: Tensor) -> tuple[_State, Step | None]:
        """The problems after a step: at its end where the error is small, else where they were.

        The states at output times in the step are written to ``out (T, R, N)``. The step itself is
        for the way back; None if no problem accepted it.
        """
        accepted: Booleans = attempt.ratio <= 1
        end = np.where(accepted, state.t + state.dt, -np.inf)
        dt = state.dt * self.settings.controller.factor(attempt.ratio, self.settings.method.order)
        after = state._replace(dt=dt, made=state.made + 1, since_output=state.since_output + 1)
        if not accepted.any():
            return after, None
        outputs, ends = [], np.append(self.ends, np.inf)  # no end for problems that are done
        while (crossing := ends[after.output] <= end).any():
            outputs += self._interpolate(after.output, crossing, state, attempt, out)
            after = after._replace(
                output=after.output + crossing,
                since_output=np.where(crossing, 0, after.since_output),
            )
        device = out.device
        some = None if accepted.all() else torch.from_numpy(accepted).to(device)[:, None]
        everyone = len(state.problems) == out.shape[1]
        step = Step(
            attempt.ways_back,
            attempt.weights.mT.contiguous(),
            not self.settings.method.first_same_as_last,
            None if everyone else torch.from_numpy(state.problems).to(device),
            some,
            outputs,
        )
        y1, f1 = attempt.end, attempt.slopes[-1]
        after = after._replace(
            t=np.where(accepted, end, state.t),
            finite=np.where(accepted, attempt.finite, state.finite),
            y=y1 if some is None else torch.where(some, y1, state.y),
            f=f1 if some is None else torch.where(some, f1, state.f),
        )
        return after, step

    def _interpolate(
        self, index: Integers, crossing: Booleans, state: _State, attempt: _Attempt, out: Tensor
    ) -> list[Output]:
        """Write the states at the output times ``index (n,)`` of the problems ``crossing (n,)``."""
        ends = self.ends[np.where(crossing, index, 0)]
        x = np.where(crossing, np.clip((ends - state.t) / state.dt, 0, 1), 0)
        powers = np.stack([x, x**2, x**3, x**4], axis=1)  # (n, 4)
        shares = powers @ self.settings.method.interpolation
        weights = self._tensor(self.sign * state.dt[:, None] * shares)
        value = combine(state.y, weights, attempt.slopes)
        outputs = []
        for j in np.unique(index[crossing]).tolist():
            here = crossing & (index == j)
            which = torch.from_numpy(here).to(value.device)
            outside = torch.from_numpy(state.problems[here]).to(value.device)
            out[j, outside] = value[which]
            outputs.append(Output(j, weights, which[:, None]))
        return outputs


def _rms(x: Tensor) -> Tensor:
    """Root mean square over each problem's state, ``(n, N)`` -> ``(n,)``."""
    return x.pow(2).mean(1).sqrt()
