"""Lipschitz constants for all states and times, from the weights alone."""

import numpy as np
import torch

from anode.arrays import Floats
from anode.fields import MLPField


@torch.no_grad()
def lipschitz_bound(field: MLPField) -> Floats:
    """Compute a constant C with ``||f(h1, t) - f(h2, t)|| <= C ||h1 - h2||`` everywhere.

    It is the product of the spectral norms of the three weight matrices. ReLU and softplus have
    slopes between 0 and 1, so they add no factor. The time enters the first layer through a column
    of its own, which shifts both states alike. The least such constant may be smaller.

    Args:
        field: R networks.

    Returns:
        One constant for each replica, shape ``(R,)``, in double precision.

    Raises:
        TypeError: If ``field`` is not an MLP; the norm of a kernel is not that of its convolution.
    """
    if not isinstance(field, MLPField):
        raise TypeError(f"field must be an MLPField, got {type(field).__name__}")
    norms = [
        torch.linalg.matrix_norm(weight.double(), ord=2)  # (R,)
        for weight in (field.weight1, field.weight2, field.weight3)
    ]
    bound: Floats = torch.stack(norms).prod(0).cpu().numpy()
    return bound


@torch.no_grad()
def slopes(field: MLPField, t: float, h: Floats) -> Floats:
    """Compute the difference quotients of a field on the line between neighbouring states.

    Each is a mean of the slope of f between two neighbours, so the largest absolute value is a
    *lower* bound of every Lipschitz constant; :func:`lipschitz_bound` is an upper bound of the
    least.

    Args:
        field: R networks with ``dim`` 1.
        t: The time.
        h: States, shape ``(S,)``, strictly increasing.

    Returns:
        Shape ``(R, S - 1)``.

    Raises:
        ValueError: If the field's state has more than one dimension, or ``h`` does not increase.
    """
    if field.state_shape != (1,):
        raise ValueError(f"slopes needs a field on the line, got states {field.state_shape}")
    gaps = np.diff(h)
    if h.ndim != 1 or len(gaps) == 0 or not (gaps > 0).all():
        raise ValueError("h must be one-dimensional and strictly increasing, with 2 or more states")
    weights = tuple(weight.double() for weight in field.weights)
    states = torch.as_tensor(h).to(weights[0]).view(1, -1, 1).expand(field.replicas, -1, 1)
    values = field.evaluate(weights, torch.tensor(t).to(states), states)  # (R, S, 1)
    quotients: Floats = values[..., 0].diff(dim=1).cpu().numpy() / gaps
    return quotients
