"""There is a plane between two sets or a point of both hulls, never both, and it is exact."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anode.arrays import Floats, Integers
from anode_lab.theory.topology import rationals, simplex
from anode_lab.theory.topology.separability import (
    CommonPoint,
    Hyperplane,
    enclosing_triangle,
    is_robust,
    separate,
)


def circle(n: int, radius: float = 1.0) -> Floats:
    angles = np.arange(n) * (2 * np.pi / n)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


@st.composite
def two_sets(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Few points on a coarse grid, so that they coincide, align and touch often; or anywhere."""
    dim = draw(st.integers(1, 4))
    grid = st.integers(-2, 2).map(float)
    anywhere = st.floats(-1e6, 1e6)
    number = draw(st.sampled_from([grid, anywhere]))
    shapes = [(draw(st.integers(1, 8)), dim) for _ in range(2)]
    first, second = (draw(arrays(np.float64, shape, elements=number)) for shape in shapes)
    return first, second


def tampered(found: Hyperplane | CommonPoint) -> list[Hyperplane | CommonPoint]:
    """The certificate with a number changed, in each way that matters."""
    if isinstance(found, Hyperplane):
        length = Fraction(float(np.linalg.norm(found.w)))
        far = 3 * Fraction(found.margin) * length + Fraction(1, 10**300)
        turned = tuple(-each for each in found.normal)
        return [
            replace(found, offset=found.offset + far),
            replace(found, offset=found.offset - far),
            replace(found, margin=1.001 * found.margin + 1e-300),
            replace(found, margin=-1.0),
            replace(found, normal=turned),
            replace(found, normal=(Fraction(0),) * len(turned)),
            replace(found, normal=(*turned, Fraction(1))),
        ]
    least = Fraction(1, 10**30)
    first, *others = found.weights_a
    return [
        replace(found, weights_a=(first + least, *others)),
        replace(found, weights_b=tuple(-w for w in found.weights_b)),
        replace(found, depth=1.001 * found.depth + 1e-300),
        replace(found, depth=-1.0),
        replace(found, indices_a=(10**6, *found.indices_a[1:])),
        replace(found, indices_a=(-1, *found.indices_a[1:])),
        replace(found, weights_a=(first / 2, first / 2, *others)),
        replace(found, indices_a=(), weights_a=()),
    ]


@pytest.mark.statement("thm-annulus-farkas")
@settings(max_examples=150)
@given(sets=two_sets())
def test_what_is_found_is_verified_and_small(sets: tuple[Floats, Floats]) -> None:
    a, b = sets
    found = separate(a, b)
    assert found.verify(a, b)
    assert not any(each.verify(a, b) for each in tampered(found))
    if isinstance(found, CommonPoint):
        assert len(found.indices_a) + len(found.indices_b) <= a.shape[1] + 2


@pytest.mark.statement("thm-annulus-farkas")
@settings(max_examples=100)
@given(sets=two_sets(), seed=st.integers(0, 1000))
def test_never_both(sets: tuple[Floats, Floats], seed: int) -> None:
    """Farkas: the other certificate would have to be of the same kind, whoever finds it.

    The sets in another order, and with copies of their points, give the same kind.
    """
    a, b = sets
    rng = np.random.default_rng(seed)
    found = separate(a, b)
    other = separate(b[rng.integers(0, len(b), 3 * len(b))], np.vstack([a, a])[::-1])
    if isinstance(found, CommonPoint):
        full = separate(np.vstack([b, b]), rng.permutation(a))
        assert isinstance(full, CommonPoint)
    else:  # part of b is as far away
        assert isinstance(other, Hyperplane)


@settings(max_examples=50)
@given(sets=two_sets(), power=st.sampled_from([-900, -300, 0, 300, 900]))
def test_scale_does_not_matter(sets: tuple[Floats, Floats], power: int) -> None:
    a, b = (np.round(each) for each in sets)  # a power of 2 times these is exact
    found, scaled = separate(a, b), separate(np.ldexp(a, power), np.ldexp(b, power))
    assert type(found) is type(scaled)
    assert scaled.verify(np.ldexp(a, power), np.ldexp(b, power))


@pytest.mark.parametrize("dim", [1, 2, 3, 7])
def test_one_unit_in_the_last_place_decides(dim: int) -> None:
    rng = np.random.default_rng(dim)
    a = rng.normal(size=(200, dim))
    tip = 6 * np.eye(dim)[:1]
    b = rng.normal(size=(200, dim)) + 12 * np.eye(dim)[0]
    touching = separate(np.vstack([a, tip]), np.vstack([b, tip]))
    assert isinstance(touching, CommonPoint)
    assert touching.depth == 0
    assert touching.point(np.vstack([a, tip])) == tuple(Fraction(x) for x in tip[0])
    apart = separate(np.vstack([a, tip]), np.vstack([b, np.nextafter(tip, 7 * tip)]))
    assert isinstance(apart, Hyperplane)
    assert 0 < apart.margin < 1e-15


def test_rotated_faces_that_touch_only_in_real_numbers_are_decided() -> None:
    """Rounding has moved the points of two faces of lattices to one side or the other."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    a = rng.integers(0, 5, size=(300, 3)) * 0.1
    b = rng.integers(0, 5, size=(300, 3)) * 0.1 + [0.4, 0, 0]
    found = separate(a @ turn, b @ turn)
    assert found.verify(a @ turn, b @ turn)
    assert (found.depth if isinstance(found, CommonPoint) else found.margin) < 1e-15


def test_collinear_points_in_the_plane() -> None:
    line = np.stack([np.arange(5.0), 2 * np.arange(5.0)], axis=1)
    crossing = separate(line, line + np.array([0.5, 1.0]))
    assert isinstance(crossing, CommonPoint)
    beside = separate(line, line + np.array([0.5, 0.0]))
    assert isinstance(beside, Hyperplane)
    # Parallel lines, at half their distance.
    assert beside.margin == pytest.approx(0.5 / np.sqrt(5), rel=1e-3)


def test_margin_is_nearly_the_widest() -> None:
    rng = np.random.default_rng(0)
    normal = np.array([0.6, 0.0, 0.8])
    points = rng.normal(size=(400, 3))
    height = points @ normal
    points = points[np.abs(height) > 0.2]
    height = points @ normal
    found = separate(points[height < 0], points[height > 0])
    assert isinstance(found, Hyperplane)
    least = np.abs(height).min()
    assert found.margin >= 0.99 * least
    assert found.w @ normal / np.linalg.norm(found.w) == pytest.approx(1, abs=0.05)


def test_depth_of_a_triangle_is_the_distance_to_its_sides() -> None:
    a = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    inside = separate(a, [[1.0, 1.0]])  # the centre of its inscribed circle
    assert isinstance(inside, CommonPoint)
    assert inside.depth == pytest.approx(1)
    assert inside.depth <= 1
    assert enclosing_triangle([1.0, 1.0], a) == inside


@pytest.mark.statement("prop-annulus-room")
@settings(max_examples=100)
@given(
    seed=st.integers(0, 10_000),
    dim=st.integers(1, 3),
    shift=st.floats(0, 3),
    share=st.floats(0, 0.999),
)
def test_robust_certificates_survive(seed: int, dim: int, shift: float, share: float) -> None:
    """Points that are moved by as much as is allowed keep the verdict."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(6, dim)), rng.normal(size=(6, dim)) + shift
    found = separate(a, b)
    limit = found.margin if isinstance(found, Hyperplane) else found.depth / 2
    radius = share * limit
    assert is_robust(found, radius)
    assert not is_robust(found, 1.001 * limit + 1e-300)
    toward = b.mean(0) - a.mean(0)
    for push in (rng.normal(size=dim), toward, -toward):
        push = radius * push / max(np.linalg.norm(push), 1e-9)
        assert type(separate(a + push, b - push)) is type(found)


def test_radii_of_the_two_sets_may_differ() -> None:
    found = separate([[0.0], [1.0]], [[3.0]])  # margin 1
    assert is_robust(found, 1.9, 0.0)
    assert is_robust(found, 0.0, 1.9)
    assert not is_robust(found, 1.9)
    assert not is_robust(found, float("inf"))


def test_a_circle_s_triangle_is_deep() -> None:
    curve = circle(1000, radius=2.0)
    found = enclosing_triangle([0.1, 0.0], curve)
    assert isinstance(found, CommonPoint)
    assert found.verify(curve, [[0.1, 0.0]])
    assert len(found.indices_a) == 3
    assert found.depth > 0.9  # 1 for an equilateral triangle around the middle


def test_a_point_outside_has_a_plane_and_one_near_a_side_a_triangle() -> None:
    curve = circle(100)
    outside = enclosing_triangle([1.001, 0.0], curve)
    assert isinstance(outside, Hyperplane)
    near = enclosing_triangle([0.9995, 0.0], curve)
    assert isinstance(near, CommonPoint)
    assert near.verify(curve, [[0.9995, 0.0]])
    assert isinstance(enclosing_triangle([0.0, 0.0], [[0.0, 1.0], [0.0, 2.0]]), Hyperplane)
    on_a_side = enclosing_triangle([0.0, 1.5], [[0.0, 1.0], [0.0, 2.0]])
    assert isinstance(on_a_side, CommonPoint)
    assert on_a_side.depth == 0


def test_the_float_filter_gives_the_exact_maximum() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(2000, 3)) * 10.0 ** rng.integers(-3, 4, size=(2000, 3))
    points[:1000, 0] = -(points[:1000, 1] + points[:1000, 2])  # cancels but for rounding
    normal = (Fraction(1, 3), Fraction(1, 3), Fraction(1, 3))
    for some in (points, points[:1000]):
        exact = max(sum(Fraction(float(x)) for x in point) / 3 for point in some)
        assert rationals.largest(some, normal) == exact


@settings(max_examples=100)
@given(
    matrix=arrays(
        np.int64, st.tuples(st.integers(1, 4), st.integers(1, 7)), elements=st.integers(-3, 3)
    ),
    data=st.data(),
)
def test_the_rational_program_solves_or_proves(matrix: Integers, data: st.DataObject) -> None:
    rows, count = matrix.shape
    right = data.draw(st.lists(st.integers(0, 3).map(Fraction), min_size=rows, max_size=rows))
    columns = [tuple(Fraction(int(x)) for x in column) for column in matrix.T]
    found = simplex.solve(columns, tuple(right))
    if isinstance(found, simplex.Feasible):
        assert all(0 <= j < count and x > 0 for j, x in found.solution.items())
        assert len(found.solution) <= rows
        for i in range(rows):
            assert sum(x * columns[j][i] for j, x in found.solution.items()) == right[i]
    else:
        y = found.multipliers
        assert all(sum(p * q for p, q in zip(y, column, strict=True)) <= 0 for column in columns)
        assert sum(p * q for p, q in zip(y, right, strict=True)) > 0


@given(matrix=arrays(np.int64, (3, 3), elements=st.integers(-3, 3)))
def test_the_rational_inverse(matrix: Integers) -> None:
    rows = [tuple(Fraction(int(x)) for x in row) for row in matrix]
    found = simplex.inverse(rows)
    assert (found is None) == (round(np.linalg.det(matrix)) == 0)
    assume(found is not None)
    product = np.array(rows, dtype=object) @ np.array(found, dtype=object)
    assert (product == np.eye(3, dtype=int)).all()


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match=r"a must be points \(n, dim\)"):
        separate(np.zeros(3), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"b must be finite, got nan at \(1, 0\)"):
        separate(np.zeros((2, 1)), [[0.0], [np.nan]])
    with pytest.raises(ValueError, match=r"one dimension, got \(2, 1\), \(2, 2\)"):
        separate(np.zeros((2, 1)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"boundary \(n, 2\)"):
        enclosing_triangle([0.0, 0.0, 0.0], np.zeros((4, 3)))
    with pytest.raises(ValueError, match="radii must be 0 or more"):
        is_robust(separate([[0.0]], [[1.0]]), -1.0)
