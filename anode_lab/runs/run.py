"""Experiments, run: every model trained for all seeds at once, or read from a store.

``run("annulus-2d", profile="laptop", seed=0)`` trains the models of an experiment. With a store,
what another chapter or an earlier build trained is read instead, if nothing that its numbers
depend on has changed since.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anode.data import Data
from anode.models import Model
from anode.training import History
from anode_lab.experiments import Experiment, Profile, Size
from anode_lab.runs.perform import check_device, compute, perform
from anode_lab.runs.provenance import Provenance
from anode_lab.runs.store import Store
from anode_lab.runs.task import Task, tasks

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
        name: one of :data:`~anode_lab.experiments.EXPERIMENTS`.
        profile: how much of it; a :class:`~anode_lab.experiments.Profile` or its value.
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
    wanted = tasks(name, profile, models=models, first=seed, stacked=True)
    device = check_device(device)
    folder = store or os.environ.get(STORE_VARIABLE)
    kept = Store(Path(folder)) if folder else None
    runs = {task.spec.label: _run(task, kept, device, progress) for task in wanted}
    first = wanted[0]
    return Result(first.experiment, first.profile, first.size, first.seeds, device, runs)


def _run(task: Task, store: Store | None, device: str, progress: bool) -> Run:
    if store is None:
        record = compute(task, device, progress=progress)
    else:
        record = perform(task, store, device, progress=progress)
    data, validation = task.data()
    model = task.build(data[0].input_shape).to(device)
    model.load_state_dict(dict(record.weights))
    return Run(
        task.spec.label, model, record.history, data, validation, task.probe(), record.provenance
    )
