"""How often one closed curve in space winds around another: Gauss's linking number.

A flow of space keeps it, and curves on two sides of a plane have the number 0. So no plane
separates curves with another number, before a flow of space or after it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import numpy as np

from anode.arrays import Floats

INTEGER = 1e-6
"""Largest distance from an integer at which a sum is taken for it."""

_ROWS = 256  # segments of the first polygon at once: the products of a block stay small


@dataclass(frozen=True)
class Linking:
    """The linking number of two closed polygons.

    Attributes:
        number: The integer.
        error: Distance of the computed sum from it: rounding, unless the polygons nearly touch.
        distance: Least distance of the two polygons. The number is also that of two curves, each
            sampled by one of the polygons, if the distances of the curves from their polygons, both
            run through in the same time, add up to less than this.
    """

    number: int
    error: float
    distance: float


@dataclass(frozen=True)
class SampledCurve:
    """A closed curve, sampled.

    Attributes:
        parameters: Parameters from 0 to 2 pi, increasing, shape ``(n + 1,)``; both ends belong to
            one point.
        points: Points, shape ``(n + 1, dim)``.
    """

    parameters: Floats
    points: Floats

    @property
    def gaps(self) -> Floats:
        """Distances between neighbours, shape ``(n,)``."""
        gaps: Floats = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        return gaps


def refined_curve(
    curve: Callable[[Floats], Floats], gap: float, *, start: int = 200, most: int = 20_000
) -> SampledCurve:
    """Sample a closed curve so densely that no two neighbours are further apart than ``gap``.

    What the curve does between two neighbours is not seen.

    Args:
        curve: Map from parameters ``(n,)`` in [0, 2 pi] to points ``(n, dim)``, with the same point
            at both ends.
        gap: Largest distance of neighbours.
        start: Number of evenly spaced points at the start.
        most: Number of points at which to give up; :attr:`SampledCurve.gaps` then has larger ones.

    Raises:
        ValueError: If ``gap`` is not positive, ``start`` is below 3, a point is not finite, or the
            curve is not closed to within a thousandth of ``gap``.
    """
    if not gap > 0 or start < 3:
        raise ValueError(f"gap must be positive and start 3 or more, got {gap} and {start}")
    parameters = np.linspace(0, 2 * pi, start + 1)
    points = np.asarray(curve(parameters), dtype=np.float64)
    while True:
        if not np.isfinite(points).all():
            raise ValueError("curve must give finite points, got one that is not")
        found = SampledCurve(parameters, points)
        wide = np.flatnonzero(found.gaps > gap)
        if not len(wide) or len(parameters) + len(wide) > most:
            break
        middles = (parameters[wide] + parameters[wide + 1]) / 2
        parameters = np.insert(parameters, wide + 1, middles)
        points = np.insert(points, wide + 1, curve(middles), axis=0)
    if (open_ := float(np.linalg.norm(points[-1] - points[0]))) > gap / 1000:
        raise ValueError(f"curve must be closed, its ends are {open_:.3g} apart")
    points[-1] = points[0]
    return SampledCurve(parameters, points)


def linking_number(first: Floats, second: Floats) -> Linking:
    """Compute the linking number of two closed polygons in space, exactly up to rounding.

    It is the sum, over all pairs of segments, of the solid angle that their differences sweep,
    divided by 4 pi: a formula for polygons, and no quadrature of Gauss's integral (Arai 2013).

    Args:
        first: Vertices in order, shape ``(n + 1, 3)``, the last equal to the first.
        second: Vertices of the other polygon, likewise, shape ``(m + 1, 3)``.

    Raises:
        ValueError: If a shape is another, a polygon is not closed or has a coordinate that is not
            finite, or the polygons come so close that the sum is not an integer up to ``INTEGER``.
    """
    first, second = _closed(first, "first"), _closed(second, "second")
    total, distance = 0.0, np.inf
    for block in range(0, len(first) - 1, _ROWS):
        part = first[block : block + _ROWS + 1]
        total += _solid_angles(part, second)
        distance = min(distance, _least_distance(part, second))
    value = total / (2 * pi)
    number = round(value)
    if not abs(value - number) <= INTEGER or distance == 0:
        raise ValueError(
            f"first and second must be disjoint: at a distance of {distance:.3g} the sum is {value}"
        )
    return Linking(number, abs(value - number), float(distance))


def _closed(polygon: Floats, name: str) -> Floats:
    array = np.asarray(polygon, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 3 or len(array) < 4:
        raise ValueError(f"{name} must be vertices (n + 1, 3), n >= 3, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    if (array[0] != array[-1]).any():
        raise ValueError(f"{name} must end where it begins, got {array[0]} and {array[-1]}")
    return array


def _solid_angles(first: Floats, second: Floats) -> float:
    """Sum half the signed solid angles of all pairs of segments."""
    difference = second - first[:, None]  # (n + 1, m + 1, 3)
    norm = np.linalg.norm(difference, axis=2)
    a, b = difference[:-1, :-1], difference[1:, :-1]
    c, d = difference[1:, 1:], difference[:-1, 1:]
    na, nb, nc, nd = norm[:-1, :-1], norm[1:, :-1], norm[1:, 1:], norm[:-1, 1:]
    diagonal = _dot(a, c)
    volume = _dot(a, np.cross(b, c))  # of (a, c, d) as well: a + c = b + d
    one = na * nb * nc + _dot(a, b) * nc + _dot(b, c) * na + diagonal * nb
    two = na * nd * nc + _dot(a, d) * nc + _dot(d, c) * na + diagonal * nd
    return float((np.arctan2(volume, one) + np.arctan2(volume, two)).sum())


def _least_distance(first: Floats, second: Floats) -> float:
    """Least distance of two polygonal lines, over all pairs of segments."""
    p, q = first[:-1, None], second[None, :-1]
    u, v = np.diff(first, axis=0)[:, None], np.diff(second, axis=0)[None]
    between = p - q
    uu, vv, uv = _dot(u, u), _dot(v, v), _dot(u, v)
    ub, vb = _dot(u, between), _dot(v, between)
    area = uu * vv - uv**2
    with np.errstate(divide="ignore", invalid="ignore"):
        # On the first line the place nearest to the second, then by turns the nearest in the
        # segments (Ericson 2005, section 5.1.9).
        s = np.clip(np.where(area > 0, (uv * vb - ub * vv) / area, 0.0), 0, 1)
        t = np.clip(np.where(vv > 0, (uv * s + vb) / vv, 0.0), 0, 1)
        s = np.clip(np.where(uu > 0, (uv * t - ub) / uu, 0.0), 0, 1)
    apart = between + s[..., None] * u - t[..., None] * v
    return float(np.sqrt(_dot(apart, apart).min()))


def _dot(a: Floats, b: Floats) -> Floats:
    product: Floats = np.einsum("...i,...i->...", a, b)
    return product
