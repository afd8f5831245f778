"""Lipschitz constants: bounds that hold, that scale as they must, and that can be attained."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anode import Activation, ConvField, MLPField
from anode_lab.theory.lipschitz import lipschitz_bound, slopes


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    dim=st.integers(1, 5),
    activation=st.sampled_from(Activation),
    time_dependent=st.booleans(),
    t=st.floats(-3, 3),
)
def test_no_two_states_exceed_the_bound(
    seed: int, dim: int, activation: Activation, time_dependent: bool, t: float
) -> None:
    field = MLPField(
        dim, hidden=8, activation=activation, time_dependent=time_dependent, seeds=[seed, seed + 1]
    ).double()
    h1, h2 = 3 * torch.randn(2, 2, 64, dim, dtype=torch.float64)
    time = torch.tensor(t, dtype=torch.float64)
    with torch.no_grad():
        change = (field(time, h1) - field(time, h2)).norm(dim=2)
    ratio = (change / (h1 - h2).norm(dim=2)).amax(dim=1).numpy()
    assert (ratio <= lipschitz_bound(field) * (1 + 1e-12)).all()


def test_a_field_that_attains_the_bound() -> None:
    # f(h) = -3 relu(h + 10), a line where the states are.
    field = MLPField(1, hidden=1, time_dependent=False)
    with torch.no_grad():
        for weight, value in zip(field.weights, (1, 10, 1, 0, -3, 0), strict=True):
            weight.fill_(value)
    np.testing.assert_allclose(slopes(field, 0.0, np.linspace(-2, 2, 9)), -3)
    np.testing.assert_allclose(lipschitz_bound(field), 3)


def test_the_time_column_does_not_count() -> None:
    field = MLPField(2, seeds=[0, 1])
    before = lipschitz_bound(field)
    with torch.no_grad():
        assert field.time_weight is not None
        field.time_weight.mul_(100)
    np.testing.assert_array_equal(lipschitz_bound(field), before)


def test_each_replica_has_its_own_constant() -> None:
    stack = lipschitz_bound(MLPField(1, seeds=[3, 4]))
    alone = [lipschitz_bound(MLPField(1, seeds=[seed]))[0] for seed in (3, 4)]
    np.testing.assert_allclose(stack, alone)
    assert stack[0] != stack[1]


def test_slopes_lie_within_the_bound() -> None:
    field = MLPField(1, seeds=range(4))
    quotients = slopes(field, 0.5, np.linspace(-2, 2, 400))
    assert quotients.shape == (4, 399)
    assert (np.abs(quotients).max(1) <= lipschitz_bound(field)).all()


def test_a_convolution_is_refused() -> None:
    with pytest.raises(TypeError, match="ConvField"):
        lipschitz_bound(ConvField(1, (4, 4), filters=2))  # type: ignore[arg-type]


def test_slopes_need_a_line_and_an_order() -> None:
    with pytest.raises(ValueError, match="on the line"):
        slopes(MLPField(2), 0.0, np.linspace(0, 1, 3))
    with pytest.raises(ValueError, match="strictly increasing"):
        slopes(MLPField(1), 0.0, np.array([0.0, 0.0, 1.0]))
