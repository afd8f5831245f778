"""Toy data have the density, the radii, the sizes and the targets that they are said to have."""

from math import log, pi
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from anode.data import Data, concentric_spheres, g1d, identity_1d, separable
from anode.data.toy import RADII, uniform_shell
from anode.seeding import Stream, generator
from anode_lab.experiments.slice import spheres_without_slice

DIMS = (1, 2, 3, 5, 10)


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize(("inner", "outer"), [(0.0, 0.5), (1.0, 1.5), (0.2, 3.0)])
def test_density_is_uniform(dim: int, inner: float, outer: float) -> None:
    """The share of points within radius r is that of the volume, r^d; directions are even."""
    points = uniform_shell(4000, dim, inner, outer, generator(1, Stream.DATA)).double()
    radius = points.norm(dim=1)
    volume = (radius**dim - inner**dim) / (outer**dim - inner**dim)
    assert kstest(volume.numpy(), "uniform").pvalue > 1e-3
    direction = points / radius[:, None]
    # A coordinate of a uniform direction has mean 0 and variance 1 / d.
    assert direction.mean(0).abs().max() < 5 / 4000**0.5
    assert (direction.T @ direction / 4000 - torch.eye(dim) / dim).abs().max() < 5 / 4000**0.5


def test_angles_in_the_plane_are_uniform() -> None:
    x = concentric_spheres(2, 3000, 3000, seed=4).x.double()
    angle = torch.atan2(x[:, 1], x[:, 0]) / (2 * pi) + 0.5
    assert kstest(angle.numpy(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("dim", DIMS)
def test_spheres_have_the_papers_sizes_radii_and_targets(dim: int) -> None:
    data = concentric_spheres(dim)
    assert data.x.shape == (3000, dim)
    assert data.y.shape == (3000, 1)
    assert data.input_shape == (dim,)
    radius = data.x.norm(dim=1)
    inner, outer = data.y[:, 0] == -1, data.y[:, 0] == 1
    assert (int(inner.sum()), int(outer.sum())) == (1000, 2000)
    assert radius[inner].max() <= RADII[0] * (1 + 1e-6)
    assert radius[outer].min() >= RADII[1] * (1 - 1e-6)
    assert radius[outer].max() <= RADII[2] * (1 + 1e-6)


def test_radii_are_respected() -> None:
    data = concentric_spheres(3, 500, 500, radii=(1.0, 4.0, 4.5))
    radius = data.x.norm(dim=1)
    assert 0.9 < radius[:500].max() <= 1 + 1e-6
    assert 4 - 1e-5 <= radius[500:].min() <= radius[500:].max() <= 4.5 + 1e-5


@pytest.mark.parametrize("dim", DIMS)
def test_separable_data_have_a_gap_between_half_spaces(dim: int) -> None:
    data = separable(dim, 300, 400)
    first = data.x[:, 0]
    assert first[data.y[:, 0] < 0].max() <= -0.6 + 1e-6
    assert first[data.y[:, 0] > 0].min() >= 0.2 - 1e-6
    assert (int((data.y < 0).sum()), int((data.y > 0).sum())) == (300, 400)


@pytest.mark.parametrize("make", [concentric_spheres, separable])
def test_a_seed_fixes_the_points_and_another_gives_others(make: object) -> None:
    assert callable(make)
    one, same, other = make(2, seed=1), make(2, seed=1), make(2, seed=2)
    assert torch.equal(one.x, same.x)
    negative = torch.cat([one.x[:1000], other.x[:1000]], dim=1).T  # the coordinates of both
    assert (torch.corrcoef(negative) - torch.eye(4)).abs().max() < 5 / 1000**0.5


def test_two_points_of_the_line() -> None:
    assert g1d(2).x.tolist() == [[-1.0], [1.0], [-1.0], [1.0]]
    assert g1d(2).y.tolist() == [[1.0], [-1.0], [1.0], [-1.0]]
    assert torch.equal(identity_1d(3).y, identity_1d(3).x)


def test_a_slice_is_left_out_of_the_plane() -> None:
    outside, inside = spheres_without_slice(1000, 2000, seed=3)
    assert (len(outside), len(inside)) == (2700, 300)
    for data, low, high in ((inside, 0.0, pi / 5), (outside, pi / 5, 2 * pi)):
        angles = torch.atan2(data.x[:, 1], data.x[:, 0]).remainder(2 * pi)
        assert low <= angles.min() <= angles.max() <= high
        # Uniform: the largest gap between n sorted angles is about log(n) / n of the range.
        gaps = torch.diff(angles.sort().values)
        assert gaps.max() < 4 * (high - low) * log(len(data)) / len(data)
        radii = data.x.norm(dim=1)
        assert radii[data.y[:, 0] < 0].max() <= 0.5
        outer = radii[data.y[:, 0] > 0]
        assert 1.0 <= outer.min() <= outer.max() <= 1.5
        # Uniform density: half the area of the annulus lies within sqrt((1 + 1.5^2) / 2).
        assert abs((outer < 1.625**0.5).double().mean() - 0.5) < 4 * 0.5 / len(outer) ** 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: concentric_spheres(0), "dim must be a positive integer, got 0"),
        (lambda: concentric_spheres(2, n_inner=0), "n_inner must be a positive integer, got 0"),
        (lambda: concentric_spheres(2, n_outer=-3), "n_outer must be a positive integer, got -3"),
        (
            lambda: concentric_spheres(2, radii=(1.0, 0.5, 2.0)),
            r"< r3 < inf, got \(1.0, 0.5",
        ),
        (
            lambda: concentric_spheres(2, radii=(0.0, 0.5, 2.0)),
            r"< r3 < inf, got \(0.0, 0.5",
        ),
        (lambda: concentric_spheres(2, seed=-1), "seed must be .*got -1"),
        (lambda: separable(2, n_positive=0), "n_positive must be a positive integer, got 0"),
        (lambda: separable(-1), "dim must be a positive integer, got -1"),
        (lambda: g1d(0), "repeats must be a positive integer, got 0"),
        (lambda: spheres_without_slice(5, 50), "inner_points must be a positive integer, got 0"),
        (lambda: spheres_without_slice(start=2.0, stop=1.0), "start < stop < 2 pi, got 2.0, 1.0"),
        (
            lambda: Data(torch.ones(2, 1), torch.ones(3, 1), "pairs"),
            r"pairs: .* got shapes \(2, 1\) and \(3, 1\)",
        ),
        (
            lambda: Data(torch.ones(0, 1), torch.ones(0, 1), "none"),
            r"none: .* got shapes \(0, 1\) and",
        ),
    ],
)
def test_bad_arguments_are_named_with_their_value(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()


def test_selecting_keeps_the_name() -> None:
    data = concentric_spheres(2, 3, 4)
    chosen = data.select(data.y[:, 0] > 0)
    assert len(chosen) == 4
    assert chosen.name == data.name == "concentric spheres, d = 2"


@pytest.mark.parametrize("dim", [100, 150, 300, 2000])
def test_radii_hold_in_any_dimension(dim: int) -> None:
    """Also where a power of a radius leaves single precision; almost all points are far out."""
    radius = concentric_spheres(dim, 50, 50).x.double().norm(dim=1)
    inner, outer = radius[:50], radius[50:]
    assert 0.5 * 0.001 ** (1 / dim) * 0.99 < inner.min() <= inner.max() <= 0.5 * (1 + 1e-6)
    assert 1 - 1e-6 <= outer.min() <= outer.max() <= 1.5 * (1 + 1e-6)
    assert outer.mean() > 1.5 * (1 - 2 / dim)


@pytest.mark.parametrize("made", [list, np.array, torch.tensor])
def test_arrays_and_lists_become_tensors(made: Any) -> None:
    data = Data(made([[0.0, 1.0], [2.0, 3.0]]), made([1, 0]))
    assert data.x.tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert data.y.tolist() == [1, 0]
    assert (data.y.dtype, data.input_shape, data.name) == (torch.int64, (2,), "data")
