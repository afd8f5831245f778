"""Orientation, volume and inverses have the values that calculus gives; folds are found."""

from math import exp

import numpy as np
import pytest
import torch
from torch import Tensor

from anode import Activation, Method, NeuralODE, SolverSettings
from anode_lab.theory.flow_jacobian import (
    as_map,
    flow_map,
    jacobians,
    log_volume,
    orientation,
)
from anode_lab.theory.injectivity import coincidences, round_trip
from tests.helpers.problems import stretching
from tests.helpers.theorems import bump

X = torch.tensor([[0.3, -0.2], [1.0, 0.5], [-0.7, 0.1], [0.0, 0.9]], dtype=torch.float64)
GRID = torch.cartesian_prod(*[torch.linspace(-1.2, 1.2, 21, dtype=torch.float64)] * 2)


def square(x: Tensor) -> Tensor:
    """z -> z^2 in the complex plane: determinant 4 |z|^2, and -z has the image of z."""
    a, b = x[..., 0], x[..., 1]
    return torch.stack([a * a - b * b, 2 * a * b], dim=-1)


def test_jacobian_of_a_formula() -> None:
    found = jacobians(square, X)
    a, b = X.T.numpy()
    expected = 2 * np.array([[a, -b], [b, a]]).transpose(2, 0, 1)
    np.testing.assert_allclose(found[0], expected, atol=1e-8)
    np.testing.assert_allclose(orientation(square, X).determinants[0], 4 * (a**2 + b**2), atol=1e-8)


def test_each_point_may_be_a_maps_own() -> None:
    both = torch.stack([X, X + 1])
    np.testing.assert_allclose(jacobians(square, both)[1], jacobians(square, X + 1)[0], atol=1e-9)


def test_a_mirror_turns_orientation_around() -> None:
    found = orientation(lambda x: x * torch.tensor([1.0, -1.0]).double(), X)
    np.testing.assert_allclose(found.determinants, -1)
    assert found.turned() == 1
    assert found.only(0).lowest() == pytest.approx(-1)


@pytest.mark.statement("thm-homeo-liouville")
@pytest.mark.parametrize("activation", list(Activation))
@pytest.mark.parametrize("augment_dim", [0, 2])
def test_liouville(activation: Activation, augment_dim: int) -> None:
    """The determinant of difference quotients is the exponential of the integrated divergence."""
    model = NeuralODE((2,), augment_dim=augment_dim, activation=activation, seeds=(0, 7))
    states = torch.cat([X, torch.zeros(len(X), augment_dim).double()], dim=1)
    determinants = orientation(flow_map(model), states).determinants
    smooth = activation is Activation.SOFTPLUS
    np.testing.assert_allclose(
        np.log(determinants), log_volume(model, X), atol=1e-6 if smooth else 3e-3
    )


def test_volume_of_a_linear_flow() -> None:
    model = stretching(-1.5, seeds=(0, 1))
    np.testing.assert_allclose(log_volume(model, X[:3]), -1.5, rtol=1e-6)
    found = orientation(flow_map(model), X[:3]).determinants
    np.testing.assert_allclose(found, exp(-1.5), rtol=1e-5)


@pytest.mark.statement("thm-homeo-flow")
@pytest.mark.parametrize("activation", list(Activation))
def test_flows_return_and_have_no_two_points_with_one_image(activation: Activation) -> None:
    """To the solver's tolerance, 1e-8, if the field is smooth; where it bends, less well."""
    model = NeuralODE((2,), activation=activation, seeds=(0, 7))
    error = round_trip(flow_map(model), flow_map(model, backwards=True), X).max()
    assert error < (1e-7 if activation is Activation.SOFTPLUS else 1e-4)
    assert not coincidences(flow_map(model), GRID).found.any()


def test_folds_are_found() -> None:
    """With a pair of points that the map takes to one, for the map to be judged by itself."""
    fold = as_map(bump(4.0, 2))
    found = orientation(fold, GRID)
    assert 0 < found.turned() < 0.5
    pair = coincidences(fold, GRID)
    assert pair.found.all()
    images = fold(torch.from_numpy(np.stack([pair.first, pair.second], axis=1)))[0]
    np.testing.assert_allclose(images[0], images[1], atol=1e-9)
    assert pair.distance > 0.1


def test_two_sheets_without_a_negative_determinant() -> None:
    """z^2 keeps orientation and is not one-to-one all the same."""
    pair = coincidences(square, GRID + 0.01)
    assert orientation(square, GRID + 0.01).lowest() > 0
    assert pair.found.all()
    np.testing.assert_allclose(pair.first, -pair.second, atol=1e-6)


def test_a_field_solved_by_one_euler_step_folds_and_by_many_does_not() -> None:
    """h1' = -3 relu(h1) + 3 relu(-h1): one step takes h1 to -2 h1."""
    model = stretching(-3.0)
    for steps, sign in ((1, -1), (64, 1)):
        model.solver = SolverSettings(method=Method.EULER, step_size=1 / steps)
        assert (np.sign(orientation(as_map(model), X[:3]).determinants) == sign).all()


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"needs images in R\^2.* got R\^3.*take flow_map"):
        orientation(as_map(NeuralODE((2,), augment_dim=1)), X)
    with pytest.raises(ValueError, match=r"points \(d,\), got the shape \(1, 4, 4\)"):
        as_map(NeuralODE((1, 4, 4), 10, hidden=2))
    with pytest.raises(TypeError, match="ConvField"):
        log_volume(NeuralODE((1, 4, 4), 10, hidden=2), X)
