"""Function evaluations under error norms that additional coordinates do not dilute.

The solver's norm is a mean over all coordinates of the state. Errors of the input's own coordinates
count for less beside appended coordinates without an error. Nothing else in the package uses the
norms of this module.
"""

from collections.abc import Callable
from enum import Enum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchdiffeq import odeint

from anode.models import NeuralODE
from anode.models.base import FEATURE_AXIS
from anode.solve import Method
from anode.solve.torchdiffeq import EvaluationCounter


class Norm(Enum):
    """Root mean square of the estimated errors that has to be below the tolerance."""

    ALL = "of all coordinates"
    INPUT = "of the input's coordinates"
    LARGER = "of the input's and of the appended ones, the larger"


def evaluations(model: NeuralODE, x: Tensor, norm: Norm) -> NDArray[np.int64]:
    """Count the function evaluations of each replica's forward pass, solved by torchdiffeq.

    Args:
        model: R replicas with an adaptive method, whose tolerances are used.
        x: Inputs of all replicas, shape ``(1, B, d)`` or ``(1, B, c, H, W)``.
        norm: Norm of the errors, for the choice of the first step, too. Without augmentation all
            three are the same.

    Returns:
        Shape ``(R,)``.

    Raises:
        ValueError: If the model's method is not adaptive.
        AssertionError: Raised by torchdiffeq if a step becomes too small.
    """
    if model.solver.method != Method.DOPRI5:
        raise ValueError(f"model must have the method dopri5, got {model.solver.method.name}")
    measure = _measure(norm, x.shape[FEATURE_AXIS] if model.augment_dim else None)
    h0 = model.augment(x)[:1]
    times = torch.tensor([0.0, model.end_time], dtype=h0.dtype, device=h0.device)
    counts = []
    for replica in range(model.replicas):
        counter = EvaluationCounter(model.field.select(replica)[0], times)
        with torch.no_grad():
            odeint(
                counter,
                h0,
                times,
                rtol=model.solver.rtol,
                atol=model.solver.atol,
                method=model.solver.method.name,
                options={"norm": measure},
            )
        counts.append(counter.evaluations)
    return np.array(counts)


def _measure(norm: Norm, inputs: int | None) -> Callable[[Tensor], Tensor]:
    """The norm of states whose first ``inputs`` coordinates are the input's; None: all are."""

    def mean(errors: Tensor) -> Tensor:
        return errors.square().mean().sqrt()

    if inputs is None or norm is Norm.ALL:
        return mean

    def grouped(errors: Tensor) -> Tensor:
        own = mean(errors.narrow(FEATURE_AXIS, 0, inputs))
        if norm is Norm.INPUT:
            return own
        rest = errors.narrow(FEATURE_AXIS, inputs, errors.shape[FEATURE_AXIS] - inputs)
        return torch.maximum(own, mean(rest))

    return grouped
