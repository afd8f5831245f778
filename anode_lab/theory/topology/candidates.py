"""What floating-point solvers suggest for a certificate of separability.

Nothing here is relied on: :mod:`anode_lab.theory.topology.separability` checks it in rational
numbers.
"""

import warnings
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, QhullError
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import SVC

from anode.arrays import Floats, Integers
from anode_lab.theory.topology.rationals import Rationals, exact, scaled

_STEPS = 100_000  # most steps of the search for a wide margin; a narrower one is still exact

_DIRECTIONS = 48  # in which the corners of a deep triangle are looked for


@dataclass(frozen=True)
class Candidates:
    """Planes and points that floating-point solvers suggest for a certificate.

    Attributes:
        normals: Normals of planes that may separate the sets.
        support: Indices of points of either set that may have a combination in common.
    """

    normals: tuple[Rationals, ...]
    support: tuple[Integers, Integers]

    @staticmethod
    def of(a: Floats, b: Floats) -> "Candidates":
        """Ask the solvers about two sets, of shapes ``(n, dim)`` and ``(m, dim)``."""
        scaled_a, scaled_b, powers = _normalised(a, b)
        columns = _float_columns(scaled_a, scaled_b)
        dim, count = a.shape[1], columns.shape[1]
        # The least |sum x a - sum y b| in the 1-norm; its dual is the widest plane in the sup norm.
        slack = np.vstack([np.hstack([np.eye(dim), -np.eye(dim)]), np.zeros((2, 2 * dim))])
        right = np.array([0.0] * dim + [1.0, 1.0])
        costs = np.array([0.0] * count + [1.0] * 2 * dim)
        nearest = linprog(costs, A_eq=np.hstack([columns, slack]), b_eq=right, method="highs-ds")
        if nearest.x is None:
            return Candidates((), (np.array([0]), np.array([0])))
        weights = nearest.x[:count]
        if nearest.fun > 1e-9:
            first = _unscaled(-nearest.eqlin.marginals[:dim], powers)
            # Distances need one scale for all axes.
            common = np.full_like(powers, powers.max())
            shrunk = [np.ldexp(x, powers - common) for x in (scaled_a, scaled_b)]
            wide = _unscaled(_widest(*shrunk), common)
            return Candidates((first, wide), _split(weights, len(a)))
        # Of all combinations one of points far from the middle: its depth is larger.
        far = -np.concatenate([(scaled_a**2).sum(1), (scaled_b**2).sum(1)])
        deep = linprog(far, A_eq=columns, b_eq=right, method="highs-ds")
        return Candidates((), _split(weights if deep.x is None else deep.x, len(a)))


def _float_columns(a: Floats, b: Floats) -> Floats:
    ones, zeros = np.ones, np.zeros
    first = np.vstack([a.T, ones(len(a)), zeros(len(a))])
    return np.hstack([first, np.vstack([-b.T, zeros(len(b)), ones(len(b))])])


def _normalised(a: Floats, b: Floats) -> tuple[Floats, Floats, Integers]:
    """Move and scale both sets by powers of 2 along each axis, to about [-1, 1].

    Returns:
        Both sets, and the powers, shape ``(dim,)``.
    """
    both = np.vstack([a, b])
    low, high = both.min(0), both.max(0)
    middle = low / 2 + high / 2
    powers = np.frexp(np.maximum(high / 2 - low / 2, np.finfo(float).tiny))[1]
    # A quotient by a power of 2 below 2^-1022 would overflow: ldexp does not.
    return np.ldexp(a - middle, -powers), np.ldexp(b - middle, -powers), powers.astype(np.int64)


def _unscaled(normal: Floats, powers: Integers) -> Rationals:
    """Convert a normal to one for the points as they were given."""
    unscaled = [
        n / Fraction(2) ** int(power) if power >= 0 else n * Fraction(2) ** -int(power)
        for n, power in zip(exact(normal), powers, strict=True)
    ]
    return scaled(tuple(unscaled))


def _widest(a: Floats, b: Floats) -> Floats:
    """Normal of the plane furthest from both sets, by a support vector machine without slack."""
    points, sides = np.vstack([a, b]), np.repeat([-1, 1], [len(a), len(b)])
    machine: Any = SVC(kernel="linear", C=1e8, tol=1e-4, max_iter=_STEPS)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # whatever it gives is then checked
        normal: Floats = machine.fit(points, sides).coef_[0]
    return normal if np.isfinite(normal).all() else np.zeros_like(normal)


def _split(weights: Floats, count: int) -> tuple[Integers, Integers]:
    """Indices of the positive weights of either set, or of its largest weight."""
    sides = (weights[:count], weights[count:])
    first, second = (
        np.flatnonzero(w > 1e-12) if (w > 1e-12).any() else np.array([int(w.argmax())])
        for w in sides
    )
    return first, second


def hull_corners(curve: Floats, center: Floats) -> Integers:
    """Indices of the points of a curve that are furthest in some direction, seen from ``center``.

    The ends of the hull's side nearest to ``center`` are among them.
    """
    angles = np.linspace(0, 2 * np.pi, _DIRECTIONS, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    found = ((curve - center) @ directions).argmax(0)
    try:
        hull = ConvexHull(curve)
    except QhullError:  # all on a line
        return np.unique(found)
    nearest = np.abs(hull.equations[:, :2] @ center + hull.equations[:, 2]).argmin()
    return np.unique(np.concatenate([found, hull.simplices[nearest]]))


def deepest_triangle(corners: Floats) -> Integers | None:
    """Choose the three of the corners ``(k, 2)`` whose triangle has the origin deepest inside."""
    triples: Integers = np.array(list(combinations(range(len(corners)), 3)), dtype=np.int64)
    if not len(triples):
        return None
    p, q, r = (corners[triples[:, side]] for side in range(3))
    heights = np.stack([_signed(p, q), _signed(q, r), _signed(r, p)])
    depth = np.nan_to_num(np.maximum(heights.min(0), (-heights).min(0)), nan=-np.inf)
    best = int(depth.argmax())
    return triples[best] if depth[best] > 0 else None


def _signed(p: Floats, q: Floats) -> Floats:
    """Distance of the origin from the line through p and q ``(n, 2)``, positive on its left."""
    edge = q - p
    cross = edge[:, 1] * p[:, 0] - edge[:, 0] * p[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        distance: Floats = cross / np.linalg.norm(edge, axis=1)
    return distance
