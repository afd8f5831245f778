"""The compiled solver of the toy experiments: dopri5 for MLP fields, one problem after the other.

A problem is so small that it fits into a processor's first two caches, if all of it is done before
the next one begins. So everything from a network's weights to its gradients is written out here in
loops, which numba compiles for the processor at hand. What is computed is what
:mod:`anode.solve.dopri5` computes, in the order that suits one problem.

D, the dimension of the field's state, and H, the number of hidden units, are rounded up to
multiples of 4, with zeros. Samples lie along the last axis, cut into tiles of T = :data:`TILE`: a
state is ``(tiles, D T)``. The last tile is filled with copies of the last sample, which count in no
norm and have no gradient.

All is here because numba looks at no other file to tell whether what it compiled is still good.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from anode.solve.tableau import (
    INTERPOLATION,
    LARGEST_FACTOR,
    NODES,
    ORDER,
    SAFETY,
    SMALLEST_FACTOR,
    TABLEAU,
)

Array = NDArray[Any]

RUNNING, DONE, UNDERFLOW, TOO_MANY_STEPS, NON_FINITE = range(5)
"""How a problem is: still to be solved, solved, or failed."""

NEXT, TRIED, SINCE, FINITE, STATUS = range(5)
"""What is counted: the next output time; steps tried, in all and since an output; whether the state
is finite; how the problem is."""

_NODES, _I = np.array(NODES), INTERPOLATION

# Fused multiply-adds everywhere; only the sums over samples may be taken in another order.
_plain = numba.njit(fastmath={"contract"}, error_model="numpy")
_sums = numba.njit(fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
_called = numba.njit(fastmath={"contract"}, error_model="numpy", nogil=True, cache=True)


# --- products -----------------------------------------------------------------------------------

# Matrices are flat here, (rows, columns) one row after the other, with unsigned indices. Then the
# compiler knows that two rows do not overlap and that no index counts from an array's end, and uses
# the processor's widest registers. That makes products three times as fast.
TILE = 64
_0, _1, _2, _3, _4 = (np.uint64(i) for i in range(5))
_T = np.uint64(TILE)
_T2, _T3 = _2 * _T, _3 * _T


@_plain
def _affine(w: Array, n: Any, m: Any, b: Array, x: Array, out: Array) -> None:
    """out = w.T x + b: ``w (n, m)``, ``b (m,)``, ``x (n, T)``, ``out (m, T)``; blocks of 4 by 4."""
    for i in range(_0, m, _4):
        o = i * _T
        b0, b1, b2, b3 = b[i], b[i + _1], b[i + _2], b[i + _3]
        for j in range(_T):
            out[o + j] = b0
            out[o + _T + j] = b1
            out[o + _T2 + j] = b2
            out[o + _T3 + j] = b3
        for k in range(_0, n, _4):
            c = k * m + i
            p0, p1, p2, p3 = w[c], w[c + _1], w[c + _2], w[c + _3]
            c += m
            q0, q1, q2, q3 = w[c], w[c + _1], w[c + _2], w[c + _3]
            c += m
            r0, r1, r2, r3 = w[c], w[c + _1], w[c + _2], w[c + _3]
            c += m
            s0, s1, s2, s3 = w[c], w[c + _1], w[c + _2], w[c + _3]
            h = k * _T
            for j in range(_T):
                p, q, r, s = x[h + j], x[h + _T + j], x[h + _T2 + j], x[h + _T3 + j]
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
                p, q, r, s = x[a + j], x[a + _T + j], x[a + _T2 + j], x[a + _T3 + j]
                g0, g1, g2, g3 = g[b + j], g[b + _T + j], g[b + _T2 + j], g[b + _T3 + j]
                p0, p1, p2, p3 = p0 + p * g0, p1 + p * g1, p2 + p * g2, p3 + p * g3
                q0, q1, q2, q3 = q0 + q * g0, q1 + q * g1, q2 + q * g2, q3 + q * g3
                r0, r1, r2, r3 = r0 + r * g0, r1 + r * g1, r2 + r * g2, r3 + r * g3
                s0, s1, s2, s3 = s0 + s * g0, s1 + s * g1, s2 + s * g2, s3 + s * g3
            c = k * m + i
            total[c] += p0
            total[c + _1] += p1
            total[c + _2] += p2
            total[c + _3] += p3
            c += m
            total[c] += q0
            total[c + _1] += q1
            total[c + _2] += q2
            total[c + _3] += q3
            c += m
            total[c] += r0
            total[c + _1] += r1
            total[c + _2] += r2
            total[c + _3] += r3
            c += m
            total[c] += s0
            total[c + _1] += s1
            total[c + _2] += s2
            total[c + _3] += s3


@_sums
def _add_rows(g: Array, n: Any, total: Array) -> None:
    """total += the sum of each row: ``g (n, T)``, ``total (n,)``."""
    zero = g.dtype.type(0)
    for i in range(_0, n, _4):
        p = q = r = s = zero
        a = i * _T
        for j in range(_T):
            p += g[a + j]
            q += g[a + _T + j]
            r += g[a + _T2 + j]
            s += g[a + _T3 + j]
        total[i] += p
        total[i + _1] += q
        total[i + _2] += r
        total[i + _3] += s


@_plain
def _activate(z: Array, relu: bool) -> None:
    zero = z.dtype.type(0)
    if relu:
        for j in range(z.size):
            z[j] = zero if z[j] < zero else z[j]  # a NaN stays one
    else:
        for j in range(z.size):
            z[j] = max(z[j], zero) + np.log1p(np.exp(-abs(z[j])))


@_plain
def _deactivate(g: Array, z: Array, relu: bool) -> None:
    """Times the activation's derivative, which its value ``z`` tells."""
    zero = z.dtype.type(0)
    if relu:
        for j in range(z.size):
            g[j] = g[j] if z[j] > zero else zero
    else:
        for j in range(z.size):
            g[j] = -g[j] * np.expm1(-z[j])


@_plain
def _evaluate(
    net: Any, t: Any, state: Array, record: Array, keep: bool, relu: bool, out: Array
) -> None:
    """Slopes ``out`` at ``state``, both ``(tiles, D T)``.

    ``record (tiles or 1, (D + 2 H) T)`` takes the state and what both hidden layers gave.
    """
    w1, b1, w2, b2, w3, b3, time = net
    dim, hidden = b3.size, b1.size
    d, h = np.uint64(dim), np.uint64(hidden)
    shifted = b1 + t * time
    for tile in range(state.shape[0]):
        part = record[tile if keep else 0]
        z1, z2 = part[dim * TILE : (dim + hidden) * TILE], part[(dim + hidden) * TILE :]
        if keep:
            part[: dim * TILE] = state[tile]
        _affine(w1, d, h, shifted, state[tile], z1)
        _activate(z1, relu)
        _affine(w2, h, h, b2, z1, z2)
        _activate(z2, relu)
        _affine(w3, h, d, b3, z2, out[tile])


@_plain
def _pull_back(
    turned: Any, zeros: Array, t: Any, record: Array, g: Array, relu: bool, work: Array, sums: Any,
    out: Array,
) -> None:  # fmt: skip
    """From the gradient ``g`` of slopes to that of their state, ``out``, both ``(tiles, D T)``.

    Args:
        turned: the weights w1, w2, w3, transposed.
        zeros: a bias of nothing.
        work: room, ``(2 H T,)``.
        sums: the gradients of the weights, added to.
    """
    m1, m2, m3 = turned
    s1, c1, s2, c2, s3, c3, ct = sums
    dim, hidden = c3.size, c1.size
    d, h = np.uint64(dim), np.uint64(hidden)
    g1, g2 = work[: hidden * TILE], work[hidden * TILE :]
    shift = np.zeros_like(c1)
    for tile in range(g.shape[0]):
        part = record[tile]
        x = part[: dim * TILE]
        z1, z2 = part[dim * TILE : (dim + hidden) * TILE], part[(dim + hidden) * TILE :]
        _affine(m3, d, h, zeros, g[tile], g2)
        _deactivate(g2, z2, relu)
        _affine(m2, h, h, zeros, g2, g1)
        _deactivate(g1, z1, relu)
        _affine(m1, h, d, zeros, g1, out[tile])
        _outer(z2, g[tile], h, d, s3)
        _outer(z1, g2, h, h, s2)
        _outer(x, g1, d, h, s1)
        _add_rows(g[tile], d, c3)
        _add_rows(g2, h, c2)
        _add_rows(g1, h, shift)
    for i in range(hidden):
        c1[i] += shift[i]
        ct[i] += t * shift[i]


@_plain
def _network(weights: Any, r: int) -> tuple[Array, ...]:
    w1, b1, w2, b2, w3, b3, time = weights
    return w1[r], b1[r], w2[r], b2[r], w3[r], b3[r], time[r]


@_plain
def _turned(net: Any) -> tuple[Array, ...]:
    dim, hidden = net[5].size, net[1].size
    return (
        net[0].reshape(dim, hidden).T.copy().ravel(),
        net[2].reshape(hidden, hidden).T.copy().ravel(),
        net[4].reshape(hidden, dim).T.copy().ravel(),
    )


@_sums
def _rms(x: Array, y: Array, z: Array, batch: int, dim: int, rtol: Any, atol: Any) -> Any:
    """Root mean square of x / (atol + rtol max(|y|, |z|)) over the samples: ``(tiles, D T)``."""
    total = x.dtype.type(0)
    for q in range(x.shape[0]):
        valid = min(TILE, batch - q * TILE)
        for d in range(dim):
            first = d * TILE
            a, b, c = x[q, first:], y[q, first:], z[q, first:]
            for j in range(valid):
                u = a[j] / (atol + rtol * max(abs(b[j]), abs(c[j])))
                total += u * u
    return np.sqrt(total / x.dtype.type(batch * dim))


@_plain
def _combine(y: Array, weights: Array, slopes: Array, count: int, out: Array) -> None:
    """out = y + the weighted sum of the first ``count`` slopes, of states ``(tiles, D T)``."""
    for q in range(y.shape[0]):
        for j in range(y.shape[1]):
            out[q, j] = y[q, j]
        for i in range(count):
            w = weights[i]
            for j in range(y.shape[1]):
                out[q, j] += w * slopes[i, q, j]


@_plain
def _step_factor(ratio: float) -> float:
    """By how much to change the step size after an error ratio."""
    if np.isnan(ratio):
        return np.nan
    least = 1.0 if ratio < 1 else SMALLEST_FACTOR
    return min(max(SAFETY / ratio ** (1 / ORDER), least), LARGEST_FACTOR)


@_plain
def _interpolation(t: float, dt: float, end: float, weights: Array) -> None:
    """The weights of the seven slopes at the output time ``end`` within a step, without sign."""
    x = min(max((end - t) / dt, 0.0), 1.0)
    weights[:] = dt * (x * (_I[0] + x * (_I[1] + x * (_I[2] + x * _I[3]))))


@_plain
def _stage_time(t: float, dt: float, i: int, number: Any) -> Any:
    """Of the i-th evaluation in a step, in the precision of the states."""
    if i >= 4:
        return number(t + dt)
    return number(t) + number(_NODES[i]) * number(dt)


@_plain
def _first_step(
    net: Any, t: float, y: Array, f: Array, batch: int, width: int, sign: Any, rtol: Any,
    atol: Any, record: Array, relu: bool,
) -> float:  # fmt: skip
    """A step size from the sizes of the state, its slope and its slope's change."""
    number = y.dtype.type
    size = _rms(y, y, y, batch, width, rtol, atol)
    slope = _rms(f, y, y, batch, width, rtol, atol)
    guess = number(1e-6)
    if not (size < number(1e-5) or slope < number(1e-5)):
        guess = number(0.01) * size / slope
    ahead = np.empty_like(y)
    _evaluate(net, sign * (number(t) + guess), y + sign * guess * f, record, False, relu, ahead)
    bend = _rms(ahead - f, y, y, batch, width, rtol, atol) / guess
    if slope <= number(1e-15) and bend <= number(1e-15):
        step = max(number(1e-6), guess * number(1e-3))
    else:
        # Where only the bend is NaN, torchdiffeq goes on with the slope.
        step = (number(0.01) / (bend if bend > slope else slope)) ** number(1 / ORDER)
    most = number(100) * guess
    if np.isnan(most) or np.isnan(step):
        return np.nan
    return float(min(most, step))


# --- what Python calls --------------------------------------------------------------------------

# Weights are w1, b1, w2, b2, w3, b3 and the time's, flat: ``(R, inputs * outputs)`` each. Times are
# output times times ``sign``, increasing. ``which`` lists the problems that a call is about.


@_called
def begin(
    which: Array, weights: Any, times: Array, sign: float, rtol: float, atol: float, relu: bool,
    batch: int, width: int, y: Array, f: Array, clock: Array, counts: Array, record: Array,
) -> None:  # fmt: skip
    """Start problems: first slopes and first step sizes.

    Args:
        batch, width: B and the dimension, not rounded up.
        y: states ``(R, tiles, D T)``.
        f: slopes, of the same shape, written.
        record: what the first evaluation gave, ``(R, tiles, (D + 2 H) T)``, written.
        clock: t and dt ``(R, 2)``, written.
        counts: ``(R, 5)``, written.
    """
    number = y.dtype.type
    work = np.empty((1, record.shape[2]), y.dtype)
    for r in which:
        net = _network(weights, r)
        _evaluate(net, number(sign * times[0]), y[r], record[r], True, relu, f[r])
        clock[r, 0] = times[0]
        clock[r, 1] = _first_step(
            net, times[0], y[r], f[r], batch, width, number(sign), number(rtol), number(atol),
            work, relu,
        )  # fmt: skip
        counts[r, NEXT] = 1
        counts[r, FINITE] = np.isfinite(y[r]).all()


@_called
def advance(
    which: Array, weights: Any, times: Array, sign: float, rtol: float, atol: float, relu: bool,
    batch: int, width: int, y: Array, f: Array, clock: Array, counts: Array, most_steps: int,
    out: Array, keep: bool, records: Array, steps: Array, taken: Array,
) -> None:  # fmt: skip
    """Try steps until each problem is done, has failed, or has filled its record.

    Args:
        most_steps: between two output times, rejected ones included.
        out: states at the output times, ``(times, R, tiles, D T)``, written.
        keep: whether steps are recorded, for a way back.
        records: of accepted steps, ``(n, room, 6, tiles, (D + 2 H) T)`` for the n of ``which``.
        steps: t, dt, and the first output time in the step and behind it, ``(n, room, 4)``.
        taken: how many are recorded, ``(n,)``.
    """
    number = y.dtype.type
    way = number(sign)
    slopes = np.empty((7, *y.shape[1:]), y.dtype)
    state = np.empty_like(slopes[0])
    change, zero = np.empty_like(state), np.zeros_like(state)
    work = np.empty((1, y.shape[2] + 2 * weights[1].shape[1] * TILE), y.dtype)
    shares, row = np.empty(7), np.empty(7, y.dtype)
    for place, r in enumerate(which):
        if counts[r, STATUS] != RUNNING:
            continue
        net = _network(weights, r)
        slopes[0] = f[r]
        while True:
            t, dt = clock[r]
            finite = np.isfinite(dt) and counts[r, FINITE] == 1
            if counts[r, SINCE] >= most_steps:
                counts[r, STATUS] = TOO_MANY_STEPS
                break
            if not (t + dt > t and finite):
                counts[r, TRIED] += 1  # the step that could not be made
                # A step of exactly zero is what a state or slope beyond the largest number gives.
                counts[r, STATUS] = NON_FINITE if not finite or dt == 0 else UNDERFLOW
                break
            if keep and taken[place] == steps.shape[1]:
                break
            for i in range(6):
                for j in range(i + 1):
                    row[j] = way * number(dt) * number(TABLEAU[i, j])
                _combine(y[r], row, slopes, i + 1, state)
                record = records[place, taken[place], i] if keep else work
                at = way * _stage_time(t, dt, i, number)
                _evaluate(net, at, state, record, keep, relu, slopes[i + 1])
            for j in range(7):
                row[j] = way * number(dt) * number(TABLEAU[6, j])
            _combine(zero, row, slopes, 7, change)
            ratio = _rms(change, y[r], state, batch, width, number(rtol), number(atol))
            counts[r, TRIED] += 1
            counts[r, SINCE] += 1
            clock[r, 1] = dt * _step_factor(float(ratio))
            if not ratio <= 1:
                continue
            first = counts[r, NEXT]
            while counts[r, NEXT] < len(times) and times[counts[r, NEXT]] <= t + dt:
                _interpolation(t, dt, times[counts[r, NEXT]], shares)
                for j in range(7):
                    row[j] = way * number(shares[j])
                _combine(y[r], row, slopes, 7, out[counts[r, NEXT], r])
                counts[r, NEXT] += 1
                counts[r, SINCE] = 0
            if keep:
                step = steps[place, taken[place]]
                step[0], step[1], step[2], step[3] = t, dt, first, counts[r, NEXT]
                taken[place] += 1
            clock[r, 0] = t + dt
            y[r] = state
            slopes[0] = slopes[6]
            counts[r, FINITE] = np.isfinite(state).all()
            if counts[r, NEXT] == len(times):
                counts[r, STATUS] = DONE
                break
        f[r] = slopes[0]


@_called
def pull_back(
    which: Array, weights: Any, times: Array, sign: float, relu: bool, counts: Array,
    records: Array, steps: Array, taken: Array, gradient: Array, gy: Array, gf: Array, sums: Any,
) -> None:  # fmt: skip
    """Back through recorded steps.

    Args:
        records, steps, taken: as :func:`advance` left them.
        gradient: of the states at the output times, in tiles, ``(times, R, tiles, D T)``.
        gy, gf: gradients of the end's state and slope, ``(R, tiles, D T)``; become the start's.
        sums: gradients of the weights, added to.
    """
    number = gy.dtype.type
    way = number(sign)
    hidden = weights[1].shape[1]
    zeros = np.zeros(max(weights[5].shape[1], hidden), gy.dtype)
    owed, states = np.empty((7, *gy.shape[1:]), gy.dtype), np.empty((6, *gy.shape[1:]), gy.dtype)
    g, direct = np.empty_like(states[0]), np.empty_like(states[0])
    work, shares = np.empty(2 * hidden * TILE, gy.dtype), np.empty(7)
    row = np.empty(7, gy.dtype)
    for place, r in enumerate(which):
        if counts[r, STATUS] != DONE:
            continue
        turned, parts = _turned(_network(weights, r)), _network(sums, r)
        for s in range(taken[place] - 1, -1, -1):
            t, dt, first, behind = steps[place, s]
            owed[:], direct[:] = number(0), number(0)  # by the outputs, to slopes and state
            for i in range(int(first), int(behind)):
                _interpolation(t, dt, times[i], shares)
                direct += gradient[i, r]
                for j in range(7):
                    owed[j] += way * number(shares[j]) * gradient[i, r]
            g[:] = owed[6] + gf[r]
            for i in range(5, -1, -1):
                at = way * _stage_time(t, dt, i, number)
                _pull_back(turned, zeros, at, records[place, s, i], g, relu, work, parts, states[i])
                if i == 5:
                    states[5] += gy[r]
                # Slope i went into the states after it, and the outputs.
                for j in range(i, 6):
                    row[j - i] = way * number(dt) * number(TABLEAU[j, i])
                _combine(owed[i], row, states[i:], 6 - i, g)
            gf[r] = g
            gy[r] = direct
            for i in range(6):
                gy[r] += states[i]


@_called
def finish(
    which: Array, weights: Any, start: float, relu: bool, counts: Array, record: Array,
    gf: Array, sums: Any, out: Array,
) -> None:  # fmt: skip
    """Back through the first evaluation, at time ``start``, to ``out (R, tiles, D T)``."""
    hidden = weights[1].shape[1]
    zeros = np.zeros(max(weights[5].shape[1], hidden), gf.dtype)
    work, at = np.empty(2 * hidden * TILE, gf.dtype), gf.dtype.type(start)
    for r in which:
        if counts[r, STATUS] != DONE:
            continue
        turned, parts = _turned(_network(weights, r)), _network(sums, r)
        _pull_back(turned, zeros, at, record[r], gf[r], relu, work, parts, out[r])
