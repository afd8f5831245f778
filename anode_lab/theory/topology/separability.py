"""Two finite sets of points: a hyperplane between them, or a point of both convex hulls.

One of the two exists and never both (Farkas 1902, for polytopes). A floating-point linear program
says which points matter; what is returned is computed and checked in rational numbers, of which
every float is one, and does not depend on the solver's tolerances.
"""

import math
import warnings
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, QhullError
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import SVC

from anode_lab.theory.topology import simplex
from anode_lab.theory.topology.simplex import Rationals

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_DIRECTIONS = 48  # in which the corners of a deep triangle are looked for
_WORST = 4  # points of either set that join the exact program in a round
_LEAST = 1e-323  # twice the least float: what a number that underflows may lose
_STEPS = 100_000  # most steps of the search for a wide margin; a narrower one is still exact


@dataclass(frozen=True)
class Hyperplane:
    """``normal.x < offset`` for all points of the first set, ``>`` for all of the second.

    Attributes:
        normal, offset: rational numbers, up to a common factor.
        margin: no point is nearer to the plane than this, in the points' units; rounded down.
    """

    normal: Rationals
    offset: Fraction
    margin: float

    @property
    def w(self) -> Floats:
        """The normal in floating point, shape ``(dim,)``."""
        return _floats(self.normal)

    def verify(self, a: ArrayLike, b: ArrayLike) -> bool:
        """Whether all of this holds for the sets ``a (n, dim)``, ``b (m, dim)``, exactly."""
        a, b = _points(a, b)
        if len(self.normal) != a.shape[1] or not any(self.normal) or not self.margin >= 0:
            return False
        below = self.offset - _largest(a, self.normal)
        above = _least(b, self.normal) - self.offset
        slack = min(below, above)
        return slack > 0 and Fraction(self.margin) ** 2 * _square(self.normal) <= slack**2


@dataclass(frozen=True)
class CommonPoint:
    """A convex combination of points of the first set that equals one of the second's.

    Attributes:
        indices_a, indices_b: which points; dim + 2 or fewer in all (Caratheodory).
        weights_a, weights_b: positive, each with the sum 1.
        depth: how far, in the points' units, the hulls overlap at least: one would have to be
            moved by as much to be parted from the other. Rounded down; 0 for a combination of less
            than dim + 2 points, whose hulls only touch. See :func:`robust`.
    """

    indices_a: tuple[int, ...]
    weights_a: Rationals
    indices_b: tuple[int, ...]
    weights_b: Rationals
    depth: float

    def point(self, a: ArrayLike) -> Rationals:
        """The common point as a combination of the first set ``(n, dim)``, exactly."""
        return _combination(np.asarray(a, float), self.indices_a, self.weights_a)

    def verify(self, a: ArrayLike, b: ArrayLike) -> bool:
        """Whether all of this holds for the sets ``a (n, dim)``, ``b (m, dim)``, exactly."""
        a, b = _points(a, b)
        sides = ((a, self.indices_a, self.weights_a), (b, self.indices_b, self.weights_b))
        if not all(_is_convex(weights, indices, len(points)) for points, indices, weights in sides):
            return False
        if len({_combination(*side) for side in sides}) > 1:
            return False
        return 0 <= self.depth <= _depth(a, b, self.indices_a, self.indices_b)


Certificate = Hyperplane | CommonPoint


def separate(a: ArrayLike, b: ArrayLike) -> Certificate:
    """The certificate of two sets' separability, or of the contrary.

    The hyperplane's margin is close to the widest one; the common point's depth is that of few
    points far out, and not the largest that there is.

    Args:
        a, b: the sets, shapes ``(n, dim)`` and ``(m, dim)``, in double precision.

    Returns:
        What :meth:`~Hyperplane.verify` accepts for ``a`` and ``b``.

    Raises:
        ValueError: if the sets have no points, are of different dimensions, or a coordinate is not
            a finite number.
    """
    a, b = _points(a, b)
    hint = _Hint.of(a, b)
    if found := hint.hyperplane(a, b):
        return found
    return _exactly(a, b, *hint.support)


def triangle(point: ArrayLike, boundary: ArrayLike) -> Certificate:
    """Three points of a curve in the plane whose triangle contains ``point``, deep inside.

    Args:
        point: such as the features of the origin, shape ``(2,)``.
        boundary: such as the features of a circle around it, shape ``(n, 2)``.

    Returns:
        For ``boundary`` as the first set and the point as the second: the :class:`CommonPoint` with
        the largest distance from the triangle's sides among triangles of corners of the hull in 48
        directions; or what :func:`separate` finds if none of them contains it.

    Raises:
        ValueError: as :func:`separate`, or outside of the plane.
    """
    curve, center = _points(boundary, np.atleast_2d(point))
    if curve.shape[1] != 2 or len(center) != 1:
        shapes = f"{np.shape(point)} and {curve.shape}"
        raise ValueError(f"point must be (2,) and boundary (n, 2), got the shapes {shapes}")
    corners = _corners(curve, center[0])
    if (chosen := _deepest(curve[corners] - center[0])) is not None:
        found = _exactly(curve, center, corners[chosen], np.array([0]))
        if isinstance(found, CommonPoint) and found.depth > 0:
            return found
    return separate(curve, center)


def robust(certificate: Certificate, radius: float, other: float | None = None) -> bool:
    """Whether the verdict stays the same if every point is moved by ``radius`` or less.

    Moved points change ``max_a u.a - min_b u.b`` by no more than the two radii together, for each
    unit vector u. The hulls are apart if it is negative for one u, as for the plane's normal, and
    meet if it is negative for none; for the hulls of the certificate's points its least value is
    the depth.

    Args:
        certificate: for the points as they are.
        radius: bound of the error of the first set's points.
        other: bound for the second's; the same if left out.

    Raises:
        ValueError: if a radius is negative or not a number.
    """
    radii = (radius, radius if other is None else other)
    if not all(r >= 0 for r in radii):
        raise ValueError(f"radii must be 0 or more, got {radii}")
    total = Fraction(radii[0]) + Fraction(radii[1]) if all(map(math.isfinite, radii)) else None
    if total is None:
        return False
    if isinstance(certificate, Hyperplane):
        return 2 * Fraction(certificate.margin) > total
    return Fraction(certificate.depth) >= total


# Exact arithmetic


def _points(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    """Both sets as arrays of shape ``(n, dim)``, checked."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    for name, points in (("a", first), ("b", second)):
        if points.ndim != 2 or 0 in points.shape:
            raise ValueError(f"{name} must be points (n, dim), n and dim > 0, got {points.shape}")
        if not np.isfinite(points).all():
            where = tuple(np.argwhere(~np.isfinite(points))[0].tolist())
            raise ValueError(f"{name} must be finite, got {points[where]} at {where}")
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"a and b must have one dimension, got {first.shape}, {second.shape}")
    return first, second


def _exact(point: Floats) -> Rationals:
    return tuple(Fraction(float(each)) for each in point)


def _dot(first: Rationals, second: Rationals) -> Fraction:
    return sum((x * y for x, y in zip(first, second, strict=True)), Fraction(0))


def _square(vector: Rationals) -> Fraction:
    return _dot(vector, vector)


def _root_below(square: Fraction) -> float:
    """The square root, rounded down."""
    if square <= 0:
        return 0.0
    half = (square.numerator.bit_length() - square.denominator.bit_length()) // 2
    scaled = square / Fraction(4) ** half  # near 1: no overflow
    root = math.sqrt(scaled)
    while Fraction(root) ** 2 > scaled:
        root = math.nextafter(root, 0)
    try:
        found = math.ldexp(root, half)
    except OverflowError:
        return float(np.finfo(float).max)
    # Only a root below the normal floats is rounded here.
    return found if half > -1000 else math.nextafter(found, 0)


def _combination(points: Floats, indices: tuple[int, ...], weights: Rationals) -> Rationals:
    chosen = [_exact(points[i]) for i in indices]
    return tuple(_dot(weights, column) for column in zip(*chosen, strict=True))


def _is_convex(weights: Rationals, indices: tuple[int, ...], count: int) -> bool:
    known = len(set(indices)) == len(indices) == len(weights) > 0
    within = all(0 <= i < count for i in indices)
    return known and within and all(w > 0 for w in weights) and sum(weights) == 1


def _furthest(points: Floats, normal: Rationals) -> tuple[Fraction, int]:
    """The largest of ``normal.x`` over the points, exactly, and the index of such a point.

    In floating point first; only points that its rounding error leaves in question are computed
    in rationals.
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        w = _floats(normal)
        values = points @ w
        # Higham 2002, section 3.1, with the rounding of w, and of this sum itself, in the 4.
        unit = (len(w) + 4) * np.finfo(float).eps
        error = np.abs(points) @ (unit * np.abs(w) + _LEAST) + (len(w) + 1) * _LEAST
        sure = values - error
        floor = sure[np.isfinite(sure)].max(initial=-np.inf)
        in_question = np.flatnonzero(~(values + error < floor))  # and so is what is not a number
    _, first = np.unique(points[in_question], axis=0, return_index=True)
    return max((_dot(normal, _exact(points[i])), int(i)) for i in in_question[first])


def _largest(points: Floats, normal: Rationals) -> Fraction:
    return _furthest(points, normal)[0]


def _least(points: Floats, normal: Rationals) -> Fraction:
    return -_largest(points, tuple(-each for each in normal))


def _floats(normal: Rationals) -> Floats:
    """The normal, rounded; an entry that is too large is infinite."""
    try:
        return np.array([float(each) for each in normal])
    except OverflowError:
        return np.full(len(normal), np.inf)


def _plane(a: Floats, b: Floats, normal: Rationals) -> Hyperplane | None:
    """The plane midway between the two sets, if they are on different sides of it."""
    if not any(normal):
        return None
    below, above = _largest(a, normal), _least(b, normal)
    if below >= above:
        return None
    margin = _root_below((above - below) ** 2 / (4 * _square(normal)))
    return Hyperplane(normal, (below + above) / 2, margin)


def _depth(a: Floats, b: Floats, indices_a: tuple[int, ...], indices_b: tuple[int, ...]) -> float:
    """Distance of 0 from the sides of {p - q}, p and q in the hulls of these points, from inside.

    With dim + 2 points the weights are affine functions of p - q, and each side is where one of
    them is 0: so the distance is the least weight over the length of its gradient. Rounded down.
    """
    columns = _columns(a[list(indices_a)], b[list(indices_b)])
    if len(columns) != a.shape[1] + 2:
        return 0.0
    rows = simplex.inverse(list(zip(*columns, strict=True)))
    if rows is None:
        return 0.0
    # The right side is (0, ..., 0, 1, 1). A weight that is 1 wherever p - q is has no gradient.
    return min(
        _root_below(max(row[-1] + row[-2], Fraction(0)) ** 2 / _square(row[:-2]))
        for row in rows
        if any(row[:-2])
    )


def _columns(a: Floats, b: Floats) -> list[Rationals]:
    """Of the equations sum x a - sum y b = 0, sum x = 1, sum y = 1."""
    zero, one = Fraction(0), Fraction(1)
    first = [(*_exact(point), one, zero) for point in a]
    return first + [(*_exact(-point), zero, one) for point in b]


def _exactly(a: Floats, b: Floats, some_a: Indices, some_b: Indices) -> Certificate:
    """The certificate, from the linear program in rationals for a growing number of points.

    Either the points so far have a combination in common, and then all have; or a plane parts
    them, and if it does not part all, the furthest on its wrong side join. So it ends.
    """
    chosen_a, chosen_b = dict.fromkeys(some_a.tolist()), dict.fromkeys(some_b.tolist())
    right = (*[Fraction(0)] * a.shape[1], Fraction(1), Fraction(1))
    while True:
        list_a, list_b = list(chosen_a), list(chosen_b)
        found = simplex.solve(_columns(a[list_a], b[list_b]), right)
        if isinstance(found, simplex.Feasible):
            return _common(a, b, list_a, list_b, found.solution)
        normal = _scaled(found.multipliers[:-2])
        if plane := _plane(a, b, normal):
            return plane
        # The furthest of one side at least is new: those so far are parted.
        chosen_a |= dict.fromkeys(_joining(a, normal))
        chosen_b |= dict.fromkeys(_joining(b, tuple(-each for each in normal)))


def _common(
    a: Floats, b: Floats, list_a: list[int], list_b: list[int], solution: dict[int, Fraction]
) -> CommonPoint:
    first = {list_a[j]: w for j, w in solution.items() if j < len(list_a)}
    second = {list_b[j - len(list_a)]: w for j, w in solution.items() if j >= len(list_a)}
    depth = _depth(a, b, tuple(first), tuple(second))
    return CommonPoint(
        tuple(first), tuple(first.values()), tuple(second), tuple(second.values()), depth
    )


def _joining(points: Floats, normal: Rationals) -> list[int]:
    """The point furthest along ``normal`` and a few more that are far, as a float can tell."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.nan_to_num(points @ _floats(normal), nan=np.inf)
    return [_furthest(points, normal)[1], *np.argsort(-values)[:_WORST].tolist()]


def _scaled(vector: Rationals) -> Rationals:
    """Times a power of 2, so that its largest entry is near 1."""
    largest = max(abs(each) for each in vector)
    if largest == 0:
        return vector
    power = largest.numerator.bit_length() - largest.denominator.bit_length()
    return tuple(each / Fraction(2) ** power for each in vector)


# Floating point: what to try


@dataclass(frozen=True)
class _Hint:
    """What floating-point solvers suggest; nothing of it is believed.

    Attributes:
        normals: of planes that may part the sets.
        support: indices of points of either set that may have a combination in common.
    """

    normals: tuple[Rationals, ...]
    support: tuple[Indices, Indices]

    def hyperplane(self, a: Floats, b: Floats) -> Hyperplane | None:
        """The widest of the planes that part the sets."""
        planes = [plane for normal in self.normals if (plane := _plane(a, b, normal))]
        return max(planes, key=lambda plane: plane.margin, default=None)

    @staticmethod
    def of(a: Floats, b: Floats) -> "_Hint":
        scaled_a, scaled_b, powers = _normalised(a, b)
        columns = _float_columns(scaled_a, scaled_b)
        dim, count = a.shape[1], columns.shape[1]
        # The least |sum x a - sum y b| in the 1-norm; its dual is the widest plane in the sup norm.
        slack = np.vstack([np.hstack([np.eye(dim), -np.eye(dim)]), np.zeros((2, 2 * dim))])
        right = np.array([0.0] * dim + [1.0, 1.0])
        costs = np.array([0.0] * count + [1.0] * 2 * dim)
        nearest = linprog(costs, A_eq=np.hstack([columns, slack]), b_eq=right, method="highs-ds")
        if nearest.x is None:
            return _Hint((), (np.array([0]), np.array([0])))
        weights = nearest.x[:count]
        if nearest.fun > 1e-9:
            first = _unscaled(-nearest.eqlin.marginals[:dim], powers)
            # Distances need one scale for all axes.
            largest = np.full_like(powers, powers.max())
            shrunk = [np.ldexp(x, powers - largest) for x in (scaled_a, scaled_b)]
            wide = _unscaled(_widest(*shrunk), largest)
            return _Hint((first, wide), _split(weights, len(a)))
        # Of all combinations one of points far from the middle: its depth is larger.
        far = -np.concatenate([(scaled_a**2).sum(1), (scaled_b**2).sum(1)])
        deep = linprog(far, A_eq=columns, b_eq=right, method="highs-ds")
        return _Hint((), _split(weights if deep.x is None else deep.x, len(a)))


def _float_columns(a: Floats, b: Floats) -> Floats:
    ones, zeros = np.ones, np.zeros
    first = np.vstack([a.T, ones(len(a)), zeros(len(a))])
    return np.hstack([first, np.vstack([-b.T, zeros(len(b)), ones(len(b))])])


def _normalised(a: Floats, b: Floats) -> tuple[Floats, Floats, Indices]:
    """Both sets moved and scaled by powers of 2 along each axis, to about [-1, 1]; the powers."""
    both = np.vstack([a, b])
    low, high = both.min(0), both.max(0)
    middle = low / 2 + high / 2
    powers = np.frexp(np.maximum(high / 2 - low / 2, np.finfo(float).tiny))[1]
    # A quotient by a power of 2 below 2^-1022 would overflow: ldexp does not.
    return np.ldexp(a - middle, -powers), np.ldexp(b - middle, -powers), powers.astype(np.int64)


def _unscaled(normal: Floats, powers: Indices) -> Rationals:
    """The normal for the points as they were given."""
    exact = [
        n / Fraction(2) ** int(power) if power >= 0 else n * Fraction(2) ** -int(power)
        for n, power in zip(_exact(normal), powers, strict=True)
    ]
    return _scaled(tuple(exact))


def _widest(a: Floats, b: Floats) -> Floats:
    """The normal of the plane furthest from both sets: a support vector machine without slack."""
    points, sides = np.vstack([a, b]), np.repeat([-1, 1], [len(a), len(b)])
    machine: Any = SVC(kernel="linear", C=1e8, tol=1e-4, max_iter=_STEPS)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # whatever it gives is then checked
        normal: Floats = machine.fit(points, sides).coef_[0]
    return normal if np.isfinite(normal).all() else np.zeros_like(normal)


def _split(weights: Floats, count: int) -> tuple[Indices, Indices]:
    """Indices of the positive weights of either set, or of its largest."""
    sides = (weights[:count], weights[count:])
    first, second = (
        np.flatnonzero(w > 1e-12) if (w > 1e-12).any() else np.array([int(w.argmax())])
        for w in sides
    )
    return first, second


def _corners(curve: Floats, center: Floats) -> Indices:
    """Points of the curve that are furthest in some direction, and the ends of the nearest side."""
    angles = np.linspace(0, 2 * np.pi, _DIRECTIONS, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    found = ((curve - center) @ directions).argmax(0)
    try:
        hull = ConvexHull(curve)
    except QhullError:  # all on a line
        return np.unique(found)
    nearest = np.abs(hull.equations[:, :2] @ center + hull.equations[:, 2]).argmin()
    return np.unique(np.concatenate([found, hull.simplices[nearest]]))


def _deepest(corners: Floats) -> Indices | None:
    """Which three corners ``(k, 2)`` have the origin deepest in their triangle, if any have."""
    triples: Indices = np.array(list(combinations(range(len(corners)), 3)), dtype=np.int64)
    if not len(triples):
        return None
    p, q, r = (corners[triples[:, side]] for side in range(3))
    heights = np.stack([_signed(p, q), _signed(q, r), _signed(r, p)])
    depth = np.nan_to_num(np.maximum(heights.min(0), (-heights).min(0)), nan=-np.inf)
    best = int(depth.argmax())
    return triples[best] if depth[best] > 0 else None


def _signed(p: Floats, q: Floats) -> Floats:
    """Distance of the origin from the line through p and q, positive on its left; ``(n, 2)``."""
    edge = q - p
    cross = edge[:, 1] * p[:, 0] - edge[:, 0] * p[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        distance: Floats = cross / np.linalg.norm(edge, axis=1)
    return distance
