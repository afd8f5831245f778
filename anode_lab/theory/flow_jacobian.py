"""Jacobians of maps: singular values, orientation and volume, for flows and for other maps.

The flow of a Lipschitz field is one-to-one, and its Jacobian determinant is positive wherever it
exists: by Liouville's formula it is the exponential of the field's divergence, integrated along the
trajectory. Neither holds for a residual block, or for one long Euler step. The functions here take
any map of ``R^d`` to itself, so that the same code judges both. All is in double precision.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from anode.arrays import Floats
from anode.fields import MLPField
from anode.models import Model, NeuralODE
from anode.serialization import AnyModel, in_double
from anode.solve import SolverSettings, integrate
from anode_lab.theory.lipschitz import jacobian
from anode_lab.theory.solvers import TIGHTER

Map = Callable[[Tensor], Tensor]
"""R maps at once, from points ``(R or 1, n, d)`` to images ``(R, n, k)``, in double precision."""

SHIFT = 1e-6
"""Half the distance between the two points of a difference quotient."""


@dataclass(frozen=True)
class Orientation:
    """Points, their images under R maps, and the Jacobian determinants there.

    Attributes:
        points: Points, shape ``(n, d)``.
        images: Their images, shape ``(R, n, d)``.
        determinants: Determinants of difference quotients, whose errors are not bounded, shape
            ``(R, n)``; negative where a map seems to reverse orientation.
    """

    points: Floats
    images: Floats
    determinants: Floats

    def lowest(self) -> Floats:
        """Smallest determinant of each map, shape ``(R,)``."""
        lowest: Floats = self.determinants.min(1)
        return lowest

    def turned(self) -> Floats:
        """Share of the points at which each map reverses orientation, shape ``(R,)``."""
        share: Floats = (self.determinants < 0).mean(1)
        return share

    def only(self, replica: int) -> "Orientation":
        """Select one of the maps; R is then 1."""
        chosen = slice(replica, replica + 1)
        return replace(self, images=self.images[chosen], determinants=self.determinants[chosen])


def as_map(model: Model, solver: SolverSettings | None = None) -> Map:
    """Take the features of R models as a map, in double precision.

    Args:
        model: R models whose inputs are points; appended zeros lie in the space of images only.
        solver: Solver of a Neural ODE; the model's own by default, so that a model that is solved
            by a few Euler steps is the map that these steps make.
    """
    precise = points_in_double(model, solver)

    def features(x: Tensor) -> Tensor:
        return precise.run(x.to(next(precise.parameters()))).features

    return torch.no_grad()(features)


def flow_map(model: NeuralODE, solver: SolverSettings = TIGHTER, *, backwards: bool = False) -> Map:
    """Take the flow from time 0 to T on the whole state space, or the one from T to 0.

    Args:
        model: R models; the points are states ``(R or 1, n, d + p)``.
        solver: Solver of the flow.
        backwards: Whether to map the states at time T to those at time 0: the inverse map.
    """
    precise = points_in_double(model, solver)
    ends = (precise.end_time, 0.0) if backwards else (0.0, precise.end_time)

    def end(states: Tensor) -> Tensor:
        states = states.to(next(precise.parameters())).expand(precise.replicas, -1, -1)
        times = torch.tensor(ends, dtype=states.dtype, device=states.device)
        return integrate(precise.field, states.contiguous(), times, precise.solver).states[-1]

    return torch.no_grad()(end)


def jacobians(transform: Callable[[Tensor], Tensor], x: Tensor, *, shift: float = SHIFT) -> Floats:
    """Compute Jacobian matrices by central differences.

    A point and its shifted neighbours are mapped in one batch. An adaptive solver then takes the
    same steps for all of them, so that its error is a smooth function of the point and hardly
    enters.

    Args:
        transform: Map from ``(R or 1, m, d)`` to ``(..., m, k)``.
        x: Points, shape ``(n, d)`` for all maps, or ``(R, n, d)`` for points of each map's own.
        shift: Half the distance between the two points of a difference quotient.

    Returns:
        Shape ``(..., n, k, d)``.
    """
    x = (x if x.dim() == 3 else x[None]).double()
    n, d = x.shape[1:]
    shifts = shift * torch.eye(d, dtype=x.dtype, device=x.device)
    points = x[:, :, None] + torch.cat([shifts, -shifts])  # (R, n, 2d, d)
    images = transform(points.flatten(1, 2)).unflatten(-2, (n, 2, d))  # (..., n, 2, d, k)
    difference = (images[..., 0, :, :] - images[..., 1, :, :]) / (2 * shift)
    return as_array(difference.transpose(-1, -2))


def singular_values(
    model: NeuralODE,
    x: Tensor,
    *,
    stopped: Collection[int] = (),
    shift: float = SHIFT,
    solver: SolverSettings = TIGHTER,
) -> Floats:
    """Compute the singular values of the flow's Jacobian: how far it stretches space at each input.

    The Jacobian is that of the map from an input in R^d to its features in R^(d + p). The slope of
    a ReLU field jumps where a unit switches, so the derivative of a solve is only right to the size
    of its steps: to about a thousandth for trained toy models at :data:`TIGHTER`.

    Args:
        model: R networks whose state has one axis.
        x: Inputs of all replicas, shape ``(n, d)``.
        stopped: Replicas that are left out, such as those whose training failed.
        shift: Half the distance between the two points of a difference quotient.
        solver: Solver of the flow.

    Returns:
        Shape ``(R, n, d)``, largest first; NaN for the stopped replicas and for those whose solve
        fails.
    """
    precise = points_in_double(model, solver)
    to = next(precise.parameters())
    matrices = jacobians(lambda points: precise.flow(points.to(to), 2)[-1], x, shift=shift)
    # Where there is a NaN, the decomposition would raise an exception.
    failed = np.asarray(np.isnan(matrices).any(axis=(1, 2, 3)))
    finite = np.where(failed[:, None, None, None], 0, matrices.swapaxes(2, 3))
    values: Floats = np.linalg.svd(finite, compute_uv=False)
    values[failed] = values[list(stopped)] = np.nan
    return values


def orientation(transform: Map, x: Tensor, *, shift: float = SHIFT) -> Orientation:
    """Compute the Jacobian determinants of R maps at points, by central differences.

    Args:
        transform: Maps of ``R^d`` to itself.
        x: Points, shape ``(n, d)``.
        shift: Half the distance between the two points of a difference quotient. If a piecewise
            linear map bends in between, the determinant belongs to a mean of the two sides.

    Raises:
        ValueError: If the images have another dimension than the points.
    """
    images = transform(x[None].double())
    if images.shape[-1] != x.shape[-1]:
        raise ValueError(
            f"a determinant needs images in R^{x.shape[-1]}, where the points are, got "
            f"R^{images.shape[-1]}; for a model with appended zeros take flow_map"
        )
    determinants: Floats = np.linalg.det(jacobians(transform, x, shift=shift))
    return Orientation(as_array(x), as_array(images), determinants)


def log_volume(
    model: NeuralODE, x: Tensor, *, intervals: int = 1024, solver: SolverSettings = TIGHTER
) -> Floats:
    """Compute the logarithm of the flow's Jacobian determinant by Liouville's formula.

    The field's divergence, computed from its weights, is integrated along trajectories by the
    midpoint rule. No difference quotient enters, so this checks :func:`orientation` independently.
    The divergence of a ReLU field jumps; a jump costs up to half an interval times its height.

    Args:
        model: R models whose field is an MLP.
        x: Inputs, shape ``(n, d)``.
        intervals: Number of intervals of time.
        solver: Solver of the trajectories.

    Returns:
        Shape ``(R, n)``.

    Raises:
        TypeError: If the field is not an MLP.
    """
    if not isinstance(model.field, MLPField):
        raise TypeError(f"the model's field must be an MLPField, got {type(model.field).__name__}")
    precise = points_in_double(model, solver)
    width = precise.end_time / intervals
    middles = (torch.arange(intervals, dtype=torch.float64) + 0.5) * width
    times = torch.cat([torch.zeros(1, dtype=torch.float64), middles])
    states = as_array(precise.flow(x[None].to(next(precise.parameters())), times))[1:]
    divergence = np.stack(
        [
            np.trace(jacobian(model.field, float(t), h), axis1=2, axis2=3)  # (R, n)
            for t, h in zip(middles, states, strict=True)
        ]
    )
    total: Floats = width * divergence.sum(0)
    return total


def points_in_double(model: AnyModel, solver: SolverSettings | None) -> AnyModel:
    """Copy a model of points in double precision, with another solver if one is given.

    Raises:
        ValueError: If the inputs are not points.
    """
    if len(model.input_shape) != 1:
        raise ValueError(f"the inputs must be points (d,), got the shape {model.input_shape}")
    return in_double(model, solver)


def as_array(values: Tensor) -> Floats:
    """Convert a tensor to an array in double precision."""
    array: Floats = values.detach().double().cpu().numpy()
    return array
