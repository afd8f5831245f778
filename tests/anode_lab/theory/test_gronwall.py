"""Every measured stretch lies between the bounds, and the bounds in their order."""

import numpy as np
import pytest
import torch

from anode import Activation, NeuralODE
from anode_lab.theory.gronwall import GronwallBounds, ball_grid, stretch_bounds
from tests.helpers.problems import stretching

SMALL = {"n": 8, "intervals": 5, "pieces": 40}


def measured(activation: Activation, augment_dim: int, scale: float = 1.5) -> GronwallBounds:
    model = NeuralODE((2,), augment_dim=augment_dim, activation=activation, hidden=8, seeds=(0, 1))
    with torch.no_grad():
        for weight in model.field.parameters():
            weight.mul_(scale)
    return stretch_bounds(model, **SMALL)  # type: ignore[arg-type]


@pytest.mark.statement("prop-price-onesided")
@pytest.mark.parametrize("activation", list(Activation))
@pytest.mark.parametrize("augment_dim", [0, 1])
def test_measured_stretch_lies_within_bounds_that_are_nested(
    activation: Activation, augment_dim: int
) -> None:
    found = measured(activation, augment_dim)
    bands = list(found.bounds().values())
    error = 0.01  # of the quadrature along a trajectory and of difference quotients
    for outer, inner in zip(bands, [*bands[1:], found.singular], strict=True):
        assert (outer.lower <= inner.lower + error).all()
        assert (outer.upper >= inner.upper - error).all()
    for band in bands[:3]:
        assert (band.lower <= found.pairs.lower + 1e-6).all()
        assert (band.upper >= found.pairs.upper - 1e-6).all()
    assert (found.sampled <= found.local).all()
    assert (found.local <= found.constant[:, None]).all()


def test_a_linear_field_attains_the_bounds() -> None:
    """h1' = h1 / 2, h2' = 0: the derivative stretches by exp(t / 2) and by 1, everywhere."""
    found = stretch_bounds(stretching(0.5), **SMALL)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.singular.upper[0], found.times / 2, atol=1e-6)
    np.testing.assert_allclose(found.singular.lower[0], 0, atol=1e-6)
    np.testing.assert_allclose(found.pairs.upper[0], found.times / 2, atol=1e-6)
    np.testing.assert_allclose(found.sampled, 0.5)
    # A unit bends at h1 = 0, where it and its mirror image are both uncertain.
    assert (found.one_sided.upper[0] >= found.times / 2 - 1e-9).all()


def test_grid_covers_the_ball() -> None:
    points = ball_grid(1.5, 2, 10).numpy()
    assert len(points) == len(np.unique(points, axis=0))
    on_rim = 1.5 * np.stack([np.cos(a := np.linspace(0, 6.28, 400)), np.sin(a)], axis=1)
    gap = np.linalg.norm(on_rim[:, None] - points, axis=2).min(1).max()
    assert gap <= 0.3 * np.sqrt(0.5) + 1e-12  # half the diagonal of a cube of side 0.3
    assert ball_grid(1.0, 1, 4).shape == (5, 1)


def test_bad_input_is_named() -> None:
    with pytest.raises(TypeError, match="ConvField"):
        stretch_bounds(NeuralODE((1, 4, 4), 10, hidden=2))
    with pytest.raises(ValueError, match="intervals must be 1 or more and margin 0 or more"):
        stretch_bounds(NeuralODE((2,)), intervals=0)
    with pytest.raises(ValueError, match="radius must be positive"):
        ball_grid(0.0, 2, 3)
