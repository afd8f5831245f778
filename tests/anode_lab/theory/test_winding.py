"""Winding numbers: 1 for every flow of the plane, proven where samples are deceived."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anode import Activation, NeuralODE
from anode.arrays import Floats
from anode_lab.theory.enclosure import EnclosureError, cover_circle, enclose
from anode_lab.theory.topology.winding import (
    chain_winding,
    sampled_winding_numbers,
    winding_numbers,
)

ENCLOSED = (Activation.RELU, Activation.SOFTPLUS)


def turning(rate: float, strain: float = 0.0) -> NeuralODE:
    """h' = A h with a rotation by ``rate`` and a strain, where |h| < 8."""
    model = NeuralODE((2,), hidden=2, time_dependent=False).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        matrix = torch.tensor([[strain, -rate], [rate, -strain]], dtype=torch.float64)
        model.field.weight1[:] = model.field.weight2[:] = torch.eye(2)
        model.field.bias1[:] = 8
        model.field.weight3[:] = matrix.T
        model.field.bias3[:] = -8 * matrix.sum(1)
        model.head.weight[:] = 1
    return model


@pytest.mark.parametrize("rate", [0.0, 1.0, -7.0])
def test_a_rotation_winds_once(rate: float) -> None:
    (found,) = winding_numbers(turning(rate))
    assert found.number == 1
    assert 0.99 < found.clearance <= 1
    assert sampled_winding_numbers(turning(rate), 12).tolist() == [1]


def test_a_strained_circle_is_as_near_as_its_ellipse() -> None:
    (found,) = winding_numbers(turning(0.0, strain=1.5))
    assert found.number == 1
    assert 0.5 * np.exp(-1.5) < found.clearance <= np.exp(-1.5)


@pytest.mark.statement("prop-homeo-winding", "prop-annulus-winding")
@settings(max_examples=10)
@given(
    seed=st.integers(0, 10_000),
    activation=st.sampled_from(ENCLOSED),
    radius=st.floats(0.2, 2),
)
def test_every_flow_winds_once(seed: int, activation: Activation, radius: float) -> None:
    model = NeuralODE((2,), hidden=8, activation=activation, seeds=[seed])
    (found,) = winding_numbers(model, radius)
    assert found.number == 1
    assert found.clearance > 0


def test_the_arcs_cover_the_circle_and_hold_its_image() -> None:
    model = NeuralODE((2,), seeds=[3])
    found = cover_circle(model, 1.0, lambda images: images.radii < 1e-3)
    np.testing.assert_array_equal(found.starts[1:], (found.starts + found.widths)[:-1])
    assert found.starts[0] == 0
    assert found.starts[-1] + found.widths[-1] == 1
    part = np.random.default_rng(0).uniform(0, 1, len(found.starts))
    part[::3], part[1::3] = 0, 1  # both ends of the arcs among them
    angles = 2 * np.pi * (found.starts + part * found.widths)
    points = enclose(model, np.stack([np.cos(angles), np.sin(angles)], axis=1))
    half = np.pi * found.widths
    tau = np.sin((2 * part - 1) * half) / np.sin(half)
    middle = found.images.centres + tau[:, None] * found.images.segments
    away = np.linalg.norm(points.centres - middle, axis=1)
    assert (away <= found.images.radii + points.radii).all()


def test_edges_whose_middles_turn_by_more_than_half_a_turn() -> None:
    """The middles of the triangle's edges, seen from the origin, turn back and forth."""
    corners = np.array([(0.1, 0), (-3, 2), (-3, -2)], dtype=float)
    following = np.roll(corners, -1, axis=0)
    assert chain_winding((corners + following) / 2, (following - corners) / 2, np.zeros(3)) == 1
    mirrored = np.array([1, -1])
    found = chain_winding(
        mirrored * (corners + following) / 2, mirrored * (following - corners) / 2, np.zeros(3)
    )
    assert found == -1


def random_chain(rng: np.random.Generator) -> tuple[int, tuple[Floats, Floats, Floats]]:
    """Sets around the edges of a polygon whose corners turn k times, by less than half a turn each.

    Distances of the corners differ by factors of hundreds, so many edges pass close to the origin.
    """
    n = int(rng.integers(3, 40))
    number = int(rng.integers(-min(4, (n - 1) // 2), min(4, (n - 1) // 2) + 1))
    turns = rng.uniform(-1, 1, n) ** 3 * np.pi  # some of them close to half a turn
    for _ in range(200):
        turns = np.clip(turns + (2 * np.pi * number - turns.sum()) / n, -3.1, 3.1)
    assert abs(turns.sum() - 2 * np.pi * number) < 1e-6
    angles = np.cumsum(turns)
    distances = np.exp(rng.normal(0, 2, n))[:, None]
    corners = distances * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    following = np.roll(corners, -1, axis=0)
    centres, segments = (corners + following) / 2, (following - corners) / 2
    nearest = np.clip(-(centres * segments).sum(1) / (segments**2).sum(1), -1, 1)
    radii = 0.499 * np.linalg.norm(centres + nearest[:, None] * segments, axis=1)
    shift = rng.normal(size=(n, 2))
    shift *= rng.uniform(0, 1, (n, 1)) / np.linalg.norm(shift, axis=1, keepdims=True)
    return number, (centres + radii[:, None] * shift, segments, radii)


def test_chains_of_convex_sets_wind_as_they_were_made() -> None:
    rng = np.random.default_rng(0)
    middles = 0
    for _ in range(1000):
        number, chain = random_chain(rng)
        assert chain_winding(*chain) == number
        seen = chain[0] @ [1, 1j]
        middles += round(np.angle(np.roll(seen, -1) / seen).sum() / (2 * np.pi)) != number
    assert middles > 100  # a sum of angles between the middles would often be wrong


def test_what_is_no_chain_around_the_origin_is_refused() -> None:
    corners = np.array([(1, 0), (-1, 1), (-1, -1)], dtype=float)
    following = np.roll(corners, -1, axis=0)
    centres, segments = (corners + following) / 2, (following - corners) / 2
    assert chain_winding(centres, segments, np.full(3, 0.4)) == 1
    with pytest.raises(ValueError, match="set 0 must miss the origin"):
        chain_winding(centres, segments, np.full(3, 0.5))
    with pytest.raises(ValueError, match="set 1 must miss the origin"):
        chain_winding(centres, segments, np.array([0.1, np.inf, 0.1]))
    with pytest.raises(ValueError, match="must end where the next starts"):
        chain_winding(centres[::-1], segments[::-1], np.full(3, 0.4))


def test_an_image_that_meets_the_origin_s_is_not_counted() -> None:
    """All of the plane falls into a point, up to exp(-30): rounding hides the difference."""
    model = turning(0.0)
    with torch.no_grad():
        model.field.weight3[:] = -40 * torch.eye(2)
        model.field.bias3[:] = 320
    with pytest.raises(EnclosureError, match="not settled"):
        winding_numbers(model, most=200)


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match="defined in the plane"):
        winding_numbers(NeuralODE((2,), augment_dim=1))
    with pytest.raises(ValueError, match="3 or more points, got 2"):
        sampled_winding_numbers(NeuralODE((2,)), 2)
    with pytest.raises(ValueError, match="radius must be positive"):
        winding_numbers(NeuralODE((2,)), 0)
    with pytest.raises(ValueError, match="lies in the plane"):
        cover_circle(NeuralODE((3,)), 1.0, lambda images: images.radii < 1)
