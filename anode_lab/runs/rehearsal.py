"""The first steps of a training: to compare them with a record, or to foresee how long it takes."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anode.training import Floats
from anode_lab.runs.runner import not_recorded, results_folder
from anode_lab.runs.store import Store
from anode_lab.runs.task import Task


@dataclass(frozen=True)
class Difference:
    """A recorded training against its first steps run again, with the code that there is now.

    Attributes:
        task: the training.
        loss: largest relative difference of a step's loss; infinite if only one of the two failed.
        nfe: largest difference of a step's function evaluations; infinite likewise.
        steps: that were compared.
    """

    task: Task
    loss: float
    nfe: float
    steps: int

    @property
    def identical(self) -> bool:
        """Whether all numbers are the same to the last bit."""
        return self.loss == self.nfe == 0


def check(task: Task, steps: int = 20, folder: Path | None = None) -> Difference:
    """Take the first steps of a recorded training again and compare.

    The same code, libraries and kind of processor give the same bits; others round differently,
    and rounding grows with every step.

    Raises:
        NotRecordedError: if there is no record.
        DamagedError: if it is not what was written.
        DataError: if the data are not on this machine.
    """
    store = Store(folder or results_folder(), lasting=True)
    kept = store.read(task.identity)
    if kept is None:
        what = f"seed {task.seeds[0]} of {task.spec.label} is not"
        raise not_recorded(what, task, store.folder)
    _, again = task.train(batches=steps)
    count = again.step_loss.shape[1]
    loss, reference = again.step_loss, kept.history.step_loss[:, :count]
    return Difference(
        task,
        _largest(loss, reference, np.abs(reference)),
        _largest(again.step_nfe, kept.history.step_nfe[:, :count], np.ones(count)),
        count,
    )


def _largest(values: Floats, reference: Floats, unit: Floats) -> float:
    """The largest difference, in units; NaN, of a step after a failure, equals NaN alone."""
    same = (values == reference) | (np.isnan(values) & np.isnan(reference))
    difference = np.divide(np.abs(values - reference), unit, out=np.zeros_like(values), where=~same)
    return float(np.nan_to_num(difference, nan=np.inf).max())


def pace(
    wanted: Iterable[Task], device: str = "cpu", steps: int = 8
) -> dict[tuple[str, str], float]:
    """Seconds that a training of each model would take if all steps took as long as the first.

    Function evaluations grow in training, so it takes longer than that.

    Args:
        wanted: trainings, see :func:`~anode_lab.runs.task.tasks`; the first of each model is begun.
        device: where.
        steps: how many steps are timed, after two that are not.

    Returns:
        Experiment and label -> seconds.

    Raises:
        DataError: if the data are not on this machine.
        OutOfMemoryError: if the device's memory is too small.
    """
    firsts: dict[tuple[str, str], Task] = {}
    for task in wanted:
        firsts.setdefault((task.experiment.name, task.spec.label), task)
    return {model: _pace(task, device, steps) for model, task in firsts.items()}


def _pace(task: Task, device: str, steps: int) -> float:
    task.train(device, batches=2)  # compiles, reads the data, picks algorithms
    history = task.train(device, batches=steps)[1]
    samples = len(task.data()[0][0])
    per_epoch = -(-samples // task.size.batch_size)
    return history.seconds / history.steps_per_epoch * per_epoch * task.size.epochs
