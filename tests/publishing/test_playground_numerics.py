"""The playground trains what the package trains: the same steps, gradients, losses and numbers."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from anode import Loss, NeuralODE, SolverSettings, TrainingSettings, train
from anode.arrays import Floats
from anode.data import Data, concentric_spheres
from anode.fields import Activation
from anode.seeding import Stream, generator
from anode_lab.measures.weights_by_epoch import flat_weights
from anode_lab.theory.escape_curve import escape_curve
from publishing.playground import FOLDER
from tests.helpers.page_script import run_script

TRAINING, WITNESS = FOLDER / "training.js", FOLDER / "witness.js"
BATCH, STEPS = 64, 100
RADII = (0.5, 1.0, 1.5)

FIELDS = [*product((0, 1, 3), Activation, (True, False))]
IDS = [f"p={p}-{a.value}-{'t' if t else 'autonomous'}" for p, a, t in FIELDS]


def network(p: int, activation: Activation, time: bool, **options: Any) -> NeuralODE:
    made: NeuralODE = NeuralODE(
        (2,),
        augment_dim=p,
        hidden=options.pop("hidden", 16),
        activation=activation,
        time_dependent=time,
        **options,
    ).double()
    return made


def settings_of(model: NeuralODE, **settings: float) -> dict[str, Any]:
    """A model's settings as the page has them."""
    field: Any = model.field
    return {
        "p": model.augment_dim,
        "hidden": field.weight2.shape[1],
        "activation": field.activation.value,
        "time": field.time_dependent,
        "tolerance": model.solver.rtol,
        "seed": model.seeds[0],
        "batch": BATCH,
        "rate": 1e-3,
        "decay": 0.0,
        **settings,
    }


def points(data: Data) -> dict[str, Any]:
    return {"inputs": 2, "x": data.x.double().flatten().tolist(), "y": data.y.flatten().tolist()}


@pytest.mark.parametrize(("p", "activation", "time"), FIELDS, ids=IDS)
def test_the_first_losses_and_evaluations_are_the_packages(
    p: int, activation: Activation, time: bool
) -> None:
    """From the same weights, data and batches, which the page draws itself from the seed."""
    seed = 3 + p
    data = concentric_spheres(2, 50, 110, seed=seed)
    model = network(p, activation, time, seeds=(seed,))
    given = {"settings": settings_of(model, rate=1e-2, decay=1e-3), "data": points(data)}
    start = flat_weights(model)
    settings = TrainingSettings(
        epochs=-(-STEPS // 3), batch_size=BATCH, learning_rate=1e-2, weight_decay=1e-3
    )
    history = train(model, data, settings)
    found = run_script(
        TRAINING,
        f"""
        const training = new page.Training(given.settings, given.data);
        const start = [...training.network.weights];
        const steps = Array.from({{ length: {STEPS} }}, () => training.step());
        return {{ start, losses: steps.map((s) => s.loss), nfe: steps.map((s) => s.nfe) }};
        """,
        given,
    )
    np.testing.assert_array_equal(found["start"], start)
    np.testing.assert_allclose(found["losses"], history.step_loss[0, :STEPS], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found["nfe"], history.step_nfe[0, :STEPS])


@pytest.mark.parametrize(("p", "activation", "time"), FIELDS, ids=IDS)
def test_gradients_are_the_packages(p: int, activation: Activation, time: bool) -> None:
    """Through several steps: the weights are large."""
    model = network(p, activation, time, solver=SolverSettings(rtol=1e-4, atol=1e-4))
    with torch.no_grad():
        for part in model.parameters():
            part.mul_(3.0)
    data = concentric_spheres(2, 20, BATCH - 20, seed=1)
    given = {
        "settings": settings_of(model),
        "data": points(data),
        "weights": flat_weights(model).tolist(),
    }
    output = model.run(data.x[None].double())
    Loss.HUBER(output.prediction, data.y[None].double()).sum().backward()
    with torch.no_grad():
        for part in model.parameters():
            assert part.grad is not None
            part.copy_(part.grad)
    found = run_script(
        TRAINING,
        """
        const training = new page.Training(given.settings, given.data);
        training.network.weights.set(given.weights);
        const which = given.data.y.map((_, i) => i);
        const { nfe } = training.gradients(training.augmented(given.data.x), which);
        return { nfe, gradient: training.gradient };
        """,
        given,
    )
    assert found["nfe"] == int(output.nfe[0])
    assert found["nfe"] >= 20
    np.testing.assert_allclose(found["gradient"], flat_weights(model), rtol=1e-9, atol=1e-9)


def test_a_network_that_cannot_be_solved_stops_with_its_weights() -> None:
    model = network(0, Activation.RELU, True)
    data = concentric_spheres(2, 20, 44, seed=1)
    given = {"settings": settings_of(model, rate=1e9), "data": points(data)}
    code = """
        const training = new page.Training(given.settings, given.data);
        let before = null;
        for (let i = 0; i < 20 && !training.failed; i++) {
          before = [...training.network.weights];
          training.step();
        }
        return { failed: training.failed, before, after: training.network.weights };
    """
    found = run_script(TRAINING, code, given)
    assert found["failed"]
    assert found["before"] == found["after"]


def trained_in_the_page(seed: int, activation: Activation, steps: int = 400) -> dict[str, Any]:
    """A network without augmentation, and the point of the rim that the page finds."""
    model = network(0, activation, True, seeds=(seed,))
    data = concentric_spheres(2, 100, 200, seed=seed)
    given = {"settings": settings_of(model, rate=1e-2), "data": points(data), "radius": RADII[1]}
    code = f"""
        const {{ Training }} = await import({TRAINING.as_uri()!r});
        const training = new Training(given.settings, given.data);
        let last = null;
        for (let i = 0; i < {steps}; i++) last = training.step();
        const found = page.witness(training.network, given.radius);
        return {{ ...found, loss: last.loss, weights: training.network.weights }};
    """
    found: dict[str, Any] = run_script(WITNESS, code, given)
    return found


@pytest.mark.parametrize("activation", list(Activation))
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_network_without_augmentation_misclassifies_a_point(
    seed: int, activation: Activation
) -> None:
    """The corollary's witness, and that the package finds the same one."""
    found = trained_in_the_page(seed, activation)
    model = network(0, activation, True, solver=SolverSettings(rtol=1e-9, atol=1e-9))
    put(model, np.array(found["weights"]))
    point = np.array(found["point"])
    assert np.linalg.norm(point) == pytest.approx(RADII[1], abs=1e-9)
    with torch.no_grad():
        at_point, at_centre = model(torch.tensor([[found["point"], [0.0, 0.0]]]).double())[
            0, :, 0
        ].tolist()
    assert found["output"] == pytest.approx(at_point, abs=1e-3)  # the flow is steep there
    assert found["centre"] == pytest.approx(at_centre, abs=1e-6)
    assert at_point < at_centre
    assert at_centre >= 0 or at_point < 0, "the centre is wrong, or else the point of the rim"
    (own,), _ = escape_curve(model, step=0.01).at(RADII[1])
    np.testing.assert_allclose(own, point, atol=0.02)  # a step further on the same curve


def test_trained_networks_hide_the_point_in_a_channel() -> None:
    """Else the centre would be the point that is wrong, and nothing would have been searched."""
    found = trained_in_the_page(0, Activation.RELU, steps=1500)
    assert found["loss"] < 0.1
    assert found["output"] < found["centre"] < -0.5
    norms = np.linalg.norm(found["curve"], axis=1)
    assert norms[0] < 1e-6
    assert norms[-1] == pytest.approx(RADII[1])


def put(model: NeuralODE, weights: Floats) -> None:
    """Give a model the weights in the order of the page."""
    field: Any = model.field
    assert model.head is not None
    time = [] if field.time_weight is None else [field.time_weight]
    rest = [field.bias1, field.weight2, field.bias2, field.weight3, field.bias3]
    start = 0
    with torch.no_grad():
        for part in [field.weight1, *time, *rest, model.head.weight, model.head.bias]:
            part.copy_(torch.from_numpy(weights[start : start + part.numel()]).view_as(part))
            start += part.numel()
    np.testing.assert_array_equal(flat_weights(model), weights)


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_random_numbers_are_torchs(seed: int) -> None:
    found = run_script(
        FOLDER / "random.js",
        """
        const one = (stream) => page.Generator.of(given, stream);
        return { uniform: one("head").uniform(700, -0.3, 0.7), normal: one("data").normal(70),
                 order: one("order").permutation(999) };
        """,
        seed,
    )
    uniform = torch.empty(700).uniform_(-0.3, 0.7, generator=generator(seed, Stream.HEAD))
    np.testing.assert_array_equal(found["uniform"], uniform.numpy())
    order = torch.randperm(999, generator=generator(seed, Stream.ORDER))
    np.testing.assert_array_equal(found["order"], order.numpy())
    normal = torch.randn(70, generator=generator(seed, Stream.DATA))
    np.testing.assert_allclose(found["normal"], normal.numpy(), rtol=0, atol=1e-6)
