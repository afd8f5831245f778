"""Persistent homology of point sets: their components and loops, and the thickness of each.

A ball grows around each point. Components and loops of the union of the balls are born and die at
certain radii. No birth and no death is further than the Hausdorff distance of samples and set from
that of the sampled set (Cohen-Steiner, Edelsbrunner and Harer 2007), so lives longer than twice
that distance belong to the set. Every homeomorphism keeps homology, augmented flows included.
"""

from dataclasses import dataclass

import gudhi
import numpy as np
from gudhi.subsampling import choose_n_farthest_points
from numpy.typing import ArrayLike
from scipy.spatial import KDTree

from anode.arrays import Floats

MOST = 300
"""Number of points that a Rips complex is made of, beyond three dimensions."""


@dataclass(frozen=True)
class PersistenceDiagram:
    """Births and deaths of the homology classes of a point set, as radii of balls.

    Attributes:
        births: One array for each dimension of homology, from 0.
        deaths: Deaths in the same order; infinite for essential classes.
        spacing: Largest distance of a given point from those that were used; 0 if all were.
        scale: Half the diagonal of the bounding box, with which radii may be compared.
    """

    births: tuple[Floats, ...]
    deaths: tuple[Floats, ...]
    spacing: float
    scale: float

    def lengths(self, dimension: int) -> Floats:
        """Deaths minus births, longest first; the life of an essential class ends at ``scale``.

        Raises:
            ValueError: If that dimension was not computed.
        """
        if not 0 <= dimension < len(self.births):
            valid = f"one of 0..{len(self.births) - 1}"
            raise ValueError(f"dimension must be {valid}, got {dimension}")
        deaths, births = self.deaths[dimension], self.births[dimension]
        lengths = np.where(np.isinf(deaths), self.scale, deaths) - births
        longest_first: Floats = -np.sort(-lengths)
        return longest_first


def persistence_diagram(
    points: ArrayLike, max_dimension: int = 1, *, most: int = MOST
) -> PersistenceDiagram:
    """Compute the persistence diagrams of a point set (Edelsbrunner, Letscher and Zomorodian 2002).

    In up to three dimensions all points are used, in the alpha complex, whose homology is that of
    the union of the balls. In more dimensions it is the Rips complex of points chosen far from each
    other, with half their distances as radii. Its homology is close to that of the balls only as
    far as the stability theorem says.

    Args:
        points: Points, shape ``(n, dim)``.
        max_dimension: Largest dimension of homology: 0 for components, 1 for loops as well.
        most: Number of points that the Rips complex is made of.

    Raises:
        ValueError: If there are no points, one is not finite, or a number is out of range.
    """
    points = checked_points(points)
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
    return PersistenceDiagram(
        births=tuple(each[:, 0] for each in radii),
        deaths=tuple(each[:, 1] for each in radii),
        spacing=spacing,
        scale=scale,
    )


def checked_points(points: ArrayLike) -> Floats:
    """Convert points to an array ``(n, dim)``, or raise a ValueError."""
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or 0 in array.shape or not np.isfinite(array).all():
        raise ValueError(f"points must be finite numbers (n, dim), got the shape {array.shape}")
    return array
