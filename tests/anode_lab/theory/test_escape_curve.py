"""Outputs on a grid, and escape curves: known flows, and what the theorem promises for any flow."""

import numpy as np
import pytest
import torch

from anode import NeuralODE, ResNet
from anode.serialization import in_double
from anode_lab.theory.circle_image import refined_circle
from anode_lab.theory.escape_curve import escape_curve
from anode_lab.theory.lipschitz import lipschitz_bound
from anode_lab.theory.output_maps import model_outputs, square_grid
from anode_lab.theory.solvers import SHORT_STEPS
from tests.helpers.problems import stretching


def lifting() -> NeuralODE:
    """a' = |h1|, h' = 0 in the plane with p = 1, as a ReLU network, with the output a."""
    model = NeuralODE((2,), hidden=2, augment_dim=1, time_dependent=False)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.field.weight1[:, 0] = torch.tensor([1.0, -1.0])
        model.field.weight2[:] = torch.eye(2)
        model.field.weight3[:, :, 2] = 1.0
        model.head.weight[:, 2] = 1.0
    return model


def test_grid_rows_go_upwards_and_outputs_are_the_model_s() -> None:
    x = square_grid(2.0, 3)
    assert x[0].tolist() == [-2, -2]
    assert x[2].tolist() == [2, -2]
    assert x[-1].tolist() == [2, 2]
    found = model_outputs(stretching(0.0), x)
    np.testing.assert_allclose(found.reshape(3, 3), np.tile([-3.0, 1.0, 5.0], (3, 1)), rtol=1e-6)


def test_each_replica_may_have_inputs_of_its_own() -> None:
    model = ResNet((2,), seeds=range(3))
    x = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0))
    own = model_outputs(model, x)
    for replica in range(3):
        shared = model_outputs(model, x[replica])
        np.testing.assert_allclose(own[replica], shared[replica], rtol=1e-6)


def test_a_precise_copy_leaves_the_model_as_it_was() -> None:
    model = stretching(1.0)
    twin = in_double(model, SHORT_STEPS)
    assert model.head.weight.dtype == torch.float32
    assert twin.head.weight.dtype == torch.float64
    assert model.solver != twin.solver


def test_way_out_of_a_linear_flow_is_a_straight_line() -> None:
    way = escape_curve(stretching(2.0), torch.tensor([0.5, 0.3]), far=3.0)
    np.testing.assert_allclose(way.fall, 2.0)
    np.testing.assert_allclose(way.states[0, :, 0], 0.5 - np.exp(-2) * way.s[0], atol=1e-5)
    np.testing.assert_allclose(way.states[0, :, 1], 0.3, atol=1e-12)
    np.testing.assert_allclose(way.output[:, 0], 1 + 2 * 0.5 * np.exp(2), rtol=1e-6)
    assert way.solver_error().max() < 1e-5


def test_augmented_way_out_leaves_along_the_added_coordinate() -> None:
    way = escape_curve(lifting(), torch.tensor([0.5, 0.3]))
    np.testing.assert_allclose(way.states[0, :, :2], np.tile([0.5, 0.3], (way.s.shape[1], 1)))
    np.testing.assert_allclose(way.states[..., 2], -way.s, atol=1e-12)


@pytest.mark.statement("thm-escape")
@pytest.mark.parametrize("augment_dim", [0, 2])
def test_outputs_fall_on_the_way_to_far_away(augment_dim: int) -> None:
    """What the theorem says, with its bound on how slowly the curve may leave."""
    model = NeuralODE((2,), augment_dim=augment_dim, seeds=range(4))
    with torch.no_grad():
        model.field.weight2 *= 3  # a flow that bends
    way = escape_curve(model, far=2.5, step=0.1)
    assert (np.diff(way.s) > 0).all()
    assert (np.diff(way.output) < 0).all()
    assert way.solver_error().max() < 1e-4
    np.testing.assert_allclose(way.states[:, 0], 0, atol=1e-6)
    assert (way.norms[:, -1] >= 2.5).all()
    slowest = np.exp(-lipschitz_bound(model.field))[:, None] * way.s
    assert (way.norms >= slowest - 1e-6).all()
    gaps = np.linalg.norm(np.diff(way.states, axis=1), axis=2)
    assert gaps[way.norms[:, :-1] < 2.5].max() <= 0.1


def test_lowest_output_on_a_circle_is_no_higher_than_on_the_way_out() -> None:
    model = NeuralODE((2,), seeds=range(5))
    way = escape_curve(model)
    states, output = way.at(1.0)
    lowest = refined_circle(model, 1.0).lowest()[1]
    assert (output < way.output[:, 0]).all()
    # The first point beyond the circle is up to a step further out, so lower, than one on it.
    np.testing.assert_array_less(1.0 - 1e-9, np.linalg.norm(states, axis=1))
    on_circle = states / np.linalg.norm(states, axis=1, keepdims=True)
    there = model_outputs(in_double(model, SHORT_STEPS), torch.from_numpy(on_circle)[:, None])[:, 0]
    assert (lowest <= there + 1e-3).all()
    assert (lowest < way.output[:, 0]).all()


def test_a_circle_that_is_never_reached_has_no_crossing() -> None:
    way = escape_curve(stretching(0.0), far=1.0)
    states, output = way.at(100.0)
    assert np.isnan(states).all()
    assert np.isnan(output).all()


def test_a_replica_without_numbers_stops_nobody() -> None:
    model = stretching(1.0, seeds=range(2))
    with torch.no_grad():
        model.field.weight1[1] = torch.nan
    way = escape_curve(model)
    assert np.isnan(way.output[1]).all()
    assert way.norms[0, -1] >= 2.0
    assert np.isnan(way.at(1.0)[1]).tolist() == [False, True]


@pytest.mark.parametrize("heads", [None, 3])
def test_a_way_out_needs_one_output(heads: int | None) -> None:
    with pytest.raises(ValueError, match="one output"):
        escape_curve(NeuralODE((2,), heads))
