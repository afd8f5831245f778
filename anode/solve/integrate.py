"""Solving dh/dt = f(h, t) for a stack of replicas, and counting what it costs.

Each replica is its own initial value problem: its own step sizes, its own number of function
evaluations, its own success or failure.
"""

from dataclasses import replace

import torch
from torch import Tensor

from anode.denormals import flushed_denormals
from anode.fields import VectorField
from anode.own_field import STACK, Own, OwnField
from anode.solve import compiled, fixed_steps, runge_kutta, torchdiffeq
from anode.solve.settings import SolverSettings
from anode.solve.solution import Solution
from anode.solve.tableaus import Method


@flushed_denormals()
def integrate(
    field: VectorField | Own, h0: Tensor, times: Tensor, settings: SolverSettings | None = None
) -> Solution:
    """Solve dh/dt = f(h, t) from ``h0`` at ``times[0]``, one problem for each replica.

    Args:
        field: R vector fields; or a function f(t, h), a module, or a list of R modules of yours, as
            for :class:`~anode.own_field.OwnField`.
        h0: Initial states, shape ``(R, B, *state_shape)``. For a single field they may be
            ``(B, *state_shape)``; the states of the solution then are ``(T, B, *state_shape)``.
        times: Output times, shape ``(T,)``, strictly increasing or decreasing, T >= 2.
        settings: Method, tolerances, gradient, and engine; the paper's if left out.

    Returns:
        The states at ``times``, the cost, and how each replica's solve ended.

    On a CPU, denormal numbers count as zero meanwhile, and on a way back that is not torch's own:
    see ``anode.denormals``. On CUDA this turns TF32 off, and leaves it off: see
    :func:`keep_precision`.

    Raises:
        ValueError: If shapes, dtype or device of the arguments do not fit together, torch's
            autocast is on, the field's slopes are not like the state, or they depend on tensors
            that require gradients and are none of its weights.
    """
    settings = SolverSettings() if settings is None else settings
    given = ((h0, Tensor), (times, Tensor), (settings, SolverSettings))
    for name, (value, kind) in zip(("h0", "times", "settings"), given, strict=True):
        if not isinstance(value, kind):
            raise TypeError(f"{name} must be a {kind.__name__}, got {value!r}")
    if not isinstance(field, VectorField):
        field = OwnField(field, h0.shape[2 if isinstance(field, STACK) else 1 :])
    plain = field.replicas == 1 and h0.dim() == 1 + len(field.state_shape)
    if plain:
        h0 = h0[None]
    _check_problem(field, h0, times)
    keep_precision(h0.device)
    if not h0.numel():  # an empty batch: any method will do
        length = abs(float(times.detach()[-1] - times.detach()[0]))
        settings = SolverSettings(method=Method.EULER, step_size=length)
    if not settings.stacked:
        solver = torchdiffeq.solve
    elif not settings.method.adaptive:
        solver = fixed_steps.solve
    else:
        solver = (compiled if compiled.suits(field, h0, settings) else runge_kutta).solve
    solution = solver(field, h0, times.detach(), settings)
    for r in solution.failures:
        bad = (~h0[r].isfinite()).flatten(1).any(1).nonzero()
        if len(bad):
            solution.failures[r] = replace(solution.failures[r], sample=int(bad[0]))
    return replace(solution, states=solution.states[:, 0]) if plain else solution


def keep_precision(device: torch.device) -> None:
    """Make a GPU evaluate fields in the precision of their weights.

    Torch lets convolutions in single precision round their inputs to TF32, with 10 bits of mantissa
    and not 23. The solver takes that rounding for its own error: it would make smaller steps, which
    do not help, and NFE would depend on the device. Gradients are computed after :func:`integrate`
    has returned, in torch's threads, so this is a setting of the process.
    """
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False


def _check_problem(field: VectorField, h0: Tensor, times: Tensor) -> None:
    own = getattr(field.forward, "__func__", None) is not VectorField.forward
    if own or field._forward_hooks or field._forward_pre_hooks or field._backward_hooks:
        raise ValueError(
            f"{type(field).__name__} has a forward or hooks of its own, which solvers do not call; "
            "override evaluate(weights, t, h), or remove the hooks"
        )
    expected = (field.replicas, *field.state_shape)
    if h0.dim() != len(field.state_shape) + 2 or (h0.shape[0], *h0.shape[2:]) != expected:
        want = ", ".join(map(str, (field.replicas, "B", *field.state_shape)))
        raise ValueError(f"h0 must have shape ({want}), got {tuple(h0.shape)}")
    if times.dim() != 1 or len(times) < 2 or not times.is_floating_point():
        raise ValueError(
            f"times must be one-dimensional floating point with at least 2 entries, got "
            f"{times.dtype} of shape {tuple(times.shape)}"
        )
    if times.requires_grad and torch.is_grad_enabled():
        raise ValueError(
            "times must not require gradients: scale the field instead, dh/ds = T f(h, T s) for s "
            "from 0 to 1, with a parameter T"
        )
    gaps, most = times.detach().diff(), torch.inf
    up, down = (gaps > 0) & (gaps < most), (gaps < 0) & (gaps > -most)
    if not bool(up.all() or down.all()):
        raise ValueError(
            f"times must be finite and strictly increase or decrease, got {times.tolist()}"
        )
    if h0.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"h0 is {h0.dtype}, a precision that is not supported: it cannot hold the errors by "
            "which steps are chosen; convert to torch.float32 or torch.float64"
        )
    for weight in field.weights:
        if (h0.dtype, h0.device) != (weight.dtype, weight.device):
            raise ValueError(
                f"h0 is {h0.dtype} on {h0.device}, the field's weights are {weight.dtype} on "
                f"{weight.device}; move one to the other"
            )
    if torch.is_autocast_enabled(h0.device.type):
        raise ValueError(
            f"torch.autocast is on for {h0.device.type}: fields would be evaluated in half "
            f"precision, whose rounding the solver takes for its own error; leave it or turn it "
            f"off around the model"
        )
