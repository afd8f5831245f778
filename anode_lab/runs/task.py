"""A training, described by its experiment, model, profile and seeds."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import torch

from anode.checks import check_seeds
from anode.data import Data
from anode.models import Model
from anode.serialization import to_json
from anode.training import Checkpoint, History, TrainingSettings, train
from anode.training.history import Recorder
from anode_lab.experiments import (
    EXPERIMENTS,
    Experiment,
    ModelSpec,
    Size,
    check_profile,
    figures,
)

Sets = tuple[Data, ...]
"""One data set for each replica, or one for all."""


class OutOfMemoryError(RuntimeError):
    """The device's memory is too small for a training; the message says what to lower."""


@dataclass(frozen=True)
class Task:
    """One training: a model of an experiment, with one replica for each seed.

    Between processes it travels as names, which are looked up again where it arrives.

    Attributes:
        experiment: Experiment that it belongs to.
        spec: Model that is trained.
        profile: How much of the experiment is run.
        seeds: Seeds of the replicas.
    """

    experiment: Experiment
    spec: ModelSpec
    profile: str
    seeds: tuple[int, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return _named, (self.experiment.name, self.spec.label, self.profile, self.seeds)

    def __str__(self) -> str:
        first, last = self.seeds[0], self.seeds[-1]
        seeds = f"seed {first}" if len(self.seeds) == 1 else f"seeds {first} to {last}"
        return f"{self.experiment.name}, {self.spec.label}, {seeds}"

    @property
    def size(self) -> Size:
        """Numbers of epochs and samples of the profile, and the like."""
        return self.experiment.size(self.profile)

    @property
    def threads(self) -> int:
        """Number of torch's threads; one for what is recorded, to give the same bits again."""
        return 1 if self.experiment.recorded else torch.get_num_threads()

    @property
    def settings(self) -> TrainingSettings:
        """Settings of the training."""
        return self.experiment.settings(self.size, self.spec)

    @property
    def identity(self) -> dict[str, Any]:
        """What the result depends on, apart from the code, the libraries and the device.

        The profile is not part of it: where two profiles train the same, they share the record.
        """
        size, data = self.size, {}
        if size.images is not None:
            data = {"images": size.images.name, "checksums": size.images.checksums()}
        return {
            "experiment": self.experiment.name,
            "model": self.spec.label,
            "seeds": list(self.seeds),
            "network": self.spec.network | {"hidden": size.hidden},
            "training": to_json(self.settings),
            "data": {"samples": size.samples, "max_side": size.max_side} | data,
        }

    def build(self, input_shape: Sequence[int]) -> Model:
        """The untrained model."""
        return self.spec.build(input_shape, self.experiment.outputs, self.size.hidden, self.seeds)

    def train(
        self,
        device: str = "cpu",
        *,
        batches: int | None = None,
        checkpoint: Checkpoint | None = None,
        progress: bool | Callable[[Recorder], None] = False,
        after_epoch: Callable[[Model, int], None] | None = None,
    ) -> tuple[Model, History]:
        """Train, without a look at any record; :func:`anode_lab.runs.run` reads and writes these.

        Args:
            device: Device to train on.
            batches: Number of steps to take instead of the whole training.
            checkpoint: Where the training leaves checkpoints, and finds one to go on from.
            progress: Whether to show a bar; or a function called with the record after each step.

        ``after_epoch`` is called with the model and the epoch after each one, and with 0 before.

        Raises:
            DataError: If the data are not on this machine.
            OutOfMemoryError: If the device's memory is too small.
        """
        training, validation = self.data()
        model = self.build(training[0].input_shape).to(device)
        settings, probe = self.settings, self.probe()
        if batches is not None:
            settings = replace(settings, epochs=1, batches=batches, snapshot_epochs=())
            validation = None
        try:
            with _threads(self.threads):
                history = train(
                    model,
                    training,
                    settings,
                    validation=validation,
                    snapshot_x=None if probe is None else probe.x,
                    checkpoint=checkpoint,
                    progress=progress,
                    after_epoch=after_epoch and partial(after_epoch, model),
                )
        except torch.cuda.OutOfMemoryError as error:
            raise OutOfMemoryError(
                f"{self.spec.label} of {self.experiment.name} does not fit into the memory of "
                f"{device}: lower batch_size={self.size.batch_size}, hidden={self.size.hidden} or "
                f"max_side={self.size.max_side} of its size in {self.experiment.data.__module__}. "
                "What was recorded before is kept"
            ) from error
        return model, history

    def data(self) -> tuple[Sets, Sets | None]:
        """Training and validation data.

        Raises:
            DataError: If they are not on this machine.
        """
        seeds = self.seeds if self.experiment.data_per_seed else (0,)
        return _data(self.experiment.name, self.size, seeds)

    def probe(self) -> Data | None:
        """Inputs of the history's snapshots, with targets; None without snapshots."""
        return self.experiment.probe() if self.experiment.probe else None


def tasks(
    name: str,
    profile: str = "laptop",
    *,
    models: Iterable[str] | None = None,
    seeds: Iterable[int] | None = None,
    first: int = 0,
    stacked: bool | None = None,
) -> list[Task]:
    """The trainings of an experiment.

    For recorded experiments there is one for each seed of the first model, then of the second, and
    so on; for the others one for each model, with all seeds as a stack.

    Args:
        name: Name of one of :data:`~anode_lab.experiments.EXPERIMENTS`.
        profile: How much of it is run.
        models: Labels of the models; all of them if left out. A label that is named twice counts
            once, and so does a seed.
        seeds: Seeds; as many as the profile has, from ``first`` on, if left out.
        first: The first seed.
        stacked: Whether all seeds are one task; if left out, that depends on the experiment.

    Raises:
        ValueError: If there is no such experiment, profile or model, or a seed is negative.
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"experiment must be one of {', '.join(EXPERIMENTS)}, got {name!r}")
    experiment, profile = EXPERIMENTS[name], check_profile(profile)
    size = experiment.size(profile)
    labels = [spec.label for spec in experiment.models] if models is None else dict.fromkeys(models)
    specs = [experiment.model(label) for label in labels]
    if not specs:
        raise ValueError("models must be one label or more, got none")
    own = range(first, first + size.seeds) if seeds is None else dict.fromkeys(seeds)
    chosen = check_seeds(own)
    together = not experiment.recorded if stacked is None else stacked
    stacks = [chosen] if together else [(seed,) for seed in chosen]
    return [Task(experiment, spec, profile, stack) for spec in specs for stack in stacks]


def figure_tasks(
    figure: str,
    profile: str = "laptop",
    *,
    seeds: Iterable[int] | None = None,
    first: int = 0,
) -> list[Task]:
    """The trainings that one of the paper's figures is drawn from.

    Args:
        figure: One of :func:`~anode_lab.experiments.figures`, such as "fig10".
        profile: How much of each experiment is run; one without that profile is left out.
        seeds: Seeds; as many as the profile has, from ``first`` on, if left out.
        first: The first seed.

    Raises:
        ValueError: If there is no such figure or profile, or a seed is negative.
    """
    if figure not in (known := figures()):
        raise ValueError(f"figure must be one of {', '.join(known)}, got {figure!r}")
    profile, own = check_profile(profile), None if seeds is None else tuple(seeds)
    return [
        task
        for name, models in known[figure].items()
        if profile in EXPERIMENTS[name].sizes
        for task in tasks(name, profile, models=models, seeds=own, first=first)
    ]


def _named(name: str, label: str, profile: str, seeds: tuple[int, ...]) -> Task:
    experiment = EXPERIMENTS[name]
    return Task(experiment, experiment.model(label), profile, seeds)


@lru_cache(maxsize=8)
def _data(name: str, size: Size, seeds: tuple[int, ...]) -> tuple[Sets, Sets | None]:
    drawn = [EXPERIMENTS[name].data(size, seed) for seed in seeds]
    held_out = tuple(split[1] for split in drawn if split[1] is not None)
    return tuple(split[0] for split in drawn), held_out or None


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Use this number of torch's threads, on which the rounding of convolutions depends."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
