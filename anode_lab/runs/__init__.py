"""Trainings of the paper's experiments: what they are, their records, and where they run.

:func:`run` gives the trained models of an experiment, from records or by training them now.
"""

from anode_lab.runs.executors import Dask, ExecutorError
from anode_lab.runs.repeat import Difference, check
from anode_lab.runs.result import Result, Run, UnpairedError
from anode_lab.runs.runner import (
    RECORDED,
    RESULTS_VARIABLE,
    STORE_VARIABLE,
    NotRecordedError,
    check_device,
    results_folder,
    run,
)
from anode_lab.runs.status import Stage, epochs_done, stage
from anode_lab.runs.store import DamagedError, Store, StoreError
from anode_lab.runs.task import OutOfMemoryError, Task, figure_tasks, tasks

__all__ = [
    "RECORDED",
    "RESULTS_VARIABLE",
    "STORE_VARIABLE",
    "DamagedError",
    "Dask",
    "Difference",
    "ExecutorError",
    "NotRecordedError",
    "OutOfMemoryError",
    "Result",
    "Run",
    "Stage",
    "Store",
    "StoreError",
    "Task",
    "UnpairedError",
    "check",
    "check_device",
    "epochs_done",
    "figure_tasks",
    "results_folder",
    "run",
    "stage",
    "tasks",
]
