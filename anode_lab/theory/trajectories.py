"""How long, how straight and how winding the trajectories of a flow are."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from anode.arrays import Floats
from anode.models import NeuralODE
from anode.serialization import in_double
from anode.solve import SolverSettings
from anode_lab.theory.solvers import TIGHT

INTERVALS = 256
"""Chords that a trajectory is measured with."""


@dataclass(frozen=True)
class PathGeometry:
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


def path_geometry(states: Floats) -> PathGeometry:
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
    return PathGeometry(
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


def trajectory_geometry(
    model: NeuralODE,
    x: Tensor,
    *,
    stopped: Collection[int] = (),
    intervals: int = INTERVALS,
    solver: SolverSettings = TIGHT,
) -> PathGeometry:
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
    states = sampled_flow(model, x, intervals + 1, solver)  # (T, R, n, dim)
    states[:, list(stopped)] = np.nan
    return path_geometry(states)


def sampled_flow(
    model: NeuralODE, x: Tensor, times: int | Tensor, solver: SolverSettings
) -> Floats:
    """States at evenly spaced times, shape ``(T, R, n, dim)``, in double precision.

    Raises:
        ValueError: if the inputs are no points.
    """
    if len(model.input_shape) != 1:
        raise ValueError(f"the inputs must be points (d,), got the shape {model.input_shape}")
    precise = in_double(model, solver)
    states: Floats = precise.flow(x[None].to(next(precise.parameters())), times).cpu().numpy()
    return states
