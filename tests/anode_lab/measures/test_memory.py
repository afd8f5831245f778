"""Memory grows with the evaluations where gradients pass through the steps, and else does not."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from anode import Engine, Gradient, Loss, NeuralODE, SolverSettings
from anode_lab.measures.memory import StepMemory, against_nfe, peak

TOLERANCES = (1e-1, 1e-3, 1e-5, 1e-6)
DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.gpu,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch sees"),
        ],
    ),
]
P = 1


def problem(batch: int = 8, side: int = 10, filters: int = 16) -> tuple[NeuralODE, Tensor, Tensor]:
    model = NeuralODE((1, side, side), 10, augment_dim=P, hidden=filters)
    rng = torch.Generator().manual_seed(0)
    x = torch.rand(1, batch, 1, side, side, generator=rng)
    return model, x, torch.randint(10, (1, batch), generator=rng)


class Measured(NamedTuple):
    """What steps need, with the bytes of a hidden layer of the field and of a state."""

    steps: dict[Gradient, list[StepMemory]]
    layer: int
    state: int


@pytest.fixture(scope="module", params=DEVICES)
def measured(request: pytest.FixtureRequest) -> Measured:
    device = request.param
    # On a GPU larger, so that its libraries' workspaces are small beside what is kept.
    batch, side, filters = (8, 10, 16) if device == "cpu" else (64, 28, 64)
    model, x, y = problem(batch, side, filters)
    steps = against_nfe(model.to(device), x.to(device), y.to(device), TOLERANCES)
    pixels = 4 * batch * side**2
    return Measured(steps, pixels * filters, pixels * (1 + P))


def test_direct_gradients_keep_every_evaluation(measured: Measured) -> None:
    """A straight line, steeper than one hidden layer is large: the first one is computed again."""
    steps = measured.steps[Gradient.DIRECT]
    nfe, size = np.array([[step.nfe, step.bytes] for step in steps], dtype=float).T
    assert (np.diff(nfe) > 0).all()
    assert nfe[-1] > 2 * nfe[0]
    slope, start = np.polyfit(nfe, size, 1)
    np.testing.assert_allclose(size, start + slope * nfe, rtol=0.03)
    assert measured.layer < slope < measured.layer + 10 * measured.state
    assert start < size[0] / 2  # so that it is near proportional


def test_the_adjoint_needs_the_same_memory_at_any_nfe(measured: Measured) -> None:
    direct, adjoint = measured.steps[Gradient.DIRECT], measured.steps[Gradient.ADJOINT]
    assert [step.nfe for step in adjoint] == [step.nfe for step in direct]
    sizes = [step.bytes for step in adjoint]
    assert max(sizes) < 1.05 * min(sizes)
    assert max(sizes) < direct[0].bytes
    assert all(step.backward_nfe == 0 for step in direct)
    assert all(step.backward_nfe > 0 for step in adjoint)


def test_this_packages_way_back_keeps_less_than_a_graph_but_no_less_than_one_hidden_layer() -> None:
    """It is no cheaper because it is hidden in one node of the graph."""
    sizes = []
    for engine in (Engine.STACKED, Engine.TORCHDIFFEQ):
        model, x, y = problem()
        model.solver = SolverSettings(rtol=1e-5, atol=1e-5, engine=engine)
        sizes.append(peak(model, x, y).bytes)
    assert 0.5 * sizes[1] < sizes[0] < 0.8 * sizes[1]


def test_memory_grows_with_the_batch_and_is_the_same_twice() -> None:
    small, large = (peak(*problem(batch)) for batch in (8, 32))
    assert large.bytes / large.nfe > 3 * small.bytes / small.nfe
    assert peak(*problem(8)) == small


def test_the_model_is_left_as_it_was() -> None:
    model, x, y = problem()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    solver = model.solver
    against_nfe(model, x, y, [1e-2])
    assert model.solver is solver
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_what_cannot_be_measured_is_refused() -> None:
    toy, x, y = NeuralODE((2,)), torch.ones(1, 4, 2), torch.ones(1, 4, 1)
    with pytest.raises(ValueError, match=r"anode.solve.compiled, .*engine=Engine.TORCHDIFFEQ"):
        peak(toy, x, y, Loss.HUBER)
    toy.solver = SolverSettings(engine=Engine.TORCHDIFFEQ)
    assert peak(toy, x, y, Loss.HUBER).bytes > 0
    with pytest.raises(ValueError, match="tolerances must be one or more"):
        against_nfe(toy, x, y, [], Loss.HUBER)
    with torch.no_grad():
        toy.field.weights[0].fill_(torch.inf)
    with pytest.raises(ValueError, match="solve failed"):
        peak(toy, x, y, Loss.HUBER)
    assert toy.solver.engine is Engine.TORCHDIFFEQ
