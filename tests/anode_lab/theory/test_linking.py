"""Linking numbers: of known links, what keeps them, and what is refused."""

from math import pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anode.arrays import Floats
from anode_lab.theory.topology.linking import linking_number, refined_curve


def circle(n: int, centre: tuple[float, float, float], *, upright: bool = False) -> Floats:
    """The unit circle in the plane of the first two axes, or of the first and the third."""
    angle = np.linspace(0, 2 * pi, n + 1)
    flat = np.zeros((n + 1, 3))
    flat[:, 0], flat[:, 2 if upright else 1] = np.cos(angle), np.sin(angle)
    flat[-1] = flat[0]
    return flat + np.array(centre)


def torus_curve(turns: int, start: float, n: int = 600) -> Floats:
    """A curve once along the axis of a torus and ``turns`` times around it."""
    angle = np.linspace(0, 2 * pi, n + 1)
    around = turns * angle + start
    radius = 2 + np.cos(around)
    curve = np.stack([radius * np.cos(angle), radius * np.sin(angle), -np.sin(around)], axis=1)
    curve[-1] = curve[0]
    return curve


def test_sum_is_gauss_s_integral() -> None:
    a, b = torus_curve(2, 0.0), torus_curve(2, pi)
    steps = [np.diff(each, axis=0) for each in (a, b)]
    apart = (a[1:] + a[:-1])[:, None] / 2 - (b[1:] + b[:-1])[None] / 2
    volume = (apart * np.cross(steps[0][:, None], steps[1][None])).sum(2)
    integral = (volume / np.linalg.norm(apart, axis=2) ** 3).sum() / (4 * pi)
    assert linking_number(a, b).number == pytest.approx(integral, abs=1e-2)


@pytest.mark.parametrize("turns", [-3, -1, 0, 1, 2, 5])
def test_two_curves_on_a_torus_are_linked_as_often_as_they_turn(turns: int) -> None:
    found = linking_number(torus_curve(turns, 0.0), torus_curve(turns, pi))
    assert found.number == turns
    assert found.error < 1e-10


@pytest.mark.parametrize(
    ("shift", "number", "distance"),
    [(0.5, 1, 0.5), (1.0, 1, 1.0), (1.99, 1, 0.01), (2.01, 0, 0.01), (5.0, 0, 3.0)],
)
def test_circles_are_linked_until_they_are_pulled_apart(
    shift: float, number: int, distance: float
) -> None:
    found = linking_number(circle(400, (0, 0, 0)), circle(400, (shift, 0, 0), upright=True))
    assert abs(found.number) == number
    assert found.distance == pytest.approx(distance, abs=1e-3)


def test_number_is_symmetric_and_changes_sign_with_direction() -> None:
    a, b = torus_curve(2, 0.0), circle(50, (0, 0, 0)) * np.array([2.0, 2.0, 1.0])
    number = linking_number(a, b).number
    assert number == linking_number(b, a).number == -linking_number(a[::-1], b).number
    assert number != 0


vectors = st.lists(st.floats(-1, 1), min_size=9, max_size=9)


@pytest.mark.statement("thm-why-link")
@settings(max_examples=40)
@given(vectors, st.integers(0, 2**32 - 1))
def test_linear_maps_keep_the_number_up_to_orientation(entries: list[float], seed: int) -> None:
    matrix = np.eye(3) + 0.3 * np.reshape(entries, (3, 3))
    if abs(np.linalg.det(matrix)) < 1e-3:
        return
    noise = 0.05 * np.random.default_rng(seed).standard_normal((2, 60, 3))
    a, b = circle(60, (0, 0, 0)), circle(60, (1, 0, 0), upright=True)
    a[:-1], b[:-1] = a[:-1] + noise[0], b[:-1] + noise[1]
    a[-1], b[-1] = a[0], b[0]
    before, after = linking_number(a, b), linking_number(a @ matrix, b @ matrix)
    assert after.number == np.sign(np.linalg.det(matrix)) * before.number


@pytest.mark.statement("thm-why-link")
@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1.0))
def test_polygons_on_two_sides_of_a_plane_are_not_linked(seed: int, height: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 20, 3))
    a[:, 2], b[:, 2] = np.abs(a[:, 2]) + height, -np.abs(b[:, 2])
    a, b = (np.vstack([each, each[:1]]) for each in (a, b))
    found = linking_number(a, b)
    assert found.number == 0
    assert found.distance >= height


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_distance_is_that_of_dense_samples(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (np.vstack([each, each[:1]]) for each in rng.standard_normal((2, 5, 3)))
    try:
        found = linking_number(a, b)
    except ValueError:
        return
    part = np.linspace(0, 1, 100)[:, None, None]
    dense = [(each[:-1] * (1 - part) + each[1:] * part).reshape(-1, 3) for each in (a, b)]
    sampled = min(np.linalg.norm(dense[1] - point, axis=1).min() for point in dense[0])
    assert found.distance <= sampled + 1e-12
    assert found.distance >= sampled - 0.2  # where steps are less than a tenth long


def test_polygons_that_meet_are_refused() -> None:
    with pytest.raises(ValueError, match="disjoint"):
        linking_number(circle(40, (0, 0, 0)), circle(40, (2, 0, 0), upright=True))


@pytest.mark.parametrize(
    ("polygon", "message"),
    [
        (np.zeros((5, 2)), r"vertices \(n \+ 1, 3\)"),
        (circle(8, (0, 0, 0))[:-1], "end where it begins"),
        (np.full((5, 3), np.nan), "finite"),
    ],
)
def test_bad_polygons_are_named(polygon: Floats, message: str) -> None:
    with pytest.raises(ValueError, match=f"second must.*{message}|second must be {message}"):
        linking_number(circle(8, (0, 0, 0)), polygon)


def test_refinement_reaches_its_gap() -> None:
    def image(angle: Floats) -> Floats:
        return np.stack([np.cos(angle), np.sin(angle), np.exp(-100 * (angle - 3) ** 2)], axis=1)

    found = refined_curve(image, 0.02, start=10)
    assert found.gaps.max() <= 0.02
    assert (np.diff(found.parameters) > 0).all()
    np.testing.assert_allclose(found.points, image(found.parameters), atol=1e-12)


def test_refinement_gives_up_and_refuses_curves_that_are_open() -> None:
    def circle_of(angle: Floats) -> Floats:
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)

    assert refined_curve(circle_of, 1e-3, start=10, most=100).gaps.max() > 1e-3
    with pytest.raises(ValueError, match="closed"):
        refined_curve(lambda s: s[:, None], 0.1)
    with pytest.raises(ValueError, match="gap must be positive"):
        refined_curve(circle_of, 0.0)
    with pytest.raises(ValueError, match="finite"):
        refined_curve(lambda s: np.full((len(s), 2), np.nan), 0.1)
