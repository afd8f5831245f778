"""What holds on the CPU holds on a GPU: the same seeds, steps, failures and histories."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anode import (
    Engine,
    Gradient,
    Loss,
    Method,
    Model,
    NeuralODE,
    ResNet,
    SolverSettings,
    SolveStatus,
    TrainingSettings,
    integrate,
    train,
)
from anode.data import Data, concentric_spheres
from anode.training import accuracy, evaluate, features_of
from anode.training.batches import Batches
from anode_lab import experiments, runs
from anode_lab.runs import Store, tasks
from anode_lab.runs.status import missing
from anode_lab.runs.sweep import Sweep
from tests.helpers.problems import FormulaField, decay, out_of_domain, square

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch sees"),
]

SEEDS = (4, 0, 7)
SOLVERS = {
    "stacked": SolverSettings(),
    "torchdiffeq": SolverSettings(engine=Engine.TORCHDIFFEQ),
    "adjoint": SolverSettings(gradient=Gradient.ADJOINT),
    "rk4": SolverSettings(method=Method.RK4, step_size=0.25),
}
MODELS: dict[str, Callable[[SolverSettings], Model]] = {
    "NODE": lambda solver: NeuralODE((2,), seeds=SEEDS, solver=solver),
    "ANODE": lambda solver: NeuralODE((2,), augment_dim=3, seeds=SEEDS, solver=solver),
    "images": lambda solver: NeuralODE(
        (1, 8, 8), 3, augment_dim=1, hidden=4, seeds=SEEDS, solver=solver
    ),
    "ResNet": lambda solver: ResNet((2,), seeds=SEEDS),
}
SETTINGS = TrainingSettings(epochs=2, batch_size=32)


def data_for(model: Model) -> Data:
    if len(model.input_shape) == 1:
        data = concentric_spheres(2, 30, 60)
        return Data(data.x.double(), data.y.double(), data.name)
    rng = torch.Generator().manual_seed(5)
    return Data(torch.rand(40, 1, 8, 8, generator=rng).double(), torch.arange(40) % 3, "noise")


def settings_for(model: Model) -> TrainingSettings:
    images = len(model.input_shape) == 3
    return replace(SETTINGS, loss=Loss.CROSS_ENTROPY if images else Loss.HUBER)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("name", MODELS)
def test_a_seed_is_trained_alike_on_both_devices(name: str, solver: SolverSettings) -> None:
    """Weights bit for bit before, histories up to rounding in double precision after."""
    here, there = MODELS[name](solver), MODELS[name](solver).to("cuda")
    for ours, theirs in zip(here.parameters(), there.parameters(), strict=True):
        assert torch.equal(ours, theirs.cpu())
    here, there = here.double(), there.double()
    data, settings = data_for(here), settings_for(here)
    one = train(here, data, settings, validation=data)
    two = train(there, data, settings, validation=data)
    np.testing.assert_allclose(two.step_loss, one.step_loss, rtol=1e-6)
    np.testing.assert_array_equal(two.step_nfe, one.step_nfe)
    np.testing.assert_array_equal(two.step_backward_nfe, one.step_backward_nfe)
    assert one.validation_loss is not None
    assert two.validation_loss is not None
    np.testing.assert_allclose(two.validation_loss, one.validation_loss, rtol=1e-6)
    for ours, theirs in zip(here.parameters(), there.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs.cpu(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", MODELS)
def test_a_seed_gives_the_same_bits_twice(name: str) -> None:
    """Where torch's own kernels do: convolutions' gradients may not, and are compared closely."""
    histories = []
    for _ in range(2):
        model = MODELS[name](SolverSettings()).to("cuda").double()
        histories.append(train(model, data_for(model), settings_for(model)))
    first, second = (history.step_loss for history in histories)
    if name == "images":
        np.testing.assert_allclose(first, second, rtol=1e-8)
    else:
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", ["stacked", "torchdiffeq", "adjoint"])
@pytest.mark.parametrize(
    ("status", "formula", "rate"),
    [
        (SolveStatus.UNDERFLOW, square, 2.0),
        (SolveStatus.TOO_MANY_STEPS, decay, 1e4),
        (SolveStatus.NON_FINITE, out_of_domain, 5.0),
    ],
)
def test_failures_are_those_of_the_cpu(
    status: SolveStatus, formula: Callable[..., torch.Tensor], rate: float, name: str
) -> None:
    settings = replace(SOLVERS[name], max_steps=300)
    failures = []
    for device in ("cpu", "cuda"):
        field = FormulaField(formula, [0.1, rate, 0.2]).to(device)
        h0 = torch.ones(3, 2, 1, dtype=torch.float64, device=device)
        times = torch.tensor([0.0, 1.0], dtype=torch.float64, device=device)
        solution = integrate(field, h0, times, settings)
        assert solution.status == (SolveStatus.OK, status, SolveStatus.OK)
        assert solution.states.device == h0.device
        failures.append(solution.failures[1])
    here, there = failures
    assert (here.status, here.nfe) == (there.status, there.nfe)
    assert there.step == here.step
    assert there.time == pytest.approx(here.time, rel=1e-6)


def test_a_failed_replica_leaves_the_others_bit_for_bit() -> None:
    models = [NeuralODE((2,), augment_dim=1, seeds=SEEDS).to("cuda") for _ in range(2)]
    with torch.no_grad():
        models[1].field.weights[0][1] = torch.nan
    data = concentric_spheres(2, 30, 60)
    healthy, broken = (train(model, data, SETTINGS) for model in models)
    assert list(broken.failures) == [1]
    np.testing.assert_array_equal(broken.step_loss[[0, 2]], healthy.step_loss[[0, 2]])
    for ours, theirs in zip(models[1].parameters(), models[0].parameters(), strict=True):
        assert torch.equal(ours[[0, 2]], theirs[[0, 2]])


def test_measurements_come_back_to_the_cpu() -> None:
    model = NeuralODE((1, 8, 8), 3, hidden=4, seeds=SEEDS).to("cuda").double()
    data = data_for(model)
    for values in (
        evaluate(model, data, Loss.CROSS_ENTROPY),
        accuracy(model, data),
        features_of(model, data.x.to("cuda")),
    ):
        assert isinstance(values, np.ndarray)
        assert np.isfinite(values).all()
    output = model.run(data.x[None].to("cuda"))
    assert output.nfe.device.type == "cpu"
    assert output.prediction.device.type == "cuda"


def test_inputs_on_another_device_are_refused() -> None:
    model = NeuralODE((2,)).to("cuda")
    with pytest.raises(ValueError, match=r"h0 is torch.float32 on cpu, .* on cuda:0"):
        model(torch.ones(1, 3, 2))


@pytest.mark.parametrize("name", experiments.EXPERIMENTS)
def test_every_experiment_runs(name: str) -> None:
    result = runs.run(name, profile="smoke", device="cuda")
    assert "profile smoke on cuda" in result.summary()
    for run in result.runs.values():
        assert not run.history.failures
        assert next(run.model.parameters()).device.type == "cuda"


@pytest.mark.parametrize("replicas", [1, 3])
def test_batches_streamed_from_the_host_are_those_kept_on_the_device(
    replicas: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, cuda = concentric_spheres(2, 20, 30), torch.device("cuda")

    def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
        return list(Batches(range(replicas), data, 16, cuda).epoch())

    kept = batches()
    monkeypatch.setattr("anode.training.batches.RESIDENT_BYTES", 0)
    streamed = batches()
    assert Batches(range(replicas), data, 16, cuda).streamed
    for (x, y), (other_x, other_y) in zip(kept, streamed, strict=True):
        assert other_x.device.type == "cuda"
        assert torch.equal(x, other_x)
        assert torch.equal(y, other_y)


def test_an_image_experiment_is_trained_and_recorded_as_on_the_cpu(tmp_path: Path) -> None:
    wanted = tasks("images-colour", "smoke", models=["p = 5"], seeds=[0])
    store = Store(tmp_path)
    Sweep(store, device="cuda").run(wanted)
    assert missing(wanted, store) == []
    gpu, cpu = (wanted[0].train(device)[1] for device in ("cuda", "cpu"))
    np.testing.assert_allclose(gpu.step_loss, cpu.step_loss, rtol=1e-3)
    assert (gpu.step_nfe == cpu.step_nfe).all()
