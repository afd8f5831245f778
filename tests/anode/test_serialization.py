"""Models taken apart and read from a file are the models they were."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from anode import Activation, Gradient, Model, NeuralODE, ResNet, SolverSettings, train
from anode import serialization as weights
from anode.data import concentric_spheres
from anode.training import TrainingSettings

SEEDS = (4, 0, 9)
MODELS = {
    "NODE": lambda: NeuralODE((2,), seeds=SEEDS),
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


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> Model:
    made: Model = MODELS[request.param]()
    with torch.no_grad():  # not what the seeds give again
        for parameter in made.parameters():
            parameter += 0.01
    return made


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
    assert torch.equal(model.run(x).prediction, read.run(x).prediction)


def test_a_replica_taken_out_is_that_replica(model: Model) -> None:
    x = inputs(model)
    whole = model.run(x)
    for chosen in (1, [2], [0, 2]):
        part = weights.select(model, chosen)
        rows = [chosen] if isinstance(chosen, int) else chosen
        assert part.seeds == tuple(SEEDS[r] for r in rows)
        output = part.run(x)
        assert torch.equal(output.nfe, whole.nfe[rows])
        torch.testing.assert_close(output.prediction, whole.prediction[rows])


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
    with pytest.raises(ValueError, match=r"model\.safetensors is not a model"):
        weights.load(path)
    weights.save(NeuralODE((1,)), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"model\.safetensors is not a model"):
        weights.load(path)
