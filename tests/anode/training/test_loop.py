"""Training a stack is training each network alone, in a plain loop; failures stop one replica."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from anode import (
    Engine,
    Gradient,
    History,
    Loss,
    Model,
    NeuralODE,
    ResNet,
    SolverSettings,
    SolveStatus,
    TrainingSettings,
    train,
)
from anode.arrays import Floats
from anode.data import Data, concentric_spheres
from anode.seeding import Stream, generator
from anode.solve import SolveFailure
from anode.training import Batches, TrainingFailure, accuracy, evaluate, features_of
from tests.helpers.problems import Formula, FormulaField, PlainNetwork, decay, out_of_domain, square

SEEDS = (4, 0, 7)
TORCHDIFFEQ = SolverSettings(engine=Engine.TORCHDIFFEQ)
ADJOINT = SolverSettings(gradient=Gradient.ADJOINT)
SETTINGS = TrainingSettings(epochs=3, batch_size=32)


def spheres(dim: int = 2, seed: int = 0, dtype: torch.dtype = torch.float64) -> Data:
    """90 samples: two batches of 32 and one of 26."""
    data = concentric_spheres(dim, 30, 60, seed=seed)
    return Data(data.x.to(dtype), data.y.to(dtype), data.name)


def node(seeds: Sequence[int] = SEEDS, p: int = 0, solver: SolverSettings | None = None) -> Model:
    return NeuralODE((2,), augment_dim=p, seeds=seeds, solver=solver).double()


def images(n: int = 24) -> Data:
    rng = torch.Generator().manual_seed(5)
    x = torch.rand(n, 1, 6, 6, generator=rng).double()
    return Data(x, torch.arange(n) % 3, "noise")


def plain_losses(model: Model, replica: int, data: Data, settings: TrainingSettings) -> Floats:
    """The loss of every batch, from a loop written out: one network, one optimiser."""
    network = PlainNetwork(model, replica)
    optimizer = torch.optim.Adam(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    measure = {
        Loss.MSE: F.mse_loss,
        Loss.HUBER: F.smooth_l1_loss,
        Loss.CROSS_ENTROPY: F.cross_entropy,
    }[settings.loss]
    order = generator(model.seeds[replica], Stream.ORDER)
    losses = []
    for _ in range(settings.epochs):
        for chunk in torch.randperm(len(data), generator=order).split(settings.batch_size):
            optimizer.zero_grad()
            loss = measure(network(data.x[chunk]), data.y[chunk])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return np.array(losses)


# Model, loss, and how close the losses are: exact but for rounding where the plain loop makes the
# same operations. The stacked solver leaves out the derivative of torchdiffeq's first step size.
PLAIN: dict[str, tuple[Callable[[], Model], Loss, float]] = {
    "NODE": (node, Loss.HUBER, 1e-4),
    "ANODE": (lambda: node(p=2), Loss.MSE, 1e-4),
    "NODE, torchdiffeq": (lambda: node(solver=TORCHDIFFEQ), Loss.HUBER, 1e-9),
    "ANODE, torchdiffeq": (lambda: node(p=2, solver=TORCHDIFFEQ), Loss.MSE, 1e-9),
    "ANODE, adjoint": (lambda: node(p=1, solver=ADJOINT), Loss.HUBER, 1e-9),
    "ResNet": (lambda: ResNet((2,), seeds=SEEDS).double(), Loss.HUBER, 1e-9),
}


@pytest.mark.parametrize("name", PLAIN)
def test_training_is_the_plain_loop_for_each_seed(name: str) -> None:
    """Same weights, same order of the data: the same loss at every step."""
    make, loss, tolerance = PLAIN[name]
    settings = replace(SETTINGS, loss=loss, weight_decay=1e-3, learning_rate=3e-3)
    data = spheres()
    expected = [plain_losses(make(), r, data, settings) for r in range(len(SEEDS))]
    history = train(make(), data, settings)
    np.testing.assert_allclose(history.step_loss, np.stack(expected), rtol=tolerance)


@pytest.mark.parametrize("solver", [None, TORCHDIFFEQ], ids=["stacked", "torchdiffeq"])
def test_training_on_images_is_the_plain_loop(solver: SolverSettings | None) -> None:
    model = lambda: NeuralODE(  # noqa: E731
        (1, 6, 6), 3, augment_dim=1, hidden=4, seeds=SEEDS, solver=solver
    ).double()
    settings = replace(SETTINGS, loss=Loss.CROSS_ENTROPY, batch_size=10)
    expected = [plain_losses(model(), r, images(), settings) for r in range(len(SEEDS))]
    history = train(model(), images(), settings)
    tolerance = 1e-4 if solver is None else 1e-9
    np.testing.assert_allclose(history.step_loss, np.stack(expected), rtol=tolerance)


@pytest.mark.parametrize("p", [0, 5])
def test_a_paper_sized_epoch_is_the_plain_loop(p: int) -> None:
    """3000 points, hidden width 32, 47 steps."""
    data = concentric_spheres(2)
    data = Data(data.x.double(), data.y.double(), data.name)
    settings = TrainingSettings(epochs=1)
    history = train(node((0, 1), p), data, settings)
    for r in range(2):
        expected = plain_losses(node((0, 1), p), r, data, settings)
        np.testing.assert_allclose(history.step_loss[r], expected, rtol=1e-3)


@pytest.mark.parametrize("solver", [None, ADJOINT], ids=["direct", "adjoint"])
def test_a_seed_is_trained_alike_alone_and_in_a_stack(solver: SolverSettings | None) -> None:
    data = [spheres(seed=seed) for seed in SEEDS]
    stack = node(p=1, solver=solver)
    together = train(stack, data, SETTINGS)
    for r, seed in enumerate(SEEDS):
        single = node((seed,), p=1, solver=solver)
        alone = train(single, data[r], SETTINGS)
        np.testing.assert_allclose(alone.step_loss[0], together.step_loss[r], rtol=1e-8)
        np.testing.assert_array_equal(alone.step_nfe[0], together.step_nfe[r])
        np.testing.assert_array_equal(alone.step_backward_nfe[0], together.step_backward_nfe[r])
        for ours, theirs in zip(stack.parameters(), single.parameters(), strict=True):
            torch.testing.assert_close(ours[r], theirs[0], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "solver", [None, TORCHDIFFEQ, ADJOINT], ids=["stacked", "alone", "adjoint"]
)
def test_a_seed_gives_the_same_bits_twice(solver: SolverSettings | None) -> None:
    data = spheres(dtype=torch.float32)
    models = [NeuralODE((2,), augment_dim=1, seeds=SEEDS, solver=solver) for _ in range(2)]
    first, second = (train(model, data, SETTINGS, validation=data) for model in models)
    for name in ("step_loss", "step_nfe", "step_backward_nfe", "validation_loss"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    for ours, theirs in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(ours, theirs)


def test_training_reduces_the_loss() -> None:
    """An ANODE separates the ball from the annulus, in single precision."""
    model = NeuralODE((2,), augment_dim=1, seeds=(0, 1))
    data = spheres(dtype=torch.float32)
    history = train(model, data, TrainingSettings(epochs=25, batch_size=32, learning_rate=1e-2))
    assert not history.failures
    assert (history.epoch_loss[:, -1] < 0.2 * history.epoch_loss[:, 0]).all()
    assert (accuracy(model, data) > 0.95).all()


def test_the_history_has_a_row_for_each_seed_and_a_column_for_each_step() -> None:
    validation = spheres(seed=9)
    settings = replace(SETTINGS, snapshot_epochs=(0, 2))
    model = node(p=1, solver=ADJOINT)
    before = features_of(model, validation.x)
    history = train(model, spheres(), settings, validation=validation, snapshot_x=validation.x)
    assert history.steps_per_epoch == 3
    for values in (history.step_loss, history.step_nfe, history.step_backward_nfe):
        assert values.shape == (3, 9)
    for values in (history.epoch_loss, history.epoch_nfe):
        assert values.shape == (3, 3)
    np.testing.assert_allclose(history.epoch_loss[:, 1], history.step_loss[:, 3:6].mean(1))
    assert history.validation_loss is not None
    assert history.validation_loss.shape == (3, 3)
    np.testing.assert_allclose(
        history.validation_loss[:, -1], evaluate(model, validation, settings.loss)
    )
    assert set(history.snapshots) == {0, 2}
    assert history.snapshots[2].shape == (3, 90, 3)
    np.testing.assert_array_equal(history.snapshots[0], before)
    assert not np.array_equal(history.snapshots[2], before)
    assert history.seeds == SEEDS
    assert history.seconds > 0
    assert history.failures == {}
    assert (history.step_backward_nfe > 0).all()
    assert not train(node(), spheres(), SETTINGS).step_backward_nfe.any()


def test_measuring_does_not_change_the_training() -> None:
    settings = replace(SETTINGS, snapshot_epochs=(0, 1, 2, 3))
    data = spheres()
    watched = train(node(), data, settings, validation=data, snapshot_x=data.x)
    np.testing.assert_array_equal(train(node(), data, SETTINGS).step_loss, watched.step_loss)


def test_every_sample_is_seen_once_an_epoch_in_an_order_of_each_seed() -> None:
    data = Data(torch.arange(10.0)[:, None], torch.arange(10.0)[:, None], "numbers")
    batches = Batches((0, 1), data, 4, torch.device("cpu"))
    assert batches.per_epoch == 3
    epochs = [list(batches.epoch()) for _ in range(2)]
    assert [x.shape for x, _ in epochs[0]] == [(2, 4, 1), (2, 4, 1), (2, 2, 1)]
    orders = [torch.cat([x for x, _ in epoch], dim=1)[..., 0] for epoch in epochs]
    for order in orders:
        for row in order:
            assert row.sort().values.tolist() == list(range(10))
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0][0], orders[0][1])
    assert all(torch.equal(x, y) for epoch in epochs for x, y in epoch)


def test_each_replica_reads_its_own_data() -> None:
    sets = [Data(torch.full((4, 1), float(i)), torch.zeros(4, 1), str(i)) for i in range(3)]
    for x, _ in Batches(SEEDS, sets, 3, torch.device("cpu")).epoch():
        assert [row.unique().tolist() for row in x] == [[0.0], [1.0], [2.0]]


@pytest.mark.parametrize("loss", [Loss.MSE, Loss.HUBER])
def test_regression_losses_are_torchs(loss: Loss) -> None:
    prediction, y = torch.randn(2, 3, 8, 1, generator=torch.Generator().manual_seed(0)) * 2
    expected = {Loss.MSE: F.mse_loss, Loss.HUBER: F.smooth_l1_loss}[loss]
    for r in range(3):
        torch.testing.assert_close(loss(prediction, y)[r], expected(prediction[r], y[r]))


def test_cross_entropy_and_accuracy_are_of_the_classes() -> None:
    model = NeuralODE((1, 6, 6), 3, hidden=2, seeds=SEEDS).double()
    data = images()
    prediction = model(data.x[None]).detach()
    losses, shares = evaluate(model, data, Loss.CROSS_ENTROPY), accuracy(model, data, 7)
    for r in range(3):
        assert losses[r] == pytest.approx(float(F.cross_entropy(prediction[r], data.y)))
        hits = prediction[r].argmax(1) == data.y
        assert shares[r] == pytest.approx(float(hits.double().mean()))


def test_evaluation_in_parts_is_the_mean_over_all_samples() -> None:
    """The last part is smaller; a ResNet's output does not depend on its batch."""
    model, data = ResNet((2,), seeds=SEEDS).double(), spheres()
    whole = evaluate(model, data, Loss.MSE)
    np.testing.assert_allclose(evaluate(model, data, Loss.MSE, batch_size=64), whole)
    sign = (model(data.x[None]) > 0) == (data.y > 0)
    np.testing.assert_allclose(accuracy(model, data, 64), sign.double().mean((1, 2)).numpy())


# --- failures -------------------------------------------------------------------------------------


def formula_model(formula: Formula, rates: Sequence[float], solver: SolverSettings) -> Model:
    """A model whose field is a formula; there is no head, so the rate is all that is trained."""
    model = NeuralODE((1,), None, seeds=SEEDS, solver=solver)
    model.field = FormulaField(formula, rates)
    return model.double()


def grow(target: float, start: float = 1.0) -> Data:
    """Inputs ``start`` that shall end at ``target``."""
    return Data(torch.full((8, 1), start).double(), torch.full((8, 1), target).double(), "points")


# Training pushes the rate of replica 1 to where the solve fails, after a few steps: the formula,
# the rates before training, the data, the step limit.
FAILING: dict[SolveStatus, tuple[Formula, tuple[float, float, float], Data, int]] = {
    SolveStatus.UNDERFLOW: (square, (-0.5, 0.85, -1.0), grow(1e3), 1000),
    SolveStatus.TOO_MANY_STEPS: (square, (-0.5, 0.85, -1.0), grow(1e3), 16),
    SolveStatus.NON_FINITE: (out_of_domain, (0.1, 0.9, 0.2), grow(-1.0), 1000),
}
FAST = TrainingSettings(epochs=6, batch_size=4, learning_rate=0.05, loss=Loss.MSE)
SOLVERS = {"stacked": SolverSettings(), "torchdiffeq": TORCHDIFFEQ, "adjoint": ADJOINT}


def assert_stopped_alone(
    model: Model, history: History, healthy: Model, others: History
) -> TrainingFailure:
    """Replica 1 of ``model`` failed; the others are those of ``healthy``, bit for bit."""
    assert list(history.failures) == [1]
    assert not others.failures
    failure = history.failures[1]
    step = failure.iteration - 1
    assert failure.seed == SEEDS[1]
    assert failure.epoch == 1 + step // history.steps_per_epoch
    for name in ("step_loss", "step_nfe", "step_backward_nfe"):
        values, theirs = getattr(history, name), getattr(others, name)
        assert np.isfinite(values[1, :step]).all()
        assert np.isnan(values[1, step:]).all()
        np.testing.assert_array_equal(values[[0, 2]], theirs[[0, 2]])
    for ours, rest in zip(model.parameters(), healthy.parameters(), strict=True):
        assert torch.equal(ours[[0, 2]], rest[[0, 2]])
        assert ours[1].isfinite().all()
    return failure


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("status", FAILING)
def test_a_failed_solve_stops_its_replica_alone(
    status: SolveStatus, solver: SolverSettings
) -> None:
    formula, rates, data, max_steps = FAILING[status]
    solver = replace(solver, max_steps=max_steps)
    model = formula_model(formula, rates, solver)
    settings = replace(FAST, snapshot_epochs=(0, FAST.epochs))
    history = train(model, data, settings, validation=data, snapshot_x=data.x)
    healthy = formula_model(formula, (rates[0], rates[0], rates[2]), solver)
    others = train(healthy, data, settings, validation=data, snapshot_x=data.x)
    failure = assert_stopped_alone(model, history, healthy, others)
    assert 1 < failure.iteration < FAST.epochs * 2, "it fails in the middle of the training"
    assert isinstance(failure.cause, SolveFailure)
    assert failure.cause.status is status
    assert str(failure) == (
        f"seed 0, epoch {failure.epoch}, iteration {failure.iteration}, {failure.phase} pass: "
        f"{status.value} at step {failure.cause.step}, t = {failure.cause.time:.6g}, "
        f"NFE {failure.cause.nfe}"
    )
    assert history.validation_loss is not None
    assert np.isnan(history.validation_loss[1, failure.epoch - 1 :]).all()
    # The weights after the last good step may fail on the validation data already.
    assert np.isfinite(history.validation_loss[1, : max(0, failure.epoch - 2)]).all()
    assert np.isfinite(history.validation_loss[[0, 2]]).all()
    assert np.isfinite(history.snapshots[0]).all()
    assert np.isnan(history.snapshots[FAST.epochs][1]).all()


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_a_failed_replica_keeps_the_weights_from_before_that_step(solver: SolverSettings) -> None:
    formula, rates, data, _ = FAILING[SolveStatus.NON_FINITE]
    model = formula_model(formula, rates, solver)
    failure = train(model, data, FAST).failures[1]
    short = formula_model(formula, rates, solver)
    # As many steps as succeeded, one an epoch, on the same batches: all samples are equal.
    settings = replace(FAST, epochs=failure.iteration - 1, batch_size=8)
    assert not train(short, data, settings).failures
    (ours,), (theirs,) = model.parameters(), short.parameters()
    torch.testing.assert_close(ours[1], theirs[1], rtol=1e-12, atol=0)


def test_a_failed_backward_solve_stops_its_replica_alone() -> None:
    """Forwards 21 steps are enough for a decay with rate 40; backwards they are not."""
    solver = SolverSettings(max_steps=21, gradient=Gradient.ADJOINT)
    data = grow(0.5)
    model = formula_model(decay, (1.0, 40.0, 2.0), solver)
    history = train(model, data, FAST)
    healthy = formula_model(decay, (1.0, 1.5, 2.0), solver)
    failure = assert_stopped_alone(model, history, healthy, train(healthy, data, FAST))
    assert failure.phase == "backward"
    assert isinstance(failure.cause, SolveFailure)
    assert failure.cause.status is SolveStatus.TOO_MANY_STEPS
    assert f"backward pass: too many steps at step 21, t = {failure.cause.time:.6g}" in str(failure)
    (rates,) = model.parameters()
    assert rates[1] == 40.0


@pytest.mark.parametrize("weight", [torch.inf, torch.nan, 1e300])
@pytest.mark.parametrize("make", [lambda: node(p=1), lambda: ResNet((2,), seeds=SEEDS).double()])
def test_a_loss_that_is_not_finite_is_a_failure(make: Callable[[], Model], weight: float) -> None:
    """Infinite or not a number, with a solve that succeeds: the head's weights are at fault."""
    model, healthy, data = make(), make(), spheres()
    assert model.head is not None
    with torch.no_grad():
        model.head.weight[1] = weight
    settings = replace(SETTINGS, loss=Loss.MSE)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    history = train(model, data, settings)
    others = train(healthy, data, settings)
    assert list(history.failures) == [1]
    assert str(history.failures[1]) == (
        "seed 0, epoch 1, iteration 1, forward pass: non-finite loss"
    )
    assert np.isnan(history.step_loss[1]).all()
    np.testing.assert_array_equal(history.step_loss[[0, 2]], others.step_loss[[0, 2]])
    for ours, rest, start in zip(model.parameters(), healthy.parameters(), before, strict=True):
        assert torch.equal(ours[[0, 2]], rest[[0, 2]])
        assert torch.equal(ours[1].nan_to_num(0.5), start[1].nan_to_num(0.5))


def test_a_gradient_that_is_not_finite_is_a_failure() -> None:
    """The loss is finite, its derivative overflows."""
    model, data = ResNet((2,), blocks=1, seeds=SEEDS).double(), spheres()
    assert model.head is not None
    with torch.no_grad():
        block = model.blocks[0]
        block.weight3[1] = 0  # type: ignore[union-attr,operator]
        block.weight2[1] = 1e160  # type: ignore[union-attr,operator]
        model.head.weight[1] = 1e150
    history = train(model, data, replace(SETTINGS, loss=Loss.HUBER))
    assert str(history.failures[1]) == (
        "seed 0, epoch 1, iteration 1, backward pass: non-finite gradient"
    )
    assert all(parameter.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_all_replicas_may_fail(solver: SolverSettings) -> None:
    """The training ends, with nothing but failures in its history."""
    history = train(formula_model(out_of_domain, (9.0, 8.0, 7.0), solver), grow(2.0), FAST)
    assert set(history.failures) == {0, 1, 2}
    assert np.isnan(history.step_loss).all()


def test_a_failed_replica_costs_no_more_evaluations() -> None:
    """Its inputs become NaN, so that its solves end at once instead of at the step limit."""
    model = formula_model(decay, (1.0, 1e4, 2.0), SolverSettings(max_steps=40))
    calls = []
    formula = model.field.formula  # type: ignore[union-attr]
    model.field.formula = lambda r, t, h: calls.append(1) or formula(r, t, h)  # type: ignore[union-attr]
    data = grow(0.5)
    history = train(model, data, replace(FAST, epochs=1))
    first, then = 2 + 6 * 40, history.step_nfe[[0, 2], 1].max()
    assert history.failures[1].iteration == 1
    assert len(calls) == first + then


def test_evaluation_of_a_failing_replica_is_nan() -> None:
    """Not a chance hit of whatever class comes first."""
    model = NeuralODE((1, 6, 6), 3, hidden=2, seeds=SEEDS).double()
    with torch.no_grad():
        model.field.weights[0][1] = torch.nan
    for values in (accuracy(model, images()), evaluate(model, images(), Loss.CROSS_ENTROPY)):
        assert np.isnan(values).tolist() == [False, True, False]


BAD: dict[str, Callable[[], object]] = {
    "learning_rate must be one number or 3, one a replica, got 2": lambda: train(
        node(), spheres(), replace(SETTINGS, learning_rate=(0.1, 0.2))
    ),
    "weight_decay must be one number or 3, one a replica, got 1": lambda: train(
        node(), spheres(), replace(SETTINGS, weight_decay=(0.1,))
    ),
    r"data must be one data set or 3 of equal size.*got 2 of sizes \[90, 90\]": lambda: train(
        node(), [spheres(), spheres()]
    ),
    r"data must be .*got 3 of sizes \[90, 90, 24\]": lambda: train(
        node(), [spheres(), spheres(), images()]
    ),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_arguments_are_named_with_their_value(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BAD[message]()


def test_progress_is_quiet_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    settings = replace(SETTINGS, epochs=1)
    train(node(), spheres(), settings)
    assert capsys.readouterr() == ("", "")
    train(node(), spheres(), settings, progress=True)
    assert "3/3" in capsys.readouterr().err
