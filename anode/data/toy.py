"""Toy data: concentric spheres, a separable set and two points of the line (sections 3 and 4)."""

from math import inf, log10

import torch
from torch import Tensor

from anode.checks import check_positive
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
        ValueError: If a number is not a positive integer, or not 0 < r1 < r2 < r3 < inf.
    """
    check_positive(dim=dim, n_inner=n_inner, n_outer=n_outer)
    if len(radii) != 3 or not 0 < radii[0] < radii[1] < radii[2] < inf:
        raise ValueError(f"radii must satisfy 0 < r1 < r2 < r3 < inf, got {radii}")
    r1, r2, r3 = radii
    rng = generator(seed, Stream.DATA)
    inner = uniform_shell(n_inner, dim, 0.0, r1, rng)
    outer = uniform_shell(n_outer, dim, r2, r3, rng)
    return two_classes(inner, outer, f"concentric spheres, d = {dim}")


def separable(dim: int, n_negative: int = 1000, n_positive: int = 2000, *, seed: int = 0) -> Data:
    """Two separate balls, which a flow can move apart: the paper's contrast to g (Fig. 5c).

    The negative ball has radius 0.4 and centre (-1, 0, ...), the positive ball radius 0.8 and
    centre (1, 0, ...). The paper does not state its radii and centres. With these the classes have
    the same sizes and about the same extent as in :func:`concentric_spheres`.

    Returns:
        x of shape ``(n_negative + n_positive, dim)``, y of shape ``(n_negative + n_positive, 1)``.
    """
    check_positive(dim=dim, n_negative=n_negative, n_positive=n_positive)
    rng = generator(seed, Stream.DATA)
    centre = torch.eye(dim)[0]
    negative = uniform_shell(n_negative, dim, 0.0, 0.4, rng) - centre
    positive = uniform_shell(n_positive, dim, 0.0, 0.8, rng) + centre
    return two_classes(negative, positive, f"separable, d = {dim}")


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
    # Radii are relative to the outer one where their powers leave single precision.
    scale = outer if abs(dim * log10(outer)) > 30 else 1.0
    low, high = (inner / scale) ** dim, (outer / scale) ** dim
    direction = torch.randn(n, dim, generator=rng)
    direction = direction / direction.norm(dim=1, keepdim=True)
    volume = torch.rand(n, 1, generator=rng) * (high - low) + low
    return direction * (scale * volume ** (1 / dim))


def two_classes(negative: Tensor, positive: Tensor, name: str) -> Data:
    """Points with targets -1 and +1."""
    y = torch.cat([-torch.ones(len(negative), 1), torch.ones(len(positive), 1)])
    return Data(torch.cat([negative, positive]), y, name)


def _two_points(repeats: int) -> Tensor:
    check_positive(repeats=repeats)
    return torch.tensor([[-1.0], [1.0]]).repeat(repeats, 1)
