"""What a sweep costs in other processes and on a cluster, beside this process alone.

python -m benchmarks.scaling [--rounds N] [--out FOLDER]

Places take turns in every round. A cluster's workers are started before; processes are started by
the sweep, and their start counts. Nothing else should run meanwhile.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from anode_lab.measures.sweep_cost import FILE, Scaling, Sweep
from anode_lab.runs import results_folder
from anode_lab.runs.executors import Cluster, InProcess, Place, Processes
from anode_lab.runs.perform import compute, identity_in
from anode_lab.runs.provenance import Provenance
from anode_lab.runs.store import Store
from anode_lab.runs.sweep import status, sweep
from anode_lab.runs.task import Task, tasks
from benchmarks.machines import machines

EXPERIMENT = "annulus-2d"
LONG_SEEDS, SHORT_SEEDS = 3, 40


def _trainings(profile: str, seeds: int) -> list[Task]:
    """Of one network each: a stack would be quicker, but this is about many tasks."""
    models = [spec.label for spec in tasks(EXPERIMENT)[0].experiment.models[:2]]
    return tasks(EXPERIMENT, profile, models=models, seeds=range(seeds), stacked=False)


@contextmanager
def _places() -> Iterator[dict[str, tuple[int, Place]]]:
    """Name -> how many train at once, and where."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        one, two = Path(name) / "one", Path(name) / "two"
        one.mkdir()
        two.mkdir()
        with machines(one) as single, machines(two) as double:
            single.worker()
            for _ in range(2):
                double.worker()
            yield {
                "this process": (1, InProcess()),
                "1 process": (1, Processes(1)),
                "2 processes": (2, Processes(2)),
                "cluster, 1 worker": (1, Cluster(single.address)),
                "cluster, 2 workers": (2, Cluster(double.address)),
            }


def _swept(name: str, workers: int, place: Place, wanted: list[Task]) -> Sweep:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        sweep(wanted, Store(Path(folder)), place=place)
        return Sweep(name, workers, len(wanted), time.perf_counter() - start)


def _looking(wanted: list[Task]) -> float:
    """Seconds to find that one is recorded."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        sweep(wanted, store)
        assert store.read(identity_in(store, wanted[0], "cpu")) is not None
        start = time.perf_counter()
        for task in wanted:
            status(task, store)
        return (time.perf_counter() - start) / len(wanted)


def measure(rounds: int, long_seeds: int = LONG_SEEDS, short_seeds: int = SHORT_SEEDS) -> Scaling:
    """Every place in every round."""
    started, start = datetime.now(UTC), time.monotonic()
    long, short = _trainings("laptop", long_seeds), _trainings("smoke", short_seeds)
    found: dict[str, list[Sweep]] = {"long": [], "short": []}
    for task in short[:2]:  # compiles what is compiled once on a machine
        compute(task)
    begin = time.perf_counter()
    for task in short:
        compute(task)
    moment = (time.perf_counter() - begin) / len(short)
    with _places() as places:
        for name, (workers, place) in places.items():  # workers import what they need
            _swept(name, workers, place, short[:4])
        for _ in range(rounds):
            for name, (workers, place) in places.items():
                found["long"].append(_swept(name, workers, place, long))
                found["short"].append(_swept(name, workers, place, short))
    made = Provenance.now("cpu", started, time.monotonic() - start).as_dict()
    return Scaling(tuple(found["long"]), tuple(found["short"]), moment, _looking(short), made)


def main() -> None:
    """Measure, and write it where the book reads it."""
    parser = argparse.ArgumentParser(description="What sweeps cost, by place.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=results_folder())
    arguments = parser.parse_args()
    found = measure(arguments.rounds)
    found.save(arguments.out / FILE)
    print(f"one short training: {found.moment:.4f} s; looking: {found.looking:.4f} s")
    for place, (speed, least, most) in found.speed().items():
        overhead = 1e3 * found.overhead()[place]
        print(f"{place}: {speed:.2f} times ({least:.2f} to {most:.2f}); {overhead:.1f} ms a task")


if __name__ == "__main__":
    main()
