"""What an experiment is: models, data, and a size for each profile.

One seed fixes a replica's weights, the order of its data and, for toy data, the data itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from anode.data import Data
from anode.data.images.catalogue import ImageSet
from anode.fields import Activation
from anode.models import Model, NeuralODE, ResNet
from anode.training import Loss, TrainingSettings


class Profile(Enum):
    """How much of an experiment is run: for a test, on a laptop, or as in the paper."""

    SMOKE = "smoke"
    LAPTOP = "laptop"
    PAPER = "paper"


@dataclass(frozen=True)
class Size:
    """What a profile runs of an experiment.

    Attributes:
        seeds: number of replicas of each model.
        epochs: passes over the data.
        samples: samples of the training data, or repeats of a data set of two points.
        batch_size: samples a step.
        hidden: width of the fields.
        max_side: larger images are averaged to this side, in pixels.
        images: which images.
    """

    seeds: int
    epochs: int
    samples: int
    batch_size: int = 64
    hidden: int = 32
    max_side: int = 28
    images: ImageSet | None = None


@dataclass(frozen=True)
class ModelSpec:
    """A model of an experiment.

    Attributes:
        label: its name in figures and in the results.
        augment_dim: p of a Neural ODE.
        blocks: number of residual blocks; None is a Neural ODE.
        activation: of the field, or of the blocks.
        as_large_as: p of a model of the size's width; this one is as wide as makes it equally
            large, as closely as can be. None is the size's width.
        weight_decay: of its training.
    """

    label: str
    augment_dim: int = 0
    blocks: int | None = None
    activation: Activation = Activation.RELU
    as_large_as: int | None = None
    weight_decay: float = 0.0

    def build(
        self, input_shape: Sequence[int], outputs: int | None, hidden: int, seeds: Sequence[int]
    ) -> Model:
        """A stack of one replica a seed."""
        if self.as_large_as is not None:
            hidden = _matching_width(
                input_shape, outputs, hidden, self.augment_dim, self.as_large_as
            )
        if self.blocks is not None:
            return ResNet(
                input_shape,
                outputs,
                blocks=self.blocks,
                hidden=hidden,
                activation=self.activation,
                seeds=seeds,
            )
        return NeuralODE(
            input_shape,
            outputs,
            augment_dim=self.augment_dim,
            hidden=hidden,
            activation=self.activation,
            seeds=seeds,
        )


def _matching_width(
    input_shape: Sequence[int], outputs: int | None, hidden: int, augment_dim: int, other: int
) -> int:
    """The width at which ``augment_dim`` has as many weights as ``other`` has with ``hidden``."""

    def weights(width: int, p: int) -> int:
        return NeuralODE(input_shape, outputs, augment_dim=p, hidden=width).parameter_count()

    goal = weights(hidden, other)
    low, high = 1, 1
    while weights(high, augment_dim) < goal:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if weights(middle, augment_dim) < goal else (low, middle)
    return min(low, high, key=lambda width: abs(weights(width, augment_dim) - goal))


SNAPSHOT_EPOCHS = (0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 30, 40)
"""Epochs after which features are kept, besides the last: dense where training is fast."""

Split = tuple[Data, Data | None]
"""Training data, and validation data if there is any."""


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        name: what :func:`anode_lab.runs.run` takes.
        source: figure or section of the paper.
        data: (size, seed) -> training and validation data.
        data_per_seed: whether each replica draws data of its own.
        models: what is trained on it.
        outputs: of the models' linear head; None for no head.
        loss: what is minimised.
        sizes: one a profile; none for a profile that would take too long.
        probe: inputs, with their targets, whose features are kept through training.
        recorded: whether it takes so long that each seed is trained by itself and recorded, see
            :func:`anode_lab.runs.run`.
    """

    name: str
    source: str
    data: Callable[[Size, int], Split]
    models: tuple[ModelSpec, ...]
    sizes: Mapping[Profile, Size]
    data_per_seed: bool = True
    outputs: int | None = 1
    loss: Loss = Loss.HUBER
    probe: Callable[[], Data] | None = None
    recorded: bool = False

    def size(self, profile: Profile | str) -> Size:
        """How much of it that profile runs.

        Raises:
            ValueError: if there is no such profile, or it would take too long for one.
        """
        profile = check_profile(profile)
        if profile not in self.sizes:
            valid = ", ".join(each.value for each in self.sizes)
            raise ValueError(f"{self.name} has the profiles {valid}, got {profile.value!r}")
        return self.sizes[profile]

    def settings(self, size: Size, spec: ModelSpec) -> TrainingSettings:
        """How a model of it is trained."""
        kept = [epoch for epoch in SNAPSHOT_EPOCHS if epoch < size.epochs] + [size.epochs]
        return TrainingSettings(
            epochs=size.epochs,
            batch_size=size.batch_size,
            loss=self.loss,
            weight_decay=spec.weight_decay,
            snapshot_epochs=tuple(kept) if self.probe else (),
        )

    def model(self, label: str) -> ModelSpec:
        """The model of that label.

        Raises:
            ValueError: if there is none.
        """
        for spec in self.models:
            if spec.label == label:
                return spec
        valid = ", ".join(repr(spec.label) for spec in self.models)
        raise ValueError(f"{self.name} has the models {valid}, got {label!r}")


def check_profile(profile: Profile | str) -> Profile:
    """The profile of that name.

    Raises:
        ValueError: if there is none.
    """
    try:
        return Profile(profile)
    except ValueError:
        valid = ", ".join(p.value for p in Profile)
        raise ValueError(f"profile must be one of {valid}, got {profile!r}") from None
