"""Gradients of solves are right or refused: second-order, of times, after changes in place."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchdiffeq import odeint

from anode import ConvField, Engine, Method, MLPField, SolverSettings, integrate
from anode.fields import VectorField

TIMES = torch.tensor([0.0, 0.4, 1.0]).double()
SETTINGS = {
    "dopri5": SolverSettings(),
    "bosh3": SolverSettings(method=Method.BOSH3),
    "tsit5": SolverSettings(method=Method.TSIT5),
    "torchdiffeq": SolverSettings(engine=Engine.TORCHDIFFEQ),
    "adjoint": SolverSettings(gradient="adjoint"),  # type: ignore[arg-type]
    "rk4": SolverSettings(method=Method.RK4, step_size=0.1),
    "rk4 adjoint": SolverSettings(method=Method.RK4, step_size=0.1, gradient="adjoint"),  # type: ignore[arg-type]
}
TWICE = ("torchdiffeq", "rk4")
"""Those whose steps are torch's own operations."""


class General(MLPField):
    """The same field as a class that is not compiled."""


def problem(kind: str) -> tuple[VectorField, Tensor]:
    """A smooth field and states of two replicas."""
    options: dict[str, Any] = {"activation": "softplus", "seeds": (3, 5)}
    field: VectorField
    if kind == "conv":
        field = ConvField(2, (3, 3), filters=3, **options)
    else:
        field = (General if kind == "general" else MLPField)(2, hidden=8, **options)
    rng = torch.Generator().manual_seed(1)
    h0 = torch.randn((2, 3, *field.state_shape), generator=rng).double()
    return field.double(), h0.requires_grad_()


KINDS = ("compiled", "general", "conv")
each_way = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
@pytest.mark.parametrize("name", SETTINGS)
def test_second_derivatives_are_right_or_refused(name: str, kind: str) -> None:
    """Also where only one of the two inputs is asked for; the first derivatives stay as they are.

    Right is a difference quotient of first derivatives.
    """
    field, h0 = problem(kind)
    inputs = (h0, *field.weights)

    def first(create_graph: bool) -> tuple[Tensor, ...]:
        end = integrate(field, h0, TIMES, SETTINGS[name]).states[-1].cos().sum()
        return torch.autograd.grad(end, inputs, create_graph=create_graph)

    plain, found = first(False), first(True)
    assert all(torch.equal(a, b) for a, b in zip(plain, found, strict=True))
    size = found[0].square().sum()
    if name not in TWICE:
        for wanted in (h0, field.weights[0]):
            with pytest.raises(RuntimeError, match="differentiated once; for second-order"):
                torch.autograd.grad(size, wanted, allow_unused=True, retain_graph=True)
        return
    second = torch.autograd.grad(size, inputs)
    shift, quotient = 1e-5, 0.0
    ways = [torch.randn(x.shape, generator=torch.Generator().manual_seed(2)).to(x) for x in inputs]
    for sign in (1, -1):
        with torch.no_grad():
            for x, way in zip(inputs, ways, strict=True):
                x += sign * shift * way
        quotient += sign * float(first(False)[0].square().sum()) / (2 * shift)
        with torch.no_grad():
            for x, way in zip(inputs, ways, strict=True):
                x -= sign * shift * way
    slope = sum(float((g * way).sum()) for g, way in zip(second, ways, strict=True))
    # torchdiffeq also differentiates its choice of the first step.
    assert slope == pytest.approx(quotient, rel=1e-3)


@each_kind
@each_way
def test_gradients_of_times_are_refused(settings: SolverSettings, kind: str) -> None:
    field, h0 = problem(kind)
    moving = TIMES.clone().requires_grad_()
    with pytest.raises(ValueError, match=r"times must not require gradients: scale the field"):
        integrate(field, h0, moving, settings)
    with torch.no_grad():  # none are wanted
        found = integrate(field, h0, moving, settings).states
        assert torch.equal(found, integrate(field, h0, TIMES, settings).states)


@each_kind
@each_way
@pytest.mark.parametrize("changed", ["state", "weights"])
def test_a_change_in_place_before_the_backward_pass_is_refused_or_does_no_harm(
    changed: str, settings: SolverSettings, kind: str
) -> None:
    field, h0 = problem(kind)
    expected = torch.autograd.grad(
        integrate(field, h0, TIMES, settings).states.sum(), (h0, *field.weights)
    )
    start = h0 * 1
    states = integrate(field, start, TIMES, settings).states
    with torch.no_grad():
        (start if changed == "state" else field.weights[0]).mul_(2)
    if kind == "conv" and changed == "state" and settings is SETTINGS["rk4"]:
        # Torch's own steps keep a copy of the state, in the order of axes that convolutions like.
        found = torch.autograd.grad(states.sum(), (h0, *field.weights))
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b)
        return
    with pytest.raises(RuntimeError, match=r"modified (by an )?inplace"):
        torch.autograd.grad(states.sum(), (h0, *field.weights))


class Own(VectorField):
    """A field that uses its own layer, or a tensor that is no parameter, and not what it gets."""

    def __init__(self, registered: bool) -> None:
        super().__init__((2,), (0,))
        self.layer = nn.Linear(2, 2).double()
        self.free = [torch.ones((), dtype=torch.float64, requires_grad=True)]
        self.registered = registered

    def evaluate(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        return self.layer(h) if self.registered else self.free[0] * h * weights[0].mean()


@pytest.mark.parametrize("registered", [True, False])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_field_that_ignores_its_weights_is_refused_or_gets_its_gradients(
    name: str, registered: bool
) -> None:
    """Where steps are torch's operations, autograd finds all that a field uses."""
    field, settings = Own(registered), SETTINGS[name]
    h0 = torch.ones(1, 3, 2).double()
    if name not in TWICE:
        with pytest.raises(ValueError, match=r"Own uses a tensor .* not among the weights"):
            integrate(field, h0, TIMES, settings)
    else:
        used = field.layer.weight if registered else field.free[0]
        states = integrate(field, h0, TIMES, settings).states
        ours = torch.autograd.grad(states.sum(), used)[0]
        theirs = torch.autograd.grad(odeint(field, h0, TIMES, rtol=1e-6, atol=1e-6).sum(), used)[0]
        torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=1e-2)
    with torch.no_grad():  # without gradients there are none to lose
        expected = odeint(field, h0, TIMES, rtol=1e-6, atol=1e-6)
        found = integrate(field, h0, TIMES, settings).states
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)


class Hamiltonian(VectorField):
    """A field that is a derivative, which it takes with torch itself."""

    def __init__(self) -> None:
        super().__init__((2,), (0,))
        self.stiffness = nn.Parameter(torch.full((1, 1), 2.0, dtype=torch.float64))

    def evaluate(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        with torch.enable_grad():
            h = h.requires_grad_() if not h.requires_grad else h
            energy = (h[..., 1].square() + weights[0] * h[..., 0].square()).sum() / 2
            (slope,) = torch.autograd.grad(energy, h, create_graph=True)
        return torch.stack([slope[..., 1], -slope[..., 0]], dim=-1)


@each_way
def test_a_field_may_differentiate_itself(settings: SolverSettings) -> None:
    field, h0 = Hamiltonian(), torch.tensor([[[1.0, 0.0]]]).double()
    tight = settings if settings.method.name == "rk4" else replace(settings, rtol=1e-7, atol=1e-7)
    end = integrate(field, h0, TIMES, tight).states[-1]
    (found,) = torch.autograd.grad(end[..., 0].sum(), field.stiffness)
    omega = torch.tensor(2.0).double().sqrt()  # x = cos(omega t), and omega squared is 2
    torch.testing.assert_close(end[0, 0, 0].detach(), omega.cos(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[0, 0], -omega.sin() / (2 * omega), rtol=1e-4, atol=1e-5)


class Forward(MLPField):
    """A field whose author changed what calling it gives."""

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        return 2 * super().forward(t, h)


@each_way
def test_what_solvers_would_not_call_is_refused(settings: SolverSettings) -> None:
    """A forward of a field's own, or one set afterwards, and hooks."""
    plain, hooked, h0 = MLPField(2), MLPField(2), torch.ones(1, 2, 2)
    plain.forward = lambda t, h: -h  # type: ignore[method-assign]
    handle = hooked.register_forward_hook(lambda *_: None)
    for field in (Forward(2), plain, hooked):
        with pytest.raises(ValueError, match=r"has a forward or hooks .* override evaluate"):
            integrate(field, h0, TIMES.float(), settings)
    handle.remove()
    assert integrate(hooked, h0, TIMES.float(), settings).states.isfinite().all()


@each_kind
@each_way
def test_an_empty_batch_gives_empty_states_and_gradients_of_zero(
    settings: SolverSettings, kind: str
) -> None:
    field, h0 = problem(kind)
    solution = integrate(field, h0[:, :0], TIMES, settings)
    assert solution.states.shape == (3, 2, 0, *field.state_shape)
    assert not solution.failures
    found = torch.autograd.grad(solution.states.sum(), field.weights)
    assert not any(g.any() for g in found)
