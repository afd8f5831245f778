"""Takes the first steps of a recorded training again, and compares them with the record."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anode.arrays import Floats
from anode_lab.runs.record import load_record
from anode_lab.runs.runner import not_recorded, results_folder
from anode_lab.runs.store import Store
from anode_lab.runs.task import Task


@dataclass(frozen=True)
class Difference:
    """How far the first steps of a training, taken again, are from its record.

    Attributes:
        task: The training.
        loss: Largest relative difference of a step's loss; infinite if only one of the two failed.
        nfe: Largest difference of a step's function evaluations; infinite likewise.
        steps: Number of steps that were compared.
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
    """Take the first steps of a recorded training again, and compare.

    The same code, libraries and kind of processor give the same bits; others round differently,
    and rounding grows with every step.

    Args:
        task: Training of a recorded experiment.
        steps: Number of steps; at most an epoch is taken.
        folder: Folder of the records; that of the book if left out.

    Raises:
        NotRecordedError: If there is no record.
        DamagedError: If the record is not what was written.
        DataError: If the data are not on this machine.
    """
    store = Store(folder or results_folder())
    kept = load_record(store, task.identity)
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
