"""Models taken apart and read from a file are the models they were."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import anode
from anode import (
    Activation,
    Gradient,
    Loss,
    Model,
    ModelOutput,
    NeuralODE,
    ResNet,
    SolverSettings,
    TrainingSettings,
    train,
)
from anode import serialization as weights
from anode.data import concentric_spheres
from anode.seeding import Stream, generator
from anode_lab.models import MeanOfTwo, SecondOrder

SEEDS = (4, 0, 9)


class Decay(Enum):
    """How :class:`Shrunk` shrinks."""

    FAST = "fast"
    SLOW = "slow"


@dataclass(frozen=True)
class Shrinking:
    """An option of :class:`Shrunk` with options of its own."""

    decay: Decay = Decay.SLOW
    rates: tuple[float, ...] = (0.5, 0.25)


class Shrunk(Model):
    """A model from outside the tree: nothing but this class tells the package of it."""

    def __init__(
        self,
        input_shape: Sequence[int],
        outputs: int | None = 1,
        *,
        shrinking: Shrinking | None = None,
        hidden: int = 3,
        seeds: Iterable[int] = (0,),
    ) -> None:
        super().__init__(input_shape, (*input_shape[:-1], hidden), outputs, seeds)
        self.shrinking = shrinking or Shrinking()
        rngs = [generator(seed, Stream.WEIGHTS) for seed in self.seeds]
        width = input_shape[0]
        drawn = torch.stack([torch.randn(width, hidden, generator=rng) for rng in rngs])
        self.weight = nn.Parameter(drawn)

    def run(self, x: torch.Tensor) -> ModelOutput:
        power = 2 if self.shrinking.decay is Decay.FAST else 1
        h = self._stack(x) @ self.weight * self.shrinking.rates[0] ** power
        return ModelOutput(self._predict(h), h, torch.zeros(self.replicas, dtype=torch.int64))


class Twice(NeuralODE):
    """Another one, which passes its options on."""

    def __init__(self, input_shape: Sequence[int], outputs: int | None = 1, **options: Any) -> None:
        super().__init__(input_shape, outputs, **options, end_time=2.0)


MODELS = {
    **{name: partial(Model.named(name), (2,), None, seeds=SEEDS) for name in Model.names()},
    "NODE": lambda: NeuralODE((2,), seeds=SEEDS),
    "two with heads": lambda: MeanOfTwo((2,), seeds=SEEDS, solver=SolverSettings(rtol=1e-5)),
    "own options": lambda: Shrunk((2,), shrinking=Shrinking(Decay.FAST, (0.1,)), seeds=SEEDS),
    "options passed on": lambda: Twice((2,), activation=Activation.SOFTPLUS, seeds=SEEDS),
    "ANODE": lambda: NeuralODE(
        (2,),
        3,
        augment_dim=2,
        hidden=16,
        activation=Activation.SOFTPLUS,
        time_dependent=False,
        seeds=SEEDS,
        end_time=0.5,
        solver=SolverSettings(rtol=1e-4, gradient=Gradient.ADJOINT),
    ),
    "no head": lambda: NeuralODE((1,), None, seeds=SEEDS),
    "convolutional": lambda: NeuralODE((1, 4, 5), 10, augment_dim=1, hidden=4, seeds=SEEDS),
    "ResNet": lambda: ResNet((2,), blocks=2, hidden=8, seeds=SEEDS),
}


def make(name: str) -> Model:
    made: Model = MODELS[name]()
    with torch.no_grad():  # not what the seeds give again
        for parameter in made.parameters():
            parameter += 0.01
    return made


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> Model:
    return make(request.param)


def inputs(model: Model) -> torch.Tensor:
    return torch.randn(1, 8, *model.input_shape, generator=torch.Generator().manual_seed(1))


def test_a_saved_model_is_read_back_bit_for_bit(model: Model, tmp_path: Path) -> None:
    weights.save(model, tmp_path / "model.safetensors")
    read = weights.load(tmp_path / "model.safetensors")
    assert type(read) is type(model)
    assert read.seeds == model.seeds
    assert read.architecture == model.architecture
    for mine, theirs in zip(model.parameters(), read.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    x = inputs(model)
    mine, theirs = model.run(x), read.run(x)
    assert torch.equal(mine.prediction, theirs.prediction)
    assert torch.equal(mine.features, theirs.features)


def test_every_argument_of_the_constructor_is_in_the_architecture(model: Model) -> None:
    arguments = set(signature(type(model)).parameters) - {"seeds", "options"}
    assert arguments <= set(model.architecture)
    assert "seeds" not in model.architecture


def test_models_are_found_by_name(model: Model) -> None:
    name = type(model).__name__
    assert name in Model.names()
    assert Model.named(name) is getattr(anode, name) is type(model)


def test_names_that_are_not_there_are_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"model must be one of .*NeuralODE.*, got 'RNN'"):
        Model.named("RNN")
    with pytest.raises(AttributeError, match="'anode' has no attribute 'RNN'"):
        getattr(anode, "RNN")  # noqa: B009 (as a reader would write it, it would be unused)
    with pytest.raises(ValueError, match=r"NeuralODE is defined in anode\.models\.neural_ode"):
        type("NeuralODE", (Model,), {"__module__": "elsewhere"})


@pytest.mark.parametrize(
    "name", [name for name in MODELS if name not in ("no head", "convolutional")]
)
def test_every_model_is_trained(name: str) -> None:
    """By the loss that fits it: a density has the likelihood, and others regress."""
    single = weights.select(make(name), [0, 1])
    data = concentric_spheres(2, 16, 32)
    if type(single).__name__ == "NormalisingFlow":
        loss = Loss.LIKELIHOOD
    else:
        loss = Loss.MSE
        shape = single.run(data.x[None]).prediction.shape[2:]
        data = replace(data, y=data.y.expand(-1, *shape))
    history = train(single, data, TrainingSettings(epochs=8, learning_rate=1e-2, loss=loss))
    assert history.failures == {}
    assert (history.epoch_loss[:, -1] < history.epoch_loss[:, 0]).all()


def test_a_replica_taken_out_is_that_replica(model: Model) -> None:
    x = inputs(model)
    whole = deepcopy(model).run(x)  # noise goes on from one prediction to the next
    for chosen in (1, [2], [0, 2]):
        part = weights.select(model, chosen)
        rows = [chosen] if isinstance(chosen, int) else chosen
        assert part.seeds == tuple(SEEDS[r] for r in rows)
        output = part.run(x)
        assert torch.equal(output.nfe, whole.nfe[rows])
        torch.testing.assert_close(output.prediction, whole.prediction[rows])


def test_a_copy_in_double_precision_is_double_all_through(model: Model) -> None:
    """Within single precision it predicts the same, and the model itself stays as it was."""
    x, before = inputs(model), deepcopy(model)
    double = weights.in_double(model)
    assert type(double) is type(model)
    assert (double.seeds, double.architecture) == (model.seeds, model.architecture)
    for mine, theirs in zip(before.parameters(), model.parameters(), strict=True):
        assert torch.equal(mine, theirs)
        assert theirs.dtype is torch.float32
    tight = SolverSettings(rtol=1e-6, atol=1e-6)
    if "solver" in model.architecture:
        double, before = (weights.in_double(each, tight) for each in (double, before))
        before = before.float()
    output = double.run(x.double())
    assert output.prediction.dtype is output.features.dtype is torch.float64
    torch.testing.assert_close(output.prediction.float(), before(x), rtol=1e-4, atol=1e-4)


def test_a_solver_replaced_later_belongs_to_the_architecture(tmp_path: Path) -> None:
    tight = SolverSettings(rtol=1e-7, atol=1e-7)
    for model in (SecondOrder((2,), seeds=SEEDS), MeanOfTwo((2,), seeds=SEEDS)):
        model.solver = tight
        x = inputs(model)
        part = weights.select(model, 1)
        assert torch.equal(part.run(x).nfe, model.run(x).nfe[1:2])
        weights.save(model, tmp_path / "model")
        assert weights.load(tmp_path / "model").architecture["solver"] == tight


def test_what_is_taken_out_is_a_copy() -> None:
    model = NeuralODE((2,), seeds=SEEDS)
    before = [p.detach().clone() for p in model.parameters()]
    part = weights.select(model, 0)
    train(part, concentric_spheres(2, 16, 32), TrainingSettings(epochs=1))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_double_precision_stays(tmp_path: Path) -> None:
    model = NeuralODE((1,)).double()
    weights.save(model, tmp_path / "model.safetensors")
    assert next(weights.load(tmp_path / "model.safetensors").parameters()).dtype is torch.float64


@pytest.mark.parametrize("replicas", [3, -1, [], [0, 5]])
def test_replicas_that_are_not_there_are_refused(replicas: int | list[int]) -> None:
    with pytest.raises(ValueError, match=r"one or more of 0\.\.2, got"):
        weights.select(NeuralODE((1,), seeds=SEEDS), replicas)


def test_files_that_are_no_model_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(FileNotFoundError):
        weights.load(path)
    save_file({"x": torch.ones(2)}, path)
    with pytest.raises(ValueError, match=r"model\.safetensors cannot be read as a model"):
        weights.load(path)
    weights.save(NeuralODE((1,)), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"model\.safetensors cannot be read as a model"):
        weights.load(path)
