"""The one door to trained models: they are read if they are recorded, and trained if not.

``run("annulus-2d", profile="laptop", seed=0)`` gives the models of an experiment. What another
chapter or an earlier build has trained is read from a store, if nothing that its numbers depend on
has changed since. Experiments that take too long for a build of the book are recorded in
``results/``, and are read from there.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from anode_lab.experiments import EXPERIMENTS, Profile
from anode_lab.runs.perform import check_device, compute, perform
from anode_lab.runs.result import Result, joined
from anode_lab.runs.store import Record, Store
from anode_lab.runs.task import Task, tasks

STORE_VARIABLE = "ANODE_STORE"
"""Environment variable that names the folder of the store; without it nothing is stored."""

RESULTS_VARIABLE = "ANODE_RESULTS"
"""Environment variable that names the folder of records, if it is not that of the sources."""

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
    seed: int = 0,
    device: str = "cpu",
    models: Sequence[str] | None = None,
    store: Path | str | None = None,
    progress: bool = False,
) -> Result:
    """The trained models of an experiment.

    Experiments with ``recorded=True`` take hours. At the profiles "laptop" and "paper" they are
    read from their records, with the seeds that these have; neither the data nor a device is needed
    for that. Everything else is trained, unless the store has it.

    Args:
        name: Name of one of :data:`~anode_lab.experiments.EXPERIMENTS`.
        profile: How much of it is run.
        seed: Seed of the first replica that is trained; the others follow.
        device: Device to train on and to hold the models, "cpu", "cuda" or "cuda:N".
        models: Labels of the models; all of them if left out.
        store: Folder of records that are read, and written where one is missing. If left out, it
            is the folder that the environment variable ``ANODE_STORE`` names, if it is set; for
            recorded experiments the one that ``ANODE_RESULTS`` names, or ``results/``.
        progress: Whether to show progress bars.

    Raises:
        ValueError: If there is no such experiment, profile, model or device, or the seed is
            negative.
        NotRecordedError: If an experiment is only read, and a model has no record.
        DamagedError: If a record that is only read is not what was written.
        DataError: If something is to be trained and its data are not on this machine.
        StoreError: If something is to be trained and the store's folder cannot be written in.
    """
    device = check_device(device)
    wanted = tasks(name, profile, models=models, first=seed)
    if wanted[0].experiment.recorded and wanted[0].profile is not Profile.SMOKE:
        kept = Store(Path(store) if store else results_folder(), lasting=True)
        wanted = tasks(name, profile, models=models)
        found = [(task, record) for task in wanted if (record := kept.read(task.identity))]
        _check_complete(wanted, found, kept.folder)
    else:
        folder = store or (
            None if wanted[0].experiment.recorded else os.environ.get(STORE_VARIABLE)
        )
        trained = Store(Path(folder)) if folder else None
        found = [(task, _trained(task, trained, device, progress)) for task in wanted]
    runs = {}
    for label in dict.fromkeys(task.spec.label for task, _ in found):
        own = [(task, record) for task, record in found if task.spec.label == label]
        runs[label] = joined([task for task, _ in own], [record for _, record in own], device)
    return Result(wanted[0].experiment, wanted[0].profile, device, runs)


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


def _trained(task: Task, store: Store | None, device: str, progress: bool) -> Record:
    if store is None:
        return compute(task, device, progress=progress)
    return perform(task, store, device, progress=progress)


def _check_complete(wanted: list[Task], found: list[tuple[Task, Record]], folder: Path) -> None:
    have = {task.spec.label for task, _ in found}
    lacking = dict.fromkeys(t.spec.label for t in wanted if t.spec.label not in have)
    if lacking:
        raise not_recorded(f"no seed of {'; '.join(lacking)} is", wanted[0], folder)


NAMES = tuple(name for name, experiment in EXPERIMENTS.items() if experiment.recorded)
"""Names of the experiments that are recorded."""
