"""Loss, accuracy and features of trained replicas over whole data sets."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from anode.arrays import Floats
from anode.data import Data
from anode.models import Model
from anode.training.batches import stacked
from anode.training.settings import Loss


def evaluate(
    model: Model, data: Data | Sequence[Data], loss: Loss, batch_size: int = 1024
) -> Floats:
    """Mean loss of each replica over ``data``, shape ``(R,)``; NaN where its solve fails.

    ``data`` is one set for all replicas, or one of equal size for each.
    """
    return average(model, data, loss, batch_size)


def accuracy(model: Model, data: Data, batch_size: int = 1024) -> Floats:
    """Share of right predictions of each replica, shape ``(R,)``; NaN where its solve fails.

    For class indices the largest output counts, for targets -1 and +1 the sign.
    """

    def right(prediction: Tensor, y: Tensor) -> Tensor:
        if y.is_floating_point():
            hits = ((prediction > 0) == (y > 0)).flatten(1)
        else:
            hits = prediction.argmax(2) == y
        failed = prediction.isnan().flatten(1).any(1)
        return hits.double().mean(1).masked_fill(failed, torch.nan)

    return average(model, data, right, batch_size)


@torch.no_grad()
def features_of(model: Model, x: Tensor, stopped: tuple[int, ...] = ()) -> Floats:
    """Features of inputs ``(n, *input_shape)`` for each replica, shape ``(R, n, *state_shape)``.

    They are NaN for a replica in ``stopped``, and for one whose solve fails.
    """
    inputs = stop(x.expand(model.replicas, *x.shape), stopped)
    features: Floats = model.run(inputs).features.double().cpu().numpy()
    return features


@torch.no_grad()
def average(
    model: Model,
    data: Data | Sequence[Data],
    measure: Callable[[Tensor, Tensor], Tensor],
    batch_size: int = 1024,
    stopped: tuple[int, ...] = (),
) -> Floats:
    """Mean over the samples of ``measure(prediction, y)``, shape ``(R,)``; NaN for the stopped."""
    device = next(model.parameters()).device
    total = torch.zeros(model.replicas, dtype=torch.float64)
    xs, ys = stacked(data, model.replicas)
    for x, y in zip(xs.split(batch_size, dim=1), ys.split(batch_size, dim=1), strict=True):
        x, y = (each.to(device).expand(model.replicas, *each.shape[1:]) for each in (x, y))
        total += measure(model(stop(x, stopped)), y).double().cpu() * x.shape[1]
    mean: Floats = (total / xs.shape[1]).numpy()
    return mean


def stop(x: Tensor, stopped: tuple[int, ...]) -> Tensor:
    """Inputs ``(R, B, ...)`` with NaN for the replicas in ``stopped``.

    Their solves then end at once, where the weights that they keep might cost a thousand steps.
    """
    if not stopped:
        return x
    x = x.clone()
    x[list(stopped)] = torch.nan
    return x
