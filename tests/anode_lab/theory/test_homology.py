"""Homology of sampled sets: what is known of balls, rings and spheres, and what samples prove."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree

from anode.arrays import Floats
from anode_lab.theory.topology.encirclement import encirclement
from anode_lab.theory.topology.homology import (
    PersistenceDiagram,
    persistence_diagram,
)


def shell(n: int, inner: float, outer: float, dim: int = 2, seed: int = 0) -> Floats:
    """Points between two spheres around the origin, evenly distributed in volume."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(n, dim))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    volume = inner**dim + rng.random((n, 1)) * (outer**dim - inner**dim)
    return direction * volume ** (1 / dim)


def circle(n: int) -> Floats:
    angles = np.arange(n) * (2 * np.pi / n)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def standing_out(diagram: PersistenceDiagram, dimension: int) -> tuple[int, float]:
    """Number of classes before the largest gap among the ten longest lives, and its ratio."""
    lengths = diagram.lengths(dimension)[:10]
    lengths = lengths[lengths > 0]
    ratios = lengths[:-1] / lengths[1:]
    return int(ratios.argmax()) + 1, float(ratios.max())


def covering(samples: Floats, inner: float, outer: float) -> float:
    """Hausdorff distance of samples of a ring from it, to a hundredth."""
    side = np.arange(-outer, outer, 0.01)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    norms = np.linalg.norm(grid, axis=1)
    ring = grid[(norms >= inner) & (norms <= outer)]
    return float(KDTree(samples).query(ring)[0].max()) + 0.01


def test_a_ring_has_one_component_and_one_loop() -> None:
    ring = shell(1500, 1.0, 1.5)
    diagram = persistence_diagram(ring)
    assert standing_out(diagram, 0)[0] == 1
    count, gap = standing_out(diagram, 1)
    assert count == 1
    assert gap > 10
    # The loop is filled when the balls around the inner circle meet.
    assert diagram.deaths[1].max() == pytest.approx(1, abs=0.05)
    # Lives longer than twice the distance between samples and ring are the ring's.
    least = 2 * covering(ring, 1.0, 1.5)
    assert [int((diagram.lengths(k) > least).sum()) for k in (0, 1)] == [1, 1]


def test_two_balls_have_two_components_and_no_loop() -> None:
    ball = shell(500, 0.0, 0.5)
    diagram = persistence_diagram(np.vstack([ball, ball + 3]))
    assert standing_out(diagram, 0)[0] == 2
    assert standing_out(diagram, 0)[1] > 10
    assert standing_out(diagram, 1)[1] < 2, "no loop stands out"


def test_a_sphere_has_a_void_and_no_loop() -> None:
    diagram = persistence_diagram(shell(800, 1.0, 1.0, dim=3), max_dimension=2)
    assert standing_out(diagram, 2)[0] == 1
    assert standing_out(diagram, 2)[1] > 5
    assert standing_out(diagram, 1)[1] < 2


def test_the_circle_s_numbers_are_those_of_a_polygon() -> None:
    diagram = persistence_diagram(circle(60))
    # Any three of its points have one circle, so rounding makes more loops, of no length.
    longest, *others = diagram.lengths(1)
    np.testing.assert_allclose(longest, 1 - np.sin(np.pi / 60))
    np.testing.assert_allclose(others, 0, atol=1e-6)
    assert np.isinf(diagram.deaths[0]).sum() == 1
    np.testing.assert_allclose(np.sort(diagram.deaths[0])[:-1], np.sin(np.pi / 60))


def test_beyond_three_dimensions_points_are_chosen_and_the_choice_is_counted() -> None:
    ring = np.hstack([shell(2000, 1.0, 1.3), np.zeros((2000, 3))])
    diagram = persistence_diagram(ring, most=150)
    assert 0.02 < diagram.spacing < 0.3
    assert standing_out(diagram, 1)[0] == 1
    assert standing_out(diagram, 1)[1] > 4


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), noise=st.floats(0, 0.15))
def test_moved_points_change_no_life_by_much(seed: int, noise: float) -> None:
    """The stability theorem: lives change by no more than twice the distance."""
    points = circle(40)
    rng = np.random.default_rng(seed)
    push = rng.uniform(-1, 1, points.shape)
    moved = points + noise * push / np.sqrt(2)
    before, after = persistence_diagram(points).lengths(1)[0], persistence_diagram(moved).lengths(1)
    assert abs(after[0] - before) <= 2 * noise + 1e-9
    assert (after[1:] <= 2 * noise + 1e-9).all()


@settings(max_examples=25)
@given(n=st.integers(3, 40), seed=st.integers(0, 10_000), power=st.integers(-20, 20))
def test_scale_and_order_do_not_matter(n: int, seed: int, power: int) -> None:
    points = np.random.default_rng(seed).normal(size=(n, 2))
    found, scaled = persistence_diagram(points), persistence_diagram(2.0**power * points[::-1])
    for dimension in (0, 1):
        np.testing.assert_allclose(
            scaled.lengths(dimension), 2.0**power * found.lengths(dimension), rtol=1e-6
        )


def test_a_circle_encloses_what_lies_inside() -> None:
    found = encirclement([0, 0], circle(100))
    assert found.closed == pytest.approx(np.sin(np.pi / 100))
    assert found.covered == pytest.approx(1)
    assert found.ratio > 30
    outside = encirclement([2.0, 0.3], circle(100))
    assert outside.closed == outside.covered
    assert outside.ratio == 1


def test_a_gap_is_closed_by_balls_of_half_its_width() -> None:
    arc = circle(1000)[:800]
    gap = np.linalg.norm(arc[0] - arc[-1])
    assert encirclement([0, 0], arc).closed == pytest.approx(gap / 2)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_enclosure_is_what_a_grid_shows(seed: int) -> None:
    """On a grid of the distances to the points, flooded at a level just above and just below."""
    from scipy.ndimage import label

    rng = np.random.default_rng(seed)
    points = rng.uniform(-1, 1, (12, 2))
    start = rng.uniform(-0.5, 0.5, 2)
    found = encirclement(start, points)
    side = np.linspace(-4, 4, 801)
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1)
    distance = KDTree(points).query(grid)[0]
    place = tuple(np.abs(side[None] - start[:, None]).argmin(1))
    error = 0.01  # a pixel
    for level, leaves in ((found.closed - error, True), (found.closed + error, False)):
        if not 0 < level < found.covered - error:
            continue
        regions = label(distance >= level)[0]
        assert (regions[place] == regions[0, 0]) == leaves


def test_a_point_of_the_set_is_covered_from_the_start() -> None:
    assert encirclement([1, 0], circle(4)).covered == 0
    assert encirclement([1, 0], circle(4)).ratio == 1


def test_one_point_has_one_class() -> None:
    for dim in (1, 2, 5):
        diagram = persistence_diagram(np.zeros((3, dim)))
        assert [len(each) for each in diagram.births] == [1, 0]


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match=r"finite numbers \(n, dim\)"):
        persistence_diagram([[np.nan, 1.0]])
    with pytest.raises(ValueError, match="max_dimension must be 0 or more"):
        persistence_diagram(circle(5), -1)
    with pytest.raises(ValueError, match=r"one of 0\.\.1, got 2"):
        persistence_diagram(circle(5)).lengths(2)
    with pytest.raises(ValueError, match=r"point must be \(2,\)"):
        encirclement([0, 0, 0], np.zeros((2, 3)))
