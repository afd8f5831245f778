"""How long and how straight the trajectories of a flow are.

These are properties of the differential equation and not of the solver that a model was trained
with. So everything is computed in double precision and with a tight tolerance.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from anode.arrays import Floats
from anode.models import NeuralODE
from anode.solve import SolverSettings
from anode_lab.theory.flow_jacobian import points_in_double
from anode_lab.theory.solvers import TIGHT

INTERVALS = 256
"""Number of chords that a trajectory is measured with."""


@dataclass(frozen=True)
class PathGeometry:
    """Measurements of paths; every array has one number for each path.

    Attributes:
        length: Length of the polygon through the sampled states, a lower bound of the length.
        length_error: Estimate of what the polygon lacks, from the one with half as many chords.
        displacement: Distance between the two ends.
    """

    length: Floats
    length_error: Floats
    displacement: Floats

    @property
    def straightness(self) -> Floats:
        """Length over displacement, at least 1; 1 for a straight path, NaN for a point at rest."""
        undefined = np.full(self.length.shape, np.nan)
        ratio: Floats = np.divide(
            self.length, self.displacement, out=undefined, where=self.length > 0
        )
        return ratio


def path_geometry(states: Floats) -> PathGeometry:
    """Measure the length and displacement of sampled paths.

    A polygon inscribed in a smooth curve is too short by a term in the square of its chords. The
    polygon with half as many chords is too short by four times as much, so a third of the two
    lengths' difference estimates what the finer one lacks. The difference is never negative.

    Args:
        states: States at T times, shape ``(T, ..., dim)``; T - 1, the number of chords, is even.

    Returns:
        Arrays of shape ``(...)``.

    Raises:
        ValueError: If the number of chords is odd or zero.
    """
    if len(states) < 3 or len(states) % 2 == 0:
        raise ValueError(f"states must be at an odd number of times, 3 or more, got {len(states)}")
    lengths = np.linalg.norm(np.diff(states, axis=0), axis=-1)  # (T - 1, ...)
    coarse = np.linalg.norm(np.diff(states[::2], axis=0), axis=-1).sum(0)
    length = lengths.sum(0)
    return PathGeometry(
        length=length,
        length_error=(length - coarse) / 3,
        displacement=np.linalg.norm(states[-1] - states[0], axis=-1),
    )


def trajectory_geometry(
    model: NeuralODE,
    x: Tensor,
    *,
    stopped: Collection[int] = (),
    intervals: int = INTERVALS,
    solver: SolverSettings = TIGHT,
) -> PathGeometry:
    """Measure the length and displacement of the trajectories of inputs.

    Args:
        model: R networks whose state has one axis.
        x: Inputs of all replicas, shape ``(n, d)``.
        stopped: Replicas that are left out, such as those whose training failed.
        intervals: Number of equal intervals of time, one for each chord.
        solver: Solver of the flow.

    Returns:
        Arrays of shape ``(R, n)``; NaN for the stopped replicas and for those whose solve fails.

    Raises:
        ValueError: If the inputs are not points.
    """
    states = sampled_flow(model, x, intervals + 1, solver)  # (T, R, n, dim)
    states[:, list(stopped)] = np.nan
    return path_geometry(states)


def sampled_flow(
    model: NeuralODE, x: Tensor, times: int | Tensor, solver: SolverSettings
) -> Floats:
    """Solve for the states at some times, in double precision.

    Args:
        model: R networks whose inputs are points.
        x: Inputs of all replicas, shape ``(n, d)``.
        times: The times, or the number of evenly spaced ones.
        solver: Solver of the flow.

    Returns:
        Shape ``(T, R, n, dim)``.

    Raises:
        ValueError: If the inputs are not points.
    """
    precise = points_in_double(model, solver)
    states: Floats = precise.flow(x[None].to(next(precise.parameters())), times).cpu().numpy()
    return states
