"""Trainings of the paper's experiments: what they are, their records, and where they run.

:func:`run` gives the trained models of an experiment, from records or by training them now.
"""

from anode_lab.runs.rehearsal import Difference, check, pace
from anode_lab.runs.result import Result, Run
from anode_lab.runs.runner import (
    NAMES,
    RESULTS_VARIABLE,
    STORE_VARIABLE,
    NotRecordedError,
    results_folder,
    run,
)
from anode_lab.runs.task import Task, figure_tasks, tasks

__all__ = [
    "NAMES",
    "RESULTS_VARIABLE",
    "STORE_VARIABLE",
    "Difference",
    "NotRecordedError",
    "Result",
    "Run",
    "Task",
    "check",
    "figure_tasks",
    "pace",
    "results_folder",
    "run",
    "tasks",
]
