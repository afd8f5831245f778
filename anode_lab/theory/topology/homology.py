"""Persistent homology of point sets: which components and loops they have, and at which thickness.

Around each point a ball grows. Components and loops of the union of the balls are born and die at
certain radii. What lives long belongs to the sampled set, if the sample is dense enough: see
:func:`certain`. A set's homology is kept by every homeomorphism, augmented flows included; whether
it encloses a point of the plane, :func:`enclosed`, is about its complement.
"""

import math
from dataclasses import dataclass, replace

import gudhi
import numpy as np
from gudhi.subsampling import choose_n_farthest_points
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree, Voronoi

Floats = NDArray[np.float64]

MOST = 300
"""Points of which all distances are taken into account, beyond three dimensions."""

_FAR = 20  # sizes of the point set at which stand the sites that close the Voronoi diagram


@dataclass(frozen=True)
class Diagram:
    """Births and deaths of the homology classes of a point set, as radii of balls.

    Attributes:
        births: one array for each dimension of homology, from 0.
        deaths: in the same way; infinite for essential classes.
        spacing: no given point is further from those that were used; 0 if all were.
        scale: half the diagonal of the bounding box, to compare radii with.
    """

    births: tuple[Floats, ...]
    deaths: tuple[Floats, ...]
    spacing: float
    scale: float

    def lengths(self, dimension: int) -> Floats:
        """Deaths less births, longest first; for an essential class up to ``scale``.

        Raises:
            ValueError: if that dimension was not computed.
        """
        if not 0 <= dimension < len(self.births):
            valid = f"one of 0..{len(self.births) - 1}"
            raise ValueError(f"dimension must be {valid}, got {dimension}")
        deaths, births = self.deaths[dimension], self.births[dimension]
        lengths = np.where(np.isinf(deaths), self.scale, deaths) - births
        longest_first: Floats = -np.sort(-lengths)
        return longest_first


@dataclass(frozen=True)
class Dominant:
    """How many classes stand out, and by how much.

    Attributes:
        count: number of them.
        gap: the shortest of them over the longest of the others, in length. Near 1 none stands
            out, whatever the count; infinite if there are no others.
    """

    count: int
    gap: float


@dataclass(frozen=True)
class Enclosed:
    """For which radii balls around points keep a point of the plane from infinity.

    Attributes:
        closed: from this radius on the point cannot leave; it is the clearance of the widest way.
        covered: from this radius on it lies in a ball, being this far from the nearest point.
    """

    closed: float
    covered: float

    @property
    def ratio(self) -> float:
        """Covered over closed: 1 if it is never enclosed, large for a tight ring around it."""
        if self.covered == 0:
            return 1.0
        return self.covered / self.closed if self.closed > 0 else math.inf


def persistence(points: ArrayLike, max_dimension: int = 1, *, most: int = MOST) -> Diagram:
    """The persistence diagrams of a point set (Edelsbrunner, Letscher and Zomorodian 2002).

    In up to three dimensions of all points, by the alpha complex, whose homology is that of the
    union of the balls. Beyond that by the Rips complex of points chosen far from each other, with
    half their distances as radii, whose homology is close to that only by the stability theorem.

    Args:
        points: shape ``(n, dim)``.
        max_dimension: largest dimension of homology; 0 for components, 1 for loops as well.
        most: points that the Rips complex is made of.

    Raises:
        ValueError: if there are no points, one is not finite, or a number is out of range.
    """
    points = _checked(points)
    if max_dimension < 0 or most < 1:
        raise ValueError(
            f"max_dimension must be 0 or more and most 1 or more, got {max_dimension}, {most}"
        )
    spacing = 0.0
    points = np.unique(points, axis=0)
    scale = float(np.linalg.norm(np.ptp(points, axis=0))) / 2
    if points.shape[1] <= 3:
        tree = gudhi.AlphaComplex(points=points).create_simplex_tree()
    else:
        used = np.array(choose_n_farthest_points(points, nb_points=most, starting_point=0))
        spacing = float(KDTree(used).query(points)[0].max())
        tree = gudhi.RipsComplex(points=used).create_simplex_tree(max_dimension=1)
        tree.collapse_edges()  # the same homology, of far fewer simplices
        tree.expansion(max_dimension + 1)
    # Otherwise the complex's own dimension is left out: 0 for a single point.
    tree.compute_persistence(min_persistence=0, persistence_dim_max=True)
    found = [tree.persistence_intervals_in_dimension(k) for k in range(max_dimension + 1)]
    intervals = [np.reshape(each, (-1, 2)) for each in found]
    # The alpha complex has squared radii, the Rips complex distances.
    radii = [np.sqrt(np.maximum(i, 0)) if points.shape[1] <= 3 else i / 2 for i in intervals]
    return Diagram(
        births=tuple(each[:, 0] for each in radii),
        deaths=tuple(each[:, 1] for each in radii),
        spacing=spacing,
        scale=scale,
    )


def dominant(diagram: Diagram, dimension: int, *, among: int = 10) -> Dominant:
    """The number of classes before the largest gap in the lengths of their lives.

    A description and no proof: some gap is always the largest. :func:`certain` proves.

    Args:
        diagram: of a point set.
        dimension: of homology.
        among: the longest lives that are compared; the shortest ones of many samples differ by
            large factors and mean nothing.

    Raises:
        ValueError: as :meth:`Diagram.lengths`, or if ``among`` is below 2.
    """
    if among < 2:
        raise ValueError(f"among must be 2 or more, got {among}")
    lengths = diagram.lengths(dimension)[:among]
    lengths = lengths[lengths > 0]
    if len(lengths) < 2:
        return Dominant(len(lengths), math.inf)
    ratios = lengths[:-1] / lengths[1:]
    place = int(ratios.argmax())
    return Dominant(place + 1, float(ratios[place]))


def certain(diagram: Diagram, hausdorff: float) -> Diagram:
    """The classes that the sampled set has for certain, at some thickness.

    No birth and no death is further than the Hausdorff distance from that of the sampled set
    (Cohen-Steiner, Edelsbrunner and Harer 2007; for the Rips complex Chazal, de Silva and Oudot
    2014, where the set's own diagram is that of its Rips complex). So a life longer than twice as
    much is one of the set, of a thickening of it at least. Nothing follows for shorter ones, and a
    gap in the set that is narrower than the samples' distance is not seen at all.

    Args:
        diagram: of the samples.
        hausdorff: no point of the set is further than this from a sample, and no sample from the
            set; to be known from elsewhere. What the diagram's own choice of points adds to it is
            added here.

    Returns:
        The diagram without the others.

    Raises:
        ValueError: if the distance is negative or not a number.
    """
    if not hausdorff >= 0:
        raise ValueError(f"hausdorff must be 0 or more, got {hausdorff}")
    least = 2 * (hausdorff + diagram.spacing)
    kept = [d - b > least for b, d in zip(diagram.births, diagram.deaths, strict=True)]
    return replace(
        diagram,
        births=tuple(b[k] for b, k in zip(diagram.births, kept, strict=True)),
        deaths=tuple(d[k] for d, k in zip(diagram.deaths, kept, strict=True)),
    )


def enclosed(point: ArrayLike, points: ArrayLike) -> Enclosed:
    """For which radii the balls around ``points`` part ``point`` from infinity, in the plane.

    From where it is, the point moves straight away from the nearest site until two are equally
    near, then along the edges of the Voronoi diagram: no way out has a larger clearance than the
    widest of these. It is the plane's own question: the complement of a closed curve in three or
    more dimensions is connected.

    Args:
        point: shape ``(2,)``.
        points: shape ``(n, 2)``.

    Raises:
        ValueError: if the shapes are others, or a number is not finite.
    """
    start, sites = _checked(np.atleast_2d(point))[0], np.unique(_checked(points), axis=0)
    if start.shape != (2,) or sites.shape[1] != 2:
        shapes = f"{np.shape(point)} and {np.shape(points)}"
        raise ValueError(f"point must be (2,) and points (n, 2), got the shapes {shapes}")
    covered = float(np.linalg.norm(sites - start, axis=1).min())
    middle = np.vstack([sites, start]).mean(0)
    size = float(np.linalg.norm(np.vstack([sites, start]) - middle, axis=1).max())
    if covered == 0:
        return Enclosed(0.0, 0.0)
    return Enclosed(
        min(_widest_way((start - middle) / size, (sites - middle) / size) * size, covered), covered
    )


def _widest_way(start: Floats, sites: Floats) -> float:
    """The largest clearance of a way from ``start`` to infinity, for a set of size 1 around 0."""
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
    """The least distance of parts p to q of Voronoi edges from their two sites; all ``(n, 2)``."""
    middle = (first + second) / 2
    between = ((p - middle) * (q - middle)).sum(1) <= 0
    at_ends = np.minimum(np.linalg.norm(p - first, axis=1), np.linalg.norm(q - first, axis=1))
    clearance: Floats = np.where(between, np.linalg.norm(first - second, axis=1) / 2, at_ends)
    return clearance


def _bottleneck(
    heads: NDArray[np.int64],
    tails: NDArray[np.int64],
    widths: Floats,
    start: int,
    outside: NDArray[np.int64],
) -> float:
    """The largest width such that edges of it or more join ``start`` to a node outside."""
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


def _checked(points: ArrayLike) -> Floats:
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or 0 in array.shape or not np.isfinite(array).all():
        raise ValueError(f"points must be finite numbers (n, dim), got the shape {array.shape}")
    return array
