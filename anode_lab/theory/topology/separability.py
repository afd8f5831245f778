"""Two finite sets of points: a hyperplane between them, or a point of both convex hulls.

One of the two exists and never both (Farkas 1902, for polytopes). A floating-point linear program
says which points matter. The certificate is computed and checked in rational numbers, of which
every float is one, and does not depend on the solver's tolerances.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from anode.arrays import Floats, Integers
from anode_lab.theory.topology import simplex
from anode_lab.theory.topology.candidates import Candidates, deepest_triangle, hull_corners
from anode_lab.theory.topology.rationals import (
    Rationals,
    dot,
    exact,
    furthest,
    largest,
    least,
    root_below,
    scaled,
    square_norm,
    to_floats,
)

_WORST = 4  # points of either set that join the exact program in a round


@dataclass(frozen=True)
class Hyperplane:
    """A plane with ``normal.x < offset`` on the first set and ``normal.x > offset`` on the second.

    Attributes:
        normal: Normal, of rational numbers, up to a factor in common with ``offset``.
        offset: Offset.
        margin: Least distance of a point from the plane, in the points' units, rounded down.
    """

    normal: Rationals
    offset: Fraction
    margin: float

    @property
    def w(self) -> Floats:
        """The normal in floating point, shape ``(dim,)``."""
        return to_floats(self.normal)

    def verify(self, a: ArrayLike, b: ArrayLike) -> bool:
        """Check exactly whether all of this holds for sets ``a (n, dim)`` and ``b (m, dim)``."""
        a, b = _points(a, b)
        if len(self.normal) != a.shape[1] or not any(self.normal) or not self.margin >= 0:
            return False
        below = self.offset - largest(a, self.normal)
        above = least(b, self.normal) - self.offset
        slack = min(below, above)
        return slack > 0 and Fraction(self.margin) ** 2 * square_norm(self.normal) <= slack**2


@dataclass(frozen=True)
class CommonPoint:
    """A convex combination of points of the first set that equals one of the second's.

    Attributes:
        indices_a: Indices of points of the first set; dim + 2 or fewer of both sets together
            (Carathéodory).
        weights_a: Their weights, positive and with the sum 1.
        indices_b: Indices of points of the second set.
        weights_b: Their weights, likewise.
        depth: Lower bound of how far the hulls overlap, in the points' units: to separate them, one
            would have to be moved by as much. It is 0 for a combination of less than dim + 2
            points, whose hulls only touch. See :func:`is_robust`.
    """

    indices_a: tuple[int, ...]
    weights_a: Rationals
    indices_b: tuple[int, ...]
    weights_b: Rationals
    depth: float

    def point(self, a: ArrayLike) -> Rationals:
        """Compute the common point as a combination of the first set ``(n, dim)``, exactly."""
        return _combination(np.asarray(a, float), self.indices_a, self.weights_a)

    def verify(self, a: ArrayLike, b: ArrayLike) -> bool:
        """Check exactly whether all of this holds for sets ``a (n, dim)`` and ``b (m, dim)``."""
        a, b = _points(a, b)
        sides = ((a, self.indices_a, self.weights_a), (b, self.indices_b, self.weights_b))
        if not all(_is_convex(weights, indices, len(points)) for points, indices, weights in sides):
            return False
        if len({_combination(*side) for side in sides}) > 1:
            return False
        return 0 <= self.depth <= _depth(a, b, self.indices_a, self.indices_b)


Certificate = Hyperplane | CommonPoint


def separate(a: ArrayLike, b: ArrayLike) -> Certificate:
    """Find the certificate that two sets are separable, or that they are not.

    The hyperplane's margin is close to the widest one; the common point's depth is that of a few
    points far out, and not the largest possible.

    Args:
        a: First set, shape ``(n, dim)``, in double precision.
        b: Second set, shape ``(m, dim)``.

    Returns:
        A certificate that :meth:`~Hyperplane.verify` accepts for ``a`` and ``b``.

    Raises:
        ValueError: If a set has no points, the sets are of different dimensions, or a coordinate is
            not a finite number.
    """
    a, b = _points(a, b)
    candidates = Candidates.of(a, b)
    planes = [plane for normal in candidates.normals if (plane := _plane(a, b, normal))]
    if planes:
        return max(planes, key=lambda plane: plane.margin)
    return _exactly(a, b, *candidates.support)


def enclosing_triangle(point: ArrayLike, boundary: ArrayLike) -> Certificate:
    """Find three points of a curve in the plane whose triangle contains a point, deep inside.

    Args:
        point: Point, such as the features of the origin, shape ``(2,)``.
        boundary: Curve, such as the features of a circle around it, shape ``(n, 2)``.

    Returns:
        For ``boundary`` as the first set and the point as the second: the :class:`CommonPoint` with
        the largest distance from the triangle's sides, among triangles of corners of the hull in 48
        directions; or what :func:`separate` finds if none of them contains the point.

    Raises:
        ValueError: As for :func:`separate`, or if the points are not in the plane.
    """
    curve, center = _points(boundary, np.atleast_2d(point))
    if curve.shape[1] != 2 or len(center) != 1:
        shapes = f"{np.shape(point)} and {curve.shape}"
        raise ValueError(f"point must be (2,) and boundary (n, 2), got the shapes {shapes}")
    corners = hull_corners(curve, center[0])
    if (chosen := deepest_triangle(curve[corners] - center[0])) is not None:
        found = _exactly(curve, center, corners[chosen], np.array([0]))
        if isinstance(found, CommonPoint) and found.depth > 0:
            return found
    return separate(curve, center)


def is_robust(certificate: Certificate, radius: float, other: float | None = None) -> bool:
    """Tell whether the verdict stays the same if every point is moved by ``radius`` or less.

    Moved points change ``max_a u.a - min_b u.b`` by no more than the two radii together, for each
    unit vector u. The hulls are apart if it is negative for one u, as for the plane's normal, and
    meet if it is negative for none; for the hulls of the certificate's points its least value is
    the depth.

    Args:
        certificate: Certificate for the points as they are.
        radius: Bound of the error of the first set's points.
        other: Bound for the second set's; the same by default.

    Raises:
        ValueError: If a radius is negative or not a number.
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


def _points(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    """Convert both sets to arrays of shape ``(n, dim)``, after checking them."""
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


def _combination(points: Floats, indices: tuple[int, ...], weights: Rationals) -> Rationals:
    chosen = [exact(points[i]) for i in indices]
    return tuple(dot(weights, column) for column in zip(*chosen, strict=True))


def _is_convex(weights: Rationals, indices: tuple[int, ...], count: int) -> bool:
    known = len(set(indices)) == len(indices) == len(weights) > 0
    within = all(0 <= i < count for i in indices)
    return known and within and all(w > 0 for w in weights) and sum(weights) == 1


def _plane(a: Floats, b: Floats, normal: Rationals) -> Hyperplane | None:
    """The plane midway between the two sets, if they are on different sides of it."""
    if not any(normal):
        return None
    below, above = largest(a, normal), least(b, normal)
    if below >= above:
        return None
    margin = root_below((above - below) ** 2 / (4 * square_norm(normal)))
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
        root_below(max(row[-1] + row[-2], Fraction(0)) ** 2 / square_norm(row[:-2]))
        for row in rows
        if any(row[:-2])
    )


def _columns(a: Floats, b: Floats) -> list[Rationals]:
    """Columns of the equations sum x a - sum y b = 0, sum x = 1, sum y = 1."""
    zero, one = Fraction(0), Fraction(1)
    first = [(*exact(point), one, zero) for point in a]
    return first + [(*exact(-point), zero, one) for point in b]


def _exactly(a: Floats, b: Floats, some_a: Integers, some_b: Integers) -> Certificate:
    """Solve the linear program in rational numbers for a growing number of points.

    Either the points so far have a combination in common, and then all have; or a plane separates
    them, and if it does not separate all, the furthest on its wrong side join. So it ends.
    """
    chosen_a, chosen_b = dict.fromkeys(some_a.tolist()), dict.fromkeys(some_b.tolist())
    right = (*[Fraction(0)] * a.shape[1], Fraction(1), Fraction(1))
    while True:
        list_a, list_b = list(chosen_a), list(chosen_b)
        found = simplex.solve(_columns(a[list_a], b[list_b]), right)
        if isinstance(found, simplex.Feasible):
            return _common(a, b, list_a, list_b, found.solution)
        normal = scaled(found.multipliers[:-2])
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
    """The point furthest along ``normal``, and a few more that floating point finds far."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.nan_to_num(points @ to_floats(normal), nan=np.inf)
    return [furthest(points, normal)[1], *np.argsort(-values)[:_WORST].tolist()]
