"""Trainings that take longer than a book build may: run once, one seed at a time, and recorded.

A record is found by what was run, whatever code and libraries there are now; :func:`check` says
whether these still give it. Records come with the book's sources, in ``results/``; new ones are
written where :func:`record` is told to.
"""

from anode.recordings.records import (
    RESULTS_VARIABLE,
    NotRecordedError,
    Recorded,
    Recording,
    missing,
    obtain,
    record,
    results_folder,
)
from anode.recordings.rehearsal import Difference, check, pace
from anode.recordings.tasks import NAMES, OutOfMemoryError, Task, tasks

__all__ = [
    "NAMES",
    "RESULTS_VARIABLE",
    "Difference",
    "NotRecordedError",
    "OutOfMemoryError",
    "Recorded",
    "Recording",
    "Task",
    "check",
    "missing",
    "obtain",
    "pace",
    "record",
    "results_folder",
    "tasks",
]
