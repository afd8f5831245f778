"""When a training reaches a loss, and the cost of a forward pass by then."""

from dataclasses import replace

import numpy as np

from anode.arrays import Floats
from anode.training import History


def in_parts(history: History, count: int) -> History:
    """Cut a training into parts of equally many steps, each of which counts as an epoch.

    So trainings whose epochs differ in length can be compared after the same number of updates.
    Where the steps cannot be shared out equally, the first parts have one more.

    Args:
        history: Training history of R replicas with S steps.
        count: Number of parts, from 1 to S.

    Returns:
        The means of each part, as a history of one step an epoch, without validation losses and
        snapshots, which belong to the epochs.

    Raises:
        ValueError: If there are fewer steps than parts, or no part.
    """
    steps = history.step_loss.shape[1]
    if not 1 <= count <= steps:
        raise ValueError(f"count must be from 1 to {steps}, the number of steps, got {count}")
    parts = np.array_split(np.arange(steps), count)

    def means(values: Floats) -> Floats:
        return np.stack([values[:, part].mean(axis=1) for part in parts], axis=1)

    ends = [part[-1] + 1 for part in parts]
    failures = {
        replica: replace(failure, epoch=1 + int(np.searchsorted(ends, failure.iteration)))
        for replica, failure in history.failures.items()
    }
    return replace(
        history,
        step_loss=means(history.step_loss),
        step_nfe=means(history.step_nfe),
        step_backward_nfe=means(history.step_backward_nfe),
        steps_per_epoch=1,
        validation_loss=None,
        snapshots={},
        failures=failures,
    )


def epochs_to_reach(history: History, levels: Floats) -> Floats:
    """Compute after how many epochs each replica's training loss first comes down to each level.

    An epoch's loss is the mean over its batches; between epochs the logarithm of the loss is
    interpolated linearly. The count starts at the end of the first epoch: a level above the first
    epoch's loss counts as reached then.

    Args:
        history: Training history of R replicas.
        levels: Positive losses, shape ``(L,)``, or ``(R, L)`` for levels of each replica's own;
            NaN is never reached.

    Returns:
        Epochs, shape ``(R, L)``; NaN where the level was not reached.

    Raises:
        ValueError: If a level is not positive.
    """
    if np.any(levels <= 0):
        raise ValueError(f"levels must be positive losses, got {levels}")
    losses = history.epoch_loss
    own = np.broadcast_to(levels, (len(losses), levels.shape[-1]))
    return np.array(
        [[_reach(loss, level) for level in row] for loss, row in zip(losses, own, strict=True)]
    )


def speed_up(
    slow: History, fast: History, *, epochs: int | None = None, never: float = np.nan
) -> Floats:
    """Compute the first model's epochs to its lowest training loss, over the second's to that loss.

    Args:
        slow: Training history of R replicas.
        fast: Training history of as many, with the same seeds.
        epochs: Number of epochs after which the first model counts as stopped; all if left out.
        never: Epochs of a second model that does not come down to the loss.

    Returns:
        Ratios, shape ``(R,)``; NaN where the first model failed in its first epoch.

    Raises:
        ValueError: If the seeds differ.
    """
    _check_paired(slow, fast)
    goal = _lowest(slow, epochs)
    took, takes = (epochs_to_reach(each, goal)[:, 0] for each in (slow, fast))
    ratio: Floats = took / np.where(np.isnan(takes), never, takes)
    return ratio


def nfe_at_loss(history: History, levels: Floats) -> Floats:
    """Compute the function evaluations of a forward pass when the loss first reaches each level.

    They are interpolated between epochs as the loss is.

    Args:
        history: Training history of R replicas.
        levels: Levels, as for :func:`epochs_to_reach`.

    Returns:
        Evaluations, shape ``(R, L)``; NaN where the level was not reached.
    """
    epochs = epochs_to_reach(history, levels)
    grid = np.arange(1, history.epoch_nfe.shape[1] + 1)
    return np.array(
        [np.interp(when, grid, nfe) for when, nfe in zip(epochs, history.epoch_nfe, strict=True)]
    )


def nfe_at_equal_loss(one: History, other: History) -> tuple[Floats, Floats]:
    """Compute both models' function evaluations at the lowest training loss that both reach.

    Args:
        one: Training history of R replicas.
        other: Training history of as many, with the same seeds.

    Returns:
        Evaluations of each, as of :func:`nfe_at_loss`, shape ``(R,)``; NaN where a model failed in
        its first epoch.

    Raises:
        ValueError: If the seeds differ.
    """
    _check_paired(one, other)
    both = np.maximum(_lowest(one), _lowest(other))
    return nfe_at_loss(one, both)[:, 0], nfe_at_loss(other, both)[:, 0]


def nfe_growth(history: History) -> Floats:
    """Compute the function evaluations of the last epoch over those of the first, ``(R,)``.

    The ratio is NaN for a model that evaluates no field, such as a ResNet.
    """
    first, last = history.epoch_nfe[:, 0], history.epoch_nfe[:, -1]
    return np.divide(last, first, out=np.full(len(first), np.nan), where=first > 0)


def _check_paired(one: History, other: History) -> None:
    if one.seeds != other.seeds:
        raise ValueError(f"histories must have the same seeds, got {one.seeds} and {other.seeds}")


def _lowest(history: History, epochs: int | None = None) -> Floats:
    """Lowest loss of the first epochs, ``(R, 1)``; NaN if the first one failed."""
    lowest: Floats = np.fmin.reduce(history.epoch_loss[:, :epochs], axis=1)[:, None]
    return lowest


def _reach(loss: Floats, level: float) -> float:
    below = np.flatnonzero(loss <= level)  # NaN, after a failure, is not below
    if not len(below):
        return np.nan
    last = below[0]
    if last == 0:
        return 1.0
    before, after = np.log(loss[last - 1]), np.log(loss[last])
    return float(last + (before - np.log(level)) / (before - after))
