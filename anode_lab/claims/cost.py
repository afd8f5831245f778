"""The cost and the losses of trainings on images, one model compared with another.

All of it is read from the histories: neither the data nor the trained weights are needed.
"""

from math import log

import numpy as np

from anode.arrays import Floats
from anode_lab.claims.claim import Case
from anode_lab.measures import time_to_loss

MAX_EVALUATIONS = 1000
"""Number of evaluations of a forward pass that the paper calls prohibitive (section 5.2)."""


def speed_up(slow: Case, fast: Case) -> Floats:
    """Epochs of the first model to its lowest loss, over the second's to that loss, ``(R,)``.

    A second model that does not reach the loss counts with all the epochs that it was trained for.
    """
    every = fast.history.epoch_loss.shape[1]
    return time_to_loss.speed_up(slow.history, fast.history, never=every)


def loss_over(case: Case, other: Case) -> Floats:
    """Training loss of the last epoch, the first model's over the second's, ``(R,)``."""
    ratio: Floats = case.history.epoch_loss[:, -1] / other.history.epoch_loss[:, -1]
    return ratio


def evaluations_over(case: Case, *others: Case) -> Floats:
    """Evaluations in the last epoch, over the fewest that one of the others takes, ``(R,)``."""
    fewest = np.min([other.history.epoch_nfe[:, -1] for other in others], axis=0)
    ratio: Floats = case.history.epoch_nfe[:, -1] / fewest
    return ratio


def fewest_over(case: Case, *others: Case) -> Floats:
    """The inverse: fewest evaluations that one of the others takes, over the first's, ``(R,)``."""
    return 1 / evaluations_over(case, *others)


def evaluations_at_equal_loss(case: Case, other: Case) -> Floats:
    """Evaluations of the first over the second's, at the lowest loss that both reach, ``(R,)``."""
    first, second = time_to_loss.nfe_at_equal_loss(case.history, other.history)
    ratio: Floats = first / second
    return ratio


def validation_over(case: Case, other: Case) -> Floats:
    """Lowest validation loss of an epoch, the first model's over the second's, ``(R,)``.

    Raises:
        ValueError: If a model has no validation losses.
    """
    lowest = []
    for each in (case, other):
        if each.history.validation_loss is None:
            raise ValueError(
                f"{each.label} of {each.result.experiment.name} has no validation loss"
            )
        lowest.append(np.fmin.reduce(each.history.validation_loss, axis=1))
    ratio: Floats = lowest[0] / lowest[1]
    return ratio


def unstable(case: Case) -> Floats:
    """Whether each training was unstable, 1 or 0, ``(R,)``.

    A training is unstable if it failed; if a forward pass took more than :data:`MAX_EVALUATIONS`;
    or if a batch's loss was larger than that of equal outputs for all classes, after one had been
    below half of that. (Before, the training has not lost what it had learnt: it has not learnt it
    yet.)
    """
    history = case.history
    of_equal_outputs = log(case.result.experiment.outputs or 1)
    learnt = np.logical_or.accumulate(history.step_loss < of_equal_outputs / 2, axis=1)
    lost = learnt & (history.step_loss > of_equal_outputs)
    return np.array(
        [
            float(
                replica in history.failures
                or np.nanmax(history.step_nfe[replica]) > MAX_EVALUATIONS
                or lost[replica].any()
            )
            for replica in range(len(history.seeds))
        ]
    )
