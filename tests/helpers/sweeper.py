"""A sweep in a process of its own, which leaves checkpoints all the time.

``python sweeper.py FOLDER PROCESSES``: 0 is in this process. It prints each training that ends.
"""

import logging
import sys
from pathlib import Path

from anode_lab.experiments import EXPERIMENTS
from anode_lab.runs import Dask, Store, Task, tasks
from anode_lab.runs.sweep import Sweep


def wanted() -> list[Task]:
    """Two trainings, which take some seconds each."""
    models = [spec.label for spec in EXPERIMENTS["annulus-2d"].models[:2]]
    return tasks("annulus-2d", models=models, seeds=[0], stacked=False)


if __name__ == "__main__":
    processes = int(sys.argv[2])
    logging.getLogger("anode").addHandler(logging.StreamHandler(sys.stdout))
    logging.getLogger("anode").setLevel(logging.INFO)
    executor = Dask(processes) if processes else None
    Sweep(Store(Path(sys.argv[1])), executor=executor, checkpoint_seconds=0.02).run(wanted())
