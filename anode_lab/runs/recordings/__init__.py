"""Trainings that take longer than a book build may: run once, one seed at a time, and recorded.

A record is found by what was run, whatever code and libraries there are now; :func:`check` says
whether these still give it. Records come with the book's sources, in ``results/``; new ones are
made by :func:`anode_lab.runs.sweep.sweep`.
"""

from anode_lab.runs.recordings.records import (
    NAMES,
    RESULTS_VARIABLE,
    NotRecordedError,
    Recorded,
    Recording,
    obtain,
    recordings,
    results_folder,
)
from anode_lab.runs.recordings.rehearsal import Difference, check, pace

__all__ = [
    "NAMES",
    "RESULTS_VARIABLE",
    "Difference",
    "NotRecordedError",
    "Recorded",
    "Recording",
    "check",
    "obtain",
    "pace",
    "recordings",
    "results_folder",
]
