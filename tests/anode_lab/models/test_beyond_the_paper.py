"""Variants are what their names say, and what the chapter beyond the paper proves of them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchdiffeq import odeint

from anode import Model, NeuralODE, SolverSettings, TrainingSettings, train
from anode.data import concentric_spheres
from anode_lab.models import (
    InputLayer,
    LearnedAugmentation,
    MeanOfTwo,
    NoisyNeuralODE,
    SecondOrder,
)

SEEDS = (5, 0, 2)
TIGHT = SolverSettings(rtol=1e-8, atol=1e-8)
MAKERS: dict[str, Callable[..., Model]] = {
    "linear": lambda seeds=SEEDS: LearnedAugmentation((2,), layer=InputLayer.LINEAR, seeds=seeds),
    "appended": lambda seeds=SEEDS: LearnedAugmentation(
        (2,), layer=InputLayer.APPENDED, seeds=seeds
    ),
    "second order": lambda seeds=SEEDS: SecondOrder((2,), seeds=seeds),
    "noise": lambda seeds=SEEDS: NoisyNeuralODE((2,), noise=0.3, seeds=seeds),
    "two": lambda seeds=SEEDS: MeanOfTwo((2,), seeds=seeds),
}


def points(count: int = 7, dim: int = 2) -> Tensor:
    return torch.randn(1, count, dim, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", MAKERS)
def test_a_replica_alone_is_the_same_as_in_a_stack(name: str) -> None:
    together = MAKERS[name]()(points())
    for r, seed in enumerate(SEEDS):
        alone = MAKERS[name](seeds=[seed])(points())
        assert torch.allclose(together[r], alone[0], atol=1e-6)


@pytest.mark.parametrize("name", MAKERS)
def test_training_changes_every_weight_and_lowers_the_loss(name: str) -> None:
    model = MAKERS[name](seeds=[0, 1])
    before = [weight.detach().clone() for weight in model.parameters()]
    history = train(
        model, concentric_spheres(2, 100, 200), TrainingSettings(epochs=8, learning_rate=1e-2)
    )
    assert (history.epoch_loss[:, -1] < history.epoch_loss[:, 0]).all()
    changed = [bool((a != b).any()) for a, b in zip(before, model.parameters(), strict=True)]
    assert all(changed)


def test_a_linear_layer_with_the_identity_and_zeros_is_an_anode() -> None:
    layered = LearnedAugmentation((2,), layer=InputLayer.LINEAR, seeds=SEEDS)
    anode = NeuralODE((2,), augment_dim=1, seeds=SEEDS)
    layer = layered.maps[0]
    with torch.no_grad():
        layer.weight.copy_(torch.eye(2, 3).expand(3, 2, 3))
        layer.bias.zero_()
    assert torch.equal(layered(points()), anode(points()))


def test_what_is_appended_leaves_the_input_as_it_is() -> None:
    state = LearnedAugmentation(
        (2,), layer=InputLayer.APPENDED, augment_dim=2, seeds=SEEDS
    ).augment(points())
    assert state.shape == (3, 7, 4)
    assert torch.equal(state[..., :2], points().expand(3, -1, -1))
    assert (state[..., 2:].flatten(1).std(1) > 0).all()


def test_second_order_solves_its_equation() -> None:
    """The speed is the derivative of the position, and at first 0."""
    model = SecondOrder((2,), seeds=[0], solver=TIGHT).double()
    times = torch.linspace(0, 1, 2001, dtype=torch.float64)
    path = model.flow(points().double(), times)[:, 0]  # (T, n, 4)
    assert (path[0, :, 2:] == 0).all()
    slope = (path[2:, :, :2] - path[:-2, :, :2]) / (times[2:] - times[:-2])[:, None, None]
    assert torch.allclose(slope, path[1:-1, :, 2:], atol=1e-5)
    speed_slope = (path[2:, :, 2:] - path[:-2, :, 2:]) / (times[2:] - times[:-2])[:, None, None]
    acceleration = model.field(times[1000], path[1000][None])[0, :, 2:]
    assert torch.allclose(speed_slope[999], acceleration, atol=1e-4)


def test_without_noise_it_is_eulers_method() -> None:
    noisy = NoisyNeuralODE((2,), noise=0.0, steps=10, seeds=SEEDS)
    node = NeuralODE((2,), outputs=None, seeds=SEEDS)
    times = torch.tensor([0.0, 1.0])
    euler = odeint(node.field, points().expand(3, -1, -1), times, method="euler",
                   options={"step_size": 0.1})  # fmt: skip
    assert torch.allclose(noisy.run(points()).features, euler[-1], atol=1e-5)


def test_noise_spreads_as_brownian_motion_does() -> None:
    """A field of zeros leaves x + sigma W(1), of variance sigma squared in each coordinate."""
    model = NoisyNeuralODE((2,), noise=0.5, seeds=[0])
    with torch.no_grad():
        for weight in model.field.parameters():
            weight.zero_()
        end = model.run(torch.zeros(1, 20_000, 2)).features[0]
    assert torch.allclose(end.var(0), torch.tensor([0.25, 0.25]), atol=0.01)
    assert abs(float(torch.corrcoef(end.T)[0, 1])) < 0.03


@pytest.mark.parametrize("seed", range(3))
def test_on_the_line_noise_cannot_change_the_order(seed: int) -> None:
    """Of one path of noise: the same for all inputs, so the order of the inputs is kept."""
    ends = []
    for x in torch.linspace(-2, 2, 30):  # a new stack draws the same noise
        fresh = NoisyNeuralODE((1,), noise=1.0, outputs=None, steps=100, seeds=[seed])
        ends.append(fresh.run(x[None, None, None]).features.item())
    assert ends == sorted(ends)
    assert len(set(ends)) == 30


def test_several_paths_are_averaged() -> None:
    model = NoisyNeuralODE((2,), noise=0.5, seeds=SEEDS)
    model.paths = 64
    many = model(points())
    assert many.shape == (3, 7, 1)
    model.paths = 1
    one = torch.stack([model(points()) for _ in range(64)])
    assert (one.std(0) > 0).all()
    standard_error = one.std(0) / 8
    assert ((many - one.mean(0)).abs() < 8 * standard_error).all()


def test_the_mean_of_two_costs_and_predicts_what_the_two_do() -> None:
    model = MeanOfTwo((2,), seeds=SEEDS)
    both, one, two = (each.run(points()) for each in (model, model.one, model.two))
    assert torch.allclose(both.prediction, (one.prediction + two.prediction) / 2)
    assert torch.equal(both.nfe, one.nfe + two.nfe)
    assert not torch.allclose(one.prediction, two.prediction)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: NoisyNeuralODE((2,), noise=-0.1), "noise must be .*, 0 or more, got -0.1"),
        (
            lambda: NoisyNeuralODE((2,), noise=0.1, steps=0),
            "steps must be a positive integer, got 0",
        ),
        (
            lambda: LearnedAugmentation((0,), layer=InputLayer.LINEAR),
            r"input_shape must be \(d,\), of positive integers, got \(0,\)",
        ),
        (
            lambda: LearnedAugmentation((2,), layer=InputLayer.APPENDED, augment_dim=0),
            "augment_dim must be 1 or more to append, got 0",
        ),
    ],
)
def test_bad_sizes_are_named(build: Callable[[], Model], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
