"""The book's statements, tried at the edges of their hypotheses; and the table that says so.

A test of the statement with the label ``prop-x`` is called ``test_prop_x``. Where the proof gives a
construction, the test builds it and draws what the hypotheses leave free, up to where they end.
"""
# ruff: noqa: N802 - letters are those of the statements

import ast
import re
from math import acos, ceil, cos, exp, log, pi, sqrt

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from anode.arrays import Floats
from publishing.chapters import read_pages
from publishing.project import HOME, Project
from publishing.statements import marks, statements, table
from tests.helpers.drawn import (
    DIMS,
    ROUNDING,
    SEEDS,
    ball,
    cell,
    closed,
    few,
    homeomorphism,
    many,
)

# Order, distances, homeomorphisms


@pytest.mark.statement("prop-cross-exchange")
@many
@given(closed(1e-9, 50), closed(-50, 50))
def test_prop_cross_exchange(delta: float, m: float) -> None:
    low, high = m - delta, m + delta
    assert max(abs(low - 1), abs(high + 1)) == pytest.approx(1 + delta + abs(m))
    assert ((low - 1) ** 2 + (high + 1) ** 2) / 2 == pytest.approx((1 + delta) ** 2 + m**2)


@pytest.mark.statement("prop-cross-block")
@many
@given(SEEDS, DIMS, closed(0, 0.999))
def test_prop_cross_block(seed: int, dim: int, c: float) -> None:
    """x + F(x) with the constant c of F, just below 1; its inverse by the proof's contraction."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(dim, dim))
    w *= c / np.linalg.norm(w, 2)
    x, y = rng.normal(size=(2, 20, dim))
    moved = [each - abs(each @ w) for each in (x, y)]
    ratio = np.linalg.norm(moved[0] - moved[1], axis=1) / np.linalg.norm(x - y, axis=1)
    assert (1 - c - ROUNDING <= ratio).all()
    assert (ratio <= 1 + c + ROUNDING).all()


@pytest.mark.statement("prop-cross-euler")
@many
@given(closed(0.01, 5), st.integers(1, 200))
def test_prop_cross_euler(constant: float, more: int) -> None:
    """Few steps, no more than the hypothesis asks for."""
    n = int(constant) + more  # > C T
    x = np.linspace(-2, 2, 101)
    for _ in range(n):
        x = x - constant / n * abs(x - 0.3)  # slopes of both signs, as steep as C allows
    factor = np.diff(x) / 0.04
    assert (factor >= (1 - constant / n) ** n - ROUNDING).all()
    assert (factor <= (1 + constant / n) ** n + ROUNDING).all()


@pytest.mark.statement("prop-cross-turn")
@many
@given(SEEDS, st.integers(1, 6), st.floats(0.01, 3))
def test_prop_cross_turn(seed: int, blocks: int, size: float) -> None:
    """Whenever the ends have changed sides, some block has a slope below -1."""
    rng = np.random.default_rng(seed)
    u, v, steepest = -1.0, 1.0, np.inf
    for _ in range(blocks):
        a, b = size * rng.normal(size=2)
        fu, fv = a * abs(u - b), a * abs(v - b)
        assume(u != v)
        steepest = min(steepest, (fu - fv) / (u - v))
        u, v = u + fu, v + fv
    assert steepest < -1 or u < v or u == v


@pytest.mark.statement("prop-price-onesided")
@few
@given(SEEDS, DIMS, closed(0.01, 3), st.booleans())
def test_prop_price_onesided(seed: int, dim: int, t: float, singular: bool) -> None:
    """Linear fields, also of rank one, which have a logarithmic norm all the same."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(dim, dim))
    if singular:
        a = np.outer(a[0], a[-1])
    nu, *_, mu = np.linalg.eigvalsh((a + a.T) / 2)[[0, -1]]
    s = np.linalg.svd(expm(t * a))[1]
    assert exp(nu * t) * (1 - 1e-6) <= s[-1]
    assert s[0] <= exp(mu * t) * (1 + 1e-6)
    if dim == 1:
        assert s[0] == pytest.approx(exp(mu * t))


@pytest.mark.statement("lem-homeo-close")
@many
@given(SEEDS, DIMS, closed(0, 3), closed(1e-6, 1))
def test_lem_homeo_close(seed: int, dim: int, constant: float, kappa: float) -> None:
    """Linear fields with a constant push; along a growing direction it is worst."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(dim, dim))
    a *= constant / np.linalg.norm(a, 2)
    push = kappa * ball(rng, 1, dim, 1, 1).T
    for matrix in (a, constant * np.eye(dim)):
        whole = expm(np.block([[matrix, push], [np.zeros((1, dim + 1))]]))
        assert np.linalg.norm(whole[:-1, -1]) <= kappa * exp(constant) * (1 + ROUNDING)


@pytest.mark.statement("prop-homeo-mirror")
@many
@given(SEEDS, st.integers(1, 2), closed(-30, 3), closed(0, 1))
def test_prop_homeo_mirror(seed: int, dim: int, rate: float, shift: float) -> None:
    """Affine flows, down to one that sends nearly everything to a point of the sphere."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * pi, 721)
    x = np.array([[1.0], [-1.0]]) if dim == 1 else np.stack([np.cos(angle), np.sin(angle)], axis=1)
    mirror = np.diag([-1.0, 1.0][:dim])
    flow = expm(rate * np.eye(dim) + rng.normal(size=(dim, dim)))
    moved = x @ flow.T + shift * ball(rng, 1, dim, 1, 1)
    assert np.linalg.norm(moved - x @ mirror, axis=1).max() > 1 - 1e-4


@pytest.mark.statement("rem-gen-steps")
@many
@given(SEEDS, DIMS, closed(0.01, log(2)))
def test_rem_gen_steps(seed: int, dim: int, product_of: float) -> None:
    """Kutta's step for linear fields, as long as the remark allows."""
    a = np.random.default_rng(seed).normal(size=(dim, dim))
    a *= product_of / np.linalg.norm(a, 2)
    step = a + a @ a / 2 + a @ a @ a / 6 + a @ a @ a @ a / 24
    assert np.linalg.norm(step, 2) < exp(product_of) - 1 <= 1 + ROUNDING


@pytest.mark.statement("prop-homeo-which")
@many
@given(SEEDS, DIMS)
def test_prop_homeo_which(seed: int, dim: int) -> None:
    """(1) the straight way keeps the order; (2) a product of exponentials keeps the sign."""
    rng = np.random.default_rng(seed)
    slopes = np.exp(rng.uniform(-6, 6, 9))
    for t in (0.0, 0.5, 1.0):
        assert ((1 - t) + t * slopes > 0).all()
    m = rng.normal(size=(dim, dim))
    assert np.linalg.det(expm(m)) > 0


@pytest.mark.statement("prop-homeo-converse")
@few
@given(SEEDS, closed(-1, 1), closed(-1, 1))
def test_prop_homeo_converse(seed: int, a: float, c: float) -> None:
    """The field of G_t(x) = G(tx) / t, followed from early on, leads to G; G is two shears."""
    start = np.random.default_rng(seed).uniform(-1, 1, 2)

    def g(x: Floats) -> Floats:
        first = x[0] + a * np.sin(2 * x[1])
        return np.array([first, x[1] + c * first**2])

    def field(t: float, y: Floats) -> Floats:
        second = t * y[1] - c * (t * y[0]) ** 2
        x = np.array([t * y[0] - a * np.sin(2 * second), second]) / t  # the inverse of G_t
        first = x[0] + 2 * a * np.cos(2 * second) * x[1]  # DG(tx) x
        return np.array([first - y[0], x[1] + 2 * c * t * y[0] * first - y[1]]) / t

    early = 0.01
    found = solve_ivp(field, (early, 1), g(early * start) / early, rtol=1e-8, atol=1e-8)
    assert np.abs(found.y[:, -1] - g(start)).max() < 1e-5


@pytest.mark.statement("prop-homeo-samples")
@many
@given(SEEDS, st.integers(3, 40), closed(0.05, 0.999))
def test_prop_homeo_samples(seed: int, n: int, share: float) -> None:
    """Pieces of curve as long as the condition allows: they stay in a ball without the point."""
    rng = np.random.default_rng(seed)
    at = 3 * rng.normal(size=2) @ [1, 1j]
    assume(abs(at) > 0.1)
    curve = [at]
    for _ in range(n):
        curve.append(curve[-1] + share * abs(curve[-1]) * np.exp(2j * pi * rng.random()))
    polygon = np.array(curve)
    away = share * abs(polygon[:-1]) * rng.random(n) * np.exp(2j * pi * rng.random(n))
    detour = np.append(np.stack([polygon[:-1], polygon[:-1] + away], axis=1).ravel(), polygon[-1])
    turned = [np.angle(each[1:] / each[:-1]).sum() for each in (polygon, detour)]
    assert turned[0] == pytest.approx(turned[1], abs=1e-6)


# The annulus


@pytest.mark.statement(
    "thm-escape", "prop-struggle-rim", "thm-annulus-minimum", "cor-annulus-uniform"
)
@many
@given(SEEDS, DIMS, st.booleans())
def test_thm_escape(seed: int, dim: int, up: bool) -> None:
    """Down along -w, in every dimension: one point of the rim is below the centre, another above.

    So it is for prop-struggle-rim, cor-struggle-witness and thm-annulus-minimum.
    """
    rng = np.random.default_rng(seed)
    there, back = homeomorphism(rng, dim)
    w = rng.normal(size=dim) * (1 if up else -1)
    x = rng.normal(size=dim)
    s = np.concatenate([[0.0], np.geomspace(1e-6, 1e4, 400)])
    curve = back(there(x[None]) - s[:, None] * w / np.linalg.norm(w))
    output = there(curve) @ w
    assert output == pytest.approx(output[0] - s * np.linalg.norm(w), rel=1e-6, abs=1e-6)
    radius = np.linalg.norm(curve - x, axis=1)
    assert radius[-1] > 10
    assert radius[0] < 1e-9
    assert output[radius > 1].max() < output[0], "each sphere is met below the start"


@pytest.mark.statement("prop-annulus-winding", "thm-annulus-degree")
@many
@given(SEEDS, closed(0, 2))
def test_thm_annulus_degree(seed: int, away: float) -> None:
    """Any closed polygon of the plane: one that winds around a point has no line between them.

    It is the rim's image under some map of the disk, so this is prop-annulus-winding too.
    """
    rng = np.random.default_rng(seed)
    turn = np.exp(2j * pi * rng.random() + 2j * pi * np.arange(401) / 400)
    curve = sum(turn**n * (rng.normal(size=2) @ [1, 1j]) for n in range(-3, 4))
    point = curve.mean() + away * (rng.normal(size=2) @ [1, 1j])
    assume(abs(curve - point).min() > ROUNDING)
    number = round(np.angle((curve - point)[1:] / (curve - point)[:-1]).sum() / (2 * pi))
    assume(number != 0)
    for direction in np.exp(2j * pi * rng.random(20)):
        heights = ((curve - point) * direction.conj()).real
        assert heights.min() < 0 < heights.max()


@pytest.mark.statement("thm-annulus-simplex")
@few
@given(SEEDS, st.integers(1, 3))
def test_thm_annulus_simplex(seed: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    there, back = homeomorphism(rng, dim)
    u = np.linalg.qr(np.column_stack([np.ones(dim + 1), np.eye(dim + 1)[:, 1:]]))[0][:, 1:]
    x = 0.9 * ball(rng, 1, dim, 0, 1)[0]
    centre, corners, lengths = there(x[None])[0], [], []
    for direction in u:  # of a regular simplex
        s = np.linspace(0, 200, 20_001)
        inside = np.linalg.norm(back(centre + s[:, None] * direction), axis=1) <= 1
        low, high = s[inside][-1], s[inside][-1] + 0.01
        for _ in range(50):
            middle = (low + high) / 2
            norm = np.linalg.norm(back(centre[None] + middle * direction))
            low, high = (middle, high) if norm <= 1 else (low, middle)
        corners.append(there(back(centre[None] + low * direction))[0])
        lengths.append(low)
    weights = (1 / np.array(lengths)) / (1 / np.array(lengths)).sum()
    assert (weights > 0).all()
    assert weights @ np.array(corners) == pytest.approx(centre, abs=1e-6)
    w = rng.normal(size=dim)
    assert (np.array(corners) @ w).min() <= centre @ w + 1e-9


@pytest.mark.statement("prop-annulus-mean")
@many
@given(
    SEEDS,
    closed(0.05, 3),
    st.floats(0.05, 2),
    st.floats(0.05, 1),
    closed(0.01, 1),
    closed(0.001, 0.999),
)
@example(0, 2.0, 0.5, 0.5, 1.0, 0.999)  # r1 > 1, and the ball is hardly shrunk
def test_prop_annulus_mean(
    seed: int, r1: float, gap: float, width: float, share: float, beta: float
) -> None:
    """The chapter's three flows, for any radii, the largest rho and a beta near 1."""
    r2, r3 = r1 + gap, r1 + gap + width
    rho = share * min(1, r1)
    assume(2 * r3 + 2 < 9)  # where the chapter's maps end
    three = cell("deeper/the-annulus-argument", "three_flows", r1=r1, r2=r2, r3=r3)["three_flows"]
    rng = np.random.default_rng(seed)
    inside, around = ball(rng, 300, 2, 1e-9, r1), ball(rng, 300, 2, r2, r3)
    assert abs(-three(inside, rho, beta)["press"][:, 0] + 1).max() <= beta + ROUNDING
    error = abs(-three(around, rho, beta)["press"][:, 0] - 1)
    free = abs(around[:, 1]) >= 2 * rho
    assert error.max() <= 4 + r3
    assert not free.any() or error[free].max() <= beta + ROUNDING
    line = np.stack([np.linspace(-r3, r3 + 3, 500), np.full(500, max(r2, 3 * rho))], axis=1)
    assert (np.diff(three(line, rho, beta)["press"][:, 0]) > 0).all(), "the order is kept"


@pytest.mark.statement("prop-floor")
@many
@given(SEEDS, st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))
def test_prop_floor(seed: int, n: int, left: int, right: int) -> None:
    """No monotone function is below the floor; it is reached where one side is given up."""
    rng = np.random.default_rng(seed)
    target = np.concatenate([np.ones(left), -np.ones(n), np.ones(right)])
    s, larger = min(n, left, right), max(n, min(left, right))
    floor = (1.5 * s - s**2 / (2 * larger)) / len(target)

    def loss(values: Floats) -> float:
        u = abs(values - target)
        return float(np.where(u < 1, u**2 / 2, u - 0.5).mean())

    step = np.sort(rng.uniform(-1.5, 1.5, len(target)))
    c = 1 - n / left if n <= left else left / n - 1
    best = np.concatenate([np.full(left + n, c), np.ones(right)])
    assert min(loss(step), loss(step[::-1])) >= floor - ROUNDING
    assert loss(best) >= floor - ROUNDING
    if left <= right:
        assert loss(best) == pytest.approx(floor)


@pytest.mark.statement("prop-line")
@many
@given(SEEDS)
def test_prop_line(seed: int) -> None:
    values = np.sort(np.random.default_rng(seed).normal(size=3))
    for monotone in (values, values[::-1]):
        assert abs(monotone - [1, -1, 1]).max() >= 1


# Augmentation


@pytest.mark.statement("prop-why-sets")
@many
@given(SEEDS, DIMS, st.integers(1, 20), closed(1e-3, 1))
def test_prop_why_sets(seed: int, dim: int, n: int, apart: float) -> None:
    """Finite sets, one of them perhaps a point, and each pair as near as the distance."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, dim))
    b = np.concatenate([a[:1] + apart * np.eye(dim)[:1], 5 + rng.normal(size=(n, dim))])
    delta = np.linalg.norm(a[:, None] - b, axis=2).min()
    assume(delta > 1e-6)

    def F(x: Floats) -> Floats:
        u, v = (np.linalg.norm(x[:, None] - each, axis=2).min(1) for each in (a, b))
        return (u - v) / (u + v)

    assert F(a) == pytest.approx(-1)
    assert F(b) == pytest.approx(1)
    x = np.concatenate([a, b, 3 * rng.normal(size=(40, dim))])
    d = np.linalg.norm(x[:, None] - x, axis=2) + np.eye(len(x))
    assert (abs(F(x)[:, None] - F(x)) / d).max() <= 2 / delta * (1 + 1e-6)


@pytest.mark.statement("prop-why-robust")
@many
@given(closed(0, 5), closed(0, 1), closed(-2, 2), closed(0.1, 3))
def test_prop_why_robust(constant: float, eps: float, x: float, t: float) -> None:
    """A disturbance that pushes the place downhill and the output up: the bound is attained."""
    away = abs(x) + eps * t / 2  # mean over the time of |h|, which runs away from 0
    a = t * (constant * away + eps)
    bound = eps * t + constant * eps * t**2 / 2
    assert abs(a - t * constant * abs(x)) <= bound * (1 + ROUNDING) + ROUNDING
    assert a - t * constant * abs(x) == pytest.approx(bound)


@pytest.mark.statement("prop-why-directions")
@many
@given(closed(0.01, 0.99), closed(0.1, 3), SEEDS)
def test_prop_why_directions(ratio: float, r2: float, seed: int) -> None:
    """The least number of directions that the condition allows."""
    m, r1 = int(pi / acos(ratio)) + 1, ratio * r2
    s = r2 * cos(pi / m) - r1
    assume(s > 1e-9)
    angles = 2 * pi * np.arange(m) / m
    normals = np.stack([np.cos(angles), np.sin(angles)])
    rng = np.random.default_rng(seed)

    def F(x: Floats) -> Floats:
        return -1 + 2 / s * np.minimum(np.maximum(x @ normals - r1, 0).sum(1), s)

    assert F(ball(rng, 200, 2, 1e-9, r1 * (1 - 1e-12))) == pytest.approx(-1, abs=1e-6)
    worst = r2 * np.stack([np.cos(angles + pi / m), np.sin(angles + pi / m)], axis=1)
    assert F(np.concatenate([worst, ball(rng, 200, 2, r2, 9)])) == pytest.approx(1, abs=1e-6)


@pytest.mark.statement("prop-why-coordinates")
@few
@given(SEEDS, DIMS, closed(0.05, 0.98))
def test_prop_why_coordinates(seed: int, dim: int, ratio: float) -> None:
    r1, r2 = ratio, 1.0
    sigma = sqrt(2 * (r2**2 - r1**2) / dim)
    k = ceil(r2 / sigma)
    assert 2 * dim * k <= 2 * dim * ceil(sqrt(dim / (2 - 2 * r1**2 / r2**2)))
    knots = sigma * np.arange(k + 1)

    def Q(x: Floats) -> Floats:
        beyond = (2 * k - 1) * sigma * np.maximum(abs(x) - knots[-1], 0)
        return (np.interp(abs(x), knots, knots**2) + beyond).sum(1)

    rng = np.random.default_rng(seed)
    inside, around = ball(rng, 300, dim, 1e-9, r1), ball(rng, 300, dim, r2, 3 * r2)
    assert Q(inside).max() <= r1**2 + dim * sigma**2 / 4 + ROUNDING
    assert Q(around).min() >= r2**2 - ROUNDING
    assert r1**2 + dim * sigma**2 / 4 < r2**2


@pytest.mark.statement("prop-why-shears")
@many
@given(SEEDS, DIMS)
def test_prop_why_shears(seed: int, dim: int) -> None:
    """Linear maps, mirror images among them; the product of the four keeps the orientation."""
    m = np.random.default_rng(seed).normal(size=(dim, dim))
    assume(abs(np.linalg.det(m)) > 1e-3)
    one, zero = np.eye(dim), np.zeros((dim, dim))
    up, down, right, off = (
        np.block([[one, zero], [m, one]]),
        np.block([[one, -np.linalg.inv(m)], [zero, one]]),
        np.block([[one, one], [zero, one]]),
        np.block([[one, zero], [-one, one]]),
    )
    whole = off @ right @ down @ up
    assert whole[:, :dim] == pytest.approx(np.concatenate([m, zero]), abs=1e-6)
    assert np.linalg.det(whole) == pytest.approx(1, rel=1e-6)


# The table


def test_every_numbered_statement_is_in_the_table_once() -> None:
    pages = read_pages(Project())
    labels = [label for _, _, label in statements(pages)]
    rows = table(pages, HOME / "tests").splitlines()[2:]
    assert [re.findall(r"\{prf:ref\}`([\w-]+)`", row) for row in rows] == [[x] for x in labels]
    assert len(labels) == len(set(labels))


def test_marks_name_statements_that_the_book_has() -> None:
    labels = {label for _, _, label in statements(read_pages(Project()))}
    assert set(marks(HOME / "tests")) <= labels


def test_every_test_here_says_what_it_tries() -> None:
    """A test that lost its statement would go on unnoticed."""
    named = {name for names in marks(HOME / "tests").values() for name in names}
    for path in (HOME / "tests/book").glob("test_statements*.py"):
        for each in ast.parse(path.read_text("utf8")).body:
            if isinstance(each, ast.FunctionDef) and each.name.startswith(
                ("test_prop", "test_thm")
            ):
                assert f"{path.stem}::{each.name}" in named
