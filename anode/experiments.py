"""The paper's experiments as a table: which models on which data for which figure, at which size.

:mod:`anode.runs` runs them. One seed fixes a replica's weights, the order of its data and, for toy
data, the data itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from anode.data import Data, concentric_spheres, g1d, identity_1d, separable, spheres_without_slice
from anode.data.images import load_images
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
    """

    seeds: int
    epochs: int
    samples: int
    batch_size: int = 64
    hidden: int = 32
    max_side: int = 28


@dataclass(frozen=True)
class ModelSpec:
    """A model of an experiment.

    Attributes:
        label: its name in figures and in the results.
        augment_dim: p of a Neural ODE.
        blocks: number of residual blocks; None is a Neural ODE.
        activation: of the field, or of the blocks.
    """

    label: str
    augment_dim: int = 0
    blocks: int | None = None
    activation: Activation = Activation.RELU

    def build(
        self, input_shape: Sequence[int], outputs: int | None, hidden: int, seeds: Sequence[int]
    ) -> Model:
        """A stack of one replica a seed."""
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


SNAPSHOT_EPOCHS = (0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 30, 40)
"""Epochs after which features are kept, besides the last: dense where training is fast."""

Split = tuple[Data, Data | None]
"""Training data, and validation data if there is any."""


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        name: what :func:`anode.runs.run` takes.
        source: figure or section of the paper.
        data: (size, seed) -> training and validation data.
        data_per_seed: whether each replica draws data of its own.
        models: what is trained on it.
        outputs: of the models' linear head; None for no head.
        loss: what is minimised.
        sizes: one a profile.
        probe: inputs, with their targets, whose features are kept through training.
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

    def settings(self, size: Size) -> TrainingSettings:
        """How its models are trained."""
        kept = [epoch for epoch in SNAPSHOT_EPOCHS if epoch < size.epochs] + [size.epochs]
        return TrainingSettings(
            epochs=size.epochs,
            batch_size=size.batch_size,
            loss=self.loss,
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


def _spheres(dim: int) -> Callable[[Size, int], Split]:
    def draw(size: Size, seed: int) -> Split:
        inner = size.samples // 3  # 1000 of 3000, the paper's proportion
        return concentric_spheres(dim, inner, size.samples - inner, seed=seed), None

    return draw


def _separable(size: Size, seed: int) -> Split:
    negative = size.samples // 3
    return separable(2, negative, size.samples - negative, seed=seed), None


def _slice(size: Size, seed: int) -> Split:
    inner = size.samples // 3
    return spheres_without_slice(inner, size.samples - inner, seed=seed)


_PROBE_SEED = 1_000_003  # of no replica: points that nobody is trained on


def _images(size: Size, seed: int) -> Split:
    return load_images(
        n_train=size.samples, n_test=size.samples // 5, max_side=size.max_side, seed=seed
    )


NODE = ModelSpec("NODE")
RESNET = ModelSpec("ResNet", blocks=5)
ANODES = tuple(ModelSpec(f"ANODE (p = {p})", augment_dim=p) for p in (1, 5))
_ALL = (NODE, *ANODES, RESNET)

_TWO_POINTS = {
    Profile.SMOKE: Size(seeds=2, epochs=20, samples=4),
    Profile.LAPTOP: Size(seeds=5, epochs=1000, samples=32),
    Profile.PAPER: Size(seeds=20, epochs=1000, samples=32),
}
_TOY = {
    Profile.SMOKE: Size(seeds=2, epochs=2, samples=192),
    Profile.LAPTOP: Size(seeds=20, epochs=50, samples=3000),
    Profile.PAPER: Size(seeds=20, epochs=50, samples=3000),
}

EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "identity-1d",
            "Fig. 3, bottom left",
            lambda size, seed: (identity_1d(size.samples), None),
            (NODE,),
            _TWO_POINTS,
            outputs=None,
            loss=Loss.MSE,
        ),
        Experiment(
            "g1d",
            "Fig. 3, bottom right",
            lambda size, seed: (g1d(size.samples), None),
            (NODE, RESNET),
            _TWO_POINTS,
            outputs=None,
            loss=Loss.MSE,
        ),
        Experiment(
            "annulus-1d",
            "Figs 5a, 7 and 8",
            _spheres(1),
            _ALL,
            _TOY,
            probe=lambda: concentric_spheres(1, 200, 400, seed=_PROBE_SEED),
        ),
        Experiment(
            "annulus-2d",
            "Figs 1, 5b, 6, 7, 8, 9 left, 15, 18 and 19",
            _spheres(2),
            _ALL,
            _TOY,
            probe=lambda: concentric_spheres(2, 200, 400, seed=_PROBE_SEED),
        ),
        Experiment(
            "separable-2d",
            "Figs 5c, 15 and 19",
            _separable,
            _ALL,
            _TOY,
            probe=lambda: separable(2, 200, 400, seed=_PROBE_SEED),
        ),
        Experiment("slice-2d", "Fig. 9, right", _slice, _ALL, _TOY),
        Experiment(
            "softplus-2d",
            "appendix F.1",
            _spheres(2),
            tuple(
                ModelSpec(f"{spec.label}, softplus", spec.augment_dim, None, Activation.SOFTPLUS)
                for spec in (NODE, ANODES[1])
            ),
            _TOY,
        ),
        Experiment(
            "images",
            "section 5.2, Fig. 10",
            _images,
            (ModelSpec("p = 0"), ModelSpec("p = 5", augment_dim=5)),
            {
                Profile.SMOKE: Size(
                    seeds=2, epochs=2, samples=96, batch_size=32, hidden=4, max_side=14
                ),
                Profile.LAPTOP: Size(seeds=3, epochs=18, samples=1500, hidden=16, max_side=14),
                Profile.PAPER: Size(seeds=5, epochs=20, samples=60000, batch_size=256, hidden=64),
            },
            data_per_seed=False,
            outputs=10,
            loss=Loss.CROSS_ENTROPY,
        ),
    )
}
"""Name -> experiment."""
