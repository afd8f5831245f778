"""At which radii balls around points of the plane keep a point from infinity.

This concerns the complement of a set, in the plane only: the complement of a closed curve in three
or more dimensions is connected.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Voronoi

from anode.arrays import Floats, Integers
from anode_lab.theory.topology.homology import checked_points

_FAR = 20  # sizes of the point set at which stand the sites that close the Voronoi diagram


@dataclass(frozen=True)
class Encirclement:
    """Radii at which balls around points keep a point of the plane from infinity.

    Attributes:
        closed: Radius from which on the point cannot leave: the clearance of the widest way out.
        covered: Radius from which on a ball covers it: the distance to the nearest point.
    """

    closed: float
    covered: float

    @property
    def ratio(self) -> float:
        """Covered over closed: 1 for a point that is never enclosed, large for a tight ring."""
        if self.covered == 0:
            return 1.0
        return self.covered / self.closed if self.closed > 0 else math.inf


def encirclement(point: ArrayLike, points: ArrayLike) -> Encirclement:
    """Find the radii at which the balls around ``points`` part ``point`` from infinity.

    The point moves straight away from the nearest site until two are equally near, then along the
    edges of the Voronoi diagram: no way out has a larger clearance than the widest of these.

    Args:
        point: Point of the plane, shape ``(2,)``.
        points: Centres of the balls, shape ``(n, 2)``.

    Raises:
        ValueError: If the shapes are others, or a number is not finite.
    """
    start, sites = (
        checked_points(np.atleast_2d(point))[0],
        np.unique(checked_points(points), axis=0),
    )
    if start.shape != (2,) or sites.shape[1] != 2:
        shapes = f"{np.shape(point)} and {np.shape(points)}"
        raise ValueError(f"point must be (2,) and points (n, 2), got the shapes {shapes}")
    covered = float(np.linalg.norm(sites - start, axis=1).min())
    middle = np.vstack([sites, start]).mean(0)
    size = float(np.linalg.norm(np.vstack([sites, start]) - middle, axis=1).max())
    if covered == 0:
        return Encirclement(0.0, 0.0)
    return Encirclement(
        min(_widest_way((start - middle) / size, (sites - middle) / size) * size, covered), covered
    )


def _widest_way(start: Floats, sites: Floats) -> float:
    """Largest clearance of a way from ``start`` to infinity, for a set of size 1 around 0."""
    angles = np.arange(12) * (np.pi / 6)
    frame = _FAR * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    diagram = Voronoi(np.vstack([sites, frame]))
    vertices, all_sites = diagram.vertices, diagram.points
    ends, pairs = np.array(diagram.ridge_vertices), diagram.ridge_points
    bounded = (ends >= 0).all(1)  # the others are between the frame's sites
    ends, pairs = ends[bounded], pairs[bounded]
    first, second = all_sites[pairs[:, 0]], all_sites[pairs[:, 1]]
    clearance = _clearance(vertices[ends[:, 0]], vertices[ends[:, 1]], first, second)

    # Where the way from the nearest site through the start meets an edge.
    nearest = int(np.linalg.norm(sites - start, axis=1).argmin())
    direction = (start - sites[nearest]) / np.linalg.norm(start - sites[nearest])
    mine = np.flatnonzero((pairs == nearest).any(1))
    others = all_sites[pairs[mine].sum(1) - nearest] - sites[nearest]
    along = others @ direction
    with np.errstate(divide="ignore"):
        steps = np.where(along > 0, (others**2).sum(1) / (2 * along), np.inf)
    edge = mine[steps.argmin()]
    meeting = sites[nearest] + steps.min() * direction
    node = len(vertices)
    to_ends = [
        float(_clearance(meeting[None], vertices[[end]], first[[edge]], second[[edge]])[0])
        for end in ends[edge]
    ]
    heads = np.concatenate([ends[:, 0], [node, node]])
    tails = np.concatenate([ends[:, 1], ends[edge]])
    widths = np.concatenate([clearance, to_ends])
    outside = np.flatnonzero(np.linalg.norm(vertices, axis=1) > 3)
    return _bottleneck(heads, tails, widths, node, outside)


def _clearance(p: Floats, q: Floats, first: Floats, second: Floats) -> Floats:
    """Least distance of parts p to q of Voronoi edges from their two sites; all ``(n, 2)``."""
    middle = (first + second) / 2
    between = ((p - middle) * (q - middle)).sum(1) <= 0
    at_ends = np.minimum(np.linalg.norm(p - first, axis=1), np.linalg.norm(q - first, axis=1))
    clearance: Floats = np.where(between, np.linalg.norm(first - second, axis=1) / 2, at_ends)
    return clearance


def _bottleneck(
    heads: Integers,
    tails: Integers,
    widths: Floats,
    start: int,
    outside: Integers,
) -> float:
    """Largest width such that edges at least that wide join ``start`` to a node outside."""
    levels = np.unique(widths)
    low, high = 0, len(levels) - 1  # a way along all edges leads out
    while low < high:
        middle = (low + high + 1) // 2
        open_ = widths >= levels[middle]
        graph = coo_array(
            (np.ones(open_.sum()), (heads[open_], tails[open_])), shape=(start + 1, start + 1)
        )
        label = connected_components(graph, directed=False)[1]
        if (label[outside] == label[start]).any():
            low = middle
        else:
            high = middle - 1
    return float(levels[low])
