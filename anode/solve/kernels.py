"""The compiled solver of the toy experiments: embedded pairs for MLP fields, a problem at a time.

A problem is so small that it fits into a processor's first two caches if all of it is done before
the next one begins. So what :mod:`anode.solve.runge_kutta` computes is written out here in loops,
from weights to gradients, which numba compiles for the processor at hand.

The state's dimension D and the number of hidden units H are rounded up to multiples of 4, with
zeros. Samples lie along the last axis, cut into tiles of T = :data:`TILE`: a state is
``(tiles, D T)``. The last tile is filled with copies of the last sample, which count in no norm and
have no gradient.

All is in one file because numba looks at no other to tell whether what it compiled is still good;
the coefficients of the method are arguments for the same reason.
"""

import math
from collections import namedtuple
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

RUNNING, DONE, UNDERFLOW, TOO_MANY_STEPS, NON_FINITE = range(5)
"""Status of a problem: still to be solved, solved, or failed."""

NEXT, MADE, SINCE, FINITE, STATUS = range(5)
"""Columns of the counts: the index of the next output time; steps made, in all and since an
output; whether the state is finite; the status."""

Net = namedtuple("Net", ("w1", "b1", "w2", "b2", "w3", "b3", "time"))
"""Weights of R networks, each ``(R, inputs * outputs)``, or of one, without the first axis."""

Turned = namedtuple("Turned", ("m1", "m2", "m3", "zeros", "work", "relu"))
"""One network's matrices transposed, a bias of zeros, room for 2 H T numbers, its activation."""

Coefficients = namedtuple(
    "Coefficients", "nodes matrix interpolation order safety largest smallest"
)
"""A tableau whose last stage is its solution, and a controller."""

Tape = namedtuple("Tape", ("values", "steps", "taken"))
"""Accepted steps of n problems, for a way back: what the evaluations gave, ``(n, room, s, tiles,
(D + 2 H) T)``; t, dt, the first output time in the step and the first after it, ``(n, room, 4)``;
the number of steps, ``(n,)``. There may be room for none."""


class Setup(NamedTuple):
    """The constants of a solve; numbers are in the precision of the states."""

    net: Net
    pair: Coefficients
    times: Array  # output times times sign, increasing
    sign: Any  # -1 for decreasing times
    rtol: Any
    atol: Any
    relu: bool  # the activation, otherwise softplus
    batch: int  # number of samples and dimension, not rounded up
    width: int
    max_steps: int  # between two output times


class Progress(NamedTuple):
    """The state of R problems; the kernels write to all of it."""

    y: Array  # states, (R, tiles, D T)
    f: Array  # slopes, (R, tiles, D T)
    clock: Array  # time and size of the next step, (R, 2)
    counts: Array  # see NEXT, (R, 5)
    first: Array  # what the first evaluation gave, (R, tiles, (D + 2 H) T)
    out: Array  # states at the output times, (times, R, tiles, D T)


# Fused multiply-adds everywhere; only the sums over samples may be taken in another order.
_plain = numba.njit(fastmath={"contract"}, error_model="numpy")
_sums = numba.njit(fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
_called = numba.njit(fastmath={"contract"}, error_model="numpy", nogil=True)


# Matrices are flat here, (rows, columns) one row after the other, with unsigned indices. Then the
# compiler knows that two rows do not overlap and that no index counts from an array's end, and uses
# the processor's widest registers. That makes products three times as fast.
TILE = 64
_0, _1, _2, _3, _4 = (np.uint64(i) for i in range(5))
_T, _T2, _T3 = (np.uint64(i * TILE) for i in (1, 2, 3))


@_plain
def _four(x: Array, first: Any, apart: Any) -> tuple[Any, Any, Any, Any]:
    return x[first], x[first + apart], x[first + _2 * apart], x[first + _3 * apart]


@_plain
def _affine(w: Array, n: Any, m: Any, b: Array, x: Array, out: Array) -> None:
    """out = w.T x + b: ``w (n, m)``, ``b (m,)``, ``x (n, T)``, ``out (m, T)``; blocks of 4 by 4."""
    for i in range(_0, m, _4):
        o, (b0, b1, b2, b3) = i * _T, _four(b, i, _1)
        for j in range(_T):
            out[o + j], out[o + _T + j] = b0, b1
            out[o + _T2 + j], out[o + _T3 + j] = b2, b3
        for k in range(_0, n, _4):
            c, h = k * m + i, k * _T
            p0, p1, p2, p3 = _four(w, c, _1)
            q0, q1, q2, q3 = _four(w, c + m, _1)
            r0, r1, r2, r3 = _four(w, c + m + m, _1)
            s0, s1, s2, s3 = _four(w, c + m + m + m, _1)
            for j in range(_T):
                p, q, r, s = _four(x, h + j, _T)
                out[o + j] += p0 * p + q0 * q + r0 * r + s0 * s
                out[o + _T + j] += p1 * p + q1 * q + r1 * r + s1 * s
                out[o + _T2 + j] += p2 * p + q2 * q + r2 * r + s2 * s
                out[o + _T3 + j] += p3 * p + q3 * q + r3 * r + s3 * s


@_sums
def _outer(x: Array, g: Array, n: Any, m: Any, total: Array) -> None:
    """total += x g.T: ``x (n, T)``, ``g (m, T)``, ``total (n, m)``; blocks of 4 by 4."""
    zero = x.dtype.type(0)
    for k in range(_0, n, _4):
        for i in range(_0, m, _4):
            p0 = p1 = p2 = p3 = q0 = q1 = q2 = q3 = zero
            r0 = r1 = r2 = r3 = s0 = s1 = s2 = s3 = zero
            a, b = k * _T, i * _T
            for j in range(_T):
                (p, q, r, s), (g0, g1, g2, g3) = _four(x, a + j, _T), _four(g, b + j, _T)
                p0, p1, p2, p3 = p0 + p * g0, p1 + p * g1, p2 + p * g2, p3 + p * g3
                q0, q1, q2, q3 = q0 + q * g0, q1 + q * g1, q2 + q * g2, q3 + q * g3
                r0, r1, r2, r3 = r0 + r * g0, r1 + r * g1, r2 + r * g2, r3 + r * g3
                s0, s1, s2, s3 = s0 + s * g0, s1 + s * g1, s2 + s * g2, s3 + s * g3
            c = k * m + i
            for values in (p0, p1, p2, p3), (q0, q1, q2, q3), (r0, r1, r2, r3), (s0, s1, s2, s3):
                for value in values:
                    total[c] += value
                    c += _1
                c += m - _4


@_sums
def _add_rows(g: Array, n: Any, total: Array) -> None:
    """total += the sum of each row: ``g (n, T)``, ``total (n,)``."""
    for i in range(_0, n, _4):
        p = q = r = s = g.dtype.type(0)
        for j in range(_T):
            v = _four(g, i * _T + j, _T)
            p, q, r, s = p + v[0], q + v[1], r + v[2], s + v[3]
        for k, value in enumerate((p, q, r, s)):
            total[i + np.uint64(k)] += value


# Numba calls exp and log1p for one number at a time; these loops take as many as a register holds.
_EXP = tuple(1 / math.factorial(k) for k in range(13, 0, -1))  # expm1(x) / x
_ARTANH = tuple(1 / (2 * k + 1) for k in range(15, 0, -1))  # (artanh(x) / x - 1) / x^2, in x^2


@_plain
def _exponential(x: Array) -> tuple[Array, Array]:
    """Powers p of 2, and r with exp(x) = p (1 + r) and ``|r| < 1/2``, for numbers x <= 0."""
    number, single = x.dtype.type, x.itemsize == 4
    shift = number(1.5 * (2.0**23 if single else 2.0**52))  # what is added to it is in the low bits
    least, to_base = number(-87.0 if single else -708.0), number(1 / np.log(2))
    ln2, rest = number(355 / 512), number(-2.121944400546905827679e-4)
    p, r = np.empty_like(x), np.empty_like(x)
    for j in range(x.size):
        u = least if x[j] < least else x[j]  # a NaN stays one
        p[j] = u * to_base + shift
        n, total = p[j] - shift, number(0)
        u = u - n * ln2 - n * rest
        for c in _EXP:
            total = total * u + number(c)
        r[j] = total * u
    if single:
        p.view(np.int32)[:] = (p.view(np.int32) + np.int32(127)) << np.int32(23)
    else:
        p.view(np.int64)[:] = (p.view(np.int64) + np.int64(1023)) << np.int64(52)
    return p, r


@_plain
def _softplus(z: Array) -> None:
    p, r = _exponential(-np.abs(z))
    zero, two = z.dtype.type(0), z.dtype.type(2)
    for j in range(z.size):  # max(z, 0) + log1p(e)
        e = p[j] + p[j] * r[j]
        s, total = e / (e + two), zero
        for c in _ARTANH:
            total = total * (s * s) + z.dtype.type(c)
        z[j] = max(z[j], zero) + two * (s + s * (s * s) * total)


@_plain
def _softplus_back(g: Array, z: Array) -> None:
    p, r = _exponential(-z)
    g *= (z.dtype.type(1) - p) - p * r


@_plain
def _activate(z: Array, relu: bool) -> None:
    zero = z.dtype.type(0)
    if relu:
        for j in range(z.size):
            z[j] = zero if z[j] < zero else z[j]  # a NaN stays one
    else:
        _softplus(z)


@_plain
def _deactivate(g: Array, z: Array, relu: bool) -> None:
    """Multiply by the activation's derivative, computed from its value ``z``."""
    zero = z.dtype.type(0)
    if relu:
        for j in range(z.size):
            g[j] = g[j] if z[j] > zero else zero
    else:
        _softplus_back(g, z)


@_plain
def _evaluate(net: Net, t: Any, state: Array, record: Array, relu: bool, out: Array) -> None:
    """Slopes ``out`` at ``state``, both ``(tiles, D T)``.

    ``record (tiles or 1, (D + 2 H) T)`` takes the states and what both hidden layers gave.
    """
    dim, hidden = net.b3.size, net.b1.size
    d, h = np.uint64(dim), np.uint64(hidden)
    shifted = net.b1 + t * net.time
    for tile in range(state.shape[0]):
        part = record[min(tile, record.shape[0] - 1)]
        z1, z2 = part[dim * TILE : (dim + hidden) * TILE], part[(dim + hidden) * TILE :]
        part[: dim * TILE] = state[tile]
        _affine(net.w1, d, h, shifted, state[tile], z1)
        _activate(z1, relu)
        _affine(net.w2, h, h, net.b2, z1, z2)
        _activate(z2, relu)
        _affine(net.w3, h, d, net.b3, z2, out[tile])


@_plain
def _evaluate_back(turned: Turned, t: Any, record: Array, g: Array, sums: Net, out: Array) -> None:
    """From the gradient ``g`` of slopes to that of their state, ``out``, both ``(tiles, D T)``.

    ``record`` is what :func:`_evaluate` left; the gradients of the weights are added to ``sums``.
    """
    dim, hidden = sums.b3.size, sums.b1.size
    d, h, shift = np.uint64(dim), np.uint64(hidden), np.zeros_like(sums.b1)
    g1, g2 = turned.work[: hidden * TILE], turned.work[hidden * TILE :]
    for tile in range(g.shape[0]):
        part = record[tile]
        z1, z2 = part[dim * TILE : (dim + hidden) * TILE], part[(dim + hidden) * TILE :]
        _affine(turned.m3, d, h, turned.zeros, g[tile], g2)
        _deactivate(g2, z2, turned.relu)
        _affine(turned.m2, h, h, turned.zeros, g2, g1)
        _deactivate(g1, z1, turned.relu)
        _affine(turned.m1, h, d, turned.zeros, g1, out[tile])
        _outer(z2, g[tile], h, d, sums.w3)
        _outer(z1, g2, h, h, sums.w2)
        _outer(part[: dim * TILE], g1, d, h, sums.w1)
        _add_rows(g[tile], d, sums.b3)
        _add_rows(g2, h, sums.b2)
        _add_rows(g1, h, shift)
    for i in range(hidden):
        sums.b1[i] += shift[i]
        sums.time[i] += t * shift[i]


@_plain
def _network(w: Net, r: int) -> Net:
    return Net(w.w1[r], w.b1[r], w.w2[r], w.b2[r], w.w3[r], w.b3[r], w.time[r])


@_plain
def _turned(net: Net, relu: bool) -> Turned:
    dim, hidden = net.b3.size, net.b1.size
    return Turned(
        net.w1.reshape(dim, hidden).T.copy().ravel(),
        net.w2.reshape(hidden, hidden).T.copy().ravel(),
        net.w3.reshape(hidden, dim).T.copy().ravel(),
        np.zeros(max(dim, hidden), net.w1.dtype),
        np.empty(2 * hidden * TILE, net.w1.dtype),
        relu,
    )


@_sums
def _rms(x: Array, y: Array, z: Array, p: Setup) -> Any:
    """Root mean square of x / (atol + rtol max(|y|, |z|)) over the samples: ``(tiles, D T)``."""
    total = x.dtype.type(0)
    for q in range(x.shape[0]):
        valid = min(TILE, p.batch - q * TILE)
        for d in range(p.width):
            first = d * TILE
            a, b, c = x[q, first:], y[q, first:], z[q, first:]
            for j in range(valid):
                u = a[j] / (p.atol + p.rtol * max(abs(b[j]), abs(c[j])))
                total += u * u
    return np.sqrt(total / x.dtype.type(p.batch * p.width))


@_plain
def _combine(y: Array, weights: Array, slopes: Array, out: Array) -> None:
    """out = y + the weighted sum of the first slopes, of states ``(tiles, D T)``."""
    for q in range(y.shape[0]):
        for j in range(y.shape[1]):
            out[q, j] = y[q, j]
        for i in range(len(weights)):
            w = weights[i]
            for j in range(y.shape[1]):
                out[q, j] += w * slopes[i, q, j]


@_plain
def _step_factor(ratio: float, pair: Coefficients) -> float:
    """The factor by which an error ratio changes the step size."""
    if np.isnan(ratio):
        return np.nan
    least = 1.0 if ratio < 1 else pair.smallest
    return min(max(pair.safety / ratio ** (1 / pair.order), least), pair.largest)


@_plain
def _shares(p: Setup, t: float, dt: float, end: float, weights: Array) -> None:
    """Write the weights of the slopes at the output time ``end`` within a step."""
    x, c = min(max((end - t) / dt, 0.0), 1.0), p.pair.interpolation
    shares = dt * (x * (c[0] + x * (c[1] + x * (c[2] + x * c[3]))))
    for j in range(len(weights)):
        weights[j] = p.sign * weights.dtype.type(shares[j])


@_plain
def _stage_times(p: Setup, t: float, dt: float) -> Array:
    """Times of the evaluations in a step, ``(s,)``, in the precision of the states."""
    number, nodes = p.net.w1.dtype.type, p.pair.nodes
    at = np.empty(len(nodes), p.net.w1.dtype)
    for i in range(len(nodes)):
        at[i] = number(t) + number(nodes[i]) * number(dt)
    for i in range(len(nodes)):
        at[i] = p.sign * (number(t + dt) if nodes[i] == 1 else at[i])
    return at


@_plain
def _begin(p: Setup, net: Net, s: Progress, r: int) -> None:
    """The first slope of a problem, and a step size from the sizes of state, slope and bend."""
    y, f, t, number = s.y[r], s.f[r], p.times[0], s.y.dtype.type
    _evaluate(net, number(p.sign * t), y, s.first[r], p.relu, f)
    size, slope = _rms(y, y, y, p), _rms(f, y, y, p)
    guess = number(1e-6)
    if not (size < number(1e-5) or slope < number(1e-5)):
        guess = number(0.01) * size / slope
    ahead, work = np.empty_like(y), np.empty((1, s.first.shape[2]), y.dtype)
    _evaluate(net, p.sign * (number(t) + guess), y + p.sign * guess * f, work, p.relu, ahead)
    bend = _rms(ahead - f, y, y, p) / guess
    if slope <= number(1e-15) and bend <= number(1e-15):
        step = max(number(1e-6), guess * number(1e-3))
    else:
        # Where only the bend is NaN, torchdiffeq goes on with the slope.
        step = (number(0.01) / (bend if bend > slope else slope)) ** number(1 / p.pair.order)
    most = number(100) * guess
    s.clock[r, 0] = t
    s.clock[r, 1] = np.nan if np.isnan(most) or np.isnan(step) else float(min(most, step))
    s.counts[r, NEXT], s.counts[r, FINITE] = 1, np.isfinite(y).all()


@_plain
def _status(p: Setup, s: Progress, r: int) -> int:
    """Whether a problem is done or can go on, in the order in which torchdiffeq looks."""
    if s.counts[r, NEXT] == len(p.times):
        return DONE
    t, dt = s.clock[r]
    finite = np.isfinite(dt) and s.counts[r, FINITE] == 1
    if s.counts[r, SINCE] >= p.max_steps:
        return TOO_MANY_STEPS
    if t + dt > t and finite:
        return RUNNING
    # A step of exactly zero is what a state or slope beyond the largest number gives.
    return NON_FINITE if not finite or dt == 0 else UNDERFLOW


@_plain
def _attempt(
    p: Setup, net: Net, y: Array, clock: Array, slopes: Array, values: Array
) -> tuple[Array, Any]:
    """The end of a step from ``y (tiles, D T)``, and its error over the tolerance.

    ``clock (2,)`` has time and step size, ``slopes (s + 1, tiles, D T)`` the first slope, and
    ``values (s or 1, tiles or 1, (D + 2 H) T)`` takes what the evaluations give.
    """
    number, (t, dt) = y.dtype.type, clock
    end, change = np.empty_like(y), np.zeros_like(y)
    weights, at = np.empty(len(slopes), y.dtype), _stage_times(p, t, dt)
    for i in range(len(slopes) - 1):
        for j in range(i + 1):
            weights[j] = p.sign * number(dt) * number(p.pair.matrix[i, j])
        _combine(y, weights[: i + 1], slopes, end)
        _evaluate(net, at[i], end, values[min(i, len(values) - 1)], p.relu, slopes[i + 1])
    for j in range(len(slopes)):
        weights[j] = p.sign * number(dt) * number(p.pair.matrix[-1, j])
    _combine(change, weights, slopes, change)
    return end, _rms(change, y, end, p)


@_plain
def _write_outputs(p: Setup, s: Progress, r: int, slopes: Array) -> None:
    """Interpolate at the output times in an accepted step."""
    weights, (t, dt) = np.empty(len(slopes), slopes.dtype), s.clock[r]
    while s.counts[r, NEXT] < len(p.times) and p.times[s.counts[r, NEXT]] <= t + dt:
        _shares(p, t, dt, p.times[s.counts[r, NEXT]], weights)
        _combine(s.y[r], weights, slopes, s.out[s.counts[r, NEXT], r])
        s.counts[r, NEXT] += 1
        s.counts[r, SINCE] = 0


# Python passes plain tuples: numba's cache could not be read after a named type got another name.
@_called
def advance(which: Array, setup: Any, progress: Any, tape: Any) -> None:
    """Try steps of the problems ``which`` until each is done, has failed or has filled its tape."""
    p = Setup(Net(*setup[0]), Coefficients(*setup[1]), *setup[2:])
    s, record = Progress(*progress), Tape(*tape)
    slopes = np.empty((len(p.pair.nodes) + 1, *s.y.shape[1:]), s.y.dtype)
    work = np.empty((1, 1, s.first.shape[2]), s.y.dtype)
    room = record.steps.shape[1]
    for place, r in enumerate(which):
        if s.counts[r, STATUS] != RUNNING:
            continue
        net = _network(p.net, r)
        if s.counts[r, NEXT] == 0:
            _begin(p, net, s, r)
        slopes[0] = s.f[r]
        while True:
            s.counts[r, STATUS] = _status(p, s, r)
            taken = record.taken[place]
            if s.counts[r, STATUS] != RUNNING or (room > 0 and taken == room):
                break
            values = record.values[place, taken] if room > 0 else work
            t, dt = s.clock[r]
            end, ratio = _attempt(p, net, s.y[r], s.clock[r], slopes, values)
            s.counts[r, MADE] += 1
            s.counts[r, SINCE] += 1
            if ratio <= 1:
                first = s.counts[r, NEXT]
                _write_outputs(p, s, r, slopes)
                if room > 0:
                    step = record.steps[place, taken]
                    step[0], step[1], step[2], step[3] = t, dt, first, s.counts[r, NEXT]
                    record.taken[place] += 1
                s.clock[r, 0] = t + dt
                s.y[r] = end
                slopes[0] = slopes[-1]
                s.counts[r, FINITE] = np.isfinite(end).all()
            s.clock[r, 1] = dt * _step_factor(float(ratio), p.pair)
        s.f[r] = slopes[0]


@_called
def pull_back(
    which: Array, setup: Any, progress: Any, tape: Any, back: Any, to_start: bool
) -> None:
    """Back through recorded steps of the problems ``which`` that are done.

    ``back`` has the gradients of the states at the output times, of the states and slopes at the
    end, which become those at the start (of h0, if ``to_start``), and of the weights, the sums.
    """
    p = Setup(Net(*setup[0]), Coefficients(*setup[1]), *setup[2:])
    s, record = Progress(*progress), Tape(*tape)
    outputs, gy, gf, all_sums = back[0], back[1], back[2], Net(*back[3])
    stages, number = len(p.pair.nodes), s.y.dtype.type
    owed = np.empty((stages + 1, *s.y.shape[1:]), s.y.dtype)  # by the outputs, to the slopes
    states = np.empty((stages, *s.y.shape[1:]), s.y.dtype)
    g, direct = np.empty_like(states[0]), np.empty_like(states[0])
    weights = np.empty(stages + 1, s.y.dtype)
    for place, r in enumerate(which):
        if s.counts[r, STATUS] != DONE:
            continue
        turned, sums = _turned(_network(p.net, r), p.relu), _network(all_sums, r)
        for step in range(record.taken[place] - 1, -1, -1):
            t, dt, first, behind = record.steps[place, step]
            at = _stage_times(p, t, dt)
            owed[:], direct[:] = number(0), number(0)
            for i in range(int(first), int(behind)):
                _shares(p, t, dt, p.times[i], weights)
                direct += outputs[i, r]
                for j in range(stages + 1):
                    owed[j] += weights[j] * outputs[i, r]
            g[:] = owed[stages] + gf[r]
            for i in range(stages - 1, -1, -1):
                _evaluate_back(turned, at[i], record.values[place, step, i], g, sums, states[i])
                if i == stages - 1:
                    states[i] += gy[r]
                # Slope i went into the states after it, and the outputs.
                for j in range(i, stages):
                    weights[j] = p.sign * number(dt) * number(p.pair.matrix[j, i])
                _combine(owed[i], weights[i:stages], states[i:], g)
            gf[r] = g
            gy[r] = direct
            for state in states:
                gy[r] += state
        if to_start:
            _evaluate_back(turned, number(p.sign * p.times[0]), s.first[r], gf[r], sums, g)
            gy[r] = g + (gy[r] + outputs[0, r])
