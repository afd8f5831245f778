"""The geometry of a flow: how straight its trajectories are and how much it stretches space.

Both belong to the differential equation and not to the solver that a model was trained with, so
everything here is computed in double precision and with a tight tolerance.
"""

from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anode.models import NeuralODE
from anode.solve import SolverSettings

Floats = NDArray[np.float64]

TIGHT = SolverSettings(rtol=1e-6, atol=1e-6, max_steps=10_000)
"""How paths are solved: with a thousandth of the tolerance that the toy models are trained with."""

TIGHTER = SolverSettings(rtol=1e-8, atol=1e-8, max_steps=10_000)
"""How flows are solved that are differentiated: a derivative loses digits."""

INTERVALS = 256
"""Chords that a trajectory is measured with."""

SHIFT = 1e-6
"""Half the distance of the two points of a difference quotient."""


@dataclass(frozen=True)
class Paths:
    """Measured trajectories; every array has one number for each.

    Attributes:
        length: of the polygon through the sampled states, a lower bound of the path's length.
        length_error: estimate of what the polygon lacks, from the one with half as many chords.
        displacement: distance between the two ends.
        turning: sum of the angles between successive chords, in radians; 0 on a straight path.
    """

    length: Floats
    length_error: Floats
    displacement: Floats
    turning: Floats

    @property
    def straightness(self) -> Floats:
        """Length over displacement, 1 or more; 1 for a straight path, NaN for a point at rest."""
        undefined = np.full(self.length.shape, np.nan)
        ratio: Floats = np.divide(
            self.length, self.displacement, out=undefined, where=self.length > 0
        )
        return ratio


def measure(states: Floats) -> Paths:
    """Length, displacement and turning of sampled paths.

    The length of a polygon inscribed in a smooth curve falls short by a term in the square of the
    chords. So the one with half as many chords falls short by four times as much, and a third of
    their difference estimates what the finer one lacks. The difference is never negative.

    Args:
        states: shape ``(T, ..., dim)``, at T times; T - 1, the number of chords, is even.

    Returns:
        Arrays of shape ``(...)``.

    Raises:
        ValueError: if the number of chords is odd or zero.
    """
    if len(states) < 3 or len(states) % 2 == 0:
        raise ValueError(f"states must be at an odd number of times, 3 or more, got {len(states)}")
    chords = np.diff(states, axis=0)  # (T - 1, ..., dim)
    lengths = np.linalg.norm(chords, axis=-1)  # (T - 1, ...)
    coarse = np.linalg.norm(np.diff(states[::2], axis=0), axis=-1).sum(0)
    length = lengths.sum(0)
    return Paths(
        length=length,
        length_error=(length - coarse) / 3,
        displacement=np.linalg.norm(states[-1] - states[0], axis=-1),
        turning=_turning(chords, lengths),
    )


def _turning(chords: Floats, lengths: Floats) -> Floats:
    """Sum of the angles between successive chords; one without a direction does not turn."""
    direction = chords / np.where(lengths > 0, lengths, 1)[..., None]
    # By half the angle: the arc cosine of a number near 1 has no accurate digit.
    apart = np.linalg.norm(direction[1:] - direction[:-1], axis=-1)
    along = np.linalg.norm(direction[1:] + direction[:-1], axis=-1)
    resting = (lengths[1:] == 0) | (lengths[:-1] == 0)
    angle = np.where(resting, 0, 2 * np.arctan2(apart, along))
    total: Floats = angle.sum(0)
    return total


def paths(
    model: NeuralODE,
    x: Tensor,
    *,
    stopped: Collection[int] = (),
    intervals: int = INTERVALS,
    solver: SolverSettings = TIGHT,
) -> Paths:
    """Length, displacement and turning of the trajectories of the inputs ``x``.

    Args:
        model: R networks whose state has one axis.
        x: inputs, shape ``(n, d)``, the same for all replicas.
        stopped: replicas that are not measured, such as those whose training failed.
        intervals: of time, all equal: the number of chords.
        solver: how the flow is solved.

    Returns:
        Arrays of shape ``(R, n)``; NaN for the stopped replicas and for those whose solve fails.
    """
    states = _flow(model, x, intervals + 1, solver)  # (T, R, n, dim)
    return measure(_without(states, stopped, axis=1))


def stretch(
    model: NeuralODE,
    x: Tensor,
    *,
    stopped: Collection[int] = (),
    shift: float = SHIFT,
    solver: SolverSettings = TIGHTER,
) -> Floats:
    """Singular values of the flow's Jacobian: by how much it stretches space around each input.

    The Jacobian of the map from an input in R^d to its features in R^(d + p), by central
    differences. An input and its shifted neighbours are solved in one batch, with the same steps,
    so that the solver's error is a smooth function of the input and hardly enters. A ReLU field's
    slope jumps where a unit switches, and the derivative of a solve is right to the size of its
    steps only: for trained toy models to a thousandth or so, at :data:`TIGHTER`.

    Args:
        model: R networks whose state has one axis.
        x: inputs, shape ``(n, d)``, the same for all replicas.
        stopped: replicas that are not measured, such as those whose training failed.
        shift: half the distance of the two points of a difference quotient.
        solver: how the flow is solved.

    Returns:
        Shape ``(R, n, d)``, largest first; NaN for the stopped replicas and for those whose solve
        fails.
    """
    n, d = x.shape
    shifts = shift * torch.eye(d, dtype=torch.float64, device=x.device)
    points = x.double()[:, None] + torch.cat([shifts, -shifts])  # (n, 2d, d)
    ends = _flow(model, points.flatten(0, 1), 2, solver)[-1]  # (R, n * 2d, dim)
    ahead, behind = np.split(ends.reshape(len(ends), n, 2, d, -1), 2, axis=2)
    jacobian = (ahead - behind)[:, :, 0] / (2 * shift)  # (R, n, d, dim), transposed
    # Where there is a NaN, the decomposition would raise an exception.
    failed = np.isnan(jacobian).any(axis=(1, 2, 3))
    values = np.linalg.svd(np.where(failed[:, None, None, None], 0, jacobian), compute_uv=False)
    values[failed] = np.nan
    return _without(values, stopped, axis=0)


def _flow(model: NeuralODE, x: Tensor, times: int, solver: SolverSettings) -> Floats:
    """States at evenly spaced times, shape ``(T, R, n, dim)``, in double precision.

    Raises:
        ValueError: if the inputs are no points.
    """
    if len(model.input_shape) != 1:
        raise ValueError(f"the inputs must be points (d,), got the shape {model.input_shape}")
    precise = deepcopy(model).double()
    precise.solver = solver
    states: Floats = precise.flow(x[None].to(next(precise.parameters())), times).cpu().numpy()
    return states


def _without(values: Floats, stopped: Collection[int], axis: int) -> Floats:
    """NaN for the ``stopped`` replicas, which lie along ``axis``."""
    np.moveaxis(values, axis, 0)[list(stopped)] = np.nan
    return values
