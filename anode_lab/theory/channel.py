"""How wide a channel the samples in the plane leave from the origin to infinity.

A Neural ODE that is right at the origin is wrong on a curve from there to infinity. The curve has
to pass between the samples. How near it must come to one of them decides how steep the output has
to be.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from anode.arrays import Floats, Integers


@dataclass(frozen=True)
class Channel:
    """The widest channel from the origin to infinity between points of the plane.

    Attributes:
        half_width: Half the longest edge of ``loop``. Every curve from the origin to infinity comes
            as near as this to a point. For each s that is smaller than it and than the distance of
            the origin from the nearest point, a curve keeps further away than s.
        loop: Indices of points, shape ``(m,)``: in order, the vertices of a closed polygon that
            winds around the origin and whose longest edge is twice ``half_width``.
    """

    half_width: float
    loop: Integers


@dataclass(frozen=True)
class Sector:
    """The widest sector with its tip in the origin that contains none of the points.

    Attributes:
        centre: Direction of its middle, in radians.
        half_angle: Half of its opening angle, in radians.
    """

    centre: float
    half_angle: float


def empty_sector(x: Floats) -> Sector:
    """Find the widest empty sector between points ``x (n, 2)``.

    Raises:
        ValueError: As for :func:`widest_channel`, except that one point is enough.
    """
    angles = np.sort(np.angle(_complex(x, least=1)))
    gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
    widest = int(gaps.argmax())
    half = float(gaps[widest]) / 2
    return Sector(float(angles[widest]) + half, half)


def widest_channel(x: Floats) -> Channel:
    """Find the widest channel from the origin to infinity between points.

    Of all closed polygons with vertices in the points that wind around the origin, one is found
    whose longest edge is shortest. Edges are added from the shortest on to a forest that knows the
    angle which each point has turned from its root; the first edge that closes a loop with a turn
    other than zero ends the search. A curve from the origin to infinity meets that polygon, so it
    has a point within half an edge of a vertex.

    Args:
        x: Points, shape ``(n, 2)``.

    Raises:
        ValueError: If ``x`` is not of shape ``(n, 2)`` with n of 3 or more and finite, if a point
            is the origin, or if no polygon winds around it because all points lie in a half plane.
    """
    z = _complex(x, least=3)
    if empty_sector(x).half_angle >= np.pi / 2:
        raise ValueError("no polygon of these points winds around the origin: a half plane is free")
    tree, reach = cKDTree(x), 4 * np.abs(z).max() / np.sqrt(len(x))
    while True:
        pairs = tree.query_pairs(reach, output_type="ndarray")
        lengths = np.abs(z[pairs[:, 0]] - z[pairs[:, 1]])
        order = lengths.argsort(kind="stable")
        turns = np.angle(z[pairs[:, 1]] / z[pairs[:, 0]])
        forest = _Forest(len(x))
        for k in order.tolist():
            i, j = pairs[k].tolist()
            if forest.closes(i, j, float(turns[k])):
                return Channel(float(lengths[k]) / 2, np.array(forest.path(i, j)))
        reach *= 2


class _Forest:
    """Trees of points; each point knows its parent and the angle turned from there."""

    def __init__(self, n: int) -> None:
        self.parent = list(range(n))
        self.turned = [0.0] * n
        self.size = [1] * n
        self.neighbours: list[list[int]] = [[] for _ in range(n)]

    def closes(self, i: int, j: int, turn: float) -> bool:
        """Add an edge; return whether it closes a loop around the origin. Drop other loops."""
        (a, from_a), (b, from_b) = self._root(i), self._root(j)
        around = from_a + turn - from_b  # angle from the root of i to that of j
        if a == b:
            return abs(around) > np.pi  # a multiple of 2 pi, up to rounding
        if self.size[a] < self.size[b]:
            a, b, around = b, a, -around
        self.parent[b], self.turned[b] = a, around
        self.size[a] += self.size[b]
        self.neighbours[i].append(j)
        self.neighbours[j].append(i)
        return False

    def path(self, i: int, j: int) -> list[int]:
        """List the points on the way from i to j along added edges."""
        before = {i: i}
        front = [i]
        while j not in before:
            front = [
                after
                for point in front
                for after in self.neighbours[point]
                if before.setdefault(after, point) == point and after != before[point]
            ]
        way = [j]
        while way[-1] != i:
            way.append(before[way[-1]])
        return way[::-1]

    def _root(self, i: int) -> tuple[int, float]:
        angle = 0.0
        while self.parent[i] != i:
            angle += self.turned[i]
            i = self.parent[i]
        return i, angle


def _complex(x: Floats, least: int) -> NDArray[np.complex128]:
    """Convert points to complex numbers, after checking them."""
    if x.ndim != 2 or x.shape[1] != 2 or len(x) < least or not np.isfinite(x).all():
        raise ValueError(
            f"x must be {least} or more finite points of the plane, shape (n, 2), got {x.shape}"
        )
    if not np.abs(x).sum(1).all():
        raise ValueError("x must not contain the origin")
    z: NDArray[np.complex128] = x[:, 0] + 1j * x[:, 1]
    return z
