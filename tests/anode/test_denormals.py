"""Solves and trainings take denormal numbers for zero, and leave the processor as it was."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from anode import Engine, Gradient, NeuralODE, SolverSettings, TrainingSettings, train
from anode.denormals import flushed_denormals
from anode.solve import integrate

pytestmark = pytest.mark.skipif(
    not torch.set_flush_denormal(False), reason="torch cannot switch denormal numbers off here"
)


def flushes() -> bool:
    """Whether the processor takes a denormal number for zero."""
    return bool(torch.tensor(1e-40, dtype=torch.float32) == 0)


@pytest.fixture(params=[False, True], ids=["on", "off"])
def before(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether they count as zero before."""
    torch.set_flush_denormal(request.param)
    yield request.param
    torch.set_flush_denormal(False)


class Watched(torch.autograd.Function):
    """The identity, which looks at the processor on both ways."""

    seen: list[bool]

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        Watched.seen.append(flushes())
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        Watched.seen.append(flushes())
        return gradient


def test_they_count_as_zero_within_and_as_before_afterwards(before: bool) -> None:
    with pytest.raises(InterruptedError), flushed_denormals(), flushed_denormals():
        raise InterruptedError
    with flushed_denormals():
        assert flushes()
    assert flushes() == before


def test_torchs_threads_take_it_over_when_they_begin_within() -> None:
    """In a process of its own, in which torch has begun no threads yet."""
    code = """
import numpy, torch
from anode.denormals import flushed_denormals
torch.set_num_threads(2)
small = torch.from_numpy(numpy.full(1 << 20, 1e-40, dtype="float32"))
with flushed_denormals():
    assert not (small * 1).numpy().any()
assert small.numpy().all() and bool(small[0] * 1)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "settings",
    [
        SolverSettings(),
        SolverSettings(gradient=Gradient.ADJOINT),
        SolverSettings(engine=Engine.TORCHDIFFEQ, gradient=Gradient.ADJOINT),
    ],
)
def test_a_solve_and_its_way_back_take_them_for_zero(
    before: bool, settings: SolverSettings
) -> None:
    Watched.seen = []
    h0 = torch.ones(1, 2, 3, requires_grad=True)
    solution = integrate(lambda t, h: Watched.apply(h), h0, torch.tensor([0.0, 1.0]), settings)
    there = len(Watched.seen)
    assert there == solution.nfe[0]
    solution.states.sum().backward()
    assert len(Watched.seen) > there
    assert all(Watched.seen)
    assert flushes() == before


def test_denormal_weights_of_an_image_model_are_as_good_as_none() -> None:
    """They made its evaluation thirty times as long."""
    model = NeuralODE((1, 8, 8), augment_dim=2, hidden=4, outputs=3, seeds=(0,))
    x, found = torch.rand(5, 1, 8, 8), []
    for small in (1e-40, 0.0):
        with torch.no_grad():
            for weight in model.field.weights:
                weight.flatten()[::3] = small
        found.append(model(x))
    assert torch.equal(*found)


def test_a_training_takes_them_for_zero(before: bool) -> None:
    seen = []

    def look(epoch: int) -> None:
        seen.append(flushes())
        if epoch == 2:
            raise InterruptedError

    model, x = NeuralODE((2,), seeds=(0, 1)), torch.rand(8, 2)
    with pytest.raises(InterruptedError):
        train(model, (x, x[:, :1]), TrainingSettings(epochs=3), after_epoch=look)
    assert seen == [True, True, True]
    assert flushes() == before
