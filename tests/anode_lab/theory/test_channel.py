"""The widest passage between points is the bottleneck of every loop around the origin."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anode.arrays import Floats
from anode_lab.theory.channel import empty_sector, widest_channel


def ring(n: int, radius: float = 1.0) -> Floats:
    angles = 2 * np.pi * np.arange(n) / n
    return radius * np.column_stack([np.cos(angles), np.sin(angles)])


def annulus(n: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    radius, angle = rng.uniform(0.5, 1.5, n), rng.uniform(0, 2 * np.pi, n)
    return radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def turns(polygon: Floats) -> float:
    """Winding number of a closed polygon around the origin."""
    z = polygon[:, 0] + 1j * polygon[:, 1]
    return float(np.angle(np.roll(z, -1) / z).sum() / (2 * np.pi))


def longest(polygon: Floats) -> float:
    return float(np.linalg.norm(np.roll(polygon, -1, axis=0) - polygon, axis=1).max())


@pytest.mark.parametrize("n", [3, 4, 7, 50])
def test_even_points_of_a_circle(n: int) -> None:
    found = widest_channel(ring(n))
    assert found.half_width == pytest.approx(np.sin(np.pi / n))
    assert sorted(found.loop) == list(range(n))
    assert empty_sector(ring(n)).half_angle == pytest.approx(np.pi / n)


@given(n=st.integers(20, 200), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_the_loop_winds_and_its_longest_edge_is_the_width(n: int, seed: int) -> None:
    x = annulus(n, seed)
    found = widest_channel(x)
    assert abs(turns(x[found.loop])) == pytest.approx(1)
    assert longest(x[found.loop]) == pytest.approx(2 * found.half_width)


@pytest.mark.statement("thm-price-loop")
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_no_loop_of_six_points_is_better(seed: int) -> None:
    """Every cyclic order of every subset is tried."""
    x = annulus(6, seed)
    if empty_sector(x).half_angle >= np.pi / 2:
        with pytest.raises(ValueError, match="half plane"):
            widest_channel(x)
        return
    loops = (list(order) for k in (3, 4, 5, 6) for order in permutations(range(6), k))
    best = min(longest(x[loop]) for loop in loops if abs(turns(x[loop])) > 0.5)
    assert 2 * widest_channel(x).half_width == pytest.approx(best)


@given(seed=st.integers(0, 2**32 - 1), angle=st.floats(-3, 3))
@settings(max_examples=25)
def test_every_ray_comes_as_near_as_the_width(seed: int, angle: float) -> None:
    """A ray is an escape curve, so a point of it lies within the half-width of a sample."""
    x = annulus(60, seed)
    direction = np.array([np.cos(angle), np.sin(angle)])
    along = np.maximum(x @ direction, 0)
    nearest = np.linalg.norm(x - along[:, None] * direction, axis=1).min()
    assert nearest <= widest_channel(x).half_width + 1e-12


@given(seed=st.integers(0, 2**32 - 1), angle=st.floats(-3, 3), scale=st.floats(0.1, 10))
@settings(max_examples=25)
def test_turning_and_scaling(seed: int, angle: float, scale: float) -> None:
    x = annulus(40, seed)
    c, s = np.cos(angle), np.sin(angle)
    moved = scale * x @ np.array([[c, s], [-s, c]])
    assert widest_channel(moved).half_width == pytest.approx(scale * widest_channel(x).half_width)
    before, after = empty_sector(x), empty_sector(moved)
    assert after.half_angle == pytest.approx(before.half_angle)
    turned = np.exp(1j * (after.centre - before.centre - angle))
    assert turned == pytest.approx(1)


def test_the_sector_is_empty() -> None:
    x = annulus(100, 0)
    found = empty_sector(x)
    z = (x[:, 0] + 1j * x[:, 1]) * np.exp(-1j * found.centre)
    assert np.abs(np.angle(z)).min() == pytest.approx(found.half_angle)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((2, 2)), "3 or more finite points"),
        (np.ones((5, 3)), "shape"),
        (np.array([[1.0, 0], [0, np.nan], [1, 1]]), "finite"),
        (np.array([[1.0, 0], [0, 0], [-1, 1]]), "origin"),
        (np.array([[1.0, 0], [1, 1], [1, -1]]), "half plane"),
    ],
)
def test_bad_points(x: Floats, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        widest_channel(x)


def test_a_sample_may_be_nearer_to_the_origin_than_the_channel_is_wide() -> None:
    """Then the half-width is no distance that a curve can keep: it starts in the origin."""
    far = 1.5 * np.array([np.cos(2.2), np.sin(2.2)])
    found = widest_channel(np.array([[1.0, 0.0], far, far * [1, -1]]))
    assert found.half_width == pytest.approx(1.5 * np.sin(2.2))
    assert found.half_width > 1.0
