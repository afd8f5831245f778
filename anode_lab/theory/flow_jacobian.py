"""Whether a map keeps orientation and is one-to-one, measured on points: for flows and others.

The flow of a Lipschitz field is one-to-one, and its Jacobian determinant is positive wherever it
exists: by Liouville's formula it is the exponential of the field's divergence, integrated along the
trajectory. A residual block, or one long Euler step, is bound by neither. All functions here take
any map of ``R^d`` to itself, so that one code judges both; and all is in double precision.
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
"""R maps at once: points ``(R or 1, n, d)`` to their images ``(R, n, k)``, in double precision."""

SHIFT = 1e-6
"""Half the distance of the two points of a difference quotient."""


@dataclass(frozen=True)
class Orientation:
    """Points, their images and the Jacobian determinants there, of R maps.

    Attributes:
        points: shape ``(n, d)``.
        images: shape ``(R, n, d)``.
        determinants: shape ``(R, n)``; negative where a map turns orientation around.
    """

    points: Floats
    images: Floats
    determinants: Floats

    def lowest(self) -> Floats:
        """The smallest determinant of each map, shape ``(R,)``."""
        lowest: Floats = self.determinants.min(1)
        return lowest

    def turned(self) -> Floats:
        """The share of the points at which each map turns orientation around, shape ``(R,)``."""
        share: Floats = (self.determinants < 0).mean(1)
        return share

    def only(self, replica: int) -> "Orientation":
        """One of the maps alone, R = 1."""
        chosen = slice(replica, replica + 1)
        return replace(self, images=self.images[chosen], determinants=self.determinants[chosen])


def as_map(model: Model, solver: SolverSettings | None = None) -> Map:
    """The features of R models as a map, in double precision.

    Args:
        model: R models whose inputs are points; appended zeros lie in the image's space only.
        solver: how a Neural ODE is solved; as the model says if left out, so that a model solved
            by a few Euler steps is the map that these steps make.
    """
    precise = _precise(model, solver)

    def features(x: Tensor) -> Tensor:
        return precise.run(x.to(next(precise.parameters()))).features

    return torch.no_grad()(features)


def flow_map(model: NeuralODE, solver: SolverSettings = TIGHTER, *, backwards: bool = False) -> Map:
    """The flow from time 0 to T on the whole state space, or the one from T to 0.

    Args:
        model: R models; the points are states ``(R or 1, n, d + p)``.
        solver: how it is solved.
        backwards: from the states at time T to those at time 0: the inverse map.
    """
    precise = _precise(model, solver)
    ends = (precise.end_time, 0.0) if backwards else (0.0, precise.end_time)

    def end(states: Tensor) -> Tensor:
        states = states.to(next(precise.parameters())).expand(precise.replicas, -1, -1)
        times = torch.tensor(ends, dtype=states.dtype, device=states.device)
        return integrate(precise.field, states.contiguous(), times, precise.solver).states[-1]

    return torch.no_grad()(end)


def jacobians(transform: Callable[[Tensor], Tensor], x: Tensor, *, shift: float = SHIFT) -> Floats:
    """Jacobian matrices by central differences.

    A point and its shifted neighbours are mapped in one batch. An adaptive solver then takes the
    same steps for all, and its error, a smooth function of the point, hardly enters.

    Args:
        transform: ``(R or 1, m, d) -> (..., m, k)``.
        x: points, shape ``(n, d)`` for all maps, or ``(R, n, d)`` for each its own.
        shift: half the distance of the two points of a difference quotient.

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
    precise = _precise(model, solver)
    to = next(precise.parameters())
    matrices = jacobians(lambda points: precise.flow(points.to(to), 2)[-1], x, shift=shift)
    # Where there is a NaN, the decomposition would raise an exception.
    failed = np.asarray(np.isnan(matrices).any(axis=(1, 2, 3)))
    finite = np.where(failed[:, None, None, None], 0, matrices.swapaxes(2, 3))
    values: Floats = np.linalg.svd(finite, compute_uv=False)
    values[failed] = values[list(stopped)] = np.nan
    return values


def orientation(transform: Map, x: Tensor, *, shift: float = SHIFT) -> Orientation:
    """Jacobian determinants of R maps at points, by central differences.

    Args:
        transform: maps of ``R^d`` to itself.
        x: points, shape ``(n, d)``.
        shift: half the distance of the two points of a difference quotient. Where a piecewise
            linear map bends in between, the determinant is one of a mean of the two sides.

    Raises:
        ValueError: if the images have another dimension than the points.
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
    """Logarithm of the Jacobian determinant of the flow on the state space, by Liouville's formula.

    The divergence of the field, from its weights, integrated along trajectories by the midpoint
    rule. No difference quotient enters: a check of :func:`orientation` by other means. The
    divergence of a ReLU field jumps, and a jump costs up to half an interval times its height.

    Args:
        model: R models with a field that is an MLP.
        x: inputs, shape ``(n, d)``.
        intervals: of time.
        solver: how the trajectories are solved.

    Returns:
        Shape ``(R, n)``.

    Raises:
        TypeError: if the field is no MLP.
    """
    if not isinstance(model.field, MLPField):
        raise TypeError(f"the model's field must be an MLPField, got {type(model.field).__name__}")
    precise = _precise(model, solver)
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


def _precise(model: AnyModel, solver: SolverSettings | None) -> AnyModel:
    """A copy in double precision, solved as ``solver`` says.

    Raises:
        ValueError: if the inputs are no points.
    """
    if len(model.input_shape) != 1:
        raise ValueError(f"the inputs must be points (d,), got the shape {model.input_shape}")
    return in_double(model, solver)


def as_array(values: Tensor) -> Floats:
    array: Floats = values.detach().double().cpu().numpy()
    return array
