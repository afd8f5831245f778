"""Images of balls and segments under the exact flow of a trained field, rounding errors included.

The bounds take for granted: IEEE double precision, rounding to nearest, and sums of products that
are really summed (in any order); exp, tanh and logaddexp within 8 units in the last place; the
symmetric eigenvalue solver within 1e-12 of the matrix's norm; no underflow. "The exact flow" is
that of the stored weights, taken as real numbers.
"""

import numpy as np
from numpy.typing import ArrayLike

from anode.arrays import Floats
from anode.models import NeuralODE
from anode_lab.theory.enclosure.curves import (
    UP,
    gamma,
)
from anode_lab.theory.enclosure.field import ReplicaField
from anode_lab.theory.enclosure.stepping import Enclosure, EnclosureError, StepRule, march

CHUNK = 512
"""Number of points followed together; 1000 control points of 32 units fill a processor's cache."""


def enclose(
    model: NeuralODE,
    x: ArrayLike,
    radius: ArrayLike = 0.0,
    direction: ArrayLike | None = None,
    *,
    replica: int = 0,
    tolerance: float = 1e-13,
    limit: float = 1e3,
    max_steps: int = 20_000,
    strict: bool = True,
) -> Enclosure:
    """Enclose the features of balls, or of segments with a ball around every point.

    Args:
        model: Model whose inputs are points; the p coordinates appended to an input are exact
            zeros.
        x: Centres, shape ``(n, d)``.
        radius: Radii of the balls, shape ``(n,)`` or one for all.
        direction: Half segments, shape ``(n, d)``; without them there are balls only. A segment's
            image is followed by its tangent, which leaves an error that is small beside its length,
            whereas a ball as large would grow by the worst stretch in any direction.
        replica: Index of the network.
        tolerance: What a step may add to a radius, if rounding does not add more; a step across a
            switch may add more, too.
        limit: Largest radius.
        max_steps: Largest number of attempted steps of a point.
        strict: Whether to raise an exception if no bound is found, instead of giving an infinite
            radius.

    Returns:
        Sets of dimension d + p that contain the exact flow's images.

    Raises:
        ValueError: If the inputs are not points, shapes do not fit, a number is not finite, or a
            radius, the tolerance or a limit is out of range.
        TypeError: If the field is not an MLP.
        EnclosureError: If ``strict`` and a tube grows beyond ``limit`` or takes too many steps.
    """
    points, half, radii = _checked(model, x, direction, radius)
    for name, value in (("tolerance", tolerance), ("limit", limit), ("max_steps", max_steps)):
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
    network = ReplicaField.of(model.field, replica)  # type: ignore[arg-type]
    states, half = (np.pad(each, ((0, 0), (0, model.augment_dim))) for each in (points, half))
    parts = [slice(i, i + CHUNK) for i in range(0, len(states), CHUNK)] or [slice(0, 0)]
    rule = StepRule(float(model.end_time), tolerance, limit, max_steps)
    done = [march(network, states[part], half[part], radii[part], rule) for part in parts]
    found = Enclosure.joined(done)
    if strict and not np.isfinite(found.radii).all():
        index = int(np.flatnonzero(~np.isfinite(found.radii))[0])
        reason = "the tube grew too wide or took too many steps"
        raise EnclosureError(index, float(found.lost[index]), float(radii[index]), reason)
    return found


def _checked(
    model: NeuralODE, x: ArrayLike, direction: ArrayLike | None, radius: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """Convert centres, half segments and radii to arrays, after checking them."""
    if len(model.input_shape) != 1:
        raise ValueError(f"the inputs must be points (d,), got the shape {model.input_shape}")
    points = np.asarray(x, dtype=float)
    if points.ndim != 2 or points.shape[1:] != model.input_shape:
        raise ValueError(f"x must have shape (n, {model.input_shape[0]}), got {points.shape}")
    half = np.zeros_like(points) if direction is None else np.asarray(direction, dtype=float)
    if half.shape != points.shape:
        raise ValueError(f"direction must have the shape of x, {points.shape}, got {half.shape}")
    if not (np.isfinite(points) & np.isfinite(half)).all():
        raise ValueError("x and direction must be finite")
    radii = np.broadcast_to(np.asarray(radius, dtype=float), len(points))
    if not ((radii >= 0) & np.isfinite(radii)).all():
        raise ValueError(f"radius must be finite and 0 or more, got {radii.min()}")
    return points, half, radii


def output_bounds(model: NeuralODE, found: Enclosure, *, replica: int = 0) -> tuple[Floats, Floats]:
    """Bound the output L(z) = w.z + b over enclosed features.

    Args:
        model: Model with one output.
        found: n enclosures.
        replica: Index of the network whose head is taken.

    Returns:
        Lower and upper bounds, each of shape ``(n,)``.

    Raises:
        ValueError: If the model has no linear layer, or more than one output.
    """
    w, b = head(model, replica)
    value = found.centres @ w + b
    size = np.abs(found.centres) @ np.abs(w) + abs(b)
    along = np.abs(found.segments @ w) + gamma(len(w)) * (np.abs(found.segments) @ np.abs(w))
    error = (along + found.radii * np.linalg.norm(w) + gamma(len(w)) * size) * UP
    return value - error, value + error


def head(model: NeuralODE, replica: int) -> tuple[Floats, float]:
    """Take the weights ``(dim,)`` and the bias of a linear layer with one output.

    Raises:
        ValueError: If there is no linear layer, more than one output, or all weights are 0.
    """
    outputs = 0 if model.head is None else model.head.weight.shape[2]
    if model.head is None or outputs != 1:
        raise ValueError(f"the model must have one output, it has {outputs}")
    w: Floats = model.head.weight[replica, :, 0].detach().cpu().double().numpy()
    if not w.any():
        raise ValueError(f"the head of replica {replica} is constant: all its weights are 0")
    return w, model.head.bias[replica, 0, 0].item()
