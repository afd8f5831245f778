"""Whether a map is one-to-one: pairs of points with one image, and round trips."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from anode.arrays import Booleans, Floats
from anode_lab.theory.flow_jacobian import Map, as_array, jacobians, orientation

_NEWTON = 30  # steps; a piecewise affine map needs as many as it has pieces on the way


@dataclass(frozen=True)
class Coincidences:
    """Two points with nearly the same image, for each of R maps.

    Attributes:
        first: One point of the pair, shape ``(R, d)``; NaN for a map without such a pair.
        second: The other point, of the same shape.
        distance: Distance of the two points, shape ``(R,)``.
        miss: Distance of their images, shape ``(R,)``.
    """

    first: Floats
    second: Floats
    distance: Floats
    miss: Floats

    @property
    def found(self) -> Booleans:
        """Whether a pair was found, shape ``(R,)``."""
        return np.isfinite(self.distance)


def round_trip(there: Map, back: Map, x: Tensor) -> Floats:
    """Measure how far from its start each point ends after the way there and back.

    For a flow and its backward solve this is the solver's error, enlarged by contraction.

    Args:
        there: R maps.
        back: Maps that should undo them.
        x: Points, shape ``(n, d)``.

    Returns:
        Shape ``(R, n)``.
    """
    start = x[None].double()
    return as_array((back(there(start)) - start).norm(dim=2))


def coincidences(
    transform: Map,
    x: Tensor,
    *,
    apart: float = 1e-3,
    miss: float = 1e-9,
    candidates: int = 20,
    starts: int = 6,
) -> Coincidences:
    """Search for two points with one image, for each of R maps, by Newton's method.

    The images of the points with the smallest determinants are taken as goals: each of them has
    another preimage if the map is onto and folds there. Newton's method starts from those points
    further away whose images are closest. A pair that is found is strong evidence, and no proof,
    that the map is not one-to-one; finding none proves nothing.

    Args:
        transform: Maps of ``R^d`` to itself.
        x: Points, shape ``(n, d)``, so dense that Newton's method starts near its goal.
        apart: Least distance of the two points of a pair. A one-to-one map can only be mistaken if
            it brings two points that far apart as close together as ``miss``.
        miss: Largest distance of the two images.
        candidates: Number of goals of each map.
        starts: Number of points from which Newton's method starts, for each goal.

    Returns:
        For each map the pair whose points are furthest apart.
    """
    measured = orientation(transform, x)
    replicas, n = measured.determinants.shape
    d = x.shape[1]
    candidates, starts = min(candidates, n), min(starts, n - 1)
    chosen = measured.determinants.argsort(1)[:, :candidates]  # (R, c)
    first = measured.points[chosen]  # (R, c, d)
    goals = np.take_along_axis(measured.images, chosen[..., None], 1)
    away = np.linalg.norm(measured.images[:, None] - goals[:, :, None], axis=3)  # (R, c, n)
    near = np.linalg.norm(measured.points - first[:, :, None], axis=3) <= apart
    begin = np.where(near, np.inf, away).argsort(2)[..., :starts]  # (R, c, s)
    second = measured.points[begin].reshape(replicas, -1, d)
    first, goals = (np.repeat(each, starts, axis=1) for each in (first, goals))
    second = _newton(transform, second, goals)

    pair = transform(torch.from_numpy(np.concatenate([first, second], axis=1)))
    images = as_array(pair).reshape(replicas, 2, -1, d)
    misses = np.linalg.norm(images[:, 0] - images[:, 1], axis=2)
    distances = np.linalg.norm(first - second, axis=2)
    valid = (misses <= miss) & (distances >= apart)
    best = np.where(valid, distances, -1).argmax(1)
    rows = np.arange(replicas)
    found = valid[rows, best]
    return Coincidences(
        first=np.where(found[:, None], first[rows, best], np.nan),
        second=np.where(found[:, None], second[rows, best], np.nan),
        distance=np.where(found, distances[rows, best], np.nan),
        miss=np.where(found, misses[rows, best], np.nan),
    )


def _newton(transform: Map, y: Floats, goals: Floats) -> Floats:
    """Follow Newton's method for ``transform(y) = goal`` from ``y (R, m, d)`` to its end.

    A step that would not bring the image closer is halved, up to five times.
    """
    for _ in range(_NEWTON):
        residual = as_array(transform(torch.from_numpy(y))) - goals
        slope = jacobians(transform, torch.from_numpy(y))
        step = -(np.linalg.pinv(slope) @ residual[..., None])[..., 0]
        size = np.linalg.norm(residual, axis=2)
        for _ in range(5):
            closer = np.linalg.norm(as_array(transform(torch.from_numpy(y + step))) - goals, axis=2)
            worse = ~(closer < size)
            if not worse.any():
                break
            step[worse] /= 2
        step[~np.isfinite(step).all(2)] = 0
        y = y + step
        if np.abs(step).max() < 1e-14:
            break
    return y
