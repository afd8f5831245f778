"""Enclosures: the exact flow is inside, and a bound that is wrong is found out."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from anode import Activation, NeuralODE
from anode.arrays import Floats
from anode_lab.theory.enclosure import EnclosureError, enclose, output_bounds, stepping
from anode_lab.theory.enclosure.curves import Spread, bernstein, follow
from anode_lab.theory.enclosure.field import ReplicaField

ENCLOSED = (Activation.RELU, Activation.SOFTPLUS)


def linear(matrix: Floats, **options: int) -> NeuralODE:
    """h' = A h where |h| < 8, with units that never switch there, and the sum as the output."""
    dim = len(matrix)
    model = NeuralODE((dim,), hidden=dim, time_dependent=False, **options).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.field.weight1[:] = model.field.weight2[:] = torch.eye(dim)
        model.field.bias1[:] = 8
        model.field.weight3[:] = torch.from_numpy(matrix.T)
        model.field.bias3[:] = -8 * torch.from_numpy(matrix.sum(1))
        model.head.weight[:] = 1
    return model


def paired(matrix: Floats) -> NeuralODE:
    """h' = A h as A relu(h) - A relu(-h): units switch where a coordinate changes its sign."""
    dim = len(matrix)
    model = NeuralODE((dim,), hidden=2 * dim, time_dependent=False).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        both = torch.cat([torch.eye(dim), -torch.eye(dim)])
        model.field.weight1[:] = both.T
        model.field.weight2[:] = torch.eye(2 * dim)
        model.field.weight3[:] = both.double() @ torch.from_numpy(matrix.T)
    return model


def random_model(seed: int, dim: int, activation: Activation, scale: float = 2.0) -> NeuralODE:
    model = NeuralODE((dim,), hidden=16, activation=activation, seeds=[seed]).double()
    with torch.no_grad():
        for weight in model.field.weights:
            weight.mul_(scale)
    return model


def solved(model: NeuralODE, x: Floats) -> Floats:
    """States at the end by a solver of order 8, which switches of units cost some digits."""
    network = ReplicaField.of(model.field, 0)  # type: ignore[arg-type]

    def f(t: float, y: Floats) -> Floats:
        return network(np.array([t]), y[None])[0]

    ends = [
        solve_ivp(f, (0, 1), each, "DOP853", rtol=1e-12, atol=1e-13, max_step=0.005).y[:, -1]
        for each in x
    ]
    return np.stack(ends)


MATRICES = [
    np.array([[1.5]]),
    np.array([[0.0, -3.0], [3.0, 0.0]]),
    np.array([[1.0, 2.0], [0.0, -2.0]]),
    np.array([[0.5, 1.0, 0.0], [0.0, -1.0, 2.0], [-1.0, 0.0, 0.2]]),
]


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("build", [linear, paired])
def test_linear_flow_is_the_exponential(build: Callable[..., NeuralODE], matrix: Floats) -> None:
    x = np.random.default_rng(0).normal(size=(5, len(matrix))) / 2
    found = enclose(build(matrix), x)
    distance = np.linalg.norm(found.centres - x @ expm(matrix).T, axis=1)
    assert (distance <= found.radii + 1e-14).all()  # expm has an error of its own
    assert found.radii.max() < 1e-9


def test_a_switch_whose_solution_is_known() -> None:
    """h' = 2 + 2 relu(h - 1) from 0: 2 t up to the half, exp(2 t - 1) from there on."""
    model = NeuralODE((1,), hidden=1, time_dependent=False).double()
    with torch.no_grad():
        for weight, value in zip(model.field.weights, (1, -1, 1, 0, 2, 2), strict=True):
            weight.fill_(value)
    found = enclose(model, np.zeros((1, 1)))
    assert abs(found.centres[0, 0] - np.e) <= found.radii[0] < 1e-11
    wide = enclose(model, np.zeros((1, 1)), 0.01)
    ends = np.exp(1 + np.array([-0.01, 0.01]))  # from x it arrives at exp(1 + x)
    assert (np.abs(ends - wide.centres[0, 0]) <= wide.radii[0]).all()
    assert wide.radii[0] < 0.04


@pytest.mark.parametrize("rate", [-2.0, 0.0, 1.5])
def test_a_ball_grows_as_much_as_it_must_and_no_more(rate: float) -> None:
    found = enclose(linear(rate * np.eye(2)), np.zeros((1, 2)), 0.01)
    exact = 0.01 * np.exp(rate)
    assert exact <= found.radii[0] <= exact * (1 + 1e-6)
    np.testing.assert_allclose(found.growth, rate, atol=1e-8)


def test_a_rotation_keeps_balls() -> None:
    found = enclose(linear(MATRICES[1]), np.array([[1.0, 0.5]]), 0.1)
    np.testing.assert_allclose(found.radii, 0.1, rtol=1e-6)


def test_a_bound_of_the_growth_that_is_too_small_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the previous tests check is broken by a logarithmic norm that is 1 % too small."""
    original = stepping.spread

    def wrong(*arguments: object) -> Spread:
        bound = original(*arguments)  # type: ignore[arg-type]
        return replace(bound, log_norm=0.99 * bound.log_norm)

    monkeypatch.setattr(stepping, "spread", wrong)
    found = enclose(linear(1.5 * np.eye(2)), np.zeros((1, 2)), 0.01)
    assert found.radii[0] < 0.01 * np.exp(1.5)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 10_000),
    dim=st.integers(1, 4),
    activation=st.sampled_from(ENCLOSED),
)
def test_a_solver_of_high_order_ends_inside(seed: int, dim: int, activation: Activation) -> None:
    model = random_model(seed, dim, activation)
    x = np.random.default_rng(seed).normal(size=(2, dim))
    found = enclose(model, x, tolerance=1e-12)
    distance = np.linalg.norm(found.centres - solved(model, x), axis=1)
    own_error = 1e-9 if activation is Activation.SOFTPLUS else 1e-6  # more where a unit switches
    assert (distance <= found.radii + own_error).all()
    assert found.radii.max() < 1e-5


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    dim=st.integers(1, 4),
    radius=st.floats(1e-4, 0.1),
    activation=st.sampled_from(ENCLOSED),
)
def test_sets_contain_the_images_of_their_points(
    seed: int, dim: int, radius: float, activation: Activation
) -> None:
    """Strictly: the points' own enclosures, of 1e-9 or less, are all within the set's."""
    model = random_model(seed, dim, activation, scale=1.5)
    rng = np.random.default_rng(seed)
    x, direction = rng.normal(size=(1, dim)), 0.1 * rng.normal(size=(1, dim))
    whole = enclose(model, x, radius, direction, tolerance=1e-6, strict=False)
    tau = rng.uniform(-1, 1, size=(20, 1))
    tau[:2] = [[-1], [1]]
    away = rng.normal(size=(20, dim))
    away *= radius / np.linalg.norm(away, axis=1, keepdims=True)
    points = enclose(model, x + tau * direction + (1 - 1e-9) * away, tolerance=1e-11)
    distance = np.linalg.norm(points.centres - whole.centres - tau * whole.segments, axis=1)
    assert (distance <= whole.radii + points.radii).all()


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), tolerance=st.sampled_from([1e-3, 1e-5, 1e-8]))
def test_enclosures_of_all_tolerances_meet(seed: int, tolerance: float) -> None:
    model = random_model(seed, 2, Activation.RELU, scale=2.5)
    x = np.random.default_rng(seed).normal(size=(4, 2))
    loose, tight = enclose(model, x, tolerance=tolerance, strict=False), enclose(model, x)
    distance = np.linalg.norm(loose.centres - tight.centres, axis=1)
    assert (distance <= loose.radii + tight.radii).all()


@pytest.mark.parametrize("activation", ENCLOSED)
@pytest.mark.parametrize("length", [1e-2, 1e-4])
def test_a_segment_s_error_is_small_beside_it(activation: Activation, length: float) -> None:
    model = random_model(1, 2, activation)
    x, direction = np.array([[1.0, 0.0]]), np.array([[0.0, length]])
    found = enclose(model, x, 0.0, direction)
    assert found.radii[0] < 0.05 * length


def test_outputs_are_bounded() -> None:
    model = linear(MATRICES[2])
    found = enclose(model, np.array([[0.5, 0.25]]), 0.01)
    low, high = output_bounds(model, found)
    exact = (expm(MATRICES[2]) @ [0.5, 0.25]).sum()
    assert low[0] < exact < high[0]
    np.testing.assert_allclose(high - low, 2 * np.sqrt(2) * found.radii, rtol=1e-6)


def test_appended_zeros_and_replicas() -> None:
    model = NeuralODE((2,), augment_dim=3, seeds=range(3)).double()
    x = np.array([[0.3, -0.2]])
    features = model.run(torch.from_numpy(x)[None]).features.detach().numpy()
    for replica in range(3):
        found = enclose(model, x, replica=replica)
        assert found.centres.shape == (1, 5)
        np.testing.assert_allclose(found.centres[0], features[replica, 0], atol=1e-2)


def test_the_field_on_a_curve_is_what_the_network_gives() -> None:
    """A defect of 0 is claimed for no curve that is not a solution."""
    network = ReplicaField.of(random_model(0, 2, Activation.RELU).field, 0)  # type: ignore[arg-type]
    t, h = np.array([0.2]), np.array([0.01])
    straight = np.zeros((9, 1, 2))
    straight[0] = 0.4
    arc = follow(network, t, h, straight)  # a point at rest
    speed = np.linalg.norm(network(t, straight[0]))
    np.testing.assert_allclose(arc.defect, 0.01 * speed, rtol=0.05)


def test_bernstein_coefficients_of_powers() -> None:
    s = np.linspace(0, 1, 5)
    c = np.array([1.0, -2.0, 0.5, 3.0])
    controls = bernstein(3) @ c
    basis = np.stack([(1 - s) ** 3, 3 * s * (1 - s) ** 2, 3 * s**2 * (1 - s), s**3])
    np.testing.assert_allclose(controls @ basis, c @ s ** np.arange(4)[:, None])


def test_a_tube_that_is_lost_is_named() -> None:
    model = linear(3 * np.eye(2))
    with pytest.raises(EnclosureError, match="point 1: the tube grew too wide") as caught:
        enclose(model, np.zeros((2, 2)), [0.0, 0.01], limit=0.05)
    assert caught.value.index == 1
    assert 0 < caught.value.time < 1
    found = enclose(model, np.zeros((2, 2)), [0.0, 0.01], limit=0.05, strict=False)
    assert np.isfinite(found.radii).tolist() == [True, False]


def test_misuse_is_named() -> None:
    model = NeuralODE((2,))
    with pytest.raises(ValueError, match=r"x must have shape \(n, 2\), got \(1, 3\)"):
        enclose(model, np.zeros((1, 3)))
    with pytest.raises(ValueError, match="must be finite"):
        enclose(model, [[np.nan, 0]])
    with pytest.raises(ValueError, match="radius must be finite and 0 or more, got -1"):
        enclose(model, np.zeros((1, 2)), -1)
    with pytest.raises(ValueError, match="tolerance must be positive, got 0"):
        enclose(model, np.zeros((1, 2)), tolerance=0)
    with pytest.raises(ValueError, match="direction must have the shape"):
        enclose(model, np.zeros((1, 2)), 0, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="replica must be from 0 to 0, got 1"):
        enclose(model, np.zeros((1, 2)), replica=1)
    with pytest.raises(ValueError, match=r"points \(d,\)"):
        enclose(NeuralODE((1, 4, 4), hidden=2), np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"for ReLU and softplus, got Activation.TANH"):
        enclose(NeuralODE((2,), activation=Activation.TANH), np.zeros((1, 2)))
    with torch.no_grad():
        model.head.weight.zero_()
    with pytest.raises(ValueError, match="constant"):
        output_bounds(model, enclose(model, np.zeros((1, 2))))
    with torch.no_grad():
        model.field.weight1.fill_(torch.inf)
    with pytest.raises(ValueError, match="not finite"):
        enclose(model, np.zeros((1, 2)))
