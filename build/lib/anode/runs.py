"""Experiments, run: every model trained for all seeds at once, or read from a store.

``run("annulus-2d", profile="laptop", seed=0)`` trains the models of an experiment. With a store,
what another chapter or an earlier build trained is read instead, if nothing that its numbers
depend on has changed since.
"""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from anode.data import Data
from anode.experiments import EXPERIMENTS, Experiment, ModelSpec, Profile, Size, check_profile
from anode.models import Model
from anode.provenance import Provenance
from anode.store import Store, StoreError
from anode.training import History, train

STORE_VARIABLE = "ANODE_STORE"
"""Environment variable that names the folder of the store; without it nothing is stored."""


@dataclass(frozen=True)
class Run:
    """One model of an experiment, trained.

    Attributes:
        label: the model's.
        model: the stack of trained replicas.
        history: of its training.
        data: training data, one set a replica, or a single one for all.
        validation: validation data in the same way, or none.
        probe: inputs, with targets, of the history's snapshots; None without snapshots.
        provenance: what made it.
    """

    label: str
    model: Model
    history: History
    data: tuple[Data, ...]
    validation: tuple[Data, ...] | None
    probe: Data | None
    provenance: Provenance


@dataclass(frozen=True)
class Result:
    """An experiment that was run.

    Attributes:
        experiment: what was run.
        profile, size: how much of it.
        seeds: one a replica.
        device: where.
        runs: label -> trained model.
    """

    experiment: Experiment
    profile: Profile
    size: Size
    seeds: tuple[int, ...]
    device: str
    runs: dict[str, Run]

    def summary(self) -> str:
        """One line that says what was run, for captions and printing."""
        first, last = self.seeds[0], self.seeds[-1]
        seeds = f"seed {first}" if first == last else f"{len(self.seeds)} seeds ({first} to {last})"
        run = next(iter(self.runs.values()))
        failed = sum(len(run.history.failures) for run in self.runs.values())
        trained = len(self.seeds) * len(self.runs)
        return (
            f"{run.data[0].name}: {len(run.data[0])} samples, {self.size.epochs} epochs of batches "
            f"of {self.size.batch_size}, {self.experiment.loss.value}, {seeds}, "
            f"profile {self.profile.value} on {self.device}; "
            f"{failed} of {trained} trainings failed."
        )


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
    """Train the models of an experiment.

    Args:
        name: one of :data:`~anode.experiments.EXPERIMENTS`.
        profile: how much of it; a :class:`~anode.experiments.Profile` or its value.
        seed: the first replica's; the others follow.
        device: "cpu", "cuda" or "cuda:N".
        models: labels of the models to train; all of them if left out.
        store: folder whose records are read, and written where one is missing; if left out, the
            one that the environment variable ``ANODE_STORE`` names, if it is set.
        progress: show progress bars.

    Raises:
        ValueError: if the name, the profile, the seed, the device or a model is none there is.
        StoreError: if something is to be trained and the store's folder cannot be written in.
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"experiment must be one of {', '.join(EXPERIMENTS)}, got {name!r}")
    experiment = EXPERIMENTS[name]
    profile = check_profile(profile)
    device = check_device(device)
    size = experiment.size(profile)
    labels = [spec.label for spec in experiment.models] if models is None else list(models)
    specs = [experiment.model(label) for label in labels]
    folder = store or os.environ.get(STORE_VARIABLE)
    kept = Store(Path(folder)) if folder else None
    seeds = tuple(range(seed, seed + size.seeds))
    drawn = [experiment.data(size, s) for s in (seeds if experiment.data_per_seed else seeds[:1])]
    training = tuple(split[0] for split in drawn)
    held_out = tuple(split[1] for split in drawn if split[1] is not None)
    task = _Task(experiment, profile, size, seeds, device, training, held_out or None, progress)
    runs = {spec.label: task.run(spec, kept) for spec in specs}
    return Result(experiment, profile, size, seeds, device, runs)


@dataclass(frozen=True)
class _Task:
    """An experiment with its data, ready to train one model after the other."""

    experiment: Experiment
    profile: Profile
    size: Size
    seeds: tuple[int, ...]
    device: str
    data: tuple[Data, ...]
    validation: tuple[Data, ...] | None
    progress: bool

    def run(self, spec: ModelSpec, store: Store | None) -> Run:
        """Read the model's record, or train it and record it."""
        model = spec.build(
            self.data[0].input_shape, self.experiment.outputs, self.size.hidden, self.seeds
        ).to(self.device)
        if store is None:
            return self._train(spec, model)
        identity = self._identity(spec)
        if found := store.load(identity, model):  # needs no lock, nor a folder to write in
            return self._result(spec, model, *found)
        with store.locked(identity):
            if found := store.load(identity, model):  # by another process, while this one waited
                return self._result(spec, model, *found)
            trained = self._train(spec, model)
            try:
                store.save(identity, model, trained.history, trained.provenance)
            except StoreError as error:  # what took long to train is not thrown away
                warnings.warn(f"{spec.label} was trained, but {error}", stacklevel=3)
        return trained

    def _identity(self, spec: ModelSpec) -> dict[str, object]:
        """All that the result depends on, the code and the libraries aside."""
        return {
            "experiment": self.experiment.name,
            "model": spec.label,
            "profile": self.profile.value,
            "seeds": list(self.seeds),
            "device": self.device,
            "data": self.data[0].name,
        }

    def _train(self, spec: ModelSpec, model: Model) -> Run:
        probe = self.experiment.probe() if self.experiment.probe else None
        started = datetime.now(UTC)
        history = train(
            model,
            self.data,
            self.experiment.settings(self.size, spec),
            validation=self.validation,
            snapshot_x=None if probe is None else probe.x,
            progress=self.progress,
        )
        provenance = Provenance.now(self.device, started, history.seconds)
        return self._result(spec, model, history, provenance)

    def _result(
        self, spec: ModelSpec, model: Model, history: History, provenance: Provenance
    ) -> Run:
        probe = self.experiment.probe() if self.experiment.probe else None
        return Run(spec.label, model, history, self.data, self.validation, probe, provenance)


def check_device(device: str) -> str:
    """``device`` if this machine has it.

    Raises:
        ValueError: if it is no CPU or CUDA device, or not here.
    """
    available = ["cpu"]
    if torch.cuda.is_available():
        available += ["cuda"] + [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if device not in available:
        raise ValueError(f"device must be one of {', '.join(available)} here, got {device!r}")
    return device
