"""Loss, accuracy and features of a stack of replicas."""

from collections.abc import Callable, Sequence
from enum import Enum

import torch
from torch import Tensor
from torch.nn import functional as F

from anode.arrays import Floats, as_tensor
from anode.checks import check_positive
from anode.models import Model
from anode.models.base import evaluating
from anode.training.batches import Sets, stacked


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
        y = fitting(prediction, y, classes=self is Loss.CROSS_ENTROPY)
        if self is Loss.CROSS_ENTROPY:
            each = F.cross_entropy(prediction.flatten(0, 1), y.flatten(), reduction="none")
            return each.view(y.shape).mean(1)
        measure = F.mse_loss if self is Loss.MSE else F.smooth_l1_loss
        return measure(prediction, y, reduction="none").flatten(1).mean(1)


Measure = Loss | Callable[[Tensor, Tensor], Tensor]
"""A :class:`Loss`; or a loss of torch, or a function of yours, of predictions ``(B, outputs)`` and
targets ``(B, ...)`` of one replica, whose value is one number."""


def losses(loss: Measure, prediction: Tensor, y: Tensor) -> Tensor:
    """Losses ``(R,)`` of predictions ``(R, B, outputs)`` and targets ``(R, B, ...)``.

    Raises:
        ValueError: If the targets do not fit the predictions, or a value is not one number.
    """
    if isinstance(loss, Loss):
        return loss(prediction, y)
    values = [loss(*pair) for pair in zip(prediction, fitting(prediction, y), strict=True)]
    for value in values:
        if not isinstance(value, Tensor) or value.numel() != 1:
            got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
            raise ValueError(f"the loss must give one number for a batch, got {got}")
    return torch.stack([value.reshape(()) for value in values])


def fitting(prediction: Tensor, y: Tensor, *, classes: bool | None = None) -> Tensor:
    """Targets ``(R or 1, B, ...)`` as predictions ``(R, B, outputs)`` need them; none broadcast.

    A last axis of 1 may be missing. Class indices become ``(R, B)``, numbers become like the
    predictions. If ``classes`` is left out, integers are class indices, unless they have the shape
    of the predictions or there is one output.

    Raises:
        ValueError: If their shape does not fit, or they are no indices of an output.
    """
    y = y.expand(len(prediction), *y.shape[1:])
    outputs, want = prediction.shape[2:].numel(), prediction.shape
    if classes is None:
        classes = not (y.is_floating_point() or outputs == 1 or y.shape == want)
    want = want[:2] if classes else want
    fits = y.shape in (want, (*want, 1)) or (*y.shape, 1) == want
    if classes and fits and not y.is_floating_point() and y.device.type == "cpu":
        fits = not y.numel() or 0 <= int(y.min()) <= int(y.max()) < outputs
    if not fits or (classes and y.is_floating_point()):
        ours, theirs = (", ".join(map(str, ("N", *each.shape[2:]))) for each in (prediction, y))
        needed = f"class indices (N), integers in 0..{outputs - 1}" if classes else f"({ours})"
        raise ValueError(
            f"targets must fit the predictions ({ours}): needed are {needed}, got ({theirs}), "
            f"{y.dtype} in {float(y.min()):g}..{float(y.max()):g}"
        )
    y = y.reshape(want)
    return y.long() if classes else y.to(prediction.dtype)


@torch.no_grad()
def evaluate(
    model: Model, data: Sets, loss: Measure, batch_size: int = 1024, *, stopped: Sequence[int] = ()
) -> Floats:
    """Mean of a loss over the samples of ``data`` for each replica, in evaluation mode.

    Args:
        model: R replicas.
        data: One data set for all replicas, or one of equal size for each, as for a training.
        loss: A :class:`Loss`, a loss of torch, or a function, see :data:`Measure`. Its value for a
            batch is weighted by the number of samples.
        batch_size: Number of samples in a forward pass.
        stopped: Replicas that are not evaluated.

    Returns:
        Shape ``(R,)``; NaN for stopped replicas and for those whose solve fails.
    """
    check_positive(batch_size=batch_size)
    like = next(model.parameters(), torch.empty(0))
    total = torch.zeros(model.replicas, dtype=torch.float64)
    xs, ys = stacked(data, model.replicas, like.dtype)
    with evaluating(model):
        for x, y in zip(xs.split(batch_size, dim=1), ys.split(batch_size, dim=1), strict=True):
            x, y = (each.to(like.device) for each in (x, y))
            inputs = with_nan(x.expand(model.replicas, *x.shape[1:]), stopped)
            prediction = model.run(inputs).prediction
            total += losses(loss, prediction, y).double().cpu() * x.shape[1]
    mean: Floats = (total / xs.shape[1]).numpy()
    return mean


def accuracy(model: Model, data: Sets, batch_size: int = 1024) -> Floats:
    """Share of right predictions of each replica, shape ``(R,)``; NaN where its solve fails.

    The prediction is the index of the largest output where targets are class indices. It is the
    sign of the output where they are -1 and +1, or 0 and 1.

    Raises:
        ValueError: If the targets do not fit the predictions, or are other numbers.
    """

    def right(prediction: Tensor, y: Tensor) -> Tensor:
        if not y.is_floating_point():
            hits = prediction.argmax(1) == y
        elif bool((other := y[y != y.sign()]).numel()):
            raise ValueError(f"targets must be classes, -1 and +1, or 0 and 1, got {other[0]:g}")
        else:
            hits = (prediction > 0) == (y > 0)
        return hits.double().mean().masked_fill(prediction.isnan().any(), torch.nan)

    return evaluate(model, data, right, batch_size)


@torch.no_grad()
def features_of(model: Model, x: Tensor, stopped: Sequence[int] = ()) -> Floats:
    """Features of inputs ``(n, *input_shape)`` for each replica, shape ``(R, n, *state_shape)``.

    They are NaN for the replicas in ``stopped``, and for those whose solve fails.
    """
    x = as_tensor("x", x).to(next(model.parameters(), torch.empty(0)))
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
