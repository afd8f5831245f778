"""Theorems as properties of random flows; and maps that are no flows, caught by the same checks.

The fields are random ReLU and softplus networks, with Lipschitz constants from 0.1 to 8, that the
package's own solver solves in double precision.
"""

from math import exp

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from anode import Activation, NeuralODE, SolverSettings
from anode_lab.theory.flow_jacobian import as_map, flow_map
from tests.helpers.theorems import (
    SOLVER,
    TOLERANCE,
    block_constant,
    bump,
    depth_below_the_rim,
    euler_back,
    largest_return_error,
    random_flow,
    smallest_determinant,
    smallest_ratio,
    smallest_step,
)

SEEDS = st.integers(0, 10_000)
ACTIVATIONS = st.sampled_from(Activation)
CONSTANTS = st.sampled_from([0.1, 1.0, 3.0, 8.0])  # gentle to stiff
HEIGHTS = st.floats(2.5, 10.0)  # of bumps; beyond 1 they fold
few = settings(max_examples=12)


def points(seed: int, count: int, dim: int, radius: float = 2.0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return radius * (2 * torch.rand(count, dim, generator=rng, dtype=torch.float64) - 1)


def solver_error(constant: float, activation: Activation = Activation.RELU) -> float:
    """More than a solve to :data:`TOLERANCE` is off, which grows with the flow's stretch.

    Where a ReLU bends, a step's error estimate can be too small, and a hundred times as much is
    lost as on a smooth field: over 160 random fields each, up to 1400 and up to 22 tolerances.
    """
    return (1e4 if activation is Activation.RELU else 200) * TOLERANCE * exp(constant)


LINE = torch.linspace(-2, 2, 201, dtype=torch.float64)


@pytest.mark.statement("prop-cross-order")
@few
@given(SEEDS, ACTIVATIONS, CONSTANTS)
def test_flows_keep_order_on_the_line(seed: int, activation: Activation, constant: float) -> None:
    flow = as_map(random_flow(seed, 1, activation, constant))
    assert smallest_step(flow, LINE) > 0


@pytest.mark.statement("prop-cross-order")
@few
@given(HEIGHTS)
def test_a_long_euler_step_does_not_keep_order(height: float) -> None:
    assert smallest_step(as_map(bump(height, 1)), LINE) < 0


@pytest.mark.statement("thm-cross-meet", "lem-cross-gronwall", "prop-why-embedding")
@few
@given(SEEDS, ACTIVATIONS, CONSTANTS, st.integers(1, 3))
def test_no_two_trajectories_come_closer_than_gronwall_allows(
    seed: int, activation: Activation, constant: float, dim: int
) -> None:
    flow = as_map(random_flow(seed, dim, activation, constant))
    ratio = smallest_ratio(flow, points(seed, 60, dim))
    assert ratio >= exp(-constant) * (1 - 1e-3) - 1e-6


@few
@given(HEIGHTS, st.integers(1, 3))
def test_after_a_long_euler_step_two_points_meet(height: float, dim: int) -> None:
    model = bump(height, dim)
    ratio = smallest_ratio(as_map(model), points(3, 80, dim, radius=1.2))
    assert ratio < exp(-block_constant(model)) * (1 - 1e-3) - 1e-6 or ratio < 1e-8


@pytest.mark.statement("thm-homeo-flow")
@few
@given(SEEDS, ACTIVATIONS, CONSTANTS, st.integers(1, 3))
def test_flows_there_and_back_return(
    seed: int, activation: Activation, constant: float, dim: int
) -> None:
    model = random_flow(seed, dim, activation, constant)
    there, back = flow_map(model, SOLVER), flow_map(model, SOLVER, backwards=True)
    assert largest_return_error(there, back, points(seed, 40, dim)) < solver_error(
        constant, activation
    )


@few
@given(HEIGHTS, st.integers(1, 3))
def test_an_euler_step_there_and_back_does_not_return(height: float, dim: int) -> None:
    model = bump(height, dim)
    error = largest_return_error(as_map(model), euler_back(model), points(3, 200, dim, 0.5))
    assert error > 0.1 > solver_error(min(block_constant(model), 8))


SPHERE = {1: 1, 2: 400, 3: 30}  # see sphere; in one dimension it is two points


@pytest.mark.statement("prop-struggle-rim")
@few
@given(SEEDS, ACTIVATIONS, st.sampled_from([0.1, 1.0, 3.0]), st.integers(1, 3))
def test_the_lowest_output_of_a_ball_is_on_its_rim(
    seed: int, activation: Activation, constant: float, dim: int
) -> None:
    model = random_flow(seed, dim, activation, constant)
    weight, inside = points(seed, 1, dim)[0], points(seed + 1, 300, dim, radius=0.57)
    depth = depth_below_the_rim(as_map(model), weight, inside, exp(constant), SPHERE[dim])
    assert depth <= solver_error(constant, activation)


@pytest.mark.statement("thm-annulus-minimum")
@few
@given(HEIGHTS, st.integers(1, 3))
def test_a_long_euler_step_has_its_lowest_output_inside(height: float, dim: int) -> None:
    model = bump(height, dim)
    weight, inside = torch.eye(dim, dtype=torch.float64)[0], torch.zeros(1, dim).double()
    # Outside of the bump the map is the identity, and the sphere is outside of it.
    depth = depth_below_the_rim(as_map(model), weight, inside, 1.0, SPHERE[dim])
    assert depth > height - 1.1


@pytest.mark.statement("prop-homeo-relu")
@few
@given(SEEDS, ACTIVATIONS, CONSTANTS, st.integers(1, 3))
def test_flows_keep_orientation(
    seed: int, activation: Activation, constant: float, dim: int
) -> None:
    """Liouville: the determinant is at least exp(-constant dim); differences cost digits."""
    flow = as_map(random_flow(seed, dim, activation, constant))
    determinant = smallest_determinant(flow, points(seed, 40, dim))
    assert determinant >= 0.9 * exp(-constant * dim)


@few
@given(HEIGHTS, st.integers(1, 3))
def test_a_long_euler_step_turns_orientation_around(height: float, dim: int) -> None:
    assert smallest_determinant(as_map(bump(height, dim)), points(3, 200, dim, 0.5)) < 0


R1, R2 = 0.5, 1.0


def annulus_by_hand(drift: float = 0.0) -> NeuralODE:
    """h' = drift h, a' = F(h), with F the annulus function on the line; exact if ``drift`` is 0."""
    model = NeuralODE((1,), augment_dim=1, hidden=6).double()
    field, slope = model.field, 2 / (R2 - R1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        field.weight1[0, 0] = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])  # type: ignore[index,operator]
        field.bias1[0, 0] = torch.tensor([-R1, -R1, -R2, -R2, 0.0, 0.0])  # type: ignore[index,operator]
        field.weight2[0] = torch.eye(6)  # type: ignore[index,operator]
        field.weight3[0, :4, 1] = slope * torch.tensor([1.0, 1.0, -1.0, -1.0])  # type: ignore[index,operator]
        field.weight3[0, 4:, 0] = drift * torch.tensor([1.0, -1.0])  # type: ignore[index,operator]
        field.bias3[0, 0, 1] = -1.0  # type: ignore[index,operator]
        assert model.head is not None
        model.head.weight[0, 1] = 1.0
    return model


def annulus_error(model: NeuralODE, tolerance: float) -> float:
    """Largest error on the ball and the annulus, of a solve to ``tolerance``."""
    model.solver = SolverSettings(rtol=tolerance, atol=tolerance, max_steps=100_000)
    x = torch.linspace(-1.5, 1.5, 301, dtype=torch.float64)
    x = x[(x.abs() <= R1) | (x.abs() >= R2)]
    target = torch.where(x.abs() <= R1, -1.0, 1.0)
    with torch.no_grad():
        return float((model(x[None, :, None])[0, :, 0] - target).abs().max())


TOLERANCES = st.floats(-12, 2).map(lambda exponent: 10**exponent)


@pytest.mark.statement("prop-suffices")
@settings(max_examples=30)
@given(TOLERANCES)
def test_the_network_by_hand_is_exact_at_any_tolerance(tolerance: float) -> None:
    assert annulus_error(annulus_by_hand(), tolerance) < 1e-12


@few
@given(st.floats(0.5, 2), TOLERANCES)
def test_one_that_moves_its_inputs_is_not(drift: float, tolerance: float) -> None:
    assert annulus_error(annulus_by_hand(drift), tolerance) > 0.01


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_a_bump_that_is_low_enough_does_not_fold(dim: int) -> None:
    """The checks do not reject every residual block: below height 1 the step is one-to-one."""
    step, x = as_map(bump(0.5, dim)), points(3, 200, dim)
    assert smallest_determinant(step, x) > 0
    assert smallest_ratio(step, x) > 0.1
