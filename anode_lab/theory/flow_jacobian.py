"""Whether a map keeps orientation and is one-to-one, measured on points: for flows and others.

The flow of a Lipschitz field is one-to-one, and its Jacobian determinant is positive wherever it
exists: by Liouville's formula it is the exponential of the field's divergence, integrated along the
trajectory. A residual block, or one long Euler step, is bound by neither. All functions here take
any map of ``R^d`` to itself, so that one code judges both; and all is in double precision.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anode.fields import MLPField
from anode.models import Model, NeuralODE
from anode.solve import SolverSettings, integrate
from anode_lab.theory.flow_geometry import SHIFT, TIGHTER
from anode_lab.theory.lipschitz import jacobian

Floats = NDArray[np.float64]
AnyModel = TypeVar("AnyModel", bound=Model)

Map = Callable[[Tensor], Tensor]
"""R maps at once: points ``(R or 1, n, d)`` to their images ``(R, n, k)``, in double precision."""

_NEWTON = 30  # steps; a piecewise affine map needs as many as it has pieces on the way


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


@dataclass(frozen=True)
class Coincidences:
    """The pair of points, of each of R maps, whose images lie closest for their distance.

    Attributes:
        first, second: the points, shape ``(R, d)``; NaN for a map for which no pair was found.
        distance: between the two points, shape ``(R,)``.
        miss: distance between their images, shape ``(R,)``.
    """

    first: Floats
    second: Floats
    distance: Floats
    miss: Floats

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether there is such a pair, shape ``(R,)``."""
        return np.isfinite(self.distance)


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
    return _array(difference.transpose(-1, -2))


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
    return Orientation(_array(x), _array(images), determinants)


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
    states = _array(precise.flow(x[None].to(next(precise.parameters())), times))[1:]
    divergence = np.stack(
        [
            np.trace(jacobian(model.field, float(t), h), axis1=2, axis2=3)  # (R, n)
            for t, h in zip(middles, states, strict=True)
        ]
    )
    total: Floats = width * divergence.sum(0)
    return total


def round_trip(there: Map, back: Map, x: Tensor) -> Floats:
    """How far from each point the way there and back ends, for R maps, shape ``(R, n)``.

    For a flow and its backward solve it is the solver's error, enlarged by what the flow squeezes.

    Args:
        there: the maps.
        back: what should undo them.
        x: points, shape ``(n, d)``.
    """
    start = x[None].double()
    return _array((back(there(start)) - start).norm(dim=2))


def coincidences(
    transform: Map,
    x: Tensor,
    *,
    apart: float = 1e-3,
    miss: float = 1e-9,
    candidates: int = 20,
    starts: int = 6,
) -> Coincidences:
    """Two points with one image, for each of R maps, if Newton's method finds such a pair.

    It asks for the images of the points with the smallest determinants, of which each has another
    preimage if the map is onto and folds there. Newton's method starts from the points further
    away whose images are closest. A pair that is found refutes that the map is one-to-one, up to
    ``miss``; that none is found proves nothing.

    Args:
        transform: maps of ``R^d`` to itself.
        x: points, shape ``(n, d)``, dense enough that Newton's method starts near its goal.
        apart: least distance of the two points of a pair. A map that is one-to-one can only be
            taken for another if it brings two points that far apart as close as ``miss``.
        miss: largest distance of the two images.
        candidates: points of each map that are asked for.
        starts: points from which Newton's method starts, for each of them.

    Returns:
        For each map the pair whose points are furthest apart.
    """
    measured = orientation(transform, x)
    replicas, n = measured.determinants.shape
    d = x.shape[1]
    candidates, starts = min(candidates, n), min(starts, n - 1)
    chosen = measured.determinants.argsort(1)[:, :candidates]  # (R, c)
    first = measured.points[chosen]  # (R, c, d)
    goals = np.take_along_axis(measured.images, chosen[..., None], 1)
    away = np.linalg.norm(measured.images[:, None] - goals[:, :, None], axis=3)  # (R, c, n)
    near = np.linalg.norm(measured.points - first[:, :, None], axis=3) <= apart
    begin = np.where(near, np.inf, away).argsort(2)[..., :starts]  # (R, c, s)
    second = measured.points[begin].reshape(replicas, -1, d)
    first, goals = (np.repeat(each, starts, axis=1) for each in (first, goals))
    second = _newton(transform, second, goals)

    pair = transform(torch.from_numpy(np.concatenate([first, second], axis=1)))
    images = _array(pair).reshape(replicas, 2, -1, d)
    misses = np.linalg.norm(images[:, 0] - images[:, 1], axis=2)
    distances = np.linalg.norm(first - second, axis=2)
    valid = (misses <= miss) & (distances >= apart)
    best = np.where(valid, distances, -1).argmax(1)
    rows = np.arange(replicas)
    found = valid[rows, best]
    return Coincidences(
        first=np.where(found[:, None], first[rows, best], np.nan),
        second=np.where(found[:, None], second[rows, best], np.nan),
        distance=np.where(found, distances[rows, best], np.nan),
        miss=np.where(found, misses[rows, best], np.nan),
    )


def _newton(transform: Map, y: Floats, goals: Floats) -> Floats:
    """Where Newton's method for ``transform(y) = goal`` ends, from ``y (R, m, d)``.

    A step that would bring the image no closer is halved, up to five times.
    """
    for _ in range(_NEWTON):
        residual = _array(transform(torch.from_numpy(y))) - goals
        slope = jacobians(transform, torch.from_numpy(y))
        step = -(np.linalg.pinv(slope) @ residual[..., None])[..., 0]
        size = np.linalg.norm(residual, axis=2)
        for _ in range(5):
            closer = np.linalg.norm(_array(transform(torch.from_numpy(y + step))) - goals, axis=2)
            worse = ~(closer < size)
            if not worse.any():
                break
            step[worse] /= 2
        step[~np.isfinite(step).all(2)] = 0
        y = y + step
        if np.abs(step).max() < 1e-14:
            break
    return y


def _precise(model: AnyModel, solver: SolverSettings | None) -> AnyModel:
    """A copy in double precision, solved as ``solver`` says.

    Raises:
        ValueError: if the inputs are no points.
    """
    if len(model.input_shape) != 1:
        raise ValueError(f"the inputs must be points (d,), got the shape {model.input_shape}")
    precise = deepcopy(model).double()
    if isinstance(precise, NeuralODE) and solver is not None:
        precise.solver = solver
    return precise


def _array(values: Tensor) -> Floats:
    array: Floats = values.detach().double().cpu().numpy()
    return array
