"""The paper's experiments as a table: which models on which data for which figure, at which size.

``run("annulus-2d", profile="laptop", seed=0)`` trains every model of an experiment. One seed fixes
a replica's weights, the order of its data and, for toy data, the data itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import torch

from anode.data import Data, concentric_spheres, g1d, identity_1d
from anode.data.images import load_images
from anode.models import Model, NeuralODE, ResNet
from anode.training import History, Loss, TrainingSettings, train


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
        label: its name in figures and in :attr:`Result.runs`.
        augment_dim: p of a Neural ODE.
        blocks: number of residual blocks; None is a Neural ODE.
    """

    label: str
    augment_dim: int = 0
    blocks: int | None = None

    def build(
        self, input_shape: Sequence[int], outputs: int | None, hidden: int, seeds: Sequence[int]
    ) -> Model:
        """A stack of one replica a seed."""
        if self.blocks is not None:
            return ResNet(input_shape, outputs, blocks=self.blocks, hidden=hidden, seeds=seeds)
        return NeuralODE(
            input_shape, outputs, augment_dim=self.augment_dim, hidden=hidden, seeds=seeds
        )


Split = tuple[Data, Data | None]
"""Training data, and validation data if there is any."""


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        name: what :func:`run` takes.
        source: figure or section of the paper.
        data: (size, seed) -> training and validation data.
        data_per_seed: whether each replica draws data of its own.
        models: what is trained on it.
        outputs: of the models' linear head; None for no head.
        loss: what is minimised.
        sizes: one a profile.
    """

    name: str
    source: str
    data: Callable[[Size, int], Split]
    models: tuple[ModelSpec, ...]
    sizes: Mapping[Profile, Size]
    data_per_seed: bool = True
    outputs: int | None = 1
    loss: Loss = Loss.HUBER


@dataclass(frozen=True)
class Run:
    """One model of an experiment, trained.

    Attributes:
        label: the model's.
        model: the stack of trained replicas.
        history: of its training.
        data: training data, one set a replica, or a single one for all.
        validation: validation data, if there is any.
    """

    label: str
    model: Model
    history: History
    data: tuple[Data, ...]
    validation: Data | None


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
    progress: bool = False,
) -> Result:
    """Train every model of an experiment.

    Args:
        name: one of :data:`EXPERIMENTS`.
        profile: how much of it; a :class:`Profile` or its value.
        seed: the first replica's; the others follow.
        device: "cpu", "cuda" or "cuda:N".
        progress: show progress bars.

    Raises:
        ValueError: if the name, the profile, the seed or the device is none there is.
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"experiment must be one of {', '.join(EXPERIMENTS)}, got {name!r}")
    experiment = EXPERIMENTS[name]
    profile = check_profile(profile)
    device = check_device(device)
    size = experiment.sizes[profile]
    seeds = tuple(range(seed, seed + size.seeds))
    drawn = [experiment.data(size, s) for s in (seeds if experiment.data_per_seed else seeds[:1])]
    data = tuple(training for training, _ in drawn)
    validation = drawn[0][1]
    settings = TrainingSettings(
        epochs=size.epochs, batch_size=size.batch_size, loss=experiment.loss
    )
    runs = {}
    for spec in experiment.models:
        model = spec.build(data[0].input_shape, experiment.outputs, size.hidden, seeds).to(device)
        history = train(model, data, settings, validation=validation, progress=progress)
        runs[spec.label] = Run(spec.label, model, history, data, validation)
    return Result(experiment, profile, size, seeds, device, runs)


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


def _spheres(dim: int) -> Callable[[Size, int], Split]:
    def draw(size: Size, seed: int) -> Split:
        inner = size.samples // 3  # 1000 of 3000, the paper's proportion
        return concentric_spheres(dim, inner, size.samples - inner, seed=seed), None

    return draw


def _images(size: Size, seed: int) -> Split:
    return load_images(
        n_train=size.samples, n_test=size.samples // 5, max_side=size.max_side, seed=seed
    )


NODE = ModelSpec("NODE")
RESNET = ModelSpec("ResNet", blocks=5)
ANODES = tuple(ModelSpec(f"ANODE (p = {p})", augment_dim=p) for p in (1, 5))

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
        Experiment("annulus-1d", "Fig. 7, top", _spheres(1), (NODE, *ANODES), _TOY),
        Experiment("annulus-2d", "Figs 1 and 7", _spheres(2), (NODE, *ANODES), _TOY),
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
