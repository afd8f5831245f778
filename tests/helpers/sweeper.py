"""A sweep in a process of its own, which leaves checkpoints all the time.

``python sweeper.py FOLDER PROCESSES``: 0 is in this process. What it performed goes to stdout.
"""

import sys
from pathlib import Path

from anode_lab.experiments import EXPERIMENTS
from anode_lab.runs.executors import InProcess, Place, Processes
from anode_lab.runs.store import Store
from anode_lab.runs.sweep import sweep
from anode_lab.runs.task import Task, tasks


def wanted() -> list[Task]:
    """Two trainings, which take some seconds each."""
    models = [spec.label for spec in EXPERIMENTS["annulus-2d"].models[:2]]
    return tasks("annulus-2d", models=models, seeds=[0], stacked=False)


if __name__ == "__main__":
    processes = int(sys.argv[2])
    place: Place = Processes(processes) if processes else InProcess()
    sweep(
        wanted(),
        Store(Path(sys.argv[1])),
        place=place,
        checkpoint_seconds=0.02,
        ended=lambda task, _: print(task, flush=True),
    )
