"""The part of the benchmark that runs in a process of its own, for one number of threads.

    python -m benchmarks.worker PLAN RESULTS THREADS

PLAN and RESULTS are JSON files. The caller sets how many cores and threads there are.
"""

import json
import sys
import warnings
from pathlib import Path

import torch

from benchmarks.measure import Plan, Results, growth, on_images, table


def main(plan_file: str, results_file: str, threads: str) -> None:
    """Measure what PLAN says for this number of threads."""
    # Peers warn of what they and their own dependencies use.
    for category in (DeprecationWarning, FutureWarning, UserWarning):
        warnings.filterwarnings("ignore", category=category)
    plan = Plan.from_dict(json.loads(Path(plan_file).read_text()))
    torch.set_num_threads(int(threads))
    results = Results()
    if int(threads) == plan.threads[0]:
        results.extend(table(plan))
    results.extend(growth(plan))
    results.extend(on_images(plan))
    Path(results_file).write_text(json.dumps(results.as_dict()))


if __name__ == "__main__":
    main(*sys.argv[1:])
