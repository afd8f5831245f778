"""A training of an experiment that is recorded: a model with one seed."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

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
from anode.fields import check_seeds
from anode.models import Model
from anode.training import History, train

NAMES = tuple(name for name, experiment in EXPERIMENTS.items() if experiment.recorded)
"""The experiments that are recorded."""


class OutOfMemoryError(RuntimeError):
    """The device's memory is too small for a training; the message says what to lower."""


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
        return self.experiment.size(self.profile)

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
        except torch.cuda.OutOfMemoryError as error:
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
        name: one of :data:`NAMES`.
        profile: how much of it.
        models: labels; all if left out. One that is named twice counts once, and so does a seed.
        seeds: 0, 1, ... as many as the profile has, if left out.

    Raises:
        ValueError: if there is no such experiment, profile or model, or a seed is negative.
    """
    if name not in NAMES:
        raise ValueError(f"experiment must be one of {', '.join(NAMES)}, got {name!r}")
    experiment, profile = EXPERIMENTS[name], check_profile(profile)
    size = experiment.size(profile)
    labels = [spec.label for spec in experiment.models] if models is None else dict.fromkeys(models)
    specs = [experiment.model(label) for label in labels]
    if not specs:
        raise ValueError("models must be one label or more, got none")
    chosen = check_seeds(range(size.seeds) if seeds is None else dict.fromkeys(seeds))
    return [Task(experiment, spec, profile, seed) for spec in specs for seed in chosen]
