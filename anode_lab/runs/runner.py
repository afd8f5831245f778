"""The one door to trained models: they are read if they are recorded, and trained if not.

``run("annulus-2d", profile="laptop", seed=0)`` gives the models of an experiment. What another
chapter or an earlier build has trained is read from a store, if nothing that its numbers depend on
has changed since. Experiments that take too long for a build of the book are recorded in
``results/``, and are read from there.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from anode_lab.environment import named_folder
from anode_lab.experiments import EXPERIMENTS
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
    profile: str = "laptop",
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

    A training that is stopped goes on from its last checkpoint when it is asked for again, and ends
    with the same bits. Several processes may ask for the same at once, and share the work.

    Args:
        name: Name of one of :data:`~anode_lab.experiments.EXPERIMENTS`.
        profile: How much of it is run.
        models: Labels of the models; all of them if left out.
        seed: Seed of the first replica; the others follow.
        seeds: Number of replicas; as many as the profile has if left out.
        device: Device to train on and to hold the models, "cpu", "cuda" or "cuda:N".
        train: Whether to train what has no record. If left out, everything is, except for recorded
            experiments at the profiles "laptop" and "paper", which take hours: these are only read,
            with the seeds of the profile, whatever ``seed`` is.
        store: Folder of the records. If left out, ``ANODE_STORE`` names it, or nothing is stored;
            for recorded experiments ``ANODE_RESULTS`` names it, or it is ``results/``.
        executor: Workers that train several models or seeds at once; this process if left out.
        checkpoint_seconds: Least time between two checkpoints of a training.
        progress: Whether to show a progress bar of the trainings.

    Raises:
        ValueError: If there is no such experiment, profile, model, device or seed, or a variable
            names a file instead of a folder.
        NotRecordedError: If nothing is to be trained, and a model has no record.
        StoreError: If a record cannot be read or written, or is not what was written.
        DataError: If the data of a training are not on this machine.
        OutOfMemoryError: If a device's memory is too small.
        ExecutorError: If workers cannot be had, differ from this process, or are lost.
    """
    # The devices of a cluster are not here to be looked at.
    holder = "cpu" if executor else check_device(device)
    wanted = tasks(name, profile, models=models, first=seed, seeds=_range(seed, seeds))
    if train is None and not (train := _takes_seconds(wanted[0])):
        wanted = tasks(name, profile, models=models)
    with _opened(store, wanted[0]) as kept:
        if train:
            Sweep(kept, device, executor, checkpoint_seconds, progress).run(wanted)
        return _read(wanted, kept, device, holder)


def check_device(device: str) -> str:
    """``device``, if this machine has it.

    Raises:
        ValueError: If it is not a CPU or CUDA device, or not here.
    """
    if device not in (available := devices()):
        raise ValueError(f"device must be one of {', '.join(available)} here, got {device!r}")
    return device


def results_folder() -> Path:
    """Folder of the book's records: ``ANODE_RESULTS``, or that of the sources or the package.

    Raises:
        ValueError: If the variable names a file.
    """
    if named := named_folder(RESULTS_VARIABLE):
        return named
    return next((place for place in _PLACES if place.is_dir()), _PLACES[0])


def not_recorded(what: str, task: Task, folder: Path) -> NotRecordedError:
    """The error that ``what`` ("no seed of p = 5 is") recorded of the task's experiment."""
    name, profile = task.experiment.name, task.profile
    return NotRecordedError(
        f"{name}, profile {profile}: {what} recorded in {folder}; "
        f"'anode run {name} --profile {profile}' does it"
    )


def _range(first: int, count: int | None) -> range | None:
    return None if count is None else range(first, first + count)


def _takes_seconds(task: Task) -> bool:
    """Whether the task's experiment is trained now, and not only read from records."""
    return not task.experiment.recorded or task.profile == "smoke"


@contextmanager
def _opened(folder: Path | str | None, task: Task) -> Iterator[Store]:
    """The store in a folder, or the usual one of the task's experiment, or one for the moment."""
    if not folder and not task.experiment.recorded:
        folder = named_folder(STORE_VARIABLE)
    elif not folder and not _takes_seconds(task):
        folder = results_folder()
    with nullcontext(folder) if folder else TemporaryDirectory(prefix="anode-") as found:
        yield Store(Path(found))


def _read(wanted: list[Task], store: Store, device: str, holder: str) -> Result:
    """What is recorded of these tasks, of one experiment; models are put on ``holder``."""
    found: dict[str, list[tuple[Task, Record]]] = {task.spec.label: [] for task in wanted}
    for task in wanted:
        if record := load_record(store, key_of(task, device)):
            found[task.spec.label].append((task, record))
    if lacking := [label for label, own in found.items() if not own]:
        raise not_recorded(f"no seed of {'; '.join(lacking)} is", wanted[0], store.folder)
    runs = {label: joined(own, holder) for label, own in found.items()}
    return Result(wanted[0].experiment, wanted[0].profile, holder, runs)
