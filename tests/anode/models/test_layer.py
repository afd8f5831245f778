"""A model of one replica is a layer of torch, with the package's field or with one's own."""

import copy
import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchdiffeq import odeint

import anode
import anode_lab.models  # noqa: F401 (registers its models)
from anode import Loss, Model, NeuralODE, ResNet, SolverSettings, TrainingSettings, train
from anode.data import concentric_spheres


def network(width: int = 5) -> nn.Sequential:
    torch.manual_seed(width)
    return nn.Sequential(nn.Linear(width, 8), nn.Tanh(), nn.Linear(8, width))


class Timed(nn.Module):
    """A field in torchdiffeq's argument order."""

    def __init__(self, width: int = 5) -> None:
        super().__init__()
        self.net = network(width)

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        found: Tensor = self.net(h) * (1 + t)
        return found


def shrink(t: Tensor, h: Tensor) -> Tensor:
    """A field without weights."""
    return -t * h


LAYERS: dict[str, Callable[[], Model]] = {
    "points": lambda: NeuralODE((2,), 3, augment_dim=1, hidden=8),
    "images": lambda: NeuralODE((2, 4, 4), 3, hidden=3),
    "own field": lambda: NeuralODE((2,), 3, augment_dim=3, field=network()),
    "own field with time": lambda: NeuralODE((2,), 3, augment_dim=3, field=Timed()),
    "function": lambda: NeuralODE((2,), 3, field=shrink),
    "ResNet": lambda: ResNet((2,), 3, hidden=8),
}


def inputs(model: Model, batch: int = 6) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(batch, *model.input_shape, generator=rng)


@pytest.fixture(params=LAYERS)
def layer(request: pytest.FixtureRequest) -> Model:
    return LAYERS[request.param]()


@pytest.mark.parametrize("name", Model.names())
def test_every_registered_model_takes_plain_inputs(name: str) -> None:
    """The number of axes decides; a stack refuses them and says what it takes."""
    make = partial(Model.named(name), (2,), None)
    torch.manual_seed(0)
    plain, stacked = copy.deepcopy(make()), make()
    x = inputs(plain)
    y = plain(x)
    assert isinstance(plain.nfe, int)
    assert torch.equal(y, stacked(x[None])[0])
    assert isinstance(stacked.nfe, Tensor)
    assert stacked.nfe.tolist() == [plain.nfe]
    with pytest.raises(ValueError, match=r"\(3, B, 2\), or \(1, B, 2\) .*got \(6, 2\)"):
        make(seeds=(0, 1, 2))(x)


def test_it_is_trained_after_a_feature_extractor(layer: Model) -> None:
    size = int(np.prod(layer.input_shape))
    extractor = nn.Sequential(nn.Linear(4, size), nn.Unflatten(1, layer.input_shape))
    model = nn.Sequential(extractor, layer, nn.Linear(3, 1))
    x = torch.randn(32, 4, generator=torch.Generator().manual_seed(2))
    y, losses = x[:, :1].sin(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    before = [p.detach().clone() for p in model.parameters()]
    for _ in range(12):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert all(not torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))


def test_it_is_copied_saved_and_loaded_as_any_module(layer: Model) -> None:
    model = nn.Sequential(layer, nn.Tanh())
    x = inputs(layer)
    expected = model(x)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    for other in (copy.deepcopy(model), torch.load(file, weights_only=False)):
        assert torch.equal(other(x), expected)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file))
    assert torch.equal(other(x), model(x))
    double = model.double()
    assert double(x.double()).dtype is torch.float64
    assert model.to("cpu", torch.float32)(x).dtype is torch.float32


def test_a_compiled_layer_gives_the_same_values() -> None:
    for name in ("points", "own field"):
        torch._dynamo.reset()
        layer = LAYERS[name]()
        model = nn.Sequential(nn.Linear(2, 2), layer, nn.Linear(3, 1))
        x = inputs(layer)
        compiled = torch.compile(model, backend="eager")
        for inner, outer in (
            (compiled(x), model(x)),
            (torch.compile(layer, backend="eager")(x), layer(x)),
        ):
            torch.testing.assert_close(inner, outer)
        compiled(x).sum().backward()
        assert all(p.grad is not None for p in model.parameters())


def test_predictions_of_arrays_are_arrays(layer: Model) -> None:
    x = inputs(layer)
    expected = layer(x).detach().numpy()
    array = x.numpy()
    for given in (array, array.astype(np.float64), x, array[::-1][::-1], array.tolist()):
        found = layer.predict(given)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)
    assert layer.training
    with pytest.raises(TypeError, match="x must be a tensor, got ndarray; predict takes arrays"):
        layer(array)


def test_dropout_is_off_in_predictions_and_evaluations() -> None:
    field = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    layer = NeuralODE((2,), field=field, solver=SolverSettings(rtol=0.1, atol=0.1))
    x = inputs(layer)
    assert np.array_equal(layer.predict(x), layer.predict(x))
    values = [anode.evaluate(layer, (x, x[:, :1]), Loss.MSE) for _ in range(2)]
    assert np.array_equal(*values)
    assert field.training


@pytest.mark.parametrize("name", ["points", "own field with time"])
def test_the_flow_of_plain_inputs_is_at_the_times_asked_for(name: str) -> None:
    layer = LAYERS[name]()
    assert isinstance(layer, NeuralODE)
    layer, x = layer.double(), inputs(layer).double()
    layer.solver = SolverSettings(rtol=1e-9, atol=1e-9)
    whole = layer.flow(x, 5)
    assert whole.shape == (5, 6, *layer.state_shape)
    assert torch.equal(layer.flow(x[None], 5)[:, 0], whole)
    for times in (torch.tensor([0.5, 1.0]), [0.5, 1.0], np.array([0.5, 1.0])):
        torch.testing.assert_close(layer.flow(x, times), whole[[2, 4]], rtol=1e-7, atol=1e-8)
    torch.testing.assert_close(layer.flow(x, [1.0]), whole[[4]], rtol=1e-7, atol=1e-8)


def test_an_augmented_layer_of_ones_own_field_is_torchdiffeqs() -> None:
    net = network()
    layer = NeuralODE(
        (2,), None, augment_dim=3, field=net, solver=SolverSettings(rtol=1e-9, atol=1e-9)
    )
    layer = layer.double()
    x = inputs(layer).double().requires_grad_()
    start, times = F.pad(x, (0, 3)), torch.tensor([0.0, 1.0]).double()
    expected = odeint(lambda t, h: net(h), start, times, rtol=1e-9, atol=1e-9)[-1]
    torch.testing.assert_close(layer(x), expected, rtol=1e-7, atol=1e-8)
    weights = [x, *net.parameters()]
    for mine, theirs in zip(
        torch.autograd.grad(layer(x).square().sum(), weights),
        torch.autograd.grad(expected.square().sum(), weights),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


def own_stack() -> NeuralODE:
    return NeuralODE((2,), augment_dim=3, field=[Timed() for _ in range(3)], seeds=(4, 0, 2))


OWN: dict[str, tuple[Callable[[], NeuralODE], Callable[[], Any]]] = {
    "module": (lambda: NeuralODE((2,), augment_dim=3, field=Timed()), Timed),
    "stack": (own_stack, lambda: [Timed() for _ in range(3)]),
    "function": (lambda: NeuralODE((2,), field=shrink), lambda: shrink),
}


@pytest.mark.parametrize("name", OWN)
def test_models_of_ones_own_fields_are_trained_saved_and_loaded(name: str, tmp_path: Any) -> None:
    make, field = OWN[name]
    model, data = make(), concentric_spheres(2, 16, 32)
    history = train(model, data, TrainingSettings(epochs=6, learning_rate=1e-2))
    assert not history.failures
    assert (history.epoch_loss[:, -1] < history.epoch_loss[:, 0]).all()
    anode.save(model, tmp_path / "model")
    read = anode.load(tmp_path / "model", field=field())
    x = data.x[None]
    assert torch.equal(read(x), model(x))
    assert read.seeds == model.seeds
    with pytest.raises(ValueError, match=r"its field is your own .*: give it as load\(path, field"):
        anode.load(tmp_path / "model")
    for r in range(model.replicas):
        part = anode.select(model, r)
        torch.testing.assert_close(part(x)[0], model(x)[r])
    anode.save(NeuralODE((2,)), tmp_path / "model")
    with pytest.raises(ValueError, match="its field is the package's: leave field out"):
        anode.load(tmp_path / "model", field=field())


def test_training_changes_the_module_that_was_given() -> None:
    field = Timed()
    before = copy.deepcopy(field.state_dict())
    model = NeuralODE((2,), augment_dim=3, field=field)
    train(model, concentric_spheres(2, 16, 32), TrainingSettings(epochs=1))
    for name, value in field.state_dict().items():
        assert not torch.equal(value, before[name])


def test_a_stack_is_trained_as_each_of_its_modules_alone() -> None:
    data = concentric_spheres(2, 16, 32)
    settings = TrainingSettings(epochs=2, batch_size=16, weight_decay=0.01)
    fields = [Timed().double() for _ in range(2)]
    with torch.no_grad():
        fields[1].net[0].weight += 0.1  # type: ignore[operator]
    stack = NeuralODE((2,), augment_dim=3, field=fields, seeds=(4, 7))
    alone = [
        NeuralODE((2,), augment_dim=3, field=copy.deepcopy(f), seeds=(s,))
        for f, s in zip(fields, (4, 7), strict=True)
    ]
    together = train(stack, data, settings)
    for r, model in enumerate(alone):
        history = train(model, data, settings)
        np.testing.assert_allclose(history.step_loss[0], together.step_loss[r], rtol=1e-8)


def test_frozen_weights_stay_whatever_the_weight_decay() -> None:
    model = NeuralODE((2,), hidden=8)
    model.field.requires_grad_(requires_grad=False)
    before = copy.deepcopy(model.state_dict())
    train(model, concentric_spheres(2, 16, 32), TrainingSettings(epochs=2, weight_decay=0.5))
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("field")
