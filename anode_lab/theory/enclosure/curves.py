"""Bounds of a network along a short polynomial curve, rounding included.

A polynomial of degree q in s, 0 <= s <= 1, is given by its q + 1 Bernstein coefficients. It lies in
their convex hull, and a linear layer acts on each of them alone. A ReLU that does not switch on the
curve is the identity or zero, so it keeps polynomials; one that does switch leaves an error of at
most the smaller of its two sides. So the field along the curve is a polynomial, too, up to a bound.

Rounding: a sum of n products has an error of at most ``gamma = n u / (1 - n u)`` times the sum of
the products' magnitudes, u = 2^-53, in whatever order it is summed (Higham 2002, section 3.1).
:func:`gamma` takes eight more operations than a sum has, for the few that go before and after. The
bounds are themselves computed in floating point, so :data:`UP` makes each a little larger.
"""

from dataclasses import dataclass
from functools import cache
from math import comb

import numpy as np

from anode.arrays import Booleans, Floats
from anode_lab.theory.enclosure.field import TAYLOR_DEGREE, ReplicaField

UP = 1 + 1e-10
"""Factor above all rounding of a bound: sums of at most a few thousand non-negative terms."""

_BISECTIONS = 30  # to find where a unit switches

_SECOND, _THIRD, _FOURTH = 1 / 4, 1 / (6 * np.sqrt(3)), 1 / 8  # of softplus, largest magnitudes


def gamma(n: int) -> float:
    """Relative error of a sum of n products, with eight operations to spare."""
    return (n + 8) * 2.0**-53 * UP


@dataclass(frozen=True)
class Layer:
    """Values in a hidden layer along n curves.

    Attributes:
        controls: Bernstein coefficients of the values before the activation, up to ``error``,
            shape ``(q + 1, n, hidden)``.
        low: Lower bounds of these values, shape ``(n, hidden)``.
        high: Upper bounds, of the same shape.
    """

    controls: Floats
    low: Floats
    high: Floats

    @property
    def switching(self) -> Booleans:
        """Whether each unit may change its sign, shape ``(n, hidden)``."""
        mixed: Booleans = np.logical_and(self.low < 0, self.high > 0)
        return mixed


@dataclass(frozen=True)
class Arc:
    """n curves, and how far each is from a solution.

    Attributes:
        first: First hidden layer.
        second: Second hidden layer.
        end: State at the end, rounded, shape ``(n, dim)``.
        defect: Bound of the integral of ``|p' - f(p, t)|`` over the step, plus the rounding of
            ``end``, shape ``(n,)``.
    """

    first: Layer
    second: Layer
    end: Floats
    defect: Floats

    @property
    def switches(self) -> Booleans:
        """Whether a unit may switch on each curve, shape ``(n,)``."""
        units = np.concatenate([self.first.switching, self.second.switching], axis=1)
        either: Booleans = np.logical_or.reduce(units, axis=1)
        return either


def follow(network: ReplicaField, t: Floats, h: Floats, c: Floats) -> Arc:
    """Bound the network along the curves ``p(t + s h) = sum c[k] s^k``.

    Args:
        network: Network of dimension dim.
        t: Start of each curve in time, shape ``(n,)``.
        h: Length of each curve in time, shape ``(n,)``.
        c: Coefficients, shape ``(q + 1, n, dim)``, which define the curves exactly. For softplus q
            must be 3.
    """
    q = len(c) - 1
    basis, small = bernstein(q), gamma(q + 1)
    length = h[:, None]
    magnitude1, magnitude2, magnitude3 = network.magnitudes

    sizes = np.abs(c)
    p = np.tensordot(basis, c, 1)  # (q + 1, n, dim)
    error = small * sizes.sum(0)
    times = t + np.arange(q + 1)[:, None] / q * h  # (q + 1, n): a line's coefficients lie on it
    reach = (np.abs(t) + h)[:, None] * np.abs(network.wt) + np.abs(network.b1)

    u = p @ network.w1 + times[..., None] * network.wt + network.b1
    error = error @ magnitude1 + gamma(network.dim) * (np.abs(p).max(0) @ magnitude1 + reach)
    first, a, error = _activate(network, u, error * UP)

    small_hidden = gamma(len(network.w2))
    u = a @ network.w2 + network.b2
    error = (error + small_hidden * np.abs(a).max(0)) @ magnitude2
    second, a, error = _activate(network, u, (error + small_hidden * np.abs(network.b2)) * UP)

    f = a @ network.w3 + network.b3  # (q + 1, n, dim)
    error = (error + small_hidden * np.abs(a).max(0)) @ magnitude3
    error += small_hidden * np.abs(network.b3)

    powers = np.arange(1, q + 1)[:, None, None]
    speed = np.tensordot(basis[:, :q], powers * c[1:], 1) / length
    error += small * (powers * sizes[1:]).sum(0) / length
    # A curve is in the hull of its coefficients, and each Bernstein polynomial's mean is 1/(q + 1).
    distance = np.linalg.norm(speed - f, axis=2).mean(0) + np.linalg.norm(error, axis=1)
    jump = small * np.linalg.norm(sizes.sum(0), axis=1)
    return Arc(first, second, c.sum(0), (h * distance + jump) * UP)


def _activate(network: ReplicaField, u: Floats, error: Floats) -> tuple[Layer, Floats, Floats]:
    """The layer, and coefficients of the activation's values with their error ``(n, hidden)``."""
    layer = Layer(u, u.min(0) - error, u.max(0) + error)
    if network.smooth:
        return layer, *_softplus(u, error)
    mostly_on = layer.high > -layer.low
    switched = np.minimum(layer.high, -layer.low)
    error = np.where(layer.high <= 0, 0, error + np.maximum(switched, 0))
    return layer, np.where(mostly_on, u, 0), error * UP


def _softplus(u: Floats, error: Floats) -> tuple[Floats, Floats]:
    """The cubics that share the values and slopes of softplus at both ends of the cubics ``u``.

    The error is at most 1/384 of the fourth derivative by s, which Faà di Bruno's formula gives.
    """
    ends = np.logaddexp(0, u[[0, 3]])  # the library's functions are taken to be right to 8 u
    change = np.diff(u, axis=0)  # (3, n, hidden)
    slopes = _sigmoid(u[[0, 3]]) * change[[0, 2]]
    a = np.stack([ends[0], ends[0] + slopes[0], ends[1] - slopes[1], ends[1]])
    du = 3 * np.abs(change).max(0)
    ddu = 6 * np.abs(np.diff(change, axis=0)).max(0)
    dddu = 6 * np.abs(np.diff(change, n=2, axis=0)).max(0)
    fourth = _FOURTH * du**4 + 6 * _THIRD * du**2 * ddu + _SECOND * (3 * ddu**2 + 4 * du * dddu)
    # Differences of u cancel: their rounding is in proportion to u.
    rounding = gamma(8) * (np.abs(a).max(0) + 4 * np.abs(u).max(0) + 1)
    return a, (error + fourth / 384 + rounding) * UP


def _sigmoid(u: Floats) -> Floats:
    value: Floats = 0.5 * (1 + np.tanh(u / 2))
    return value


@dataclass(frozen=True)
class Spread:
    """How a solution that starts off the curve, and off a segment across it, may move away.

    Attributes:
        log_norm: Bound of the logarithmic norm, shape ``(n,)``.
        uncertain: Part of it that is due to uncertain slopes, shape ``(n,)``.
        segment: Half segment at the end of the step, rounded, shape ``(n, dim)``.
        slip: Bound of what the step adds to the distance from the segment, shape ``(n,)``.
    """

    log_norm: Floats
    uncertain: Floats
    segment: Floats
    slip: Floats


def spread(network: ReplicaField, arc: Arc, h: Floats, radius: Floats, segment: Floats) -> Spread:
    """Bound the field's Jacobian near ``p + tau z``, ``|tau| <= 1``, up to ``radius`` from it.

    For two states there, ``f(y, t) - f(p, t) = J (y - p)``, where J is the product of the weights
    and of slopes of the units between the values at y and p; slopes lie in an interval. So J is a
    matrix M of nominal slopes plus products of rank one, and the logarithmic norm is subadditive.
    The half segment z follows ``z' = M z``; what J - M makes of it is added to the distance.

    Args:
        network: Network of dimension dim.
        arc: n curves.
        h: Length of each curve in time, shape ``(n,)``.
        radius: Bound of the distance from the segment, shape ``(n,)``.
        segment: Half segment z at the start of the step, shape ``(n, dim)``.
    """
    inputs, outputs = network.norms
    wide, magnitude2 = radius[:, None], network.magnitudes[1]
    # Any nominal slopes will do; good ones are in the middle of what the slopes turn out to be.
    slope1 = _middle(*_slopes(network, arc.first, np.abs(segment @ network.w1) + wide * inputs))
    v = (slope1[:, None] * network.w1) @ network.w2  # (n, dim, hidden)
    # Products of matrices are rounded, too, which counts where their entries cancel.
    blur_v = 2 * gamma(len(network.w2)) * (inputs @ magnitude2)  # (hidden,)
    blur_back = 2 * gamma(len(network.w2)) * (magnitude2 @ outputs)  # (hidden,)
    v_norm = np.linalg.norm(v, axis=1) + blur_v
    reach = np.abs(np.einsum("nd,ndj->nj", segment, v)) + wide * v_norm
    slope2 = _middle(*_slopes(network, arc.second, reach))
    matrix = (v * slope2[:, None]) @ network.w3  # (n, dim, dim), transposed
    size = np.linalg.norm(matrix, axis=(1, 2))

    z = _exponential(matrix, h, segment)  # coefficients of s^k
    controls = np.tensordot(bernstein(len(z) - 1), z, 1)
    z_sum = np.linalg.norm(z, axis=2).sum(0)
    slack = gamma(network.dim + len(z)) * z_sum[:, None]
    along1 = np.abs(controls @ network.w1).max(0) + slack * inputs
    off1 = _off(slope1, *_slopes(network, arc.first, (along1 + wide * inputs) * UP))
    along2 = np.abs(np.einsum("qnd,ndj->qnj", controls, v)).max(0) + slack * v_norm
    along2 += blur_v * z_sum[:, None]
    along2 += (off1 * along1) @ magnitude2
    doubt = (off1 * inputs) @ magnitude2
    reach = (along2 + wide * (v_norm + doubt)) * UP
    off2 = _off(slope2, *_slopes(network, arc.second, reach))

    back = (slope2[:, None] * network.w3.T) @ network.w2.T  # (n, dim, hidden)
    back_norm = np.linalg.norm(back, axis=1) + blur_back
    # The symmetric part of a b^T has the eigenvalues (a.b +- |a| |b|) / 2 and zeros.
    across = np.abs(np.einsum("ndi,di->ni", back, network.w1))
    first = (across + (blur_back + back_norm) * inputs) / 2
    across = np.abs(np.einsum("ndj,jd->nj", v, network.w3))
    second = (across + (blur_v + v_norm) * outputs) / 2 + doubt * outputs
    uncertain = ((off1 * first).sum(1) + (off2 * second).sum(1)) * UP

    sizes = np.linalg.norm(network.w1) * np.linalg.norm(network.w2) * np.linalg.norm(network.w3)
    rounding = 4 * gamma(len(network.w2)) * sizes * len(network.w2)
    largest = _largest_eigenvalue((matrix + matrix.transpose(0, 2, 1)) / 2)
    push = (off1 * along1 * back_norm).sum(1) + (off2 * along2 * outputs).sum(1)
    q = len(z) - 1
    left_out = size * np.linalg.norm(z[-1], axis=1) / (q + 1)  # the Taylor series' next term
    rounded = gamma(network.dim) * (1 + h * size) * (q + 1) * z_sum
    slip = (h * (push + rounding * z_sum + left_out) + rounded) * UP
    return Spread(largest + uncertain + rounding, uncertain, z.sum(0), slip)


def _exponential(matrix: Floats, h: Floats, z: Floats) -> Floats:
    """Taylor coefficients of exp(s h M) z, shape ``(q + 1, n, dim)``; M is given transposed."""
    terms = [z]
    for k in range(TAYLOR_DEGREE):
        terms.append(h[:, None] / (k + 1) * np.einsum("ni,nij->nj", terms[-1], matrix))
    return np.stack(terms)


def _slopes(network: ReplicaField, layer: Layer, reach: Floats) -> tuple[Floats, Floats]:
    """Least and largest slopes of the units for values up to ``reach`` off the curve."""
    low, high = layer.low - reach, layer.high + reach
    if network.smooth:
        return _sigmoid(low) - 1e-15, _sigmoid(high) + 1e-15
    return (low >= 0).astype(float), (high > 0).astype(float)


def _middle(least: Floats, most: Floats) -> Floats:
    return (least + most) / 2


def _off(nominal: Floats, least: Floats, most: Floats) -> Floats:
    """Largest distance of a slope from the nominal one."""
    return np.maximum(np.maximum(most - nominal, nominal - least), 0) * UP


def _largest_eigenvalue(s: Floats) -> Floats:
    """An upper bound of the largest eigenvalue of symmetric matrices ``(n, dim, dim)``."""
    if s.shape[1] == 1:
        value: Floats = s[:, 0, 0]
    elif s.shape[1] == 2:
        a, b, c = s[:, 0, 0], s[:, 0, 1], s[:, 1, 1]
        value = (a + c) / 2 + np.hypot((a - c) / 2, b)
    else:
        value = np.asarray(np.linalg.eigvalsh(s)[:, -1], dtype=float)
    bound: Floats = value + 1e-12 * np.sqrt((s**2).sum((1, 2)))
    return bound


@cache
def bernstein(q: int) -> Floats:
    """The matrix from coefficients of s^k to Bernstein coefficients, shape ``(q + 1, q + 1)``."""
    return np.array([[comb(i, k) / comb(q, k) for k in range(q + 1)] for i in range(q + 1)])


def first_switch(arc: Arc) -> Floats:
    """Find by bisection a part s of each step before which no unit seems to have switched.

    It is a guess that bounds nothing; 1 if the value of no unit changes its sign from start to end.
    """
    u = np.concatenate([arc.first.controls, arc.second.controls], axis=2)  # (q + 1, n, 2 hidden)
    switching = np.concatenate([arc.first.switching, arc.second.switching], axis=1)
    u = u[:, :, switching.any(0)]
    q = len(u) - 1
    k = np.arange(q + 1)
    choose = np.array([comb(q, i) for i in range(q + 1)])
    u = np.ascontiguousarray(u.transpose(1, 0, 2))  # (n, q + 1, units)
    positive = u[:, 0] > 0
    below, above = np.zeros(len(u)), np.ones(len(u))
    s = above
    for _ in range(_BISECTIONS):
        weights = choose * s[:, None] ** k * (1 - s[:, None]) ** (q - k)  # (n, q + 1)
        same = (((weights[:, None] @ u)[:, 0] > 0) == positive).all(1)
        below, above = np.where(same, s, below), np.where(same, above, s)
        s = (below + above) / 2
    return below
