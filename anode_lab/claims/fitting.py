"""How well and how fast a model fits, compared with the constant that fits best."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from anode.arrays import Floats
from anode.data import Data
from anode.training import Loss, features_of
from anode_lab.claims.claim import Case
from anode_lab.measures.time_to_loss import epochs_to_reach

REACHED = 0.1
"""Share of the best constant's loss at which training is timed."""


def constant_loss(data: Data, loss: Loss) -> float:
    """Compute the smallest loss of a constant output, which needs no look at the input.

    Args:
        data: Data with targets ``(N, 1)``.
        loss: Loss for regression; convex, so that its minimum lies between the targets.
    """
    targets = data.y.double()[None]

    def of(constant: float) -> float:
        return float(loss(torch.full_like(targets, constant), targets)[0])

    low, high = float(targets.min()), float(targets.max())
    return float(minimize_scalar(of, bounds=(low, high), method="bounded").fun)


def constants(data: tuple[Data, ...], case: Case) -> Floats:
    """The smallest loss of a constant on each seed's data, shape ``(R,)``."""
    losses = np.array([constant_loss(each, case.loss) for each in data])
    return np.broadcast_to(losses, (len(case.history.seeds),))


def final_loss(case: Case) -> Floats:
    """Training loss of the last epoch, as a share of the best constant's, ``(R,)``."""
    share: Floats = case.history.epoch_loss[:, -1] / constants(case.run.data, case)
    return share


def epochs_to_fit(case: Case, share: float = REACHED) -> Floats:
    """Epochs until the training loss is a given share of the best constant's, ``(R,)``.

    A seed that does not get there counts with all the epochs that it was trained for.
    """
    levels = share * constants(case.run.data, case)[:, None]
    epochs = epochs_to_reach(case.history, levels)[:, 0]
    every = case.history.epoch_loss.shape[1]
    return np.where(np.isnan(epochs), float(every), epochs)


def slowdown(slow: Case, fast: Case, share: float = REACHED) -> Floats:
    """Epochs to fit of the first model, over those of the second, ``(R,)``."""
    return epochs_to_fit(slow, share) / epochs_to_fit(fast, share)


def slowdown_against(slow: Case, fast: Case, slow_there: Case, fast_there: Case) -> Floats:
    """Slowdown on one data set, divided by that on another, ``(R,)``."""
    return slowdown(slow, fast) / slowdown(slow_there, fast_there)


def largest_feature(case: Case) -> Floats:
    """Largest feature of a training input, as a distance from 0, ``(R,)``."""
    features = features_of(case.run.model, case.run.data[0].x)  # (R, N, d)
    largest: Floats = np.abs(features).max(axis=(1, 2))
    return largest


def final_validation_loss(case: Case) -> Floats:
    """Validation loss after the last epoch, as a share of the best constant's, ``(R,)``.

    Raises:
        ValueError: If there is no validation data.
    """
    losses, data = case.history.validation_loss, case.run.validation
    if losses is None or data is None:
        raise ValueError(f"{case.result.experiment.name} has no validation data")
    share: Floats = losses[:, -1] / constants(data, case)
    return share


def generalisation_gap(case: Case) -> Floats:
    """Validation loss minus training loss, both as shares of the best constant's, ``(R,)``."""
    return final_validation_loss(case) - final_loss(case)
