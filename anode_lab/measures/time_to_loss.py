"""When a training reaches a loss, and what a forward pass costs by then."""

import numpy as np

from anode.training import Floats, History


def epochs_to_reach(history: History, levels: Floats) -> Floats:
    """After how many epochs each replica's training loss is first down to each level.

    An epoch's loss is the mean over its batches; between epochs the logarithm of the loss is
    interpolated linearly. The count starts at the end of the first epoch: a level above the first
    epoch's loss counts as reached then.

    Args:
        history: of R replicas.
        levels: positive losses, shape ``(L,)``, or ``(R, L)`` for levels of each replica's own;
            NaN is never reached.

    Returns:
        Epochs, shape ``(R, L)``; NaN where the level was not reached.

    Raises:
        ValueError: if a level is not positive.
    """
    if np.any(levels <= 0):
        raise ValueError(f"levels must be positive losses, got {levels}")
    losses = history.epoch_loss
    own = np.broadcast_to(levels, (len(losses), levels.shape[-1]))
    return np.array(
        [[_reach(loss, level) for level in row] for loss, row in zip(losses, own, strict=True)]
    )


def nfe_at_loss(history: History, levels: Floats) -> Floats:
    """Function evaluations of a forward pass when the loss is first down to each level.

    They are interpolated between epochs as the loss is, see :func:`epochs_to_reach`, which says
    what ``levels`` are too.

    Returns:
        Evaluations, shape ``(R, L)``; NaN where the level was not reached.
    """
    epochs = epochs_to_reach(history, levels)
    grid = np.arange(1, history.epoch_nfe.shape[1] + 1)
    return np.array(
        [np.interp(when, grid, nfe) for when, nfe in zip(epochs, history.epoch_nfe, strict=True)]
    )


def _reach(loss: Floats, level: float) -> float:
    below = np.flatnonzero(loss <= level)  # NaN, after a failure, is not below
    if not len(below):
        return np.nan
    last = below[0]
    if last == 0:
        return 1.0
    before, after = np.log(loss[last - 1]), np.log(loss[last])
    return float(last + (before - np.log(level)) / (before - after))
