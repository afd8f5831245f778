"""The paper's spheres without a slice of angles, which is held out (Fig. 9)."""

from math import pi

import torch

from anode.checks import check_positive
from anode.data import RADII, Data
from anode.data.toy import two_classes
from anode.seeding import Stream, generator


def spheres_without_slice(
    n_inner: int = 1000,
    n_outer: int = 2000,
    *,
    start: float = 0.0,
    stop: float = pi / 5,
    seed: int = 0,
) -> tuple[Data, Data]:
    """:func:`~anode.data.concentric_spheres` in the plane without a slice of angles, and the slice.

    The slice holds the same share of each class as of all angles, rounded, so that every seed has
    the same numbers of points.

    Args:
        n_inner, n_outer: Number of points of the two classes, in the slice and outside together.
        start, stop: Angles of the slice in radians from the first axis.
        seed: Seed of the points.

    Returns:
        The points outside the slice, for training, and the points inside.

    Raises:
        ValueError: If not 0 <= start < stop < 2 pi, or a class has no point in one of the parts.
    """
    if not 0 <= start < stop < 2 * pi:
        raise ValueError(f"angles must satisfy 0 <= start < stop < 2 pi, got {start}, {stop}")
    share = (stop - start) / (2 * pi)
    inside = (round(share * n_inner), round(share * n_outer))
    outside = (n_inner - inside[0], n_outer - inside[1])
    rng = generator(seed, Stream.DATA)

    def sector(counts: tuple[int, int], start: float, stop: float, name: str) -> Data:
        """Points of the ball and of the annulus, of uniform density, between two angles."""
        check_positive(inner_points=counts[0], outer_points=counts[1])
        parts = []
        for n, (inner, outer) in zip(counts, ((0.0, RADII[0]), RADII[1:]), strict=True):
            angle = torch.rand(n, 1, generator=rng) * (stop - start) + start
            direction = torch.cat([angle.cos(), angle.sin()], dim=1)
            area = torch.rand(n, 1, generator=rng) * (outer**2 - inner**2) + inner**2
            parts.append(direction * area.sqrt())
        return two_classes(parts[0], parts[1], name)

    rest = sector(outside, stop, start + 2 * pi, "spheres without a slice")
    return rest, sector(inside, start, stop, "the slice left out")
