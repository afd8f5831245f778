"""When units of a ReLU field switch along a trajectory, and the steps of an adaptive solver there.

A ReLU field is Lipschitz but has corners, where a unit switches on or off. At a switching time a
solution crosses one: its velocity is continuous and the slope of the velocity jumps.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torchdiffeq import odeint

from anode.arrays import Booleans, Floats
from anode.fields import Activation, Dynamics, MLPField
from anode.solve import integrate
from anode_lab.theory.solvers import TIGHTEST


@dataclass(frozen=True)
class Switches:
    """The switches of a field's units along one trajectory.

    Attributes:
        times: Times at which a unit switches, increasing, shape ``(K,)``.
        jumps: Norm of the jump of the acceleration h'' there, shape ``(K,)``.
    """

    times: Floats
    jumps: Floats


@dataclass(frozen=True)
class TriedSteps:
    """The steps of an adaptive solve, in the order in which they were tried.

    Attributes:
        start: Time at which each step begins, shape ``(N,)``.
        size: Its length, shape ``(N,)``; the last step may go past the end.
        accepted: Whether the error estimate accepted it, shape ``(N,)``.
    """

    start: Floats
    size: Floats
    accepted: Booleans


@torch.no_grad()
def switching_times(
    field: MLPField, replica: int, h0: Tensor, *, end: float = 1.0, intervals: int = 4000
) -> Switches:
    """Find where units of a ReLU field switch along the trajectory from one state.

    The signs of all units' inputs are compared between neighbours of evenly spaced times; a unit
    that switches twice between two of them is missed. Everything is in double precision.

    Args:
        field: R networks.
        replica: Index of one of them.
        h0: Initial state, shape ``(dim,)``.
        end: Time at which the trajectory ends.
        intervals: Number of intervals between the times that are compared.

    Raises:
        ValueError: If the field has no corners, there is no such replica, ``h0`` is not a single
            state, or ``end`` or ``intervals`` is not positive.
    """
    _check(field, replica, h0, end)
    if field.activation is not Activation.RELU:
        raise ValueError(f"only units of a ReLU field switch, got {field.activation}")
    if intervals < 1:
        raise ValueError(f"intervals must be 1 or more, got {intervals}")
    times = torch.linspace(0, end, intervals + 1, dtype=torch.float64)
    states = _trajectory(field, replica, h0, times)  # (T, dim)
    weights = [w[replica].double() for w in field.weights]
    w1, b1, w2, b2, w3, _, *time = weights
    first = states @ w1 + b1 + (times[:, None] * time[0] if time else 0)  # (T, hidden)
    second = first.relu() @ w2 + b2
    found = []
    for layer, values in enumerate((first, second)):
        step, unit = ((values[1:] > 0) != (values[:-1] > 0)).nonzero(as_tuple=True)
        before, after = values[step, unit], values[step + 1, unit]
        share = before / (before - after)
        when = times[step] + share * (times[1] - times[0])
        speed = (after - before).abs() / (times[1] - times[0])
        # What one unit of the input adds to the velocity where it is on.
        outward = w3[unit] if layer else (w2[unit] * (second[step] > 0)) @ w3
        found.append(torch.stack([when, speed * outward.norm(dim=1)]))
    all_found = torch.cat(found, dim=1).numpy()
    at, jumps = all_found[:, all_found[0].argsort()]
    return Switches(at, jumps)


@torch.no_grad()
def tried_steps(
    field: MLPField, replica: int, h0: Tensor, tolerance: float, *, end: float = 1.0
) -> TriedSteps:
    """Record the steps of dopri5 on the trajectories of a batch, in double precision.

    Args:
        field: R networks.
        replica: Index of one of them.
        h0: Batch of initial states, which share their steps, shape ``(B, dim)``.
        tolerance: Relative and absolute tolerance.
        end: Time at which the solve ends.

    Raises:
        ValueError: As for :func:`switching_times`, or if ``tolerance`` is not positive.
    """
    _check(field, replica, h0[0] if h0.dim() == 2 else h0[None], end)
    if not tolerance > 0:
        raise ValueError(f"tolerance must be positive, got {tolerance!r}")
    weights = tuple(w[replica : replica + 1].double() for w in field.weights)
    record = _RecordedDynamics(lambda t, h: field.evaluate(weights, t, h))
    times = torch.tensor([0.0, end], dtype=torch.float64)
    options = {"max_num_steps": 1_000_000}
    odeint(
        record, h0[None].double(), times, rtol=tolerance, atol=tolerance, method="dopri5",
        options=options,
    )  # fmt: skip
    start, size, accepted = np.array(record.steps).T
    return TriedSteps(start, size, accepted.astype(bool))


class _RecordedDynamics(nn.Module):
    """Dynamics that keep the steps that torchdiffeq reports."""

    def __init__(self, dynamics: Dynamics) -> None:
        super().__init__()
        self.dynamics = dynamics
        self.steps: list[tuple[float, float, bool]] = []

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        return self.dynamics(t, h)

    def callback_accept_step(self, t0: Tensor, h0: Tensor, dt: Tensor) -> None:
        self.steps.append((float(t0), float(dt), True))

    def callback_reject_step(self, t0: Tensor, h0: Tensor, dt: Tensor) -> None:
        self.steps.append((float(t0), float(dt), False))


def _trajectory(field: MLPField, replica: int, h0: Tensor, times: Tensor) -> Tensor:
    """Solve tightly for the states ``(T, dim)`` of one trajectory of one replica."""
    alone = MLPField(
        field.state_shape[0],
        hidden=field.weight1.shape[2],
        activation=field.activation,
        time_dependent=field.time_dependent,
    ).double()
    for own, given in zip(alone.weights, field.weights, strict=True):
        own.copy_(given[replica : replica + 1])
    return integrate(alone, h0.double()[None, None], times, TIGHTEST).states[:, 0, 0]


def _check(field: MLPField, replica: int, h0: Tensor, end: float) -> None:
    if not 0 <= replica < field.replicas:
        raise ValueError(f"replica must be one of 0..{field.replicas - 1}, got {replica}")
    if tuple(h0.shape) != field.state_shape:
        raise ValueError(f"h0 must be of shape {field.state_shape}, got {tuple(h0.shape)}")
    if not end > 0:
        raise ValueError(f"end must be positive, got {end}")
