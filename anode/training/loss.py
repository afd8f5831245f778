"""Loss, accuracy and features of a stack of replicas."""

from collections.abc import Callable, Sequence
from enum import Enum

import torch
from torch import Tensor
from torch.nn import functional as F

from anode.arrays import Floats
from anode.data import Data
from anode.models import Model
from anode.training.batches import stacked


class Loss(Enum):
    """Loss that is minimised: a mean over the samples of a batch, for each replica.

    For regression the paper's text says mean squared error; the authors' released code uses the
    Huber loss (with threshold 1, "smooth L1"). The negative log-likelihood is for a model that
    predicts log densities, such as a normalising flow.
    """

    MSE = "mean squared error"
    HUBER = "Huber loss"
    CROSS_ENTROPY = "cross-entropy"
    LIKELIHOOD = "negative log-likelihood"

    def __call__(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Losses ``(R,)`` of predictions ``(R, B, outputs)`` and targets ``(R, B, outputs)``.

        The targets are class indices ``(R, B)`` for cross-entropy, and unused for the likelihood.
        """
        if self is Loss.LIKELIHOOD:
            return -prediction.flatten(1).mean(1)
        if self is Loss.CROSS_ENTROPY:
            each = F.cross_entropy(prediction.flatten(0, 1), y.flatten(), reduction="none")
            return each.view(y.shape).mean(1)
        measure = F.mse_loss if self is Loss.MSE else F.smooth_l1_loss
        return measure(prediction, y, reduction="none").flatten(1).mean(1)


@torch.no_grad()
def evaluate(
    model: Model,
    data: Data | Sequence[Data],
    loss: Callable[[Tensor, Tensor], Tensor],
    batch_size: int = 1024,
    *,
    stopped: Sequence[int] = (),
) -> Floats:
    """Mean of a loss over the samples of ``data`` for each replica.

    Args:
        model: R replicas.
        data: One data set for all replicas, or one of equal size for each.
        loss: A :class:`Loss`, or another function of predictions and targets with values ``(R,)``.
        batch_size: Number of samples in a forward pass.
        stopped: Replicas that are not evaluated.

    Returns:
        Shape ``(R,)``; NaN for stopped replicas and for those whose solve fails.
    """
    device = next(model.parameters()).device
    total = torch.zeros(model.replicas, dtype=torch.float64)
    xs, ys = stacked(data, model.replicas)
    for x, y in zip(xs.split(batch_size, dim=1), ys.split(batch_size, dim=1), strict=True):
        x, y = (each.to(device).expand(model.replicas, *each.shape[1:]) for each in (x, y))
        total += loss(model(with_nan(x, stopped)), y).double().cpu() * x.shape[1]
    mean: Floats = (total / xs.shape[1]).numpy()
    return mean


def accuracy(model: Model, data: Data, batch_size: int = 1024) -> Floats:
    """Share of right predictions of each replica, shape ``(R,)``; NaN where its solve fails.

    The prediction is the index of the largest output where targets are class indices, and the sign
    of the output where they are -1 and +1.
    """

    def right(prediction: Tensor, y: Tensor) -> Tensor:
        if y.is_floating_point():
            hits = ((prediction > 0) == (y > 0)).flatten(1)
        else:
            hits = prediction.argmax(2) == y
        failed = prediction.isnan().flatten(1).any(1)
        return hits.double().mean(1).masked_fill(failed, torch.nan)

    return evaluate(model, data, right, batch_size)


@torch.no_grad()
def features_of(model: Model, x: Tensor, stopped: Sequence[int] = ()) -> Floats:
    """Features of inputs ``(n, *input_shape)`` for each replica, shape ``(R, n, *state_shape)``.

    They are NaN for the replicas in ``stopped``, and for those whose solve fails.
    """
    x = x.to(next(model.parameters()).device)
    inputs = with_nan(x.expand(model.replicas, *x.shape), stopped)
    features: Floats = model.run(inputs).features.double().cpu().numpy()
    return features


def with_nan(x: Tensor, stopped: Sequence[int]) -> Tensor:
    """Inputs ``(R, B, ...)`` with NaN for the replicas in ``stopped``.

    Their solves then end at once; with the weights that they keep they might take many steps.
    """
    if not stopped:
        return x
    x = x.clone()
    x[list(stopped)] = torch.nan
    return x
