"""Wrong calls of models, training, data and files: each is refused, and the message says why.

One row for each: what is called, and what the message must contain. Last, whatever a constructor
accepts is also trained.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import anode
from anode import (
    Activation,
    Loss,
    Model,
    NeuralODE,
    ResNet,
    SolverSettings,
    TrainingSettings,
    accuracy,
    evaluate,
    features_of,
    train,
)
from anode.data import Data, concentric_spheres, g1d, identity_1d, separable
from anode_lab.models import LearnedAugmentation, MeanOfTwo, NoisyNeuralODE, SecondOrder

X, Y = torch.randn(6, 2), torch.ones(6, 1)
INDICES = torch.arange(6) % 3
NAN, INF = float("nan"), float("inf")
LINEAR = nn.Linear(2, 2)


def node(outputs: int | None = 1, **options: Any) -> NeuralODE:
    return NeuralODE((2,), outputs, **options)


def stack() -> NeuralODE:
    return node(seeds=(0, 1, 2))


def fit(
    x: Any = X, y: Any = Y, outputs: int = 1, model: Model | None = None, **options: Any
) -> object:
    loss = TrainingSettings(epochs=1, **options)
    return train(model or node(outputs), (x, y), loss)


Call = Callable[[], object]
MODELS: list[tuple[Call, str]] = [
    (lambda: NeuralODE(()), r"input_shape must be \(d,\) or \(c, H, W\), .*got \(\)"),
    (lambda: NeuralODE((2, 3)), r"input_shape must be \(d,\) or \(c, H, W\), .*got \(2, 3\)"),
    (lambda: NeuralODE(2), "input_shape must be .*got 2"),  # type: ignore[arg-type]
    (lambda: NeuralODE("ab"), "input_shape must be .*got 'ab'"),  # type: ignore[arg-type]
    (lambda: NeuralODE((0,)), r"input_shape must be .*got \(0,\)"),
    (lambda: NeuralODE((2.5,)), r"input_shape must be .*got \(2.5,\)"),  # type: ignore[arg-type]
    (lambda: NeuralODE((1, 4, -4)), r"input_shape must be .*got \(1, 4, -4\)"),
    (lambda: node(0), "outputs must be a positive integer, got 0"),
    (lambda: node(1.5), "outputs must be a positive integer, got 1.5"),  # type: ignore[arg-type]
    (lambda: node(True), "outputs must be a positive integer, got True"),
    (lambda: node(augment_dim=-1), "augment_dim must be an integer, 0 or more, got -1"),
    (lambda: node(augment_dim=1.0), "augment_dim must be an integer, 0 or more, got 1.0"),
    (lambda: node(augment_dim="3"), "augment_dim must be an integer, 0 or more, got '3'"),
    (lambda: node(hidden=0), "hidden must be a positive integer, got 0"),
    (lambda: node(hidden=None), "hidden must be a positive integer, got None"),
    (lambda: node(activation="gelu"), "activation must be one of .*got 'gelu'"),
    (lambda: node(activation=torch.tanh), "activation must be one of .*got <built-in"),
    (lambda: node(time_dependent="no"), "time_dependent must be True or False, got 'no'"),
    (lambda: node(seeds=()), r"seeds must be one or more .*got \(\)"),
    (lambda: node(seeds=(0, 0)), r"seeds must be one or more different .*got \(0, 0\)"),
    (lambda: node(seeds=(-1,)), r"seeds must be .*got \(-1,\)"),
    (lambda: node(seeds=3), "seeds must be .*got 3"),
    (lambda: node(end_time=0), "end_time must be a finite number above 0, got 0"),
    (lambda: node(end_time=INF), "end_time must be a finite number above 0, got inf"),
    (lambda: node(end_time=NAN), "end_time must be a finite number above 0, got nan"),
    (lambda: node(solver="dopri5"), "solver must be SolverSettings or None, got 'dopri5'"),
    (lambda: node(field=42), "field must be a function .*got 42"),
    (lambda: node(field=nn.Linear), "field must be a function .*got <class"),
    (lambda: node(field=[]), "list of one such module for each replica, got"),
    (lambda: node(field=LINEAR, seeds=(0, 1)), "list of 2 modules, one for each seed, got 1"),
    (lambda: node(field=[LINEAR], seeds=(3, 1)), "list of 2 modules, one for each seed, got 1"),
    (lambda: node(field=[LINEAR, nn.Linear(2, 3)]), "list of modules of one kind"),
    (lambda: node(field=LINEAR, hidden=8), "leave them out .*got hidden=8"),
    (lambda: node(field=stack().field), "must be of 1 replicas .*got 3"),
    (lambda: node(field=node(augment_dim=1).field), r"states \(2,\), got 1 of \(3,\)"),
    (lambda: node(field=nn.Linear(2, 3))(X), r"slopes like h, .*\(1, 6, 2\).*\(1, 6, 3\)"),
    (lambda: node(field=lambda t, h: LINEAR(h))(X), "requires gradients and is not among"),
    (lambda: ResNet((1, 4, 4)), r"input_shape must be \(d,\), .*got \(1, 4, 4\)"),
    (lambda: ResNet((2,), blocks=0), "blocks must be a positive integer, got 0"),
    (lambda: ResNet((2,), activation="gelu"), "activation must be one of .*got 'gelu'"),
    (lambda: NoisyNeuralODE((2,), noise=-1), "noise must be .*got -1"),
    (lambda: NoisyNeuralODE((2,), noise=INF), "noise must be .*got inf"),
    (lambda: SecondOrder((2, 2, 2)), r"input_shape must be \(d,\)"),
    (lambda: MeanOfTwo((2,), hidden=0), "hidden must be a positive integer, got 0"),
    (lambda: LearnedAugmentation((2,), augment_dim=-1), "augment_dim must be .*got -1"),
    (lambda: node()(X[:, :1]), r"x must have shape \(B, 2\), or \(1, B, 2\) .*got \(1, 6, 1\)"),
    (lambda: node()(X[0]), r"x must have shape \(B, 2\), .*got \(2,\)"),
    (lambda: stack()(X), r"x must have shape \(3, B, 2\), or \(1, B, 2\) .*got \(6, 2\)"),
    (lambda: stack()(X.expand(2, 6, 2)), r"x must have shape \(3, B, 2\).*got \(2, 6, 2\)"),
    (lambda: node()(X.double()), "x is torch.float64 .* weights are torch.float32"),
    (lambda: ResNet((2,))(X.double()), "x is torch.float64 .* weights are torch.float32"),
    (lambda: node()(X.numpy()), "x must be a tensor, got ndarray; predict takes arrays"),
    (lambda: node()([[1.0, 2.0]]), "x must be a tensor, got list; predict takes arrays"),
    (lambda: node().predict("ab"), "x must be an array of real numbers, got str"),
    (lambda: node().predict(1.0), "x must be an array of real numbers, got float"),
    (lambda: node().predict(X.numpy()[:, :1]), r"x must have shape \(B, 2\).*got \(1, 6, 1\)"),
    (lambda: node().flow(X, 1), "times must .*at least 2"),
    (lambda: node().flow(X, [0.0, 0.5, 0.5]), "times must .*strictly increase or decrease"),
    (lambda: node().flow(X, [0.0, INF]), "times must be finite"),
    (lambda: node().flow(X, "end"), "times must be an array of real numbers, got str"),
    (lambda: stack().flow(X), r"x must have shape \(3, B, 2\)"),
    (lambda: anode.select(stack(), 3), r"one or more of 0\.\.2, got 3"),
    (lambda: anode.select(stack(), []), r"one or more of 0\.\.2, got \[\]"),
    (lambda: Model.named("RNN"), "model must be one of .*got 'RNN'"),
]
SETTINGS: list[tuple[Call, str]] = [
    (lambda: TrainingSettings(epochs=0), "epochs must be a positive integer, got 0"),
    (lambda: TrainingSettings(epochs=2.5), "epochs must be a positive integer, got 2.5"),  # type: ignore[arg-type]
    (lambda: TrainingSettings(epochs=True), "epochs must be a positive integer, got True"),
    (lambda: TrainingSettings(batch_size=0), "batch_size must be a positive integer, got 0"),
    (lambda: TrainingSettings(batch_size="64"), "batch_size must be .*got '64'"),  # type: ignore[arg-type]
    (lambda: TrainingSettings(batches=0), "batches must be a positive integer, got 0"),
    (lambda: TrainingSettings(learning_rate=0.0), "learning_rate must be .* above 0, got 0.0"),
    (lambda: TrainingSettings(learning_rate=NAN), "learning_rate must be .* above 0, got nan"),
    (lambda: TrainingSettings(learning_rate=INF), "learning_rate must be .* above 0, got inf"),
    (lambda: TrainingSettings(learning_rate="1e-3"), "learning_rate must be .*got '1e-3'"),  # type: ignore[arg-type]
    (lambda: TrainingSettings(learning_rate=(0.1, 0.0)), "learning_rate must be .*got 0.0"),
    (lambda: TrainingSettings(weight_decay=-0.1), "weight_decay must be .*got -0.1"),
    (lambda: TrainingSettings(weight_decay=NAN), "weight_decay must be .*got nan"),
    (lambda: TrainingSettings(loss="mae"), r"loss must be one of .*Loss.MSE.*got 'mae'"),  # type: ignore[arg-type]
    (lambda: TrainingSettings(loss=nn.MSELoss), "loss must be one of .*got <class"),  # type: ignore[arg-type]
    (lambda: TrainingSettings(loss=None), "loss must be one of .*got None"),  # type: ignore[arg-type]
    (lambda: TrainingSettings(snapshot_epochs=(-1,)), "snapshot_epochs must be .*got -1"),
    (lambda: TrainingSettings(5, snapshot_epochs=(6,)), r"must lie in 0\.\.5, got \[6\]"),
]
DATA: list[tuple[Call, str]] = [
    (lambda: Data(X, Y[:5]), r"data: x and y need the same .*\(6, 2\) and \(5, 1\)"),
    (lambda: Data(X[:0], Y[:0], "none"), r"none: .*\(0, 2\) and \(0, 1\)"),
    (lambda: Data("x", Y), "x of data must be an array of real numbers, got str"),  # type: ignore[arg-type]
    (lambda: Data(None, Y), "x of data must be .*got NoneType"),  # type: ignore[arg-type]
    (lambda: Data([[1.0], [2.0, 3.0]], Y), "x of data must be .*got list"),  # type: ignore[arg-type]
    (lambda: Data(X, ["cat"] * 6), "y of data must be .*got list"),  # type: ignore[arg-type]
    (lambda: Data(X, 1.0), "y of data must be .*got float"),  # type: ignore[arg-type]
    (lambda: Data(X * 1j, Y), "x of data must be .*complex64"),
    (lambda: concentric_spheres(0), "dim must be a positive integer, got 0"),
    (lambda: concentric_spheres(2.0), "dim must be a positive integer, got 2.0"),  # type: ignore[arg-type]
    (lambda: concentric_spheres(2, 0), "n_inner must be a positive integer, got 0"),
    (lambda: concentric_spheres(2, 5, 0.5), "n_outer must be .*got 0.5"),  # type: ignore[arg-type]
    (lambda: concentric_spheres(2, radii=(0.5, 1.0, INF)), r"radii must .*got \(0.5, 1.0, inf\)"),
    (lambda: concentric_spheres(2, radii=(0.5, NAN, 2.0)), r"radii must .*got \(0.5, nan, 2.0\)"),
    (lambda: concentric_spheres(2, radii=(1.0, 0.5, 2.0)), r"radii must .*got \(1.0, 0.5, 2.0\)"),
    (lambda: concentric_spheres(2, radii=(0.5, 1.0)), r"radii must .*got \(0.5, 1.0\)"),  # type: ignore[arg-type]
    (lambda: concentric_spheres(2, seed=-1), "seed.*-1"),
    (lambda: concentric_spheres(2, seed=1.5), "seed.*1.5"),  # type: ignore[arg-type]
    (lambda: separable(0), "dim must be a positive integer, got 0"),
    (lambda: separable(2, seed=None), "seed.*None"),  # type: ignore[arg-type]
    (lambda: g1d(0), "repeats must be a positive integer, got 0"),
    (lambda: identity_1d(1.5), "repeats must be a positive integer, got 1.5"),  # type: ignore[arg-type]
]
TRAINING: list[tuple[Call, str]] = [
    (lambda: train(node(), X), "data must be Data, a pair .*got Tensor"),  # type: ignore[arg-type]
    (lambda: train(node(), [X, Y, Y]), "data must be Data, a pair .*got list"),  # type: ignore[arg-type]
    (lambda: train(node(), None), "data must be Data, a pair .*got NoneType"),  # type: ignore[arg-type]
    (lambda: train(stack(), [(X, Y), (X, Y)]), "one data set or 3 of equal size.*got 2"),
    (lambda: train(stack(), [(X, Y), (X, Y), (X[:3], Y[:3])]), r"got 3 of sizes \[6, 6, 3\]"),
    (lambda: train(node(), (X, Y), "fast"), "settings must be .*got 'fast'"),  # type: ignore[arg-type]
    (lambda: fit(X[:, :1]), r"x must have shape .*got \(1, 6, 1\)"),
    (lambda: fit(y=Y[:5]), r"\(6, 2\) and \(5, 1\)"),
    (lambda: fit(outputs=3), r"predictions \(N, 3\).*got \(N, 1\)"),
    (lambda: fit(outputs=3, loss=Loss.MSE), r"predictions \(N, 3\).*\(N, 1\)"),
    (lambda: fit(outputs=3, loss=nn.MSELoss()), r"predictions \(N, 3\).*\(N, 1\)"),
    (lambda: fit(y=Y[:, 0], outputs=3), r"predictions \(N, 3\)"),
    (lambda: fit(y=torch.ones(6, 2)), r"predictions \(N, 1\).*got \(N, 2\)"),
    (lambda: fit(outputs=3, loss=Loss.CROSS_ENTROPY), "class indices .*torch.float32"),
    (lambda: fit(y=INDICES, outputs=2, loss=Loss.CROSS_ENTROPY), r"0\.\.1, got .*in 0\.\.2"),
    (lambda: fit(y=INDICES - 1, outputs=3, loss=F.cross_entropy), r"0\.\.2, got .*in -1\.\.1"),
    (lambda: fit(loss=nn.MSELoss(reduction="none")), r"one number for a batch, got shape \(6, 1\)"),
    (lambda: fit(loss=lambda p, y: 1.0), "one number for a batch, got 1.0"),
    (lambda: fit(learning_rate=(0.1, 0.2)), "learning_rate must be one number or 1"),
    (lambda: fit(snapshot_epochs=(1,)), "snapshot_epochs needs snapshot_x"),
    (lambda: fit(model=node(None, field=torch.nn.Identity()), y=X), "nothing to train"),
    (lambda: evaluate(node(3), (X, Y), Loss.MSE), r"predictions \(N, 3\).*\(N, 1\)"),
    (lambda: evaluate(node(3), (X, Y), nn.MSELoss()), r"predictions \(N, 3\).*\(N, 1\)"),
    (lambda: evaluate(node(), (X, Y), Loss.MSE, 0), "batch_size must be .*got 0"),
    (lambda: evaluate(node(), X, Loss.MSE), "data must be .*got Tensor"),  # type: ignore[arg-type]
    (lambda: accuracy(node(3), (X, Y)), r"predictions \(N, 3\).*\(N, 1\)"),
    (lambda: accuracy(node(3), (X, INDICES + 1)), r"0\.\.2, got .*in 1\.\.3"),
    (lambda: accuracy(node(), (X, Y * 0.3)), "classes, -1 and .*got 0.3"),
    (lambda: features_of(node(), X[:, :1]), r"x must have shape .*got \(1, 6, 1\)"),
    (lambda: features_of(node(), "x"), "x must be an array"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("call", "message"), [*MODELS, *SETTINGS, *DATA, *TRAINING])
def test_bad_inputs_are_refused_with_their_value(call: Call, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model"
    anode.save(node(field=LINEAR), path)
    for field, message in [
        (None, r"its field is your own Linear: give it as load\(path, field=...\)"),
        (nn.Linear(2, 2, bias=False), "(?s)cannot be read .*bias"),
        (nn.Linear(2, 3), "(?s)cannot be read .*size mismatch"),
        (42, "cannot be read .*field must be a function"),
        ([LINEAR], "(?s)cannot be read .*size mismatch"),
    ]:
        with pytest.raises(ValueError, match=message):
            anode.load(path, field=field)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        anode.save(node(), tmp_path / "nowhere" / "model")


@pytest.mark.parametrize(
    ("outputs", "y"),
    [
        (1, X[:, :1].sign()),
        (1, X[:, 0].sign()),
        (1, X[:, 0].sign().long()),
        (1, (X[:, :1] > 0).float()),
        (1, X[:, 0] > 0),
        (2, X.sign()),
        (2, X.argmax(1)),
        (2, X.argmax(1)[:, None]),
        (2, F.one_hot(X.argmax(1), 2).float() * 2 - 1),
    ],
)
def test_a_perfect_model_is_right_everywhere(outputs: int, y: Tensor) -> None:
    """Whatever shape of targets is accepted."""
    model = NeuralODE((2,), outputs, field=lambda t, h: 0 * h)
    assert model.head is not None
    with torch.no_grad():
        model.head.weight[:] = torch.eye(2)[:, :outputs]
        model.head.bias.zero_()
        if y.shape == (6, 2) and bool((y.sum(1) == 0).all()):  # one of two, as -1 and +1
            model.head.weight[0] = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    assert accuracy(model, (X, y)).tolist() == [1.0]
    assert accuracy(model, (X.numpy(), y.numpy())).tolist() == [1.0]


@pytest.mark.parametrize("y", [Y[:, 0], Y, Y.double(), Y.long(), Y[:, 0].bool()])
def test_targets_without_their_axis_are_those_with_it(y: Tensor) -> None:
    found = [
        train(node(), (X.double().numpy(), y.numpy()), TrainingSettings(epochs=2, loss=loss))
        for loss in (Loss.MSE, nn.MSELoss(), F.mse_loss, lambda p, y: ((p - y) ** 2).mean())
    ]
    expected = train(node(), Data(X, Y), TrainingSettings(epochs=2, loss=Loss.MSE))
    for history in found:
        np.testing.assert_allclose(history.step_loss, expected.step_loss, rtol=1e-6)


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "augment_dim": st.integers(-1, 3),
        "hidden": st.sampled_from([0, 1, 5, np.int64(4), 2.0]),
        "activation": st.sampled_from([*Activation, "relu", "Softplus", "sine", nn.Tanh()]),
        "time_dependent": st.sampled_from([True, False, np.bool_(False), "no"]),
        "seeds": st.lists(st.integers(-1, 3), max_size=3),
        "end_time": st.sampled_from([1.0, np.float32(0.5), 2, 0.0, NAN]),
        "solver": st.sampled_from([None, SolverSettings(rtol=1e-2, atol=1e-2), "dopri5"]),
        "field": st.sampled_from([None, LINEAR, [LINEAR, nn.Linear(2, 2)], torch.sin, "f"]),
    },
)


@settings(max_examples=25)
@given(st.sampled_from([(2,), (1,), (1, 3, 3), (0,)]), st.sampled_from([1, 2, 0]), OPTIONS)
def test_what_a_constructor_accepts_is_trained(
    shape: tuple[int, ...], outputs: int, options: dict[str, Any]
) -> None:
    """One step, with a finite loss; a field that turns out not to fit is refused by then."""
    try:
        model = NeuralODE(shape, outputs, **options)
    except (TypeError, ValueError):
        return
    x = torch.randn(4, *shape, generator=torch.Generator().manual_seed(0))
    try:
        history = train(model, (x, torch.ones(4, outputs)), TrainingSettings(epochs=1))
    except (TypeError, ValueError, RuntimeError):
        assert options.get("field") is not None
        assert shape != (2,) or options.get("augment_dim") or options["field"] is torch.sin
        return
    assert np.isfinite(history.step_loss).all()
