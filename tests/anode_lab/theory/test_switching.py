"""Switches are where a ReLU field's acceleration jumps; steps are those that the solver counts."""

import numpy as np
import pytest
import torch

from anode import Activation, MLPField, SolverSettings, integrate
from anode_lab.theory.switching import switching_times, tried_steps


def one_corner(at: float) -> MLPField:
    """h' = 3 max(t - at, 0) on the line."""
    field = MLPField(1, hidden=1).double()
    with torch.no_grad():
        for weight in field.parameters():
            weight.zero_()
        assert field.time_weight is not None
        field.time_weight.fill_(1.0)
        field.bias1.fill_(-at)
        field.weight2.fill_(1.0)
        field.weight3.fill_(3.0)
    return field


def test_a_switching_time_is_found_with_its_jump() -> None:
    """The second layer's unit switches with the first; each alone would make the jump."""
    found = switching_times(one_corner(0.37), 0, torch.zeros(1))
    assert found.times[0] == pytest.approx(0.37, abs=1e-9)
    assert found.jumps.max() == pytest.approx(3, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_acceleration_jumps_at_switching_times_only(seed: int) -> None:
    field = MLPField(2, hidden=16, seeds=(0, seed + 1)).double()
    with torch.no_grad():
        field.weight1.mul_(3)
    h0 = torch.tensor([0.6, -0.8], dtype=torch.float64)
    found = switching_times(field, 1, h0)
    assert len(found.times)
    assert (np.diff(found.times) >= 0).all()
    times = torch.linspace(0, 1, 2001, dtype=torch.float64)
    tight = SolverSettings(rtol=1e-10, atol=1e-10, max_steps=100_000)
    with torch.no_grad():
        path = integrate(field, h0.expand(2, 1, 2), times, tight).states  # (T, 2, 1, 2)
        speed = torch.stack([field(t, h) for t, h in zip(times, path, strict=True)])[:, 1, 0]
    bend = speed.diff(n=2, dim=0).norm(dim=1).numpy() / float(times[1])  # about the jump
    near = np.abs(times.numpy()[1:-1, None] - found.times).min(1) < 1.5e-3
    assert bend[~near].max() < 0.2 * bend.max()
    strongest = found.times[found.jumps.argmax()]
    around = np.abs(times.numpy()[1:-1] - strongest) < 1e-3
    # The two differences that a switching time lies in share its jump.
    assert bend[around].sum() == pytest.approx(found.jumps.max(), rel=0.1)


@pytest.mark.parametrize("activation", Activation)
def test_steps_are_those_that_the_solver_counts(activation: Activation) -> None:
    field = MLPField(2, activation=activation, seeds=(3, 4)).double()
    h0 = torch.tensor([[0.6, -0.8], [1.0, 0.3]], dtype=torch.float64)
    for tolerance in (1e-3, 1e-7):
        steps = tried_steps(field, 1, h0, tolerance)
        settings = SolverSettings(rtol=tolerance, atol=tolerance)
        times = torch.tensor([0.0, 1.0], dtype=torch.float64)
        solution = integrate(field, h0.expand(2, 2, 2), times, settings)
        assert len(steps.size) == solution.steps[1]
        ends = steps.start + steps.size
        accepted = np.flatnonzero(steps.accepted)
        np.testing.assert_allclose(steps.start[accepted[1:]], ends[accepted[:-1]])
        assert ends[accepted[-1]] >= 1


def test_rejected_steps_lie_across_the_corner() -> None:
    steps = tried_steps(one_corner(0.37), 0, torch.zeros(1, 1), 1e-8)
    start, size = steps.start[~steps.accepted], steps.size[~steps.accepted]
    assert len(start)
    assert ((start <= 0.37) & (start + size >= 0.37)).all()


def test_bad_arguments() -> None:
    field, h0 = MLPField(2, seeds=(0, 1)), torch.zeros(2)
    with pytest.raises(ValueError, match=r"replica must be one of 0\.\.1, got 2"):
        switching_times(field, 2, h0)
    with pytest.raises(ValueError, match=r"h0 must be of shape \(2,\), got \(3,\)"):
        switching_times(field, 0, torch.zeros(3))
    with pytest.raises(ValueError, match="intervals must be 1 or more, got 0"):
        switching_times(field, 0, h0, intervals=0)
    with pytest.raises(ValueError, match="end must be positive, got 0"):
        switching_times(field, 0, h0, end=0)
    with pytest.raises(
        ValueError, match=r"only units of a ReLU field switch, got Activation\.TANH"
    ):
        switching_times(MLPField(2, activation=Activation.TANH), 0, h0)
    with pytest.raises(ValueError, match="tolerance must be positive, got 0"):
        tried_steps(field, 0, h0[None], 0)
