"""How often the image of a circle winds around the image of the origin.

A flow of the plane is a homeomorphism that keeps orientation, so the answer is 1. A count from
samples can be wrong: between two neighbours the image may pass on either side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import numpy as np
import torch

from anode.arrays import Floats, Integers
from anode.models import NeuralODE
from anode.serialization import in_double
from anode.solve import SolverSettings
from anode_lab.theory.circle_image import circle_points
from anode_lab.theory.enclosure import Enclosure, EnclosureError, cover_circle, enclose
from anode_lab.theory.solvers import TIGHTER


@dataclass(frozen=True)
class Winding:
    """A winding number that is proven.

    Attributes:
        replica: Index of the network.
        number: Winding number of the circle's image around the image of the origin.
        clearance: Lower bound of the distance between the two images, in the features' units.
        arcs: Number of arcs that the circle was split into.
        narrowest: Width of the narrowest arc, in radians.
    """

    replica: int
    number: int
    clearance: float
    arcs: int
    narrowest: float


def winding_numbers(
    model: NeuralODE,
    radius: float = 1.0,
    *,
    replicas: Sequence[int] | None = None,
    most: int = 20_000,
) -> list[Winding]:
    """Prove the winding numbers of the exact flow, whatever lies between samples.

    The image of every arc lies in a convex set that does not contain the origin's image, so it is
    seen from there under less than half a turn. Neighbours have a point in common, so the angle
    between their middles is the one below half a turn, and the sum of these is exact.

    Args:
        model: R networks of the plane, without augmentation.
        radius: Radius of the circle around the origin.
        replicas: Indices of the networks; all by default.
        most: Largest number of arcs of a replica.

    Raises:
        ValueError: If the state is not of dimension 2, or the radius is not positive.
        EnclosureError: If arcs are left whose image may meet that of the origin.
    """
    _check(model)
    chosen = range(model.replicas) if replicas is None else replicas
    return [_certified(model, radius, replica, most) for replica in chosen]


def _certified(model: NeuralODE, radius: float, replica: int, most: int) -> Winding:
    origin = enclose(model, np.zeros((1, 2)), replica=replica)
    found = cover_circle(
        model, radius, lambda images: _clearance(images, origin) > 0, replica=replica, most=most
    )
    away = found.images.centres - origin.centres
    turns = _turning(np.arctan2(away[:, 1], away[:, 0]))
    number = round(turns)
    if abs(turns - number) > 1e-6:  # cannot be, but a theorem should not hang on a rounding
        raise EnclosureError(0, model.end_time, 0.0, f"angles add up to {turns} turns")
    clearance = float(_clearance(found.images, origin).min())
    narrowest = float(2 * pi * found.widths.min())
    return Winding(replica, number, clearance, len(found.starts), narrowest)


def _clearance(images: Enclosure, origin: Enclosure) -> Floats:
    """Lower bound of the sets' distance from that of the origin; not positive if they meet.

    The distance of a segment from a point is that of its nearest point, or, after rounding, of
    another one. So a little is taken off in proportion to the size of what was subtracted.
    """
    away, half = images.centres - origin.centres, images.segments
    square = (half**2).sum(1)
    nearest = -np.divide((away * half).sum(1), square, out=np.zeros(len(half)), where=square > 0)
    distance = np.linalg.norm(away + np.clip(nearest, -1, 1)[:, None] * half, axis=1)
    # Off the nearest point by 1e-15 of the segment or so: the distance is then off by as much.
    size = np.abs(images.centres).sum(1) + np.abs(origin.centres).sum(1) + np.abs(half).sum(1)
    with np.errstate(invalid="ignore"):
        clearance: Floats = distance - images.radii - origin.radii - 1e-13 * size
    return np.where(np.isfinite(clearance), clearance, -np.inf)


def sampled_winding_numbers(
    model: NeuralODE, n: int, radius: float = 1.0, *, solver: SolverSettings = TIGHTER
) -> Integers:
    """Count winding numbers from evenly spaced samples, which proves nothing.

    Args:
        model: R networks of the plane, without augmentation.
        n: Number of points, 3 or more.
        radius: Radius of the circle around the origin.
        solver: Solver of the points, in double precision.

    Returns:
        Shape ``(R,)``.

    Raises:
        ValueError: As for :func:`winding_numbers`, or if n is below 3, or if a solve fails.
    """
    _check(model)
    if n < 3:
        raise ValueError(f"a polygon needs 3 or more points, got {n}")
    precise = in_double(model, solver)
    angles = torch.arange(n, dtype=torch.float64) * (2 * pi / n)
    x = torch.cat([torch.zeros(1, 2, dtype=torch.float64), circle_points(angles, radius)])
    features = precise.flow(x[None], 2)[-1].numpy()  # (R, n + 1, 2)
    if not np.isfinite(features).all():
        raise ValueError("a solve failed: a winding number needs the features of all points")
    away = features[:, 1:] - features[:, :1]
    turns = [_turning(each) for each in np.arctan2(away[..., 1], away[..., 0])]
    return np.array([round(each) for each in turns], dtype=np.int64)


def _turning(angles: Floats) -> float:
    """Count the turns of a closed polygon from the angles of its corners."""
    change = np.diff(np.append(angles, angles[0]))
    change -= 2 * pi * np.round(change / (2 * pi))
    return float(change.sum() / (2 * pi))


def _check(model: NeuralODE) -> None:
    if model.state_shape != (2,) or model.input_shape != (2,):
        raise ValueError(
            "a winding number around a point is defined in the plane, the state has the shape "
            f"{model.state_shape}"
        )
