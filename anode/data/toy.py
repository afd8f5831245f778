"""Toy data: concentric spheres, a separable set and two points of the line (sections 3 and 4)."""

from math import pi

import torch
from torch import Tensor

from anode.data.dataset import Data
from anode.seeding import Stream, generator

RADII = (0.5, 1.0, 1.5)
"""r1, r2, r3: the ball A is ||x|| <= r1, the annulus r2 <= ||x|| <= r3 (appendix F.2.1)."""


def concentric_spheres(
    dim: int,
    n_inner: int = 1000,
    n_outer: int = 2000,
    *,
    radii: tuple[float, float, float] = RADII,
    seed: int = 0,
) -> Data:
    """g on a ball and an annulus: -1 for ``||x|| <= r1``, +1 for ``r2 <= ||x|| <= r3`` (Fig. 4).

    Points have uniform density in the ball and in the annulus.

    Args:
        dim: Dimension d of the space.
        n_inner, n_outer: Number of points in the ball and in the annulus.
        radii: Radii r1, r2, r3.
        seed: Seed of the points.

    Returns:
        x of shape ``(n_inner + n_outer, dim)``, y of shape ``(n_inner + n_outer, 1)``.

    Raises:
        ValueError: If a number is not positive, or not 0 < r1 < r2 < r3.
    """
    _check_counts(dim=dim, n_inner=n_inner, n_outer=n_outer)
    r1, r2, r3 = radii
    if not 0 < r1 < r2 < r3:
        raise ValueError(f"radii must satisfy 0 < r1 < r2 < r3, got {radii}")
    rng = generator(seed, Stream.DATA)
    inner = uniform_shell(n_inner, dim, 0.0, r1, rng)
    outer = uniform_shell(n_outer, dim, r2, r3, rng)
    return _two_classes(inner, outer, f"concentric spheres, d = {dim}")


def separable(dim: int, n_negative: int = 1000, n_positive: int = 2000, *, seed: int = 0) -> Data:
    """Two separate balls, which a flow can move apart: the paper's contrast to g (Fig. 5c).

    The negative ball has radius 0.4 and centre (-1, 0, ...), the positive ball radius 0.8 and
    centre (1, 0, ...). The paper does not state its radii and centres. With these the classes have
    the same sizes and about the same extent as in :func:`concentric_spheres`.

    Returns:
        x of shape ``(n_negative + n_positive, dim)``, y of shape ``(n_negative + n_positive, 1)``.
    """
    _check_counts(dim=dim, n_negative=n_negative, n_positive=n_positive)
    rng = generator(seed, Stream.DATA)
    centre = torch.eye(dim)[0]
    negative = uniform_shell(n_negative, dim, 0.0, 0.4, rng) - centre
    positive = uniform_shell(n_positive, dim, 0.0, 0.8, rng) + centre
    return _two_classes(negative, positive, f"separable, d = {dim}")


def g1d(repeats: int = 32) -> Data:
    """The two conditions of g1d, g(-1) = 1 and g(1) = -1 (paper, section 3), each repeated."""
    x = _two_points(repeats)
    return Data(x, -x, name="g1d")


def identity_1d(repeats: int = 32) -> Data:
    """The identity on the same two points, -1 -> -1 and 1 -> 1, each repeated."""
    x = _two_points(repeats)
    return Data(x, x.clone(), name="identity, d = 1")


def uniform_shell(n: int, dim: int, inner: float, outer: float, rng: torch.Generator) -> Tensor:
    """``n`` points of uniform density with ``inner <= ||x|| <= outer``, shape ``(n, dim)``.

    The direction is a normalised Gaussian. The power ``dim`` of the radius is uniform, because the
    volume within radius r grows as r^dim.
    """
    direction = torch.randn(n, dim, generator=rng)
    direction = direction / direction.norm(dim=1, keepdim=True)
    volume = torch.rand(n, 1, generator=rng) * (outer**dim - inner**dim) + inner**dim
    return direction * volume ** (1 / dim)


def spheres_without_slice(
    n_inner: int = 1000,
    n_outer: int = 2000,
    *,
    start: float = 0.0,
    stop: float = pi / 5,
    seed: int = 0,
) -> tuple[Data, Data]:
    """:func:`concentric_spheres` in the plane, without a slice of angles, and that slice (Fig. 9).

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
        _check_counts(inner_points=counts[0], outer_points=counts[1])
        parts = []
        for n, (inner, outer) in zip(counts, ((0.0, RADII[0]), RADII[1:]), strict=True):
            angle = torch.rand(n, 1, generator=rng) * (stop - start) + start
            direction = torch.cat([angle.cos(), angle.sin()], dim=1)
            area = torch.rand(n, 1, generator=rng) * (outer**2 - inner**2) + inner**2
            parts.append(direction * area.sqrt())
        return _two_classes(parts[0], parts[1], name)

    rest = sector(outside, stop, start + 2 * pi, "spheres without a slice")
    return rest, sector(inside, start, stop, "the slice left out")


def _two_classes(negative: Tensor, positive: Tensor, name: str) -> Data:
    """Points with targets -1 and +1."""
    y = torch.cat([-torch.ones(len(negative), 1), torch.ones(len(positive), 1)])
    return Data(torch.cat([negative, positive]), y, name)


def _two_points(repeats: int) -> Tensor:
    _check_counts(repeats=repeats)
    return torch.tensor([[-1.0], [1.0]]).repeat(repeats, 1)


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be 1 or more, got {count}")
