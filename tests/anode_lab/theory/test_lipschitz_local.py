"""Bounds in boxes hold at every state of the box and never exceed those of a larger one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anode import Activation, ConvField, MLPField
from anode_lab.theory.lipschitz import (
    Boxes,
    DerivativeBounds,
    jacobian,
    lipschitz_bound,
    local_bound,
)

NOW = np.zeros(())


def scaled(seed: int, dim: int, activation: Activation, scale: float = 2.0) -> MLPField:
    field = MLPField(dim, hidden=8, activation=activation, seeds=[seed, seed + 1]).double()
    with torch.no_grad():
        for weight in field.parameters():
            weight.mul_(scale)
    return field


def some_boxes(rng: np.random.Generator, dim: int, size: float, count: int = 5) -> Boxes:
    centre = rng.normal(size=(2, count, dim))
    half = size * rng.uniform(size=(2, count, dim))
    start = rng.uniform(size=(2, count))
    return Boxes(centre - half, centre + half, start, start + size)


def within(rates: DerivativeBounds, matrices: np.ndarray) -> bool:
    """Whether the bounds ``(R, N)`` hold for derivatives ``(R, N, dim, dim)``."""
    eigenvalues = np.linalg.eigvalsh((matrices + matrices.swapaxes(2, 3)) / 2)
    norms = np.linalg.norm(matrices, 2, axis=(2, 3))
    return bool(
        (norms <= rates.norm + 1e-10).all()
        and (eigenvalues[..., -1] <= rates.above + 1e-10).all()
        and (eigenvalues[..., 0] >= rates.below - 1e-10).all()
    )


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    dim=st.integers(1, 5),
    activation=st.sampled_from(Activation),
    size=st.sampled_from([0.0, 0.01, 0.3, 3.0]),
    pieces=st.sampled_from([1, 7]),
)
def test_no_derivative_in_a_box_exceeds_its_bounds(
    seed: int, dim: int, activation: Activation, size: float, pieces: int
) -> None:
    field, rng = scaled(seed, dim, activation), np.random.default_rng(seed)
    boxes = some_boxes(rng, dim, size)
    rates = local_bound(field, boxes, pieces=pieces)
    assert (rates.norm <= lipschitz_bound(field)[:, None] * (1 + 1e-12)).all()
    assert (rates.above <= rates.norm).all()
    assert (-rates.below <= rates.norm).all()
    for _ in range(10):
        at = boxes.low + rng.uniform(size=boxes.low.shape) * (boxes.high - boxes.low)
        for n in range(at.shape[1]):  # each box has times of its own
            for r in range(2):
                t = rng.uniform(boxes.start[r, n], boxes.stop[r, n])
                found = jacobian(field, t, at[:, n : n + 1])[r : r + 1]
                there = DerivativeBounds(
                    *(each[r : r + 1, n : n + 1] for each in (rates.norm, rates.above, rates.below))
                )
                assert within(there, found)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), activation=st.sampled_from(Activation))
def test_cutting_makes_no_bound_worse(seed: int, activation: Activation) -> None:
    field = scaled(seed, 2, activation)
    boxes = some_boxes(np.random.default_rng(seed), 2, 1.0)
    whole, cut = (local_bound(field, boxes, pieces=pieces) for pieces in (1, 20))
    assert (cut.norm <= whole.norm).all()
    assert (cut.above <= whole.above).all()
    assert (cut.below >= whole.below).all()
    assert cut.norm.mean() < whole.norm.mean()


@pytest.mark.parametrize("activation", list(Activation))
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_at_a_single_state_the_bound_is_the_derivative(activation: Activation, dim: int) -> None:
    field = scaled(3, dim, activation)
    at = np.random.default_rng(0).normal(size=(2, 6, dim))
    rates = local_bound(field, Boxes(at, at, NOW, NOW))
    matrices = jacobian(field, 0.0, at)
    eigenvalues = np.linalg.eigvalsh((matrices + matrices.swapaxes(2, 3)) / 2)
    np.testing.assert_allclose(rates.norm, np.linalg.norm(matrices, 2, axis=(2, 3)), atol=1e-9)
    np.testing.assert_allclose(rates.above, eigenvalues[..., -1], atol=1e-9)
    np.testing.assert_allclose(rates.below, eigenvalues[..., 0], atol=1e-9)


@pytest.mark.parametrize("activation", list(Activation))
def test_jacobian_is_that_of_autograd(activation: Activation) -> None:
    field, h = scaled(5, 3, activation), torch.randn(2, 4, 3, dtype=torch.float64)
    t = np.array([0.1, 0.4, 0.5, 0.9])
    found = jacobian(field, t, h.numpy())
    for n in range(4):
        time = torch.tensor(t[n])
        for r in range(2):

            def alone(x: torch.Tensor, r: int = r, time: torch.Tensor = time) -> torch.Tensor:
                return field(time, x.expand(2, 1, 3))[r, 0]

            expected = torch.autograd.functional.jacobian(alone, h[r, n])
            np.testing.assert_allclose(found[r, n], expected.numpy(), atol=1e-12)


def test_a_rotation_stretches_nothing_though_its_constant_is_pi() -> None:
    """h' = pi (-h2, h1), written as a ReLU network on a box on which all units are on."""
    field = MLPField(2, hidden=2, time_dependent=False).double()
    with torch.no_grad():
        for weight in field.parameters():
            weight.zero_()
        field.weight1[0] = field.weight2[0] = torch.eye(2)
        field.bias1.fill_(10.0)
        field.weight3[0] = np.pi * torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    rates = local_bound(field, Boxes(-np.ones((1, 1, 2)), np.ones((1, 1, 2)), NOW, NOW + 1))
    np.testing.assert_allclose(rates.norm, np.pi)
    np.testing.assert_allclose([rates.above, rates.below], 0, atol=1e-12)


def test_bad_boxes_are_named() -> None:
    one = np.zeros((1, 2, 2))
    with pytest.raises(ValueError, match=r"one shape \(R, N, dim\)"):
        Boxes(one, one[0], NOW, NOW)
    with pytest.raises(ValueError, match="high must be no less than low"):
        Boxes(one, one - 1, NOW, NOW)
    with pytest.raises(ValueError, match="high must be no less than low"):
        Boxes(one, one * np.nan, NOW, NOW)
    with pytest.raises(ValueError, match=r"stop must fit \(R, N\) = \(1, 2\), got \(3,\)"):
        Boxes(one, one, NOW, np.zeros(3))
    with pytest.raises(ValueError, match=r"boxes must have shape \(1, N, 3\)"):
        local_bound(MLPField(3), Boxes(one, one, NOW, NOW))
    with pytest.raises(ValueError, match="pieces must be 1 or more, got 0"):
        local_bound(MLPField(2), Boxes(one, one, NOW, NOW), pieces=0)
    with pytest.raises(TypeError, match="ConvField"):
        local_bound(ConvField(1, (4, 4), filters=2), Boxes(one, one, NOW, NOW))  # type: ignore[arg-type]
