"""A training, described: which experiment, model, profile and seeds. All else follows from that."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import torch

from anode.data import Data
from anode.fields import check_seeds
from anode.models import Model
from anode.serialization import to_json
from anode.training import Checkpoint, History, TrainingSettings, train
from anode_lab.experiments import (
    EXPERIMENTS,
    Experiment,
    ModelSpec,
    Profile,
    Size,
    check_profile,
    figures,
)

Sets = tuple[Data, ...]
"""One data set a replica, or one for all."""


class OutOfMemoryError(RuntimeError):
    """The device's memory is too small for a training; the message says what to lower."""


@dataclass(frozen=True)
class Task:
    """One training: a model of an experiment, with one replica a seed.

    Between processes it travels as names, which are looked up again where it arrives.

    Attributes:
        experiment, spec, profile, seeds: what is trained.
    """

    experiment: Experiment
    spec: ModelSpec
    profile: Profile
    seeds: tuple[int, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return _named, (self.experiment.name, self.spec.label, self.profile.value, self.seeds)

    def __str__(self) -> str:
        first, last = self.seeds[0], self.seeds[-1]
        seeds = f"seed {first}" if len(self.seeds) == 1 else f"seeds {first} to {last}"
        return f"{self.experiment.name}, {self.spec.label}, {seeds}"

    @property
    def size(self) -> Size:
        """How much of it."""
        return self.experiment.size(self.profile)

    @property
    def threads(self) -> int:
        """Of torch on the CPU. What takes long is to be the same bits on any number of cores."""
        return 1 if self.experiment.recorded else torch.get_num_threads()

    @property
    def settings(self) -> TrainingSettings:
        """How it is trained."""
        return self.experiment.settings(self.size, self.spec)

    @property
    def identity(self) -> dict[str, Any]:
        """What the result depends on, the code, the libraries and the device aside.

        The profile is no part of it: where two of them train the same, they share the record.
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
        """The model, untrained."""
        return self.spec.build(input_shape, self.experiment.outputs, self.size.hidden, self.seeds)

    def train(
        self,
        device: str = "cpu",
        *,
        batches: int | None = None,
        checkpoint: Checkpoint | None = None,
        progress: bool = False,
        after_epoch: Callable[[Model, int], None] | None = None,
    ) -> tuple[Model, History]:
        """Train, or take only the first ``batches`` steps; the data are read if need be.

        ``after_epoch`` is called with the model and the epoch after each one, and with 0 before.

        Raises:
            DataError: if the data are not on this machine.
            OutOfMemoryError: if the device's memory is too small.
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
                f"max_side={self.size.max_side} of its size. What "
                "was recorded before is kept."
            ) from error
        return model, history

    def data(self) -> tuple[Sets, Sets | None]:
        """Training and validation data.

        Raises:
            DataError: if they are not on this machine.
        """
        seeds = self.seeds if self.experiment.data_per_seed else (0,)
        return _data(self.experiment.name, self.size, seeds)

    def probe(self) -> Data | None:
        """Inputs, with targets, of the history's snapshots; None without snapshots."""
        return self.experiment.probe() if self.experiment.probe else None


def tasks(
    name: str,
    profile: Profile | str = Profile.LAPTOP,
    *,
    models: Iterable[str] | None = None,
    seeds: Iterable[int] | None = None,
    first: int = 0,
    stacked: bool | None = None,
) -> list[Task]:
    """The trainings of an experiment.

    Where one takes long, they are all seeds of its first model, then of its second, and so on; else
    one a model, with all seeds as a stack.

    Args:
        name: one of :data:`~anode_lab.experiments.EXPERIMENTS`.
        profile: how much of it.
        models: labels; all if left out. One that is named twice counts once, and so does a seed.
        seeds: as many as the profile has, from ``first`` on, if left out.
        first: the first seed.
        stacked: whether all seeds are one task; if left out, where none takes long.

    Raises:
        ValueError: if there is no such experiment, profile or model, or a seed is negative.
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
    profile: Profile | str = Profile.LAPTOP,
    *,
    seeds: Iterable[int] | None = None,
    first: int = 0,
) -> list[Task]:
    """The trainings that one of the paper's figures is drawn from.

    Args:
        figure: one of :func:`~anode_lab.experiments.figures`, as "fig10".
        profile: how much of each experiment; one that has no such profile is left out.
        seeds, first: see :func:`tasks`.

    Raises:
        ValueError: if there is no such figure or profile, or a seed is negative.
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
    return Task(experiment, experiment.model(label), Profile(profile), seeds)


@lru_cache(maxsize=8)
def _data(name: str, size: Size, seeds: tuple[int, ...]) -> tuple[Sets, Sets | None]:
    drawn = [EXPERIMENTS[name].data(size, seed) for seed in seeds]
    held_out = tuple(split[1] for split in drawn if split[1] is not None)
    return tuple(split[0] for split in drawn), held_out or None


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """So many threads of torch: sums of convolutions are rounded by how they are shared out."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
