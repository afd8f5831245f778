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
from anode_lab.theory.enclosure import Enclosure, cover_circle, enclose
from anode_lab.theory.solvers import TIGHTER


@dataclass(frozen=True)
class Winding:
    """A winding number that is proven, under the assumptions of the enclosures.

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

    The image of every arc is enclosed, until none can meet the origin's; :func:`chain_winding` then
    has the number. It is a proof under the assumptions of
    :mod:`~anode_lab.theory.enclosure.flow_image`.

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


def chain_winding(centres: Floats, segments: Floats, radii: Floats) -> int:
    """Count how often a closed curve winds around the origin, from sets that contain its parts.

    Part i runs from the ball of radius ``radii[i]`` around ``centres[i] - segments[i]`` to the one
    around ``centres[i] + segments[i]``, within the hull of both balls, and the last part ends where
    the first starts.

    The number is exact. A hull is convex and misses the origin, so within it the angle is a
    continuous function and changes between any two points by less than half a turn: the change
    from one end of the segment to the other is the principal angle. Where two parts meet, their
    common point lies in a ball of each; both balls miss the origin, so each of their centres is
    less than a quarter of a turn from that point, and the angle from the one to the other is
    again the principal one. (The angles between the segments' *middles* need not be: two changes
    of almost half a turn may add up to more than one.)

    Rounding does not change this. The ends are rounded once, by less than 1e-15 of the sets' size,
    while the sets miss the origin by 1e-13 of it; so all of the above holds for the rounded ends,
    and the sine of an angle near half a turn is at least 1e-13, known to 1e-15. The sum is that of
    a closed polygon: an integer up to the rounding of the sum. Underflow is excluded.

    Args:
        centres: Centres of the segments, shape ``(n, 2)``.
        segments: Half segments, shape ``(n, 2)``.
        radii: Radii of the balls, shape ``(n,)``.

    Raises:
        ValueError: If a set may contain the origin, or two neighbours' balls have no common point.
    """
    clear = _clearance(centres, segments, radii)
    if not (clear > 0).all():
        raise ValueError(f"set {int(clear.argmin())} must miss the origin, which it may contain")
    starts, ends = centres - segments, centres + segments
    following, reach = np.roll(starts, -1, axis=0), radii + np.roll(radii, -1)
    size = np.abs(ends).sum(1) + np.abs(following).sum(1)
    apart = np.linalg.norm(following - ends, axis=1) - reach * (1 + 1e-13) - 1e-13 * size
    if not (apart <= 0).all():
        index = int(apart.argmax())
        raise ValueError(f"set {index} must end where the next starts, it is {apart[index]} away")
    turns = float((_angles(starts, ends) + _angles(ends, following)).sum()) / (2 * pi)
    return round(turns)


def _certified(model: NeuralODE, radius: float, replica: int, most: int) -> Winding:
    origin = enclose(model, np.zeros((1, 2)), replica=replica)

    def seen(images: Enclosure) -> tuple[Floats, Floats, Floats]:
        """Sets of the differences from the origin's image."""
        away = images.centres - origin.centres
        size = np.abs(images.centres).sum(1) + np.abs(origin.centres).sum(1)
        return away, images.segments, images.radii + origin.radii + 1e-14 * size

    found = cover_circle(
        model, radius, lambda images: _clearance(*seen(images)) > 0, replica=replica, most=most
    )
    sets = seen(found.images)
    number = chain_winding(*sets)
    clearance = float(_clearance(*sets).min())
    narrowest = float(2 * pi * found.widths.min())
    return Winding(replica, number, clearance, len(found.starts), narrowest)


def _clearance(centres: Floats, segments: Floats, radii: Floats) -> Floats:
    """Lower bound of the sets' distance from the origin, ``(n,)``; not positive if they may meet.

    The distance of a segment from a point is that of its nearest point, or, after rounding, of
    another one. So a little is taken off in proportion to the size of what was added.
    """
    square = (segments**2).sum(1)
    along = (centres * segments).sum(1)
    nearest = -np.divide(along, square, out=np.zeros(len(square)), where=square > 0)
    distance = np.linalg.norm(centres + np.clip(nearest, -1, 1)[:, None] * segments, axis=1)
    # Off the nearest point by 1e-15 of the segment or so: the distance is then off by as much.
    size = np.abs(centres).sum(1) + np.abs(segments).sum(1)
    with np.errstate(invalid="ignore"):
        clearance: Floats = distance - radii * (1 + 1e-15) - 1e-13 * size
    return np.where(np.isfinite(clearance), clearance, -np.inf)


def _angles(first: Floats, second: Floats) -> Floats:
    """Principal angles from the one direction to the other, each of shape ``(n, 2)``."""
    cross = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    angles: Floats = np.arctan2(cross, (first * second).sum(1))
    return angles


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
    turns = [_angles(each, np.roll(each, -1, axis=0)).sum() / (2 * pi) for each in away]
    return np.array([round(each) for each in turns], dtype=np.int64)


def _check(model: NeuralODE) -> None:
    if model.state_shape != (2,) or model.input_shape != (2,):
        raise ValueError(
            "a winding number around a point is defined in the plane, the state has the shape "
            f"{model.state_shape}"
        )
