"""Reads records of experiments, and says where they are."""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from anode.models import Model
from anode.training import Floats, History
from anode_lab.experiments import EXPERIMENTS, Experiment, Profile, Size, check_profile
from anode_lab.runs.perform import compute
from anode_lab.runs.provenance import Provenance
from anode_lab.runs.store import Record, Store
from anode_lab.runs.task import Task, tasks

NAMES = tuple(name for name, experiment in EXPERIMENTS.items() if experiment.recorded)
"""The experiments that are recorded."""

RESULTS_VARIABLE = "ANODE_RESULTS"
"""Environment variable that names the folder of records, if it is not that of the sources."""

_PLACES = (
    Path(__file__).parents[3] / "results",
    Path(sys.prefix) / "share" / "anode" / "results",
)


class NotRecordedError(ValueError):
    """There is no record of a training; the message says how to make one."""


@dataclass(frozen=True)
class Recording:
    """The recorded seeds of one model of an experiment.

    Attributes:
        label: the model's.
        model: the trained replicas.
        history: of their trainings.
        provenance: one a seed.
        data: the training data's name.
        samples: their number.
        accuracy: share of right answers on the validation images after training, ``(R,)``; NaN
            where the training failed, or a solve on these images.
    """

    label: str
    model: Model
    history: History
    provenance: tuple[Provenance, ...]
    data: str
    samples: int
    accuracy: Floats


@dataclass(frozen=True)
class Recorded:
    """What is recorded of an experiment.

    Attributes:
        experiment: what was run.
        profile, size: how much of it.
        runs: label -> recording.
    """

    experiment: Experiment
    profile: Profile
    size: Size
    runs: Mapping[str, Recording]

    @property
    def histories(self) -> dict[str, History]:
        """Label -> history."""
        return {label: run.history for label, run in self.runs.items()}

    def summary(self) -> str:
        """What was run, on what, when: for captions and printing."""
        first, *_ = self.runs.values()
        made = [each for run in self.runs.values() for each in run.provenance]
        days = sorted({each.started[:10] for each in made})
        when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        counts = sorted({len(run.history.seeds) for run in self.runs.values()})
        seeds = " or ".join(map(str, counts))
        devices = ", ".join(sorted({each.device for each in made}))
        failed = sum(len(run.history.failures) for run in self.runs.values())
        hours = sum(each.seconds for each in made) / 3600
        return (
            f"{first.data}: {first.samples} images, {self.size.epochs} epochs of batches of "
            f"{self.size.batch_size}, k = {self.size.hidden}, {seeds} seeds; profile "
            f"{self.profile.value}, recorded on {devices} in {hours:.1f} hours, {when}; "
            f"{failed} of {len(made)} trainings failed."
        )


def results_folder() -> Path:
    """Where records are: what ``ANODE_RESULTS`` names, or that of the sources or the package."""
    if named := os.environ.get(RESULTS_VARIABLE):
        return Path(named)
    return next((place for place in _PLACES if place.is_dir()), _PLACES[0])


def recordings(folder: Path | None = None) -> Store:
    """The store of the records; :func:`results_folder` if no folder is given."""
    return Store(folder or results_folder(), lasting=True)


def obtain(
    name: str,
    profile: Profile | str = Profile.LAPTOP,
    models: Iterable[str] | None = None,
    folder: Path | None = None,
) -> Recorded:
    """What is recorded of an experiment. The data are not needed, nor a device.

    Of the profile "smoke" there are no records: it takes seconds, and is run now.

    Args:
        name: one of :data:`NAMES`.
        profile, models: see :func:`~anode_lab.runs.task.tasks`.
        folder: of the records; :func:`results_folder` if left out.

    Raises:
        ValueError: if there is no such experiment, profile or model.
        NotRecordedError: if there is no record of a model.
        DamagedError: if a record is not what was written.
    """
    if name not in NAMES:
        raise ValueError(f"experiment must be one of {', '.join(NAMES)}, got {name!r}")
    wanted = tasks(name, profile, models=models)
    experiment, profile, size = EXPERIMENTS[name], check_profile(profile), wanted[0].size
    folder = folder or results_folder()
    if profile is Profile.SMOKE:
        found = _by_label((task, compute(task)) for task in wanted)
    else:
        store = recordings(folder)
        kept = ((task, store.read(task.identity)) for task in wanted)
        found = _by_label((task, record) for task, record in kept if record is not None)
    if lacking := [
        each for each in dict.fromkeys(t.spec.label for t in wanted) if each not in found
    ]:
        raise not_recorded(f"no seed of {'; '.join(lacking)} is", name, profile, folder)
    runs = {label: _join(label, kept) for label, kept in found.items()}
    return Recorded(experiment, profile, size, runs)


def not_recorded(what: str, name: str, profile: Profile, folder: Path) -> NotRecordedError:
    """The error that ``what`` ("no seed of p = 5 is") recorded of an experiment in a folder."""
    return NotRecordedError(
        f"{name}, profile {profile.value}: {what} recorded in {folder}; "
        f"'anode run {name} --profile {profile.value}' does it"
    )


_Kept = list[tuple[Task, Record]]


def _by_label(records: Iterable[tuple[Task, Record]]) -> dict[str, _Kept]:
    found: dict[str, _Kept] = {}
    for task, record in records:
        found.setdefault(task.spec.label, []).append((task, record))
    return found


def _join(label: str, kept: _Kept) -> Recording:
    """One stack of the seeds."""
    (task, first), *_ = kept
    about = first.about
    seeds = [seed for each, _ in kept for seed in each.seeds]
    model = task.spec.build(about["input_shape"], task.experiment.outputs, task.size.hidden, seeds)
    weights = {
        name: torch.cat([record.weights[name] for _, record in kept]) for name in first.weights
    }
    model.load_state_dict(weights)
    return Recording(
        label,
        model,
        History.join([record.history for _, record in kept]),
        tuple(record.provenance for _, record in kept),
        about["data"],
        about["samples"],
        np.array([record.about.get("accuracy", np.nan) for _, record in kept]),
    )
