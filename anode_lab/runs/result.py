"""The result of an experiment: its trained models, their histories and their origin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import nan

import numpy as np
import torch

from anode.arrays import Floats
from anode.data import Data
from anode.models import Model
from anode.training import History
from anode.training.history import STEPS
from anode_lab.experiments import Experiment, Size
from anode_lab.formatting import count_seeds
from anode_lab.runs.provenance import Provenance
from anode_lab.runs.record import Record
from anode_lab.runs.task import Task


class UnpairedError(ValueError):
    """Models that are to be compared seed by seed have no seed in common."""


@dataclass(frozen=True)
class Run:
    """One trained model of an experiment, as a stack of R replicas.

    Attributes:
        task: Description of the training, with the seeds of all replicas.
        model: Trained replicas.
        history: Course of their training.
        provenance: Origin of each record: one per seed where each is trained by itself, one for
            all seeds where they are trained as a stack.
        data_name: Name of the training data.
        samples: Number of training samples.
        accuracy: Share of right answers on the validation data after training, shape ``(R,)``. NaN
            where it was not measured, where the training failed, or where a solve failed.
    """

    task: Task
    model: Model
    history: History
    provenance: tuple[Provenance, ...]
    data_name: str
    samples: int
    accuracy: Floats

    @property
    def label(self) -> str:
        """The model's name in the experiment."""
        return self.task.spec.label

    @property
    def data(self) -> tuple[Data, ...]:
        """Training data, one set per replica or one for all; drawn or read when asked for.

        Raises:
            DataError: If they are not on this machine.
        """
        return self.task.data()[0]

    @property
    def validation(self) -> tuple[Data, ...] | None:
        """Validation data in the same way; None where the experiment has none."""
        return self.task.data()[1]

    @property
    def probe(self) -> Data | None:
        """Inputs of the history's snapshots, with targets; None without snapshots."""
        return self.task.probe()

    def of(self, seeds: Sequence[int]) -> "Run":
        """The run of some of its seeds, in their order.

        Its time is that of their trainings; NaN for a part of a stack, whose replicas were trained
        at once.

        Raises:
            ValueError: If a seed is none of its.
        """
        if unknown := [seed for seed in seeds if seed not in self.history.seeds]:
            raise ValueError(f"seeds must be among {self.history.seeds}, got {unknown}")
        places = [self.history.seeds.index(seed) for seed in seeds]
        task = replace(self.task, seeds=tuple(seeds))
        model = task.build(self.model.input_shape)
        model.load_state_dict({n: held[places] for n, held in self.model.state_dict().items()})
        alone = len(self.provenance) == len(self.history.seeds)
        made = tuple(self.provenance[r] for r in places) if alone else self.provenance
        seconds = sum(each.seconds for each in made) if alone else nan
        return replace(
            self,
            task=task,
            model=model.to(next(self.model.parameters()).device),
            history=_of_replicas(self.history, places, seconds),
            provenance=made,
            accuracy=self.accuracy[places],
        )


@dataclass(frozen=True)
class Result:
    """An experiment's trained models, whether they were trained now or recorded earlier.

    Attributes:
        experiment: Experiment that was run.
        profile: How much of it was run.
        device: Device that holds the models.
        runs: Label of each model -> the trained model.
    """

    experiment: Experiment
    profile: str
    device: str
    runs: Mapping[str, Run]

    @property
    def size(self) -> Size:
        """Numbers of seeds, epochs and samples of the profile, and the like."""
        return self.experiment.size(self.profile)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the first model's replicas."""
        return next(iter(self.runs.values())).model.seeds

    @property
    def histories(self) -> dict[str, History]:
        """Label of each model -> course of its training."""
        return {label: run.history for label, run in self.runs.items()}

    def paired(self, labels: Sequence[str] = ()) -> "Result":
        """Some models, with the seeds that all of them have, to be compared seed by seed.

        Args:
            labels: Labels of the models; all of them if left out.

        Raises:
            UnpairedError: If they have no seed in common.
        """
        runs = {label: self.runs[label] for label in labels or self.runs}
        first, *others = (run.history.seeds for run in runs.values())
        common = [seed for seed in first if all(seed in each for each in others)]
        if not common:
            raise UnpairedError(f"{', '.join(runs)} of {self.experiment.name} have no common seed")
        same = {
            label: run if list(run.history.seeds) == common else run.of(common)
            for label, run in runs.items()
        }
        return replace(self, runs=same)

    def summary(self) -> str:
        """A line that says what was run, on what and where, for captions and for printing."""
        first, *_ = self.runs.values()
        seeds = count_seeds(self.histories)
        of_each = {len(run.history.seeds) for run in self.runs.values()}
        if len(self.seeds) > 1 and of_each == {len(self.seeds)}:
            seeds += f" ({self.seeds[0]} to {self.seeds[-1]})"
        failed = sum(len(run.history.failures) for run in self.runs.values())
        trained = sum(len(run.history.seeds) for run in self.runs.values())
        return (
            f"{first.data_name}: {first.samples:,} samples, {self.size.epochs:,} epochs of batches "
            f"of {self.size.batch_size}, width {self.size.hidden}, {self.experiment.loss.value}, "
            f"{seeds}, profile {self.profile} {self._origin()}; "
            f"{failed} of {trained} trainings failed."
        )

    def _origin(self) -> str:
        """Where the models were trained; for recorded experiments also when and for how long."""
        if not self.experiment.recorded:
            return f"on {self.device}"
        made = [each for run in self.runs.values() for each in run.provenance]
        days = sorted({each.started[:10] for each in made})
        when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        devices = ", ".join(sorted({each.device for each in made}))
        hours = sum(each.seconds for each in made) / 3600
        return f"recorded on {devices} in {hours:.1f} hours, {when}"


def joined(trained: Sequence[tuple[Task, Record]], device: str) -> Run:
    """The run of one model, of several trainings with different seeds.

    Args:
        trained: Trainings with their records.
        device: Device for the model.
    """
    records = [record for _, record in trained]
    about = records[0].about
    seeds = tuple(seed for each, _ in trained for seed in each.seeds)
    task = replace(trained[0][0], seeds=seeds)
    model = task.build(about["input_shape"])
    names = records[0].weights
    model.load_state_dict({n: torch.cat([each.weights[n] for each in records]) for n in names})
    accuracy = [
        np.full(len(each.history.seeds), each.about.get("accuracy", np.nan)) for each in records
    ]
    return Run(
        task=task,
        model=model.to(device),
        history=joined_history([each.history for each in records]),
        provenance=tuple(each.provenance for each in records),
        data_name=about["data"],
        samples=about["samples"],
        accuracy=np.concatenate(accuracy),
    )


def _of_replicas(history: History, places: Sequence[int], seconds: float) -> History:
    """The history of some replicas, in their order, whose training took so long."""
    rows = list(places)
    validation = history.validation_loss
    return replace(
        history,
        **{name: getattr(history, name)[rows] for name in STEPS},
        validation_loss=None if validation is None else validation[rows],
        snapshots={epoch: held[rows] for epoch, held in history.snapshots.items()},
        failures={rows.index(r): each for r, each in history.failures.items() if r in rows},
        seconds=seconds,
        seeds=tuple(history.seeds[r] for r in rows),
    )


def joined_history(histories: Sequence[History]) -> History:
    """One history of several trainings that differ in their seeds only."""
    first = histories[0]
    starts = accumulate((len(each.seeds) for each in histories), initial=0)
    both = list(zip(starts, histories, strict=False))
    validation = [h.validation_loss for h in histories if h.validation_loss is not None]
    return History(
        **{name: np.concatenate([getattr(h, name) for h in histories]) for name in STEPS},
        steps_per_epoch=first.steps_per_epoch,
        validation_loss=np.concatenate(validation) if validation else None,
        snapshots={e: np.concatenate([h.snapshots[e] for h in histories]) for e in first.snapshots},
        failures={start + r: each for start, h in both for r, each in h.failures.items()},
        seconds=sum(h.seconds for h in histories),
        seeds=tuple(seed for h in histories for seed in h.seeds),
    )
