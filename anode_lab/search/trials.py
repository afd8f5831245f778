"""Cross-validates a grid, many settings at a time.

Settings that differ in nothing but their learning rate have networks of one shape and batches of
one size. They are trained as one stack, with a replica for each learning rate and each fold; each
replica has its own data, learning rate and seed. Fold k of every setting has the same seed, so that
settings are compared on the same data, in the same order and, where shapes agree, from the same
initial weights.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from tqdm.auto import tqdm

from anode.arrays import Floats
from anode.data import Data
from anode.models import Model
from anode.seeding import Stream, generator
from anode.training import History, Loss, TrainingSettings, evaluate, train
from anode_lab.search.grid import Grid, Setting

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Fold:
    """One way to divide a data set.

    Attributes:
        training: All parts but one.
        validation: The remaining part.
    """

    training: Data
    validation: Data


def splits(data: Data, count: int = 3, *, seed: int = 0) -> list[tuple[Indices, Indices]]:
    """Divide data at random into parts of equal size.

    The two classes, targets below and above 0, have the same share in every part, to a sample.

    Args:
        data: Data with targets of shape ``(N, 1)``.
        count: Number of parts K.
        seed: Seed of the division.

    Returns:
        For each part the indices of all other samples, of shape ``(N - N/K,)``, and its own, of
        shape ``(N/K,)``.

    Raises:
        ValueError: If there are fewer than 2 parts, the parts would not be of equal size, or a
            class has fewer samples than there are parts.
    """
    if count < 2 or len(data) % count:
        raise ValueError(f"count must be 2 or more and divide {len(data)} samples, got {count}")
    shuffle = int(torch.randint(2**31, (), generator=generator(seed, Stream.SPLIT)))
    classes = (data.y[:, 0] > 0).cpu().numpy()
    return list(StratifiedKFold(count, shuffle=True, random_state=shuffle).split(classes, classes))


def folds(data: Data, count: int = 3, *, seed: int = 0) -> tuple[Fold, ...]:
    """Return one fold for each part of :func:`splits`, which is its validation part."""
    return tuple(
        Fold(data.select(torch.from_numpy(rest)), data.select(torch.from_numpy(part)))
        for rest, part in splits(data, count, seed=seed)
    )


class Part(Enum):
    """The data on which a trained network's loss is measured."""

    TRAINING = "training"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True)
class Trial:
    """One setting, trained on each of K folds. NaN stands for a fold that failed.

    Attributes:
        setting: Setting that was tried.
        loss: Part of the data -> mean loss on it after the training of each fold, shape ``(K,)``.
        nfe: Function evaluations of a forward pass, mean of the last epoch, shape ``(K,)``.
        failures: Number of a fold, from 0 -> what went wrong in it.
        seconds: This setting's share of the time in which its stack was trained.
    """

    setting: Setting
    loss: Mapping[Part, Floats]
    nfe: Floats
    failures: Mapping[int, str]
    seconds: float

    def mean(self, part: Part = Part.VALIDATION) -> float:
        """Return the mean loss over the folds, infinite if one failed.

        The mean of the other folds would flatter the setting.

        Args:
            part: Data on which the loss is measured.
        """
        return float(np.where(np.isnan(self.loss[part]), np.inf, self.loss[part]).mean())


def search(
    grid: Grid,
    divided: Sequence[Fold],
    *,
    epochs: int = 50,
    loss: Loss = Loss.HUBER,
    seeds: Sequence[int] | None = None,
    test: Data | None = None,
    device: str = "cpu",
    progress: bool = False,
) -> tuple[Trial, ...]:
    """Train every setting of a grid on every fold.

    Args:
        grid: Settings to try.
        divided: Folds, with training parts of one size and validation parts of one size.
        epochs: Number of epochs of each training.
        loss: Loss that is trained and measured.
        seeds: Seed of each fold; 0, 1 and so on if left out.
        test: Data that no choice is made on.
        device: Device to train on.
        progress: Whether to show a progress bar over the stacks.

    Returns:
        One trial for each setting, in the grid's order.

    Raises:
        ValueError: If there is not one seed for each fold.
    """
    own = tuple(range(len(divided)) if seeds is None else seeds)
    if len(own) != len(divided):
        raise ValueError(f"seeds must be {len(divided)}, one for each fold, got {own}")
    task = CrossValidation(tuple(divided), own, epochs, loss, test, device)
    stacks = tqdm(list(grid.stacks()), unit="stack", disable=not progress)
    return tuple(trial for stack in stacks for trial in task.run(stack))


@dataclass(frozen=True)
class CrossValidation:
    """What the stacks of a search have in common.

    Attributes:
        folds: Folds, with training parts of one size and validation parts of one size.
        seeds: Seed of each fold.
        epochs: Number of epochs of each training.
        loss: Loss that is trained and measured.
        test: Data that no choice is made on.
        device: Device to train on.
    """

    folds: tuple[Fold, ...]
    seeds: tuple[int, ...]
    epochs: int
    loss: Loss
    test: Data | None
    device: str

    def run(self, stack: tuple[Setting, ...]) -> Iterator[Trial]:
        """Train settings of one shape; fold k of setting i is replica i K + k."""
        first, count = stack[0], len(self.folds)
        training = [fold.training for fold in self.folds] * len(stack)
        validation = [fold.validation for fold in self.folds] * len(stack)
        outputs = training[0].y.shape[1]
        model = self._model(first, outputs, len(stack))
        rates = tuple(setting.learning_rate for setting in stack for _ in self.folds)
        settings = TrainingSettings(self.epochs, first.batch_size, rates, loss=self.loss)
        history = train(model, training, settings)
        losses = {
            Part.TRAINING: evaluate(model, training, self.loss),
            Part.VALIDATION: evaluate(model, validation, self.loss),
        }
        if self.test is not None:
            losses[Part.TEST] = evaluate(model, self.test, self.loss)
        failures = _failures(history, losses[Part.VALIDATION])
        for values in losses.values():
            values[list(failures)] = np.nan
        for index, setting in enumerate(stack):
            own = range(index * count, (index + 1) * count)
            yield Trial(
                setting,
                {part: values[own] for part, values in losses.items()},
                history.epoch_nfe[own, -1],
                {k: failures[r] for k, r in enumerate(own) if r in failures},
                history.seconds / len(stack),
            )

    def _model(self, setting: Setting, outputs: int, copies: int) -> Model:
        """The folds' networks, as many times as there are settings to train them with."""
        shape, seeds = self.folds[0].training.input_shape, self.seeds * copies
        distinct = sorted(set(seeds))
        one, model = (
            setting.model.build(shape, outputs, setting.hidden, each)
            for each in (distinct, range(len(seeds)))
        )
        rows = [distinct.index(seed) for seed in seeds]
        model.load_state_dict({name: w[rows] for name, w in one.state_dict().items()})
        model.seeds = seeds  # repeated, because replicas differ in their data or learning rates
        return model.to(self.device)


def _failures(history: History, validation: Floats) -> dict[int, str]:
    """Return replica -> what went wrong in its training or in its validation, of shape ``(R,)``."""
    found = {
        int(r): "no finite loss on the validation part"
        for r in np.flatnonzero(~np.isfinite(validation))
    }
    return found | {r: str(failure) for r, failure in history.failures.items()}
