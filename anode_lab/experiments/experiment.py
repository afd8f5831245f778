"""What an experiment is: models, data, and a size for each profile.

One seed determines the weights of a replica, the order of its data and, for toy data, the data.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import anode_lab.models  # noqa: F401 (so that an experiment finds them by their names)
from anode.data import Data
from anode.models import Model
from anode.serialization import to_json
from anode.training import Loss, TrainingSettings
from anode_lab.experiments.profiles import Size, check_profile


@dataclass(frozen=True)
class ModelSpec:
    """A model of an experiment.

    Attributes:
        label: Name of the model in figures and results.
        model: Name of a registered model, see :meth:`anode.models.Model.named`.
        options: Options of its constructor; the size gives the width, and the task the seeds.
        as_large_as: Another model; this one gets the width that makes its number of parameters as
            close as possible. None for the width of the size.
        outputs_counted: Number of outputs of the linear layer with which the parameters are counted
            for that; None for as many as the task has.
        weight_decay: Weight decay of its training.

    Raises:
        ValueError: If no model of this name is registered.
    """

    label: str
    model: str = "NeuralODE"
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    as_large_as: "ModelSpec | None" = None
    outputs_counted: int | None = None
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        Model.named(self.model)

    def build(
        self, input_shape: Sequence[int], outputs: int | None, hidden: int, seeds: Sequence[int]
    ) -> Model:
        """A stack with one replica for each seed."""
        if self.as_large_as is not None:
            counted = outputs if self.outputs_counted is None else self.outputs_counted
            hidden = self._matching_width(input_shape, counted, hidden)
        kind: Callable[..., Model] = Model.named(self.model)
        return kind(input_shape, outputs, hidden=hidden, seeds=seeds, **self.options)

    @property
    def network(self) -> dict[str, Any]:
        """All that determines the network but its width, as JSON."""
        network: dict[str, Any] = {"model": self.model, "options": to_json(self.options)}
        if self.as_large_as is not None:
            network["as_large_as"] = self.as_large_as.network
        if self.outputs_counted is not None:
            network["outputs_counted"] = self.outputs_counted
        return network

    def _matching_width(self, input_shape: Sequence[int], outputs: int | None, hidden: int) -> int:
        """The width at which this model is as large as the other one is at ``hidden``."""

        def count(spec: ModelSpec, width: int) -> int:
            return spec.build(input_shape, outputs, width, (0,)).parameter_count()

        assert self.as_large_as is not None
        own, goal = replace(self, as_large_as=None), count(self.as_large_as, hidden)
        low, high = 1, 1
        while count(own, high) < goal:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if count(own, middle) < goal else (low, middle)
        return min(low, high, key=lambda width: abs(count(own, width) - goal))


SNAPSHOT_EPOCHS = (0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 30, 40)
"""Epochs after which features are kept, besides the last: dense where training is fast."""

Split = tuple[Data, Data | None]
"""Training data, and validation data if there is any."""


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        name: Name by which it is run.
        source: Figures and sections of the paper.
        data: Function from a size and a seed to training and validation data.
        models: Models that are trained on these data.
        sizes: Size for each profile; none for a profile that would take too long, and none for
            "paper" if the paper has no such training.
        figures: Labels of the models that each of the paper's figures shows; None for all models.
        data_per_seed: Whether each replica draws its own data.
        outputs: Number of outputs; None for no linear layer.
        loss: Loss that is minimised.
        probe: Function that gives inputs and targets; their features are kept through training.
        recorded: Whether it takes so long that each seed is trained separately and recorded in
            ``results/``.
    """

    name: str
    source: str
    data: Callable[[Size, int], Split]
    models: tuple[ModelSpec, ...]
    sizes: Mapping[str, Size]
    figures: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    data_per_seed: bool = True
    outputs: int | None = 1
    loss: Loss = Loss.HUBER
    probe: Callable[[], Data] | None = None
    recorded: bool = False

    def size(self, profile: str) -> Size:
        """Size of the experiment in this profile.

        Raises:
            ValueError: If there is no such profile, or the experiment has no size for it.
        """
        if check_profile(profile) not in self.sizes:
            valid = ", ".join(self.sizes)
            raise ValueError(f"{self.name} has the profiles {valid}, got {profile!r}")
        return self.sizes[profile]

    def settings(self, size: Size, spec: ModelSpec) -> TrainingSettings:
        """Settings with which one of its models is trained."""
        kept = [epoch for epoch in SNAPSHOT_EPOCHS if epoch < size.epochs] + [size.epochs]
        return TrainingSettings(
            epochs=size.epochs,
            batch_size=size.batch_size,
            loss=self.loss,
            weight_decay=spec.weight_decay,
            snapshot_epochs=tuple(kept) if self.probe else (),
        )

    def model(self, label: str) -> ModelSpec:
        """The model with this label.

        Raises:
            ValueError: If there is none.
        """
        for spec in self.models:
            if spec.label == label:
                return spec
        valid = ", ".join(repr(spec.label) for spec in self.models)
        raise ValueError(f"{self.name} has the models {valid}, got {label!r}")
