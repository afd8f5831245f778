"""Statements on prices, solvers, images and sweeps, as in ``test_statements.py``."""
# ruff: noqa: N803, N806 - letters are those of the statements

from itertools import product
from math import ceil, cos, log, pi, sin, sqrt, tan

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.linalg import expm

from anode import Method
from anode.arrays import Floats
from anode_lab.theory.channel import empty_sector, widest_channel
from tests.helpers.drawn import (
    DIMS,
    ROUNDING,
    SEEDS,
    ball,
    clamped_walk,
    closed,
    few,
    many,
)

# Prices


def by_hand(x: Floats, alpha: float) -> Floats:
    """The output of the squeeze by hand, from its exact flow."""
    z = x[:, 0] + 1j * x[:, 1]
    half = np.tan(np.angle(z) / 2) * 3 / tan(alpha / 2)
    return -(abs(z) * np.cos(2 * np.arctan(half)) + 0.65) / 0.15


@pytest.mark.statement(
    "prop-struggle-price", "thm-price-loop", "cor-price-field", "prop-price-hand"
)
@many
@given(SEEDS, closed(1e-4, pi / 2 - 1e-3), st.integers(3, 40))
def test_thm_price_loop(seed: int, alpha: float, n: int) -> None:
    """The squeeze by hand (prop-price-hand, cor-price-field) pays what a loop of samples asks for.

    Its half angle goes up to a right angle, and samples lie on the edges of its sector.
    """
    rng = np.random.default_rng(seed)
    angles = np.concatenate([[alpha, -alpha], rng.uniform(alpha, 2 * pi - alpha, n)])
    radius = rng.choice([1.0, 1.5], n + 2)
    x = radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert by_hand(x, alpha).min() >= 1 - 1e-6
    centre = np.array([[1e-12, 0.0]])
    assert by_hand(np.concatenate([centre, ball(rng, 50, 2, 1e-9, 0.5)]), alpha).max() <= -1 + 1e-6
    constant, w = 20 / tan(alpha / 2), 20 / 3
    assume(empty_sector(x).half_angle < pi / 2)
    narrow = min(widest_channel(x).half_width, np.linalg.norm(x, axis=1).min())
    needed = (by_hand(x, alpha).min() - by_hand(centre, alpha)[0]) / narrow
    assert constant >= needed * (1 - 1e-6)
    assert log(3 / tan(alpha / 2)) >= log(needed / w) - 1e-6


@pytest.mark.statement("thm-price-loop")
@few
@given(SEEDS, st.integers(5, 20), st.floats(0.05, 1))
@example(0, 3, 1.0)
def test_a_channel_is_as_wide_as_it_says(seed: int, n: int, least: float) -> None:
    """On a grid: a little less than half an edge leaves a channel, unless the origin is covered."""
    rng = np.random.default_rng(seed)
    x = ball(rng, n, 2, least, 1.5)
    if n == 3:  # a loop of long edges, and a sample near the origin
        x = np.array([[1, 0], [1.5 * cos(2.2), 1.5 * sin(2.2)], [1.5 * cos(2.2), -1.5 * sin(2.2)]])
    assume(empty_sector(x).half_angle < 1.5)
    half, nearest = widest_channel(x).half_width, np.linalg.norm(x, axis=1).min()
    axis = np.linspace(-4, 4, 401)
    grid = np.stack(np.meshgrid(axis, axis), axis=2)
    far = np.min([np.linalg.norm(grid - each, axis=2) for each in x], axis=0)

    def leads_out(distance: float) -> bool:
        pieces, _ = ndimage.label(far > distance)
        return bool(pieces[200, 200] > 0 and pieces[200, 200] == pieces[0, 0])

    assert leads_out(min(half, nearest) - 0.03) or min(half, nearest) < 0.06
    assert not leads_out(half + 0.03)
    assert not leads_out(nearest)


@pytest.mark.statement("prop-price-gaps")
@many
@given(SEEDS, closed(0.05, 1), st.floats(1, 4))
def test_prop_price_gaps(seed: int, eta: float, r3: float) -> None:
    """One sample anywhere in each cell, on its corners often, and a strip as wide as is allowed."""
    assume(eta <= r3 - 1)
    n = ceil(2 * pi / eta)
    assert n <= 7.3 / eta
    assert 2 * pi / n * (eta + eta**2 / 2) >= eta**2
    rng = np.random.default_rng(seed)
    angle = 2 * pi / n * (np.arange(n) + rng.choice([0, 1 - 1e-9, 0.5], n))
    radius = 1 + eta * rng.choice([0, 1, 0.5], n)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assume(empty_sector(x).half_angle < pi / 2)
    assert widest_channel(x).half_width <= 2.5 * eta


@pytest.mark.statement("prop-price-gaps")
def test_what_prop_price_gaps_needs() -> None:
    """With a strip wider than 1, as r3 > 2 would allow, neighbours may be further than 5 eta."""
    eta = 1.5
    assert eta + 2 * eta * (1 + eta) > 5 * eta


@pytest.mark.statement("prop-price-kink")
@many
@given(st.integers(0, 40), st.floats(0.05, 1))
def test_prop_price_kink(place: int, step: float) -> None:
    """Simpson's rule across a corner."""
    theta = 0.5 + place / 80

    def corner(t):
        return max(t - theta * step, 0.0)

    rule = step / 6 * (corner(0) + 4 * corner(step / 2) + corner(step))
    error = (step - theta * step) ** 2 / 2 - rule
    assert error == pytest.approx((1 - theta) * (2 - 3 * theta) * step**2 / 6, abs=1e-12)


DOPRI5 = Method.DOPRI5
ROWS = [(), *DOPRI5.stages]
NODES = [0.0, *DOPRI5.nodes]
EPS_T = sum(abs(weight) * c for weight, c in zip(DOPRI5.error, NODES, strict=True))
EPS_H = sum(
    abs(weight) * sum(map(abs, row)) for weight, row in zip(DOPRI5.error, ROWS, strict=True)
)
LONGEST = max(sum(map(abs, row)) for row in ROWS)


def dopri5_step(field, h: float, step: float) -> tuple[float, list[float]]:
    """The error estimate of a step from time 0, and its slopes."""
    slopes: list[float] = []
    for c, row in zip(NODES, ROWS, strict=True):
        slopes.append(
            field(c * step, h + step * sum(a * k for a, k in zip(row, slopes, strict=True)))
        )
    return step * sum(w * k for w, k in zip(DOPRI5.error, slopes, strict=True)), slopes


@pytest.mark.statement("lem-diag-estimate", "prop-diag-underflow")
@many
@given(
    closed(0, 30), closed(0, 30), closed(0, 1), closed(-1, 1), st.floats(1e-6, 1), st.floats(-9, -2)
)
@example(0.0, 30.0, 0.4, 0.0, 1.0, -3.0)  # M alone
@example(30.0, 0.0, 0.4, 0.0, 1.0, -3.0)  # C alone
def test_prop_diag_underflow(
    C: float, M: float, corner: float, bend: float, step: float, power: float
) -> None:
    """A corner in time and one in the state; lem-diag-estimate bounds the estimate of each step."""
    tau = 10.0**power

    def field(t, h):
        return M * abs(t - corner * step) + C * abs(h - bend)

    estimate, slopes = dopri5_step(field, 0.2, step)
    K = max(map(abs, slopes))
    assert abs(estimate) <= step**2 * (EPS_T * M + EPS_H * C * K) * (1 + ROUNDING) + 1e-12
    F = abs(slopes[0])
    bound = EPS_T * M + 2 * EPS_H * C * (F + M)
    small = min(1 / (2 * C * LONGEST) if C else 1.0, 1.0, sqrt(tau / bound) if bound else 1.0)

    def field(t, h):
        return M * abs(t - corner * small) + C * abs(h - bend)

    F_small = abs(field(0.0, 0.2))
    if F_small <= F:
        assert abs(dopri5_step(field, 0.2, small)[0]) <= tau * (1 + 1e-6), "it is accepted"


@pytest.mark.statement("prop-price-linear")
@many
@given(st.floats(0, 8), st.floats(1e-12, 1e-2))
def test_prop_price_linear(z: float, tau: float) -> None:
    """A step beyond the largest root is rejected."""
    R = sum(z**k / f for k, f in enumerate((1, 1, 2, 6, 24, 120, 600)))
    E = z**5 * (97 / 180000 - 13 / 60000 * z + z**2 / 36000)
    estimate, _ = dopri5_step(lambda t, h: h, 1.0, z)
    assert abs(estimate) == pytest.approx(abs(E), rel=1e-6, abs=1e-13)
    coefficients = np.array([1 / 36000, -tau / 600, 0, 0, 0, 0, 0, 0])
    coefficients += [
        0,
        -13 / 60000,
        97 / 180000 - tau / 120,
        -tau / 24,
        -tau / 6,
        -tau / 2,
        -tau,
        -tau,
    ]
    found = np.roots(coefficients)
    largest = found[abs(found.imag) < 1e-9].real.max()
    assert z <= largest or abs(E) > tau * R * (1 - 1e-6)


@pytest.mark.statement("prop-price-shear")
@many
@given(closed(0, 1e6), st.floats(0.01, 10))
def test_prop_price_shear(K: float, step: float) -> None:
    s = np.linalg.svd(np.array([[1, 0], [K, 1]]))[1][0]
    assert s == pytest.approx((K + sqrt(K**2 + 4)) / 2)
    estimate, _ = dopri5_step(lambda t, h: K, 0.0, step)
    assert abs(estimate) <= 1e-14 * K * step


@pytest.mark.statement("thm-resnets-euler")
@many
@given(closed(0.05, 3), closed(0, 3), st.integers(1, 60))
def test_thm_resnets_euler(C: float, K: float, n: int) -> None:
    """h' = C h + K t on [0, 1] from 1, whose solution is known."""
    t = np.arange(n + 1) / n
    exact = (1 + K / C**2) * np.exp(C * t) - K / C**2 - K * t / C
    M = C * exact[-1] + K
    h = [1.0]
    for k in range(n):
        h.append(h[-1] + (C * h[-1] + K * k / n) / n)
    bound = (K + C * M) / (2 * n) * (np.exp(C * t) - 1) / C
    assert (abs(np.array(h) - exact) <= bound * (1 + 1e-9) + 1e-9 * exact).all()


# Images, stability, other ways out, scale


@pytest.mark.statement("prop-stab-decay")
@few
@given(SEEDS, st.integers(1, 3), st.sampled_from([(3, 3), (3, 5), (1, 1)]))
def test_prop_stab_decay(seed: int, channels: int, size: tuple[int, int]) -> None:
    """Kernels of all signs, and one of ones, which comes nearest to the bound."""
    rng = torch.Generator().manual_seed(seed)
    shape = [(4, channels, 1, 1), (4, 4, 3, 3), (channels, 4, 1, 1)]
    kernels = [torch.randn(each, generator=rng).double() for each in shape]
    if seed % 3 == 0:
        kernels[1] = torch.ones(shape[1]).double()

    def field(h: torch.Tensor) -> torch.Tensor:
        for k, kernel in enumerate(kernels):
            h = torch.nn.functional.conv2d(
                h if k == 0 else h.relu(), kernel, padding=kernel.shape[2] // 2
            )
        return h

    x, y = torch.randn(2, 6, channels, *size, generator=rng).double()
    ratio = (field(x) - field(y)).flatten(1).norm(dim=1) / (x - y).flatten(1).norm(dim=1)
    norms = [float(kernel.norm()) for kernel in kernels]
    product_of = 3 * float(np.prod(norms))
    assert float(ratio.max()) <= product_of * (1 + ROUNDING)
    assert product_of <= 3 * (sum(n**2 for n in norms) / 3) ** 1.5 * (1 + ROUNDING)


@pytest.mark.statement("prop-stab-dilution")
@many
@given(SEEDS, st.integers(1, 4), st.integers(0, 100))
def test_prop_stab_dilution(seed: int, c: int, p: int) -> None:
    rng = np.random.default_rng(seed)
    error = np.concatenate([rng.normal(size=(c, 6)), np.zeros((p, 6))])
    own, all_of = (sqrt((each**2).mean()) for each in (error[:c], error))
    assert own == pytest.approx(all_of * sqrt((c + p) / c)), "as large as it can be"


@pytest.mark.statement("prop-stab-floor")
@many
@given(SEEDS)
def test_prop_stab_floor(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, u = rng.normal(size=7), 1e-7
    errors = u * np.sign(weights)
    assert weights @ errors == pytest.approx(u * abs(weights).sum())
    assert abs(weights @ (u * rng.uniform(-1, 1, 7))) <= u * abs(weights).sum()


@pytest.mark.statement("prop-img-time")
@many
@given(SEEDS, st.integers(3, 6), st.integers(3, 6), st.booleans())
def test_prop_img_time(seed: int, height: int, width: int, only_centre: bool) -> None:
    """The smallest images included."""
    kernel = np.random.default_rng(seed).integers(-1, 2, (3, 3)).astype(float)
    if only_centre:
        kernel[[0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2]] = 0
    added = ndimage.correlate(np.ones((height, width)), kernel, mode="constant")
    others = kernel.copy()
    others[1, 1] = 0
    assert (np.ptp(added) == 0) == (not others.any())


@pytest.mark.statement("prop-beyond-linear")
@few
@given(SEEDS, st.integers(1, 3), st.integers(1, 2))
def test_prop_beyond_linear(seed: int, d: int, p: int) -> None:
    """The layer's columns completed to a basis: the same outputs from zeros, for linear fields."""
    rng = np.random.default_rng(seed)
    w, b, a = rng.normal(size=(d + p, d)), rng.normal(size=d + p), rng.normal(size=(d + p, d + p))
    s = np.column_stack([w, np.linalg.svd(w)[0][:, d:]])
    assume(np.linalg.cond(s) < 1e4)
    x = rng.normal(size=d)
    flow = expm(a)
    zeros = np.concatenate([x, np.zeros(p)])
    inner = np.linalg.solve(s, a @ s)
    offset = np.linalg.solve(s, a @ b)
    lifted = expm(np.block([[inner, offset[:, None]], [np.zeros((1, d + p + 1))]]))
    z = (lifted @ np.append(zeros, 1))[:-1]
    assert s @ z + b == pytest.approx(flow @ (w @ x + b), rel=1e-5, abs=1e-5)


@pytest.mark.statement("prop-beyond-control")
@few
@given(SEEDS, DIMS)
def test_prop_beyond_control(seed: int, dim: int) -> None:
    """h' = A h + B x, as an ANODE in (h, x - h)."""
    a, b = np.random.default_rng(seed).normal(size=(2, dim, dim))
    zero = np.zeros((dim, dim))
    controlled = expm(np.block([[a, b], [zero, zero]])) @ np.concatenate([np.eye(dim)] * 2)
    augmented = expm(np.block([[a + b, b], [-a - b, -b]])) @ np.concatenate([np.eye(dim), zero])
    assert augmented[:dim] == pytest.approx(controlled[:dim], rel=1e-6, abs=1e-6)


@pytest.mark.statement("prop-beyond-linear")
def test_what_prop_beyond_linear_needs() -> None:
    """A layer of rank one leaves a zero, and then |x_1| is an output: it augments."""
    x = np.random.default_rng(0).normal(size=(50, 2))
    start = x @ np.diag([1.0, 0.0])
    end = start + np.stack([0 * x[:, 0], abs(start[:, 0])], axis=1)  # h' = 0, a' = |h|
    assert end[:, 1] == pytest.approx(abs(x[:, 0]))


@pytest.mark.statement("prop-beyond-second")
@many
@given(SEEDS, DIMS, st.floats(0.05, 2), st.floats(0.05, 1), closed(0.01, 0.99), st.floats(0.1, 5))
def test_prop_beyond_second(
    seed: int, dim: int, r1: float, gap: float, share: float, T: float
) -> None:
    """With a delta near half of the gap; no point leaves the place where the push is constant."""
    r2 = r1 + gap
    delta = share * gap / 2

    def psi(x):
        return np.clip(2 * (np.linalg.norm(x, axis=1) - r1 - delta) / (gap - 2 * delta) - 1, -1, 1)

    rng = np.random.default_rng(seed)
    x = np.concatenate([ball(rng, 40, dim, 1e-9, r1), ball(rng, 40, dim, r2, 2 * r2)])
    target = np.sign(np.linalg.norm(x, axis=1) - (r1 + r2) / 2)
    c = 2 * delta / T**2
    for t in np.linspace(0, T, 5):
        moved = x + np.outer(c * target * t**2 / 2, np.eye(dim)[0])
        assert psi(moved) == pytest.approx(target, abs=1e-6)


@pytest.mark.statement("prop-beyond-noise")
@many
@given(SEEDS, closed(0.01, 0.99))
def test_prop_beyond_noise(seed: int, share: float) -> None:
    """(3): two monotone outputs whose mean is a function that is not monotone."""
    x = np.linspace(-3, 3, 601)
    F = np.interp(x, np.linspace(-3, 3, 61), 0.1 * clamped_walk(np.random.default_rng(seed), 61))
    K = 1 / share
    one, two = K * x + F, -K * x + F
    assert (np.diff(one) > 0).all()
    assert (np.diff(two) < 0).all()
    assert (one + two) / 2 == pytest.approx(F, abs=1e-9)


@pytest.mark.statement("prop-scale-time")
@many
@given(SEEDS, st.integers(1, 8), st.integers(1, 40))
def test_prop_scale_time(seed: int, workers: int, trainings: int) -> None:
    """A leader who hands out, and whoever is free takes the next."""
    rng = np.random.default_rng(seed)
    s, o = float(rng.choice([0.01, 1.0, 5.0])), float(rng.choice([0.0, 0.01, 1.0]))
    free, leader = np.zeros(workers), 0.0
    for _ in range(trainings):
        k = int(free.argmin())
        leader = max(leader, free[k]) + o
        free[k] = leader + s
    end = free.max()
    assert end >= max(trainings * s / workers, trainings * o) - ROUNDING
    assert end <= trainings * s / workers + trainings * o + s + ROUNDING


@pytest.mark.statement("prop-cv")
@many
@given(SEEDS, st.integers(1, 6))
def test_prop_cv(seed: int, settings_tried: int) -> None:
    """(2) and (3), over all outcomes of fair coins; also for one setting only."""
    risk = np.random.default_rng(seed).uniform(0, 1, settings_tried)
    outcomes = np.array(list(product([-0.3, 0.3], repeat=settings_tried))) + risk
    assert outcomes.min(1).mean() <= risk.min() + ROUNDING
    winners = risk[outcomes.argmin(1)]
    assert winners.max() <= risk.min() + 2 * 0.3 + ROUNDING
