"""Lengths and stretches have the values that geometry gives them."""

from collections.abc import Callable
from math import exp, pi

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from anode.fields import Activation, VectorField
from anode.models import NeuralODE
from anode.solve import SolverSettings
from anode_lab.theory.flow_jacobian import singular_values
from anode_lab.theory.trajectories import path_geometry, trajectory_geometry

Formula = Callable[[Tensor, Tensor], Tensor]

X = torch.tensor([[0.3, -0.2], [1.0, 0.5], [-0.7, 0.1]])
UNIT = st.floats(-1, 1).filter(lambda value: value == 0 or abs(value) > 1e-3)


class PlaneField(VectorField):
    """Replicas of one formula ``(t, h) -> dh/dt`` in the plane."""

    def __init__(self, formula: Formula, replicas: int) -> None:
        super().__init__((2,), range(replicas))
        self.formula = formula
        self.scale = nn.Parameter(torch.ones(replicas, 1, 1))  # a field has weights

    def evaluate(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        return weights[0] * self.formula(t, h)


def flow_of(formula: Formula, replicas: int = 2) -> NeuralODE:
    model = NeuralODE((2,), None, seeds=range(replicas))
    model.field = PlaneField(formula, replicas)
    return model


def linear(matrix: list[list[float]]) -> NeuralODE:
    return flow_of(lambda t, h: h @ torch.tensor(matrix, dtype=h.dtype).T)


HALF_TURN = linear([[0, -pi], [pi, 0]])


@pytest.mark.statement("prop-straight")
@pytest.mark.parametrize("model", [NeuralODE((2,), augment_dim=p, seeds=(3, 4)) for p in (0, 1, 5)])
def test_no_path_is_shorter_than_the_way(model: NeuralODE) -> None:
    found = trajectory_geometry(model, X)
    assert found.straightness.shape == (2, 3)
    assert (found.straightness >= 1 - 1e-12).all()
    assert (found.length_error >= -1e-12).all()


@pytest.mark.statement("prop-straight")
@given(st.lists(st.tuples(UNIT, UNIT, UNIT), min_size=5, max_size=5))
def test_inequalities_hold_for_any_points(points: list[tuple[float, float, float]]) -> None:
    """By the triangle inequality; and a path that ends where it began is infinitely bent."""
    found = path_geometry(np.array(points))
    assert found.length >= found.displacement - 1e-12
    assert found.length_error >= -1e-12


@settings(max_examples=20)
@given(UNIT, st.floats(0.1, 2))
def test_constant_field_is_straight(up: float, right: float) -> None:
    model = flow_of(lambda t, h: torch.tensor([right, up], dtype=h.dtype).expand_as(h))
    found = trajectory_geometry(model, X)
    np.testing.assert_allclose(found.straightness, 1, rtol=1e-12)
    np.testing.assert_allclose(found.length, np.hypot(right, up), rtol=1e-9)
    np.testing.assert_allclose(singular_values(model, X), 1, rtol=1e-8)


def test_straightness_does_not_see_the_pace() -> None:
    model = flow_of(
        lambda t, h: (t.view(-1, 1, 1) ** 3 * torch.ones(2, dtype=h.dtype)).expand_as(h)
    )
    np.testing.assert_allclose(trajectory_geometry(model, X).straightness, 1, rtol=1e-12)


def test_half_turn() -> None:
    """A half circle over its diameter; rotations stretch nothing."""
    found = trajectory_geometry(HALF_TURN, X)
    np.testing.assert_allclose(found.straightness, pi / 2, rtol=1e-4)
    np.testing.assert_allclose(singular_values(HALF_TURN, X), 1, rtol=1e-4)


def test_there_and_back_is_not_straight() -> None:
    """A reversal is not straight: its length is walked twice."""
    model = flow_of(lambda t, h: torch.cos(pi * t).view(-1, 1, 1) * torch.ones_like(h))
    found = trajectory_geometry(model, X)
    np.testing.assert_allclose(found.length, 2 * np.sqrt(2) / pi, rtol=1e-4)
    assert (found.straightness > 1000).all()


@pytest.mark.parametrize("intervals", [16, 64, 256])
def test_the_error_estimate_is_the_error(intervals: int) -> None:
    """On a smooth path, to a twentieth of it; and a polygon is never longer than its curve."""
    half_circle = pi * X.norm(dim=1).double().numpy()
    found = trajectory_geometry(
        HALF_TURN, X, intervals=intervals, solver=SolverSettings(rtol=1e-10, atol=1e-10)
    )
    missing = half_circle - found.length
    assert (missing > 0).all()
    np.testing.assert_allclose(found.length_error, missing, rtol=0.05)


@pytest.mark.parametrize("rate", [-1.5, 0.5])
def test_linear_field_stretches_exponentially(rate: float) -> None:
    model = linear([[rate, 0], [0, -0.3]])
    expected = sorted((exp(rate), exp(-0.3)), reverse=True)
    np.testing.assert_allclose(
        singular_values(model, X), np.broadcast_to(expected, (2, 3, 2)), rtol=1e-5
    )


@pytest.mark.parametrize("augment_dim", [0, 1, 5])
@pytest.mark.parametrize("activation", list(Activation))
def test_stretch_is_that_of_autograd(augment_dim: int, activation: Activation) -> None:
    """The Jacobian of the solve, by differentiating through its steps.

    Where a ReLU bends, the field's slope jumps, and derivatives of two solves with different steps
    agree to the size of the steps only.
    """
    model = NeuralODE((2,), augment_dim=augment_dim, activation=activation, seeds=(0, 7)).double()
    model.solver = SolverSettings(rtol=1e-9, atol=1e-9)
    x = X.double().expand(2, -1, -1).clone().requires_grad_()
    features = model.run(x).features.sum(1)  # points do not depend on each other
    rows = [
        torch.autograd.grad(features[:, i].sum(), x, retain_graph=True)[0]
        for i in range(features.shape[1])
    ]
    jacobian = torch.stack(rows, dim=2)  # (R, n, dim, d)
    expected = torch.linalg.svdvals(jacobian).numpy()
    found = singular_values(model, X, solver=model.solver)
    smooth = activation is Activation.SOFTPLUS
    np.testing.assert_allclose(found, expected, rtol=1e-6 if smooth else 2e-3)


def test_measured_is_the_model_given_and_it_is_left_alone() -> None:
    """A double precision copy is solved; the model keeps its precision and its solver."""
    model = NeuralODE((2,), seeds=(0, 1))
    before = model.solver
    found = trajectory_geometry(model, X)
    assert model.solver is before
    assert model.field.weights[0].dtype is torch.float32
    flow = model.flow(X[None], 3).double().numpy()
    np.testing.assert_allclose(
        found.displacement, np.linalg.norm(flow[-1] - flow[0], axis=-1), atol=1e-2
    )


def test_replicas_that_stopped_or_cannot_be_solved_are_not_measured() -> None:
    model = NeuralODE((2,), seeds=(0, 1, 2))
    with torch.no_grad():
        model.field.weights[0][2] = torch.nan
    found, stretched = (
        trajectory_geometry(model, X, stopped={0: "failed"}),
        singular_values(model, X, stopped=[0]),
    )
    for values in (found.length, found.straightness, stretched):
        assert np.isfinite(values.reshape(3, -1)).all(1).tolist() == [False, True, False]


def test_a_point_at_rest_has_no_straightness() -> None:
    found = path_geometry(np.zeros((5, 3, 2)))
    assert np.isnan(found.straightness).all()


@pytest.mark.parametrize("times", [1, 2, 4])
def test_chords_come_in_pairs(times: int) -> None:
    with pytest.raises(ValueError, match=f"odd number of times, 3 or more, got {times}"):
        path_geometry(np.zeros((times, 2)))


def test_images_are_no_points() -> None:
    with pytest.raises(ValueError, match=r"points \(d,\), got the shape \(1, 4, 4\)"):
        trajectory_geometry(NeuralODE((1, 4, 4), 10, hidden=2), torch.zeros(2, 1, 4, 4))
