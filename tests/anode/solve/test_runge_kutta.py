"""The stacked solvers take torchdiffeq's own steps for each replica."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchdiffeq import odeint

from anode import (
    Activation,
    Controller,
    Engine,
    Method,
    MLPField,
    SolverSettings,
    SolveStatus,
    Tableau,
    integrate,
)
from anode.arrays import Floats
from tests.helpers.problems import FormulaField, decay

HEUN = Tableau(
    name="adaptive_heun",
    order=2,
    nodes=(1.0,),
    stages=((1.0,),),
    solution=(0.5, 0.5),
    error=(0.5, -0.5),
    midpoint=(0.5, 0.0),
    torchdiffeq=True,
)
FEHLBERG = Tableau(
    name="fehlberg2",
    order=2,
    nodes=(0.5, 1.0),
    stages=((0.5,), (1 / 256, 255 / 256)),
    solution=(1 / 512, 255 / 256, 1 / 512),
    error=(-1 / 512, 0.0, 1 / 512),
    midpoint=(0.0, 0.5, 0.0),
    torchdiffeq=True,
)
"""Two of torchdiffeq's methods that this package does not have."""

BOSH3 = replace(Method.BOSH3, midpoint=(0.0, 0.5, 0.0, 0.0))
"""With torchdiffeq's interpolation."""

METHODS = (Method.DOPRI5, BOSH3, HEUN, FEHLBERG)
TIMES = ([0.0, 1.0], [0.0, 0.3, 0.31, 0.9, 1.0], [1.0, 0.5, 0.0], [0.2, 3.0])
TOLERANCE = 1e-3


class OtherField(MLPField):
    """The same field as a class that is not compiled."""


FIELDS = (MLPField, OtherField)


def random_field(
    seed: int, dim: int, gain: float, kind: type[MLPField] = MLPField, **options: object
) -> MLPField:
    """Three replicas whose weights are scaled by ``gain``: at 1 gentle, at 4 far from it."""
    field = kind(dim, seeds=range(3 * seed, 3 * seed + 3), **options)  # type: ignore[arg-type]
    with torch.no_grad():
        for weight in field.weights:
            weight *= gain
    return field


def alone(
    field: MLPField, replica: int, h0: Tensor, times: Tensor, method: str = "dopri5"
) -> tuple[Tensor, int]:
    """States and evaluations of torchdiffeq on one replica."""
    dynamics, _ = field.select(replica)
    evaluations = 0

    def counted(t: Tensor, h: Tensor) -> Tensor:
        nonlocal evaluations
        evaluations += 1
        return dynamics(t, h)

    states = odeint(
        counted,
        h0[replica : replica + 1],
        times,
        rtol=TOLERANCE,
        atol=TOLERANCE,
        method=method,
        options={"max_num_steps": 1000},
    )
    return states[:, 0], evaluations


@settings(max_examples=150)
@given(
    method=st.sampled_from(METHODS),
    kind=st.sampled_from(FIELDS),
    seed=st.integers(0, 10_000),
    dim=st.sampled_from([1, 2, 3, 7]),
    batch=st.sampled_from([1, 5, 64, 70]),
    hidden=st.sampled_from([7, 32]),
    gain=st.sampled_from([1.0, 1.5, 2.0, 3.0, 5.0]),
    activation=st.sampled_from(list(Activation)),
    time_dependent=st.booleans(),
    times=st.sampled_from(TIMES),
)
def test_every_replica_takes_the_steps_that_torchdiffeq_takes_alone(
    method: Tableau,
    kind: type[MLPField],
    seed: int,
    dim: int,
    batch: int,
    hidden: int,
    gain: float,
    activation: Activation,
    time_dependent: bool,
    times: list[float],
) -> None:
    """Equal evaluations, values within a part of the tolerance.

    In double precision: in single precision rounding may tip the acceptance of a step that is
    exactly at the tolerance, in torchdiffeq as here.
    """
    field = random_field(
        seed, dim, gain, kind, hidden=hidden, activation=activation, time_dependent=time_dependent
    ).double()
    h0 = torch.randn(
        3, batch, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    t = torch.tensor(times, dtype=torch.float64)
    with torch.no_grad():
        solution = integrate(field, h0, t, SolverSettings(method=method))
        for replica in range(3):
            states, evaluations = alone(field, replica, h0, t, method.name)
            assert solution.nfe[replica] == evaluations
            gap = (solution.states[:, replica] - states).abs()
            share = 1e-6 if gain <= 2 else 1e-2  # a wild field magnifies rounding
            assert (gap <= share * (TOLERANCE + TOLERANCE * states.abs())).all()


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_single_precision_takes_the_same_steps(gain: float) -> None:
    same = total = 0
    for seed in range(20):
        field = random_field(seed, 2, gain)
        h0 = torch.randn(3, 64, 2, generator=torch.Generator().manual_seed(seed))
        t = torch.tensor([0.0, 1.0])
        with torch.no_grad():
            solution = integrate(field, h0, t)
            for replica in range(3):
                states, evaluations = alone(field, replica, h0, t)
                total += 1
                if solution.nfe[replica] == evaluations:
                    same += 1
                    gap = (solution.states[:, replica] - states).abs()
                    assert (gap <= TOLERANCE + TOLERANCE * states.abs()).all()
    assert same >= total - 1


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("batch", [16, 70])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_gradients_are_those_of_torchdiffeq_with_the_first_step_held_fixed(
    method: Tableau, kind: type[MLPField], activation: Activation, batch: int
) -> None:
    """torchdiffeq also differentiates its choice of the first step; the steps themselves agree."""
    field = random_field(5, 2, 1.2, kind, activation=activation, hidden=10).double()
    generator = torch.Generator().manual_seed(1)
    h0 = torch.randn(3, batch, 2, dtype=torch.float64, generator=generator)
    h0.requires_grad_()
    times = torch.tensor([0.0, 0.4, 1.0], dtype=torch.float64)
    weight = torch.randn(3, 3, batch, 2, dtype=torch.float64)
    solution = integrate(field, h0, times, SolverSettings(method=method))
    ours = torch.autograd.grad((solution.states * weight).sum(), (h0, *field.weights))
    first = []

    class Watched(torch.nn.Module):
        def forward(self, t: Tensor, h: Tensor) -> Tensor:
            return dynamics(t, h)

        def callback_step(self, t0: Tensor, h: Tensor, dt: Tensor) -> None:
            first.append(dt.detach())

    for replica in range(3):
        first.clear()
        dynamics, _ = field.select(replica)
        part = h0[replica : replica + 1]
        kwargs = {"rtol": TOLERANCE, "atol": TOLERANCE, "method": method.name}
        odeint(Watched(), part, times, **kwargs)
        states = odeint(dynamics, part, times, options={"first_step": first[0]}, **kwargs)
        theirs = torch.autograd.grad(
            (states[:, 0] * weight[:, replica]).sum(), (h0, *field.weights), allow_unused=True
        )
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a[replica], b[replica], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("method", "activation"),
    [
        *product([Method.DOPRI5, Method.BOSH3], Activation),
        # Where a ReLU field bends, its step sizes are chaotic: rounding changes their number.
        (Method.TSIT5, Activation.SOFTPLUS),
    ],
    ids=lambda value: value.name,
)
def test_both_ways_to_solve_agree(method: Tableau, activation: Activation, backwards: bool) -> None:
    """States and gradients; with many steps, so that the record of them grows."""
    times = torch.linspace(0, 1, 5, dtype=torch.float64)
    found = []
    for kind in FIELDS:
        field = random_field(7, 3, 2.5, kind, activation=activation).double()
        h0 = torch.randn(
            3, 9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3)
        ).requires_grad_()
        tight = SolverSettings(method=method, rtol=1e-6, atol=1e-6)
        solution = integrate(field, h0, times.flip(0) if backwards else times, tight)
        assert int(solution.steps.max()) > 4  # the room that is made at first
        gradients = torch.autograd.grad(solution.states.square().mean(), (h0, *field.weights))
        found.append((solution, gradients))
    (one, ours), (other, theirs) = found
    assert torch.equal(one.nfe, other.nfe)
    assert torch.equal(one.steps, other.steps)
    torch.testing.assert_close(one.states, other.states, rtol=1e-7, atol=1e-9)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("hidden", [7, 32])
def test_a_replica_alone_is_bit_for_bit_that_of_a_stack(hidden: int, threads: int) -> None:
    field = random_field(3, 2, 1.5, hidden=hidden)
    h0 = torch.randn(3, 50, 2, generator=torch.Generator().manual_seed(2))
    times = torch.tensor([0.0, 1.0])
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        together = integrate(field, h0, times)
        together.states.square().sum().backward()
    finally:
        torch.set_num_threads(before)
    for replica, seed in enumerate(field.seeds):
        alone = MLPField(2, hidden=hidden, seeds=[seed])
        with torch.no_grad():
            for mine, theirs in zip(alone.weights, field.weights, strict=True):
                mine.copy_(theirs[replica : replica + 1])
        solution = integrate(alone, h0[replica : replica + 1], times)
        assert torch.equal(solution.states[:, 0], together.states[:, replica])
        solution.states.square().sum().backward()
        for mine, theirs in zip(alone.weights, field.weights, strict=True):
            assert mine.grad is not None and theirs.grad is not None  # noqa: PT018
            assert torch.equal(mine.grad[0], theirs.grad[replica])


@pytest.mark.parametrize("kind", FIELDS)
def test_a_replica_that_fails_leaves_the_others_bit_for_bit(kind: type[MLPField]) -> None:
    field = random_field(3, 2, 1.0, kind)
    h0 = torch.randn(3, 8, 2, generator=torch.Generator().manual_seed(2))
    times = torch.tensor([0.0, 1.0])
    healthy = integrate(field, h0, times)
    healthy.states[-1].sum().backward()
    gradients = [w.grad.clone() for w in field.weights if w.grad is not None]
    broken = random_field(3, 2, 1.0, kind)
    with torch.no_grad():
        broken.weight3[1] *= torch.inf
    solution = integrate(broken, h0, times)
    assert solution.status == (SolveStatus.OK, SolveStatus.NON_FINITE, SolveStatus.OK)
    assert solution.states[:, 1].isnan().all()
    solution.states[-1, [0, 2]].sum().backward()
    for replica in (0, 2):
        assert torch.equal(solution.states[:, replica], healthy.states[:, replica])
        assert solution.nfe[replica] == healthy.nfe[replica]
        for mine, other in zip(broken.weights, gradients, strict=True):
            assert mine.grad is not None
            assert torch.equal(mine.grad[replica], other[replica])


def test_replicas_do_not_share_steps() -> None:
    """A gentle and a steep problem in one stack cost what each costs alone."""
    h0 = torch.ones(2, 3, 1, dtype=torch.float64)
    times = torch.tensor([0.0, 1.0], dtype=torch.float64)
    both = integrate(FormulaField(decay, [0.1, 30.0]), h0, times)
    for r, rate in enumerate((0.1, 30.0)):
        one = integrate(FormulaField(decay, [rate]), h0[r : r + 1], times)
        assert both.nfe[r] == one.nfe[0]
        assert torch.equal(both.states[:, r], one.states[:, 0])
    assert both.nfe[1] > 2 * both.nfe[0]


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize(
    "method", [Method.DOPRI5, Method.BOSH3, Method.TSIT5], ids=lambda method: method.name
)
def test_error_falls_with_the_tolerance(method: Tableau, times: list[float]) -> None:
    """On h' = cos(t) h the solution is exp(sin t - sin t0) h0."""
    t = torch.tensor(times, dtype=torch.float64)
    h0 = torch.ones(1, 1, 1, dtype=torch.float64)
    exact = torch.exp(torch.sin(t) - torch.sin(t[0]))
    errors = []
    for tolerance in (1e-3, 1e-6, 1e-9):
        field = FormulaField(lambda rate, s, h: rate * torch.cos(s) * h, [1.0])
        settings = SolverSettings(method=method, rtol=tolerance, atol=tolerance, max_steps=10_000)
        solved = integrate(field, h0, t, settings)
        errors.append(float((solved.states.flatten() - exact).detach().abs().max()))
        assert errors[-1] < 10 * tolerance
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("kind", FIELDS)
def test_too_many_steps_names_where_it_stopped(kind: type[MLPField]) -> None:
    field = random_field(1, 2, 3.0, kind)
    solution = integrate(
        field, torch.randn(3, 4, 2), torch.tensor([0.0, 1.0]), SolverSettings(max_steps=2)
    )
    assert set(solution.status) == {SolveStatus.TOO_MANY_STEPS}
    for failure in solution.failures.values():
        assert failure.step == 2
        assert failure.nfe == 2 + 2 * 6
        assert 0 <= failure.time < 1


@pytest.mark.parametrize("method", [Method.BOSH3, Method.TSIT5], ids=lambda method: method.name)
def test_gradients_are_those_of_the_flow(method: Tableau) -> None:
    """d h(1) / d rate = -h0 exp(-rate) for a decay."""
    field = FormulaField(decay, [0.5, 2.0])
    h0 = torch.ones(2, 3, 1, dtype=torch.float64, requires_grad=True)
    settings = SolverSettings(method=method, rtol=1e-8, atol=1e-8, max_steps=10_000)
    solution = integrate(field, h0, torch.tensor([0.0, 1.0]).double(), settings)
    rates, starts = torch.autograd.grad(solution.states[-1].sum(), (field.rates, h0))
    exact = torch.exp(-field.rates.detach())
    torch.testing.assert_close(rates, -3 * exact, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(starts, exact.view(2, 1, 1).expand(2, 3, 1), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", FIELDS)
def test_the_step_control_is_a_value(kind: type[MLPField]) -> None:
    """Of both solvers, and as torchdiffeq's with the same constants; another rule is another."""
    field = random_field(4, 2, 2.0, kind).double()
    h0 = torch.randn(3, 16, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([0.0, 1.0], dtype=torch.float64)
    cautious = Controller(safety=0.5, largest=2.0, smallest=0.1)

    class Halving(Controller):
        def factor(self, ratio: Floats, order: int) -> Floats:
            return np.where(ratio > 1, 0.5, 1.0)

    settings = SolverSettings(controller=cautious)
    with torch.no_grad():
        ours = integrate(field, h0, t, settings)
        theirs = integrate(field, h0, t, replace(settings, engine=Engine.TORCHDIFFEQ))
        plain = integrate(field, h0, t)
        halved = integrate(field, h0, t, SolverSettings(controller=Halving()))
    assert torch.equal(ours.nfe, theirs.nfe)
    torch.testing.assert_close(ours.states, theirs.states, rtol=1e-6, atol=1e-6)
    assert (ours.nfe > plain.nfe).all()
    assert not torch.equal(halved.nfe, plain.nfe)
    torch.testing.assert_close(halved.states, plain.states, rtol=1e-1, atol=1e-1)
