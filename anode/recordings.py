"""Trainings that take longer than a book build may: run once, one seed at a time, and recorded.

A record is found by what was run, whatever code and libraries there are now; :func:`check` says
whether these still give it. Records come with the book's sources, in ``results/``; new ones are
written where :func:`record` is told to.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from anode.experiments import (
    EXPERIMENTS,
    Experiment,
    ModelSpec,
    Profile,
    Size,
    Split,
    check_profile,
)
from anode.models import Model
from anode.provenance import Provenance
from anode.store import Record, Store
from anode.training import Floats, History, accuracy, train

RESULTS_VARIABLE = "ANODE_RESULTS"
"""Environment variable that names the folder of records, if it is not that of the sources."""

_PLACES = (Path(__file__).parent.parent / "results", Path(sys.prefix) / "share/anode/results")


class OutOfMemoryError(RuntimeError):
    """The device's memory is too small for a training; the message says what to lower."""


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
            where the training failed.
    """

    label: str
    model: Model
    history: History
    provenance: tuple[Provenance, ...]
    data: str
    samples: int
    accuracy: Floats


@dataclass(frozen=True)
class Task:
    """One training: a model of an experiment with one seed.

    Attributes:
        experiment, spec, profile, seed: what is trained.
    """

    experiment: Experiment
    spec: ModelSpec
    profile: Profile
    seed: int

    @property
    def size(self) -> Size:
        """How much of it."""
        return self.experiment.sizes[self.profile]

    @property
    def identity(self) -> dict[str, Any]:
        """What the result depends on, the code, the libraries and the device aside."""
        size = asdict(self.size) | {"seeds": None}
        if self.size.images is not None:
            size["images"] = self.size.images.value
        return {
            "experiment": self.experiment.name,
            "model": self.spec.label,
            "profile": self.profile.value,
            "seed": self.seed,
            "size": size,
        }

    def build(self, input_shape: Sequence[int]) -> Model:
        """The model, untrained."""
        return self.spec.build(input_shape, self.experiment.outputs, self.size.hidden, (self.seed,))

    def train(
        self, device: str = "cpu", *, batches: int | None = None, progress: bool = False
    ) -> tuple[Model, History]:
        """Train, or take only the first ``batches`` steps; the data are read if need be.

        Raises:
            DataError: if the data are not on this machine.
            OutOfMemoryError: if the device's memory is too small.
        """
        training, validation = self.data()
        model = self.build(training.input_shape).to(device)
        settings = self.experiment.settings(self.size, self.spec)
        if batches is not None:
            settings, validation = replace(settings, epochs=1, batches=batches), None
        try:
            history = train(model, training, settings, validation=validation, progress=progress)
        except torch.OutOfMemoryError as error:
            raise OutOfMemoryError(
                f"{self.spec.label} of {self.experiment.name} does not fit into the memory of "
                f"{device}: lower batch_size={self.size.batch_size}, hidden={self.size.hidden} or "
                f"max_side={self.size.max_side} of its size in anode/experiments/images.py. What "
                "was recorded before is kept."
            ) from error
        return model, history

    def data(self) -> Split:
        """Training and validation images, the same for all models and seeds.

        Raises:
            DataError: if they are not on this machine.
        """
        return _data(self.experiment.name, self.size)


@cache
def _data(name: str, size: Size) -> Split:
    return EXPERIMENTS[name].data(size, 0)


def tasks(
    name: str,
    profile: Profile | str = Profile.LAPTOP,
    *,
    models: Iterable[str] | None = None,
    seeds: Iterable[int] | None = None,
) -> list[Task]:
    """The trainings of an experiment: all seeds of its first model, then of its second, and so on.

    Args:
        name: an experiment whose models are trained alone.
        profile: how much of it.
        models: labels; all if left out.
        seeds: 0, 1, ... as many as the profile has, if left out.

    Raises:
        ValueError: if there is no such experiment, profile or model.
    """
    alone = [each for each, experiment in EXPERIMENTS.items() if experiment.alone]
    if name not in alone:
        raise ValueError(f"experiment must be one of {', '.join(alone)}, got {name!r}")
    experiment, profile = EXPERIMENTS[name], check_profile(profile)
    if profile not in experiment.sizes:
        raise ValueError(
            f"{name} has no size for the profile {profile.value!r}: it would be too long"
        )
    specs = experiment.models if models is None else [experiment.model(m) for m in models]
    chosen = range(experiment.sizes[profile].seeds) if seeds is None else list(seeds)
    return [Task(experiment, spec, profile, seed) for spec in specs for seed in chosen]


def results_folder() -> Path:
    """Where records are: what ``ANODE_RESULTS`` names, or that of the sources or the package."""
    if named := os.environ.get(RESULTS_VARIABLE):
        return Path(named)
    return next((place for place in _PLACES if place.is_dir()), _PLACES[0])


def missing(wanted: Iterable[Task], folder: Path | None = None) -> list[Task]:
    """The trainings of which there is no record."""
    store = Store(folder or results_folder(), lasting=True)
    return [task for task in wanted if store.read(task.identity) is None]


def record(
    wanted: Iterable[Task],
    *,
    folder: Path | None = None,
    device: str = "cpu",
    progress: bool = False,
    ended: Callable[[Task, History], None] = lambda task, history: None,
) -> None:
    """Run the trainings of which there is no record, and record each as soon as it ends.

    Several processes may do so at once: none runs what another one is running.

    Args:
        wanted: trainings, see :func:`tasks`.
        folder: of the records; :func:`results_folder` if left out.
        device: where to train.
        progress: show a progress bar for each.
        ended: called after each that was run.

    Raises:
        StoreError: if the folder cannot be written in.
        DataError: if the data are not on this machine.
        OutOfMemoryError: if the device's memory is too small.
    """
    store = Store(folder or results_folder(), lasting=True)
    for task in wanted:
        if store.read(task.identity) is not None:
            continue
        with store.locked(task.identity):
            if store.read(task.identity) is not None:  # by another process, meanwhile
                continue
            started = datetime.now(UTC)
            model, history = task.train(device, progress=progress)
            provenance = Provenance.now(device, started, history.seconds)
            data, validation = task.data()
            about = {
                "data": data.name,
                "samples": len(data),
                "input_shape": list(data.input_shape),
            }
            if validation is not None and not history.failures:
                about["accuracy"] = float(accuracy(model, validation)[0])
            store.save(task.identity, model, history, provenance, about)
        ended(task, history)


def read(wanted: Iterable[Task], folder: Path | None = None) -> dict[str, Recording]:
    """What is recorded of these trainings, by the model's label; other seeds are left out.

    The data are not needed, nor a device.
    """
    store = Store(folder or results_folder(), lasting=True)
    found: dict[str, list[tuple[Task, Record]]] = {}
    for task in wanted:
        if (kept := store.read(task.identity)) is not None:
            found.setdefault(task.spec.label, []).append((task, kept))
    return {label: _join(label, kept) for label, kept in found.items()}


def _join(label: str, kept: list[tuple[Task, Record]]) -> Recording:
    """One stack of the seeds."""
    (task, first), *_ = kept
    about = first.about
    seeds = [each.seed for each, _ in kept]
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


@dataclass(frozen=True)
class Difference:
    """A recorded training against its first steps run again, with the code that there is now.

    Attributes:
        task: the training.
        loss: largest relative difference of a step's loss.
        nfe: largest difference of a step's function evaluations.
        steps: that were compared.
        identical: whether all numbers are the same to the last bit.
    """

    task: Task
    loss: float
    nfe: int
    steps: int
    identical: bool


def check(task: Task, steps: int = 20, folder: Path | None = None) -> Difference:
    """Take the first steps of a recorded training again and compare.

    The same code, libraries and kind of processor give the same bits; others round differently,
    and rounding grows with every step.

    Raises:
        ValueError: if there is no record.
        DataError: if the data are not on this machine.
    """
    kept = Store(folder or results_folder(), lasting=True).read(task.identity)
    if kept is None:
        raise ValueError(
            f"{task.spec.label}, seed {task.seed}, of {task.experiment.name} is not recorded"
        )
    _, again = task.train(batches=steps)
    count = again.step_loss.shape[1]
    loss, nfe = (
        _relative(again.step_loss, kept.history.step_loss[:, :count]),
        np.abs(again.step_nfe - kept.history.step_nfe[:, :count]),
    )
    identical = bool(
        np.array_equal(again.step_loss, kept.history.step_loss[:, :count]) and not nfe.any()
    )
    return Difference(task, float(loss.max()), int(nfe.max()), count, identical)


def _relative(values: Floats, reference: Floats) -> Floats:
    difference: Floats = np.abs(values - reference) / np.abs(reference)
    return difference
