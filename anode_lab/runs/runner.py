"""The one door to trained models: they are read if they are recorded, and trained if not.

``run("annulus-2d", profile="laptop", seed=0)`` gives the models of an experiment. What another
chapter or an earlier build has trained is read from a store, if nothing that its numbers depend on
has changed since. Experiments that take too long for a build of the book are recorded in
``results/``, and are read from there.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from anode_lab.experiments import EXPERIMENTS, Profile
from anode_lab.runs.executors import Dask
from anode_lab.runs.machine import devices
from anode_lab.runs.record import Record, load_record
from anode_lab.runs.result import Result, joined
from anode_lab.runs.status import key_of
from anode_lab.runs.store import Store
from anode_lab.runs.sweep import Sweep
from anode_lab.runs.task import Task, tasks

STORE_VARIABLE = "ANODE_STORE"
"""Environment variable that names the folder of the store; without it nothing is stored."""

RESULTS_VARIABLE = "ANODE_RESULTS"
"""Environment variable that names the folder of records, if it is not that of the sources."""

RECORDED = tuple(name for name, experiment in EXPERIMENTS.items() if experiment.recorded)
"""Names of the experiments that are recorded."""

_PLACES = (
    Path(__file__).parents[2] / "results",
    Path(sys.prefix) / "share" / "anode" / "results",
)


class NotRecordedError(ValueError):
    """There is no record of a training; the message says how to make one."""


def run(
    name: str,
    *,
    profile: Profile | str = Profile.LAPTOP,
    models: Sequence[str] | None = None,
    seed: int = 0,
    seeds: int | None = None,
    device: str = "cpu",
    train: bool | None = None,
    store: Path | str | None = None,
    executor: Dask | None = None,
    checkpoint_seconds: float = 30.0,
    progress: bool = False,
) -> Result:
    """The trained models of an experiment.

    A training that is stopped, in whatever way, goes on from its last checkpoint when it is asked
    for again, and ends with the same bits; what has ended by then is not trained again. Several
    processes may ask for the same at once, and share the work.

    Args:
        name: Name of one of :data:`~anode_lab.experiments.EXPERIMENTS`.
        profile: How much of it is run.
        models: Labels of the models; all of them if left out.
        seed: Seed of the first replica; the others follow.
        seeds: Number of replicas; as many as the profile has if left out.
        device: Device to train on and to hold the models, "cpu", "cuda" or "cuda:N".
        train: Whether to train what has no record. If left out, nothing is trained of an experiment
            with ``recorded=True`` at the profiles "laptop" and "paper", which takes hours: it is
            read with the seeds of the profile, whatever ``seed`` is.
        store: Folder of records that are read, and written where one is missing. If left out, it
            is the folder that the environment variable ``ANODE_STORE`` names, if it is set; for
            recorded experiments the one that ``ANODE_RESULTS`` names, or ``results/``.
        executor: Workers that train several models or seeds at once; this process if left out.
        checkpoint_seconds: Least time between two checkpoints of a training.
        progress: Whether to show progress bars.

    Raises:
        ValueError: If there is no such experiment, profile, model or device, or the seed is
            negative.
        NotRecordedError: If nothing is to be trained, and a model has no record.
        DamagedError: If nothing is to be trained, and a record is not what was written.
        DataError: If something is to be trained and its data are not on this machine.
        OutOfMemoryError: If a device's memory is too small.
        StoreError: If something is to be trained and the store's folder cannot be written in.
        ExecutorError: If workers cannot be had, have other code or libraries, or are lost again and
            again.
    """
    # The devices of a cluster are not here to be looked at.
    holder = "cpu" if executor else check_device(device)
    wanted = tasks(name, profile, models=models, first=seed, seeds=_range(seed, seeds))
    first = wanted[0]
    recorded = first.experiment.recorded
    if train is None:
        train = not recorded or first.profile is Profile.SMOKE
        if not train:
            wanted = tasks(name, profile, models=models)
    with ExitStack() as stack:
        folder = store or _usual_folder(first)
        if folder is None:
            folder = stack.enter_context(TemporaryDirectory(prefix="anode-"))
        kept = Store(Path(folder))
        if train:
            Sweep(kept, device, executor, checkpoint_seconds, progress).run(wanted)
        records = [(task, load_record(kept, key_of(task, device))) for task in wanted]
    by_label: dict[str, list[tuple[Task, Record]]] = {task.spec.label: [] for task in wanted}
    for task, record in records:
        if record is not None:
            by_label[task.spec.label].append((task, record))
    if lacking := [label for label, own in by_label.items() if not own]:
        raise not_recorded(f"no seed of {'; '.join(lacking)} is", first, kept.folder)
    runs = {label: joined(own, holder) for label, own in by_label.items()}
    return Result(first.experiment, first.profile, holder, runs)


def check_device(device: str) -> str:
    """``device``, if this machine has it.

    Raises:
        ValueError: If it is not a CPU or CUDA device, or not here.
    """
    if device not in (available := devices()):
        raise ValueError(f"device must be one of {', '.join(available)} here, got {device!r}")
    return device


def results_folder() -> Path:
    """Folder of the book's records: ``ANODE_RESULTS``, or that of the sources or the package."""
    if named := os.environ.get(RESULTS_VARIABLE):
        return Path(named)
    return next((place for place in _PLACES if place.is_dir()), _PLACES[0])


def not_recorded(what: str, task: Task, folder: Path) -> NotRecordedError:
    """The error that ``what`` ("no seed of p = 5 is") recorded of the task's experiment."""
    name, profile = task.experiment.name, task.profile.value
    return NotRecordedError(
        f"{name}, profile {profile}: {what} recorded in {folder}; "
        f"'anode run {name} --profile {profile}' does it"
    )


def _range(first: int, count: int | None) -> range | None:
    return None if count is None else range(first, first + count)


def _usual_folder(task: Task) -> Path | str | None:
    """Where records of the task's experiment are, if the caller does not say."""
    if not task.experiment.recorded:
        return os.environ.get(STORE_VARIABLE) or None
    return None if task.profile is Profile.SMOKE else results_folder()
