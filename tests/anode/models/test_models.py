"""Models are what the paper says: a flow of the augmented input, or residual blocks, and a head."""

import warnings
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torchdiffeq import odeint

from anode import (
    Activation,
    Gradient,
    Loss,
    Method,
    Model,
    NeuralODE,
    ResNet,
    SolverSettings,
    SolveStatus,
)
from anode.models.base import LinearHead
from tests.helpers.problems import PlainMLP

SEEDS = (5, 0, 2)
MAKERS: dict[str, Callable[..., Model]] = {
    "NODE": lambda seeds=SEEDS: NeuralODE((2,), seeds=seeds),
    "ANODE": lambda seeds=SEEDS: NeuralODE((2,), augment_dim=3, hidden=16, seeds=seeds),
    "images": lambda seeds=SEEDS: NeuralODE((1, 6, 5), 4, augment_dim=2, hidden=3, seeds=seeds),
    "ResNet": lambda seeds=SEEDS: ResNet((2,), blocks=3, seeds=seeds),
}


def inputs(model: Model, batch: int = 9) -> Tensor:
    rng = torch.Generator().manual_seed(3)
    shape = (model.replicas, batch, *model.input_shape)
    return torch.randn(shape, generator=rng).to(next(model.parameters()))


# The paper's appendix F.2.2: filters, p, (c, H, W), number of weights.
PAPER_COUNTS = {
    "MNIST NODE": (92, 0, (1, 28, 28), 84_395),
    "MNIST ANODE": (64, 5, (1, 28, 28), 84_816),
    "CIFAR-10 NODE": (125, 0, (3, 32, 32), 172_358),
    "CIFAR-10 ANODE": (64, 10, (3, 32, 32), 171_799),
    "Tiny ImageNet NODE": (164, 0, (3, 64, 64), 366_269),
    "Tiny ImageNet ANODE": (64, 5, (3, 64, 64), 365_714),
}


@pytest.mark.parametrize("name", PAPER_COUNTS)
def test_the_papers_six_parameter_counts(name: str) -> None:
    """All six are those of a field without the time channels, and of a head with 10 outputs.

    The time that the paper's text appends before each convolution adds k + 9k + (c + p) weights.
    """
    filters, p, shape, count = PAPER_COUNTS[name]

    def build(outputs: int, *, time_dependent: bool) -> int:
        model = NeuralODE(
            shape, outputs, augment_dim=p, hidden=filters, time_dependent=time_dependent
        )
        return model.parameter_count()

    assert build(10, time_dependent=False) == count
    assert build(10, time_dependent=True) == count + 10 * filters + shape[0] + p
    assert build(200, time_dependent=False) > count  # Tiny ImageNet has 200 classes


IMAGES = {"MNIST": ((1, 28, 28), 10), "CIFAR-10": ((3, 32, 32), 10), "Tiny": ((3, 64, 64), 200)}
AUGMENT_DIMS = (0, 1, 2, 5, 10, 100)


@pytest.mark.parametrize("p", [*AUGMENT_DIMS[:-1], pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", IMAGES)
def test_image_models_at_the_papers_size(name: str, p: int) -> None:
    """k = 64 filters; weights counted by hand from the architecture as the paper describes it.

    Of the equal-parameter pairs those with p > 0 are among them, but for the time channels and, of
    Tiny ImageNet, 190 of the head's 200 outputs.
    """
    (c, height, width), outputs = IMAGES[name]
    k, state = 64, c + p
    model = NeuralODE((c, height, width), outputs, augment_dim=p, hidden=k)
    field = k * (state + 1) + k + 9 * k * (k + 1) + k + state * (k + 1) + state
    assert model.parameter_count() == field + state * height * width * outputs + outputs
    h = model.augment(torch.rand(1, 2, c, height, width))
    assert h.shape == (1, 2, state, height, width)
    slope = model.field(torch.tensor(0.5), h)
    assert slope.shape == h.shape
    assert model._predict(h).shape == (1, 2, outputs)


def test_parameter_counts_of_the_toy_models() -> None:
    """Of one replica, however many there are; by hand from the layers' sizes."""
    mlp = lambda d, time: (d + time) * 32 + 32 + 32 * 32 + 32 + 32 * d + d  # noqa: E731
    for dim in (1, 2):
        for p in (0, 1, 5):
            for seeds in ((0,), (0, 1, 2)):
                model = NeuralODE((dim,), augment_dim=p, seeds=seeds)
                assert model.parameter_count() == mlp(dim + p, 1) + dim + p + 1
        assert ResNet((dim,)).parameter_count() == 5 * mlp(dim, 0) + dim + 1
    assert NeuralODE((2,), None).parameter_count() == mlp(2, 1)


@pytest.mark.parametrize("name", MAKERS)
def test_a_replica_is_the_same_model_alone(name: str) -> None:
    """Weights bit for bit; predictions, features and evaluations up to rounding."""
    stack = MAKERS[name]()
    x = inputs(stack)
    for r, seed in enumerate(SEEDS):
        alone = MAKERS[name](seeds=(seed,))
        for ours, theirs in zip(stack.parameters(), alone.parameters(), strict=True):
            assert torch.equal(ours[r], theirs[0])
    stack = stack.double()
    output = stack.run(x.double())
    for r, seed in enumerate(SEEDS):
        single = MAKERS[name](seeds=(seed,)).double().run(x[r : r + 1].double())
        assert single.nfe[0] == output.nfe[r]
        torch.testing.assert_close(output.features[r], single.features[0], rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(
            output.prediction[r], single.prediction[0], rtol=1e-10, atol=1e-10
        )


@pytest.mark.parametrize("name", MAKERS)
def test_prediction_is_a_linear_map_of_the_features(name: str) -> None:
    model = MAKERS[name]()
    output = model.run(inputs(model))
    assert isinstance(model.head, LinearHead)
    assert output.features.shape[2:] == model.state_shape
    for r in range(model.replicas):
        layer = nn.Linear(model.head.weight.shape[1], model.head.weight.shape[2])
        layer.weight.data, layer.bias.data = model.head.weight[r].T, model.head.bias[r, 0]
        expected = layer(output.features[r].flatten(1))
        torch.testing.assert_close(output.prediction[r], expected)
    assert torch.equal(model(inputs(model)), output.prediction)


@pytest.mark.parametrize("name", MAKERS)
def test_one_set_of_inputs_serves_all_replicas(name: str) -> None:
    model = MAKERS[name]()
    x = inputs(model)[:1]
    repeated = x.repeat(model.replicas, *([1] * (x.dim() - 1)))
    assert torch.equal(model(x), model(repeated))


def test_the_state_is_the_input_and_p_zeros() -> None:
    for shape, p in (((2,), 0), ((2,), 3), ((1, 6, 5), 0), ((3, 4, 4), 2)):
        model = NeuralODE(shape, augment_dim=p, hidden=2)
        x = inputs(model)
        state = model.augment(x)
        assert state.shape == (1, 9, shape[0] + p, *shape[1:])
        assert torch.equal(state[:, :, : shape[0]], x)
        assert not state[:, :, shape[0] :].any()


def test_features_solve_the_fields_equation() -> None:
    """Against torchdiffeq on the plain network, for p = 0 and p > 0."""
    for p in (0, 2):
        model = NeuralODE((2,), augment_dim=p, seeds=SEEDS, end_time=1.5).double()
        x = inputs(model)
        features = model.run(x).features
        for r in range(model.replicas):
            start = torch.cat([x[r], torch.zeros(len(x[r]), p).double()], dim=1)
            field = PlainMLP(model.field, r)  # type: ignore[arg-type]
            end = odeint(field, start, torch.tensor([0, 1.5]).double(), rtol=1e-3, atol=1e-3)[-1]
            torch.testing.assert_close(features[r], end, rtol=1e-7, atol=1e-8)


def test_without_augmentation_the_augmented_coordinates_are_not_there() -> None:
    node, anode = NeuralODE((2,)), NeuralODE((2,), augment_dim=1)
    assert node.state_shape == (2,)
    assert anode.state_shape == (3,)
    assert node.field.state_shape == (2,)
    assert anode.run(inputs(anode)).features[..., 2].abs().max() > 0


@pytest.mark.parametrize("name", ["NODE", "ANODE", "images"])
def test_the_flow_starts_at_the_input_and_ends_at_the_features(name: str) -> None:
    model = MAKERS[name]()
    assert isinstance(model, NeuralODE)
    x = inputs(model)
    flow = model.flow(x, 7)
    assert flow.shape == (7, model.replicas, 9, *model.state_shape)
    assert not flow.requires_grad
    assert torch.equal(flow[0], model.augment(x))
    torch.testing.assert_close(flow[-1], model.run(x).features, rtol=1e-5, atol=1e-5)
    times = torch.tensor([0.0, 0.25, 1.0])
    torch.testing.assert_close(model.flow(x, times)[-1], flow[-1], rtol=1e-5, atol=1e-5)


def test_the_end_time_rescales_the_flow() -> None:
    """Half of the way of T = 2 is the way of T = 1."""
    long, short = NeuralODE((2,), end_time=2.0).double(), NeuralODE((2,)).double()
    x = inputs(long)
    tight = SolverSettings(rtol=1e-9, atol=1e-9)
    long.solver = short.solver = tight
    torch.testing.assert_close(long.flow(x, 3)[1], short.run(x).features, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("blocks", [1, 4])
def test_residual_blocks_are_x_plus_an_mlp(blocks: int) -> None:
    model = ResNet((3,), blocks=blocks, seeds=SEEDS).double()
    x = inputs(model)
    states = model.hidden_states(x)
    assert len(states) == blocks + 1
    for r in range(model.replicas):
        h = x[r]
        for block, state in zip(model.blocks, states[1:], strict=True):
            h = h + PlainMLP(block, r)(torch.zeros(()), h)  # type: ignore[arg-type]
            torch.testing.assert_close(state[r], h, rtol=1e-12, atol=1e-12)
    output = model.run(x)
    assert torch.equal(output.features, states[-1])
    assert output.nfe.tolist() == [0] * 3
    assert output.solution is None
    assert not output.failures
    assert not output.backward_failures()
    assert output.backward_nfe().tolist() == [0] * 3


def test_a_residual_network_is_eulers_method_on_its_blocks() -> None:
    """One block without time, repeated, is N Euler steps of size 1 of its field."""
    node = NeuralODE(
        (2,),
        None,
        time_dependent=False,
        end_time=3.0,
        solver=SolverSettings(method=Method.EULER, step_size=1.0),
    )
    resnet = ResNet((2,), None, blocks=3)
    for block in resnet.blocks:
        block.load_state_dict(node.field.state_dict())
    x = inputs(node)
    torch.testing.assert_close(node(x), resnet(x))


def test_nfe_is_counted_for_each_replica_and_backwards_for_the_adjoint() -> None:
    for gradient in Gradient:
        model = NeuralODE((2,), seeds=SEEDS, solver=SolverSettings(gradient=gradient))
        output = model.run(inputs(model))
        assert output.nfe.shape == (3,)
        assert (output.nfe >= 8).all()
        assert output.backward_nfe().tolist() == [0] * 3
        output.prediction.sum().backward()
        assert bool((output.backward_nfe() > 0).all()) == (gradient is Gradient.ADJOINT)


def image_gradient(solver: SolverSettings, activation: Activation, seed: int) -> tuple[Tensor, int]:
    """Gradient of a convolutional model's loss as one vector in double precision, and the steps."""
    model = NeuralODE(
        (2, 7, 6), 4, augment_dim=1, hidden=6, activation=activation, seeds=(seed,), solver=solver
    ).double()
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 8, 2, 7, 6, generator=rng, dtype=torch.float64)
    output = model.run(x)
    loss = Loss.CROSS_ENTROPY(output.prediction, torch.randint(4, (1, 8), generator=rng)).sum()
    parts = torch.autograd.grad(loss, list(model.parameters()))
    assert output.solution is not None
    return torch.cat([part.flatten() for part in parts]), int(output.solution.steps)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("activation", Activation)
def test_direct_and_adjoint_gradients_agree_on_images(activation: Activation, seed: int) -> None:
    """As closely as the solves behind them, closer the tighter these are.

    Of a smooth field the two differ by a multiple of the tolerance. Of a ReLU field they do not:
    its derivative jumps wherever a unit switches, so that a step's derivative is right to first
    order only, and the difference falls like one over the number of steps. At the paper's tolerance
    of 1e-3 the two directions are then a hundredth apart.
    """
    differences = []
    for tolerance in (1e-3, 1e-5, 1e-7):
        solver = SolverSettings(rtol=tolerance, atol=tolerance)
        direct, steps = image_gradient(solver, activation, seed)
        adjoint, _ = image_gradient(replace(solver, gradient=Gradient.ADJOINT), activation, seed)
        differences.append(float((direct - adjoint).norm() / direct.norm()))
        bound = 0.05 / steps if activation is Activation.RELU else 30 * tolerance
        assert differences[-1] < bound
    assert all(difference > 0 for difference in differences)  # they are two computations
    if activation is Activation.RELU:
        assert differences[2] < differences[0] / 2


def test_a_failed_solve_is_a_nan_prediction_of_that_replica_alone() -> None:
    model = NeuralODE((2,), seeds=SEEDS)
    with torch.no_grad():
        model.field.weights[0][1] = torch.inf
    output = model.run(inputs(model))
    assert list(output.failures) == [1]
    assert output.failures[1].status is SolveStatus.NON_FINITE
    assert output.prediction[1].isnan().all()
    assert output.prediction[[0, 2]].isfinite().all()
    healthy = NeuralODE((2,), seeds=SEEDS).run(inputs(model))
    assert torch.equal(output.prediction[[0, 2]], healthy.prediction[[0, 2]])
    assert torch.equal(output.nfe[[0, 2]], healthy.nfe[[0, 2]])


def test_a_failed_solve_is_told_once_with_replica_time_and_cause() -> None:
    """By a call, whose values are NaN; not by ``run``, whose output has the failures."""
    model, x = NeuralODE((2,), seeds=(0, 1, 2)), torch.randn(3, 5, 2)
    x[1, 3] = torch.nan
    with pytest.warns(RuntimeWarning) as told:
        prediction = model(x)
    assert len(told) == 1
    assert "replica 1, non-finite state at step 1, t = 0, NFE 2; sample 3" in str(told[0].message)
    assert prediction.isnan().flatten(1).all(1).tolist() == [False, True, False]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(model.run(x).failures) == [1]
        model(torch.randn(3, 5, 2))
