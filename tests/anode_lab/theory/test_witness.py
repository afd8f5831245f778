"""Witnesses: one for every flow, none for augmentation, an error where a solver is no flow."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anode import NeuralODE
from anode.solve import Method, SolverSettings
from anode_lab import runs
from anode_lab.theory.topology.margins import search_margins
from anode_lab.theory.topology.witness import (
    NotSeparatedError,
    Witness,
    WitnessNotFound,
    find_witnesses,
    prove_separation,
)


def distance_sum() -> NeuralODE:
    """a' = |x1| + |x2| for the output a: 0 at the origin, at least 1 on the circle."""
    model = NeuralODE((2,), augment_dim=1, hidden=4, time_dependent=False)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.field.weight1[0, :2] = torch.tensor([[1.0, -1.0, 0, 0], [0, 0, 1.0, -1.0]])
        model.field.weight2[:] = torch.eye(4)
        model.field.weight3[:, :, 2] = 1
        model.head.weight[:, 2] = 1
    return model


def folded() -> NeuralODE:
    """h' = 2 relu(-h): one Euler step of size 1 takes h to |h|, the flow takes it nowhere near."""
    model = NeuralODE((1,), hidden=1, time_dependent=False)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.field.weight1.fill_(-1)
        model.field.weight2.fill_(1)
        model.field.weight3.fill_(2)
        model.head.weight.fill_(1)
    return model


def check(found: list[Witness], radii: tuple[float, float] = (1.0, 1.5)) -> None:
    for each in found:
        assert each.margin > 0
        assert each.certified
        assert each.proven <= each.margin + 1e-3  # the solver's error
        square = sum(Fraction(x) ** 2 for x in each.point.tolist())
        assert Fraction(radii[0]) ** 2 <= square <= Fraction(radii[1]) ** 2


@pytest.mark.statement("cor-struggle-witness")
@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), dim=st.integers(1, 2))
def test_every_flow_has_one(seed: int, dim: int) -> None:
    check(find_witnesses(NeuralODE((dim,), hidden=8, seeds=[seed, seed + 1])))


@pytest.mark.statement("cor-struggle-witness")
def test_in_space() -> None:
    check(find_witnesses(NeuralODE((3,), hidden=8, seeds=[0, 1])))


def test_descent_finds_the_lowest_point_of_a_sphere() -> None:
    """A field at rest: the output is w.x + b, lowest at -w / |w|."""
    model = NeuralODE((4,), hidden=2)
    with torch.no_grad():
        for weight in model.field.parameters():
            weight.zero_()
    (found,) = find_witnesses(model)
    w = model.head.weight[0, :, 0].detach().double().numpy()
    np.testing.assert_allclose(found.point, -w / np.linalg.norm(w), atol=1e-2)
    np.testing.assert_allclose(found.proven, np.linalg.norm(w), rtol=1e-3)


def test_other_radii() -> None:
    check(find_witnesses(NeuralODE((2,)), radii=(0.3, 0.4)), (0.3, 0.4))


@pytest.mark.slow
def test_a_trained_model_has_one() -> None:
    trained = runs.run("annulus-2d", profile="smoke", models=["NODE"])
    check(find_witnesses(trained.runs["NODE"].model))


def test_the_wrong_sign_at_the_origin_does_not_matter() -> None:
    model = NeuralODE((2,), seeds=[5])
    with torch.no_grad():
        model.head.weight.neg_()
        model.head.bias.fill_(3)
    (found,) = find_witnesses(model)
    assert found.at_origin > 1
    check([found])


def test_augmentation_has_none_and_that_is_proven() -> None:
    model = distance_sum()
    (margin,) = search_margins(model)
    np.testing.assert_allclose(margin.margin, 1, atol=1e-6)
    (found,) = prove_separation(model)
    assert 0.9 * (1 - 1e-6) <= found.proven <= 1


def test_what_is_not_separated_is_not_proven() -> None:
    with pytest.raises(NotSeparatedError, match="replica 0: the output"):
        prove_separation(NeuralODE((2,)))


def test_a_map_that_is_no_flow_is_found_out() -> None:
    """An Euler step is no homeomorphism, and the same search says so."""
    model = folded()
    check(find_witnesses(model))
    with pytest.raises(WitnessNotFound, match=r"replica 0: .* not below .*euler"):
        find_witnesses(model, solver=SolverSettings(method=Method.EULER, step_size=1.0))


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match="p = 1; see search_margins"):
        find_witnesses(NeuralODE((2,), augment_dim=1))
    with pytest.raises(ValueError, match="one output, it has 3"):
        find_witnesses(NeuralODE((2,), outputs=3))
    with pytest.raises(ValueError, match="positive and increasing"):
        find_witnesses(NeuralODE((2,)), radii=(1.5, 1.0))
    with pytest.raises(ValueError, match="points of the plane"):
        prove_separation(NeuralODE((3,)))
    with pytest.raises(ValueError, match="share must be above 0 and below 1, got 1"):
        prove_separation(distance_sum(), share=1)
    model = NeuralODE((2,))
    with torch.no_grad():
        model.head.weight.zero_()
    with pytest.raises(ValueError, match="constant"):
        find_witnesses(model)
