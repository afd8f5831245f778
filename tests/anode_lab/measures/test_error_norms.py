"""Evaluations under norms of the error that additional coordinates do not dilute."""

import numpy as np
import pytest
import torch
from torch import Tensor

from anode import Method, NeuralODE, SolverSettings
from anode.fields import VectorField
from anode_lab.measures.error_norms import Norm, evaluations

SEEDS = (0, 1, 2)
IMAGES = torch.rand(1, 8, 3, 6, 6, generator=torch.Generator().manual_seed(0))
POINTS = torch.rand(1, 8, 2, generator=torch.Generator().manual_seed(0))


def model(x: Tensor, augment_dim: int, tolerance: float = 1e-5) -> NeuralODE:
    solver = SolverSettings(rtol=tolerance, atol=tolerance)
    return NeuralODE(x.shape[2:], 10, hidden=8, augment_dim=augment_dim, solver=solver, seeds=SEEDS)


@pytest.mark.parametrize("x", [IMAGES, POINTS])
def test_the_norm_of_all_is_the_solvers(x: Tensor) -> None:
    augmented = model(x, 4)
    expected = augmented.run(x).nfe.numpy()
    np.testing.assert_array_equal(evaluations(augmented, x, Norm.ALL), expected)


@pytest.mark.parametrize("x", [IMAGES, POINTS])
def test_without_augmentation_the_norms_are_one(x: Tensor) -> None:
    plain = model(x, 0)
    first, *others = (evaluations(plain, x, norm) for norm in Norm)
    assert all((first == other).all() for other in others)


class Quiet(VectorField):
    """The plane of the first two coordinates turns; the others stay."""

    def __init__(self, dim: int) -> None:
        super().__init__((dim,), (0,))

    @property
    def weights(self) -> tuple[Tensor, ...]:
        return ()

    def evaluate(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        turned = torch.stack([-h[..., 1], h[..., 0]], dim=-1)
        return torch.cat([20 * turned, torch.zeros_like(h[..., 2:])], dim=-1)


def quiet(augment_dim: int) -> NeuralODE:
    """A model whose appended coordinates stay zero, so that the solver sees no error in them."""
    made = NeuralODE((2,), hidden=4, augment_dim=augment_dim, seeds=(0,))
    made.field = Quiet(2 + augment_dim)
    return made


@pytest.mark.parametrize("norm", [Norm.INPUT, Norm.LARGER])
def test_quiet_coordinates_dilute_the_solvers_norm_and_not_these(norm: Norm) -> None:
    alone = evaluations(quiet(0), POINTS, norm)
    assert evaluations(quiet(200), POINTS, norm) == alone
    assert evaluations(quiet(200), POINTS, Norm.ALL) < alone


def test_larger_of_both_norms_is_the_strictest() -> None:
    """Not a theorem, since the steps differ, but no exception is known."""
    augmented = model(IMAGES, 9)
    by_norm = {norm: evaluations(augmented, IMAGES, norm) for norm in Norm}
    assert (by_norm[Norm.LARGER] >= by_norm[Norm.ALL]).all()
    assert (by_norm[Norm.LARGER] >= by_norm[Norm.INPUT]).all()


def test_fixed_steps_have_no_error_norm() -> None:
    solver = SolverSettings(method=Method.EULER, step_size=0.1)
    with pytest.raises(ValueError, match="must have the method dopri5, got euler"):
        evaluations(NeuralODE((2,), solver=solver), POINTS, Norm.ALL)
