"""Functions and modules of one's own are solved as torchdiffeq solves them, alone or in a stack."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchdiffeq import odeint

from anode import Gradient, Method, MLPField, SolverSettings, integrate
from anode.own_field import OwnField

TIMES = torch.tensor([0.0, 0.4, 1.0], dtype=torch.float64)
TIGHT: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}
SOLVERS = {
    "direct": SolverSettings(**TIGHT),
    "adjoint": SolverSettings(**TIGHT, gradient=Gradient.ADJOINT),
    "bosh3": SolverSettings(rtol=1e-10, atol=1e-10, max_steps=10**5, method=Method.BOSH3),
    "fixed": SolverSettings(method=Method.RK4, step_size=0.01),
    "fixed, adjoint": SolverSettings(method=Method.RK4, step_size=0.01, gradient=Gradient.ADJOINT),
}


class Pendulum(nn.Module):
    """A network with a time, a constant of its own, and a weight that is used twice."""

    def __init__(self, seed: int = 0, dim: int = 2) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.inner, self.outer = nn.Linear(dim, 5), nn.Linear(5, dim)
        self.register_buffer("scale", torch.tensor(0.5))
        self.double()

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        found: Tensor = self.outer(torch.tanh(self.inner(h)) * (1 + t)) * self.scale
        return found - self.inner.bias.mean() * h


def start(*shape: int) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(*shape, generator=rng, dtype=torch.float64).requires_grad_()


def gradients(states: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad((states**3).sum(), inputs)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_a_module_is_solved_as_torchdiffeq_solves_it(solver: SolverSettings) -> None:
    """States of points, with the gradients of the start and of every weight."""
    f, h0 = Pendulum(), start(7, 2)
    inputs = [h0, *f.parameters()]
    expected = odeint(f, h0, TIMES, **TIGHT)
    solution = integrate(f, h0, TIMES, solver)
    assert solution.states.shape == (3, 7, 2)
    assert solution.nfe.shape == (1,)
    assert solution.nfe > 0
    torch.testing.assert_close(solution.states, expected, rtol=1e-7, atol=1e-8)
    ours, theirs = gradients(solution.states, inputs), gradients(expected, inputs)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_a_stack_of_modules_is_each_of_them(solver: SolverSettings) -> None:
    modules, h0 = [Pendulum(seed) for seed in range(3)], start(3, 7, 2)
    field = OwnField(modules, (2,))
    states = integrate(field, h0, TIMES, solver).states
    assert states.shape == (3, 3, 7, 2)
    found = gradients(states, [h0, *field.weights])
    for r, f in enumerate(modules):
        expected = odeint(f, h0[r], TIMES, **TIGHT)
        torch.testing.assert_close(states[:, r], expected, rtol=1e-7, atol=1e-8)
        theirs = gradients(expected, [h0, *f.parameters()])
        torch.testing.assert_close(found[0][r], theirs[0][r], rtol=1e-5, atol=1e-6)
        for mine, other in zip(found[1:], theirs[1:], strict=True):
            torch.testing.assert_close(mine[r], other, rtol=1e-5, atol=1e-6)


def test_a_stack_takes_copies_and_a_single_module_is_the_field() -> None:
    f = Pendulum()
    assert OwnField(f, (2,)).own is f
    stack = OwnField([f, Pendulum(1)], (2,))
    assert stack.replicas == 2
    assert tuple(stack.weights[0].shape) == (2, 5, 2)
    assert f.inner.weight.shape == (5, 2)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_functions_of_any_shape_are_solved(solver: SolverSettings) -> None:
    functions: list[tuple[Callable[..., Tensor], tuple[int, ...]]] = [
        (lambda t, h: -h * t, (4, 2)),
        (lambda h: h.sin(), (4, 2)),
        (lambda t, h: h.flip(-1) - h, (3, 2, 4, 4)),
        (lambda t, h: h.roll(1) * t.cos(), (5,)),
    ]
    for f, shape in functions:
        h0 = start(*shape)
        timed = f if isinstance(f, type(lambda: 0)) and f.__code__.co_argcount == 2 else None
        expected = odeint(timed or (lambda t, h, f=f: f(h)), h0, TIMES, **TIGHT)
        states = integrate(f, h0, TIMES, solver).states
        torch.testing.assert_close(states, expected, rtol=1e-7, atol=1e-8)
        (mine,), (other,) = gradients(states, [h0]), gradients(expected, [h0])
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)


def test_a_field_of_the_package_takes_plain_states_too() -> None:
    field, h0 = MLPField(2).double(), start(7, 2)
    plain, stacked = (integrate(field, h, TIMES).states for h in (h0, h0[None]))
    assert torch.equal(plain, stacked[:, 0])


LINEAR = nn.Linear(2, 2).double()
BAD: list[tuple[object, str]] = [
    (nn.Linear, "function f.*got <class 'torch.nn.modules.linear.Linear'>"),
    (42, "function f.*got 42"),
    (None, "function f.*got None"),
    ([], r"list of one such module for each replica, got \[\]"),
    ([torch.sin, torch.cos], "list of one such module for each replica"),
    ([LINEAR, nn.Linear(2, 3)], "list of modules of one kind"),
    ([LINEAR, nn.Tanh()], "list of modules of one kind"),
]


@pytest.mark.parametrize(("field", "message"), BAD)
def test_what_is_no_field_is_refused(field: Any, message: str) -> None:
    h0 = start(*(([len(field)] if isinstance(field, list) else []) + [7, 2]))
    with pytest.raises((TypeError, ValueError), match=message):
        integrate(field, h0, TIMES)


def test_buffers_of_a_stack_must_agree() -> None:
    one, two = Pendulum(0), Pendulum(1)
    two.scale = torch.tensor(0.7)
    with pytest.raises(ValueError, match=r"equal buffers, but \['scale'\] differ"):
        OwnField([one, two], (2,))
    with pytest.raises(ValueError, match="list of 3 modules, one for each seed, got 1"):
        OwnField(one, (2,), (0, 1, 2))
