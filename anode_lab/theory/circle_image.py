"""The image of a circle under trained models, with points added where neighbours part.

A trained flow can pull a circle apart so far within a ten-thousandth of its length that evenly
spaced points show two loose ends. So points are added until the features of all neighbours are
close.
"""

from dataclasses import dataclass, replace
from math import pi

import numpy as np
import torch
from torch import Tensor

from anode.arrays import Floats, Integers
from anode.models import Model
from anode.serialization import in_double
from anode_lab.theory.solvers import FIXED_STEPS

GAP = 0.05
"""Largest distance between neighbours' features; a trained image is a few units wide."""

_AT_ONCE = 128
"""Points of each model that are mapped at a time: so few that what is computed stays in caches."""


@dataclass(frozen=True)
class CircleImage:
    """A circle in the plane and its image under R models.

    Attributes:
        centre: Centre of the circle.
        radius: Its radius.
        angles: Angles from 0 to 2 pi, increasing, in radians, shape ``(R, n + 1)``; the first and
            the last belong to one point.
        features: Features of the points, shape ``(R, n + 1, dim)``.
        outputs: Outputs at the points, shape ``(R, n + 1)``.
    """

    centre: tuple[float, float]
    radius: float
    angles: Floats
    features: Floats
    outputs: Floats

    @property
    def widths(self) -> Floats:
        """Angles between neighbours, shape ``(R, n)``."""
        widths: Floats = np.diff(self.angles, axis=1)
        return widths

    @property
    def gaps(self) -> Floats:
        """Distances between the features of neighbours, shape ``(R, n)``."""
        gaps: Floats = np.linalg.norm(np.diff(self.features, axis=1), axis=2)
        return gaps

    def stretch(self) -> Floats:
        """Largest ratio of two neighbours' distances after and before the flow, shape ``(R,)``.

        It is a lower bound of the flow's Lipschitz constant.
        """
        chords = 2 * self.radius * np.sin(self.widths / 2)
        largest: Floats = (self.gaps / chords).max(1)
        return largest

    def share_below(self, level: float = 0.0) -> Floats:
        """Share of the circle on which the output is below ``level``, shape ``(R,)``.

        An arc with only one end below counts half. The share is NaN where an output is.
        """
        below = (self.outputs < level).astype(float)
        share: Floats = (self.widths * (below[:, 1:] + below[:, :-1]) / 2).sum(1) / (2 * pi)
        share[np.isnan(self.outputs).any(1)] = np.nan
        return share

    def crossings(self, level: float = 0.0) -> Integers:
        """Number of times that the output crosses ``level`` on the way around, shape ``(R,)``."""
        count: Integers = np.diff(self.outputs < level, axis=1).sum(1)
        return count

    def lowest(self) -> tuple[Floats, Floats]:
        """Angle and value of the lowest output, each of shape ``(R,)``."""
        index = self.outputs.argmin(1)[:, None]
        found = (np.take_along_axis(each, index, 1)[:, 0] for each in (self.angles, self.outputs))
        return next(found), next(found)


def circle_points(
    angles: Tensor, radius: float, centre: tuple[float, float] = (0.0, 0.0)
) -> Tensor:
    """Compute the points of a circle at ``angles (...)`` in radians, shape ``(..., 2)``."""
    circle = torch.stack([angles.cos(), angles.sin()], dim=-1)
    return radius * circle + torch.tensor(centre).to(circle)


def even_circle(
    model: Model, n: int, radius: float, centre: tuple[float, float] = (0.0, 0.0)
) -> CircleImage:
    """Map ``n`` evenly spaced points of a circle, in double precision.

    Raises:
        ValueError: If the model's inputs are not points of the plane, or n is below 3.
    """
    if model.input_shape != (2,):
        raise ValueError(f"a ring lies in the plane, the model's inputs are {model.input_shape}")
    if n < 3:
        raise ValueError(f"a ring needs 3 or more points, got {n}")
    angles = torch.linspace(0, 2 * pi, n + 1, dtype=torch.float64).repeat(model.replicas, 1)
    return _image(in_double(model, FIXED_STEPS).cpu(), angles, radius, centre)


def refined_circle(
    model: Model,
    radius: float,
    centre: tuple[float, float] = (0.0, 0.0),
    *,
    gap: float = GAP,
    start: int = 500,
    batch: int = 100,
    rounds: int = 60,
) -> CircleImage:
    """Map a circle, with points added until no two neighbours' features are far apart.

    Each round halves the arcs whose ends part most, for each replica its own. What the map does
    between two neighbours is not seen: a loop that leaves one and returns to the other would be
    missed, unless a bound of the map's slope excludes it.

    Args:
        model: R models whose inputs are points of the plane.
        radius: Radius of the circle.
        centre: Its centre.
        gap: Largest distance between the features of neighbours.
        start: Number of evenly spaced points at the start.
        batch: Number of arcs that a round halves.
        rounds: Largest number of rounds; the arcs of the first have then up to 2^rounds parts.

    Returns:
        The image; its :attr:`~CircleImage.gaps` say how far the refinement came.

    Raises:
        ValueError: As for :func:`even_circle`, or if ``gap`` is not positive.
    """
    if not gap > 0:
        raise ValueError(f"gap must be positive, got {gap}")
    ring, precise = even_circle(model, start, radius, centre), in_double(model, FIXED_STEPS).cpu()
    for _ in range(rounds):
        gaps = torch.from_numpy(ring.gaps).nan_to_num(0)  # nothing to resolve where a solve failed
        if gaps.max() <= gap:
            break
        index = gaps.topk(min(batch, gaps.shape[1]), dim=1).indices
        angles = torch.from_numpy(ring.angles)
        middles = (angles.gather(1, index) + angles.gather(1, index + 1)) / 2
        ring = _joined(ring, _image(precise, middles, radius, centre))
    return ring


@torch.no_grad()
def _image(model: Model, angles: Tensor, radius: float, centre: tuple[float, float]) -> CircleImage:
    # Steps of one size take a point to the same place in any batch.
    parts = [
        model.run(circle_points(part, radius, centre)) for part in angles.split(_AT_ONCE, dim=1)
    ]
    return CircleImage(
        centre=centre,
        radius=radius,
        angles=angles.numpy(),
        features=torch.cat([part.features for part in parts], dim=1).numpy(),
        outputs=torch.cat([part.prediction[..., 0] for part in parts], dim=1).numpy(),
    )


def _joined(ring: CircleImage, new: CircleImage) -> CircleImage:
    """Merge the points of two images, in the order of their angles."""
    angles = np.concatenate([ring.angles, new.angles], axis=1)
    order = angles.argsort(axis=1)
    features = np.concatenate([ring.features, new.features], axis=1)
    outputs = np.concatenate([ring.outputs, new.outputs], axis=1)
    return replace(
        ring,
        angles=np.take_along_axis(angles, order, 1),
        features=np.take_along_axis(features, order[..., None], 1),
        outputs=np.take_along_axis(outputs, order, 1),
    )
