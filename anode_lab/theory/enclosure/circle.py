"""A circle of inputs, covered by arcs whose images are enclosed; arcs are split further as needed.

An arc of half angle b is a segment with a ball around every point: with u the direction of its
middle and v the one across,
``r (cos s u + sin s v) = r (1 + cos b) / 2 u + tau r sin b v + e``, ``|e| <= r (1 - cos b) / 2``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np

from anode.arrays import Booleans, Floats, Integers
from anode.models import NeuralODE
from anode_lab.theory.enclosure.flow_image import enclose
from anode_lab.theory.enclosure.stepping import Enclosure, EnclosureError

START = 6
"""Number of halvings of the circle at the start, which make 2^6 arcs."""

_PARTS = 4  # of an arc that is not settled; halves would need twice as many rounds
_LIMIT = 4  # of an image's radius, in circles' radii: a wider one would hardly be settled

FINEST = 44
"""Largest number of halvings: below 2^-44 of the circle, rounding would be as large as an arc."""


@dataclass(frozen=True)
class CircleCover:
    """A circle split into arcs, in the order of their angles.

    Attributes:
        starts: Angle at which each arc starts, as a part of the whole turn, shape ``(n,)``, exact.
        widths: Widths of the arcs in the same unit, exact.
        images: Sets of which number i contains the image of arc i under the exact flow. It starts
            within ``radii[i]`` of ``centres[i] - segments[i]`` and ends within it of
            ``centres[i] + segments[i]``.
    """

    starts: Floats
    widths: Floats
    images: Enclosure


def cover_circle(
    model: NeuralODE,
    radius: float,
    settled: Callable[[Enclosure], Booleans],
    *,
    replica: int = 0,
    most: int = 20_000,
) -> CircleCover:
    """Split the circle around the origin into arcs until the image of each is settled.

    Args:
        model: Model whose inputs are points of the plane.
        radius: Radius of the circle.
        settled: Function that tells for which sets no smaller one is needed.
        replica: Index of the network.
        most: Number of enclosed arcs after which the search is given up.

    Raises:
        ValueError: If the inputs are not points of the plane, or the radius is not positive.
        EnclosureError: If arcs are left that are not settled.
    """
    if model.input_shape != (2,):
        raise ValueError(f"a circle lies in the plane, the model's inputs are {model.input_shape}")
    if not 0 < radius < np.inf:
        raise ValueError(f"radius must be positive and finite, got {radius}")
    index, level, used = np.arange(2**START), START, 0
    kept: list[tuple[Floats, Floats, Enclosure]] = []
    while len(index):
        used += len(index)
        found = _enclosed(model, radius, index, level, replica)
        good = settled(found)
        kept.append(
            (index[good] / 2.0**level, np.full(good.sum(), 2.0**-level), found.select(good))
        )
        if (used > most or level >= FINEST) and not good.all():
            where = int(np.flatnonzero(~good)[0])
            reason = f"{(~good).sum()} arcs of the width 2^-{level} of the circle are not settled"
            raise EnclosureError(where, model.end_time, float(found.radii[where]), reason)
        index = (index[~good, None] * _PARTS + np.arange(_PARTS)).ravel()
        level += _PARTS.bit_length() - 1
    starts, widths, images = zip(*kept, strict=True)
    order = np.concatenate(starts).argsort()
    joined = Enclosure.joined(images).select(order)
    return CircleCover(np.concatenate(starts)[order], np.concatenate(widths)[order], joined)


def _enclosed(
    model: NeuralODE, radius: float, index: Integers, level: int, replica: int
) -> Enclosure:
    half = pi / 2.0**level
    angles = 2 * pi * (index + 0.5) / 2.0**level
    middle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    across = np.stack([-middle[:, 1], middle[:, 0]], axis=1)
    # Angles, sine and cosine are right to some 1e-15.
    around = radius * (sin(half / 2) ** 2 * (1 + 1e-12) + 1e-14)
    return enclose(
        model,
        radius * (1 + cos(half)) / 2 * middle,
        around,
        radius * sin(half) * across,
        replica=replica,
        tolerance=max(1e-13, 1e-3 * radius * half**2),
        limit=_LIMIT * radius,
        max_steps=3000,
        strict=False,
    )
