"""Memory of a training step, and how it grows with the number of function evaluations (NFE).

Gradients through the solver's steps keep every evaluation until the backward pass. The adjoint
method keeps the end state alone and solves backwards (Chen et al. 2018, section 2). Both are
measured; no formula is used.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.autograd.profiler import profile

from anode.models import Model, NeuralODE
from anode.solve import Gradient, compiled
from anode.training import Loss

ALLOCATION = "[memory]"
"""Name of an allocation in torch's profiler; its bytes are negative when memory is given back."""

LOG_LEVEL = "KINETO_LOG_LEVEL"


@dataclass(frozen=True)
class StepMemory:
    """Cost of one forward and backward pass of all replicas.

    Attributes:
        nfe: Evaluations of the forward solves, summed over the replicas.
        backward_nfe: Evaluations of the adjoint's backward solves, likewise; 0 without adjoint.
        bytes: Peak of the allocated memory, beyond what was allocated before the step.
    """

    nfe: int
    backward_nfe: int
    bytes: int


def peak(model: Model, x: Tensor, y: Tensor, loss: Loss = Loss.CROSS_ENTROPY) -> StepMemory:
    """Measure the memory of one training step up to its gradients, which are then dropped.

    On CUDA it is what torch's caching allocator counts. On a CPU every allocation of a tensor is
    followed, including those of the backward pass and of the solver, so that the number is exact
    and the same each time.

    Args:
        model: R replicas, whose weights and ``grad`` are left as they are.
        x: Inputs, shape ``(R or 1, B, *input_shape)``.
        y: Targets: classes ``(R, B)`` or values ``(R, B, outputs)``.
        loss: Loss that is differentiated, summed over the replicas.

    Raises:
        ValueError: If the compiled solver of the toy experiments would take over, whose memory is
            numpy's, or if a solve fails, forwards or backwards.
    """
    _refuse_compiled(model, x)
    nfe, backward_nfe = 0, 0

    def step() -> None:
        nonlocal nfe, backward_nfe
        output = model.run(x)
        total = loss(output.prediction, y).sum()
        gradients = torch.autograd.grad(total, list(model.parameters()), allow_unused=True)
        del gradients
        failures = output.failures | output.backward_failures()
        if failures:
            raise ValueError(f"the model's solve failed, so its memory says nothing: {failures}")
        nfe, backward_nfe = int(output.nfe.sum()), int(output.backward_nfe().sum())

    measure = _peak_on_cuda if x.device.type == "cuda" else _peak_on_cpu
    size = measure(step, x.device)
    return StepMemory(nfe, backward_nfe, size)


def against_nfe(
    model: NeuralODE,
    x: Tensor,
    y: Tensor,
    tolerances: Sequence[float],
    loss: Loss = Loss.CROSS_ENTROPY,
) -> dict[Gradient, list[StepMemory]]:
    """Measure the memory of the same model's step at several NFE, for each kind of gradient.

    Args:
        model: Model; its solver's tolerances and gradient are varied, and set back at the end.
        x: Inputs, as for :func:`peak`.
        y: Targets, likewise.
        tolerances: Values of rtol = atol; tighter ones need more evaluations.
        loss: Loss, as for :func:`peak`.

    Returns:
        For each kind of gradient one measurement for each tolerance, in their order.

    Raises:
        ValueError: As for :func:`peak`, or if there is no tolerance or one is not positive.
    """
    if not tolerances:
        raise ValueError("tolerances must be one or more positive numbers, got none")
    solver = model.solver
    found: dict[Gradient, list[StepMemory]] = {}
    try:
        for gradient in Gradient:
            engine = solver.engine if gradient is Gradient.DIRECT else None
            found[gradient] = []
            for tolerance in tolerances:
                model.solver = replace(
                    solver, rtol=tolerance, atol=tolerance, gradient=gradient, engine=engine
                )
                found[gradient].append(peak(model, x, y, loss))
    finally:
        model.solver = solver
    return found


def _refuse_compiled(model: Model, x: Tensor) -> None:
    if isinstance(model, NeuralODE) and compiled.suits(model.field, x, model.solver):
        raise ValueError(
            "this model is solved by anode.solve.compiled, whose memory is not torch's; measure it "
            "with SolverSettings(engine=Engine.TORCHDIFFEQ) or on CUDA"
        )


def _peak_on_cuda(step: Callable[[], None], device: torch.device) -> int:
    step()  # the first one leaves the libraries' own workspaces behind
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    step()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's profiler from writing to the error stream when it starts."""
    before = os.environ.get(LOG_LEVEL)
    os.environ.setdefault(LOG_LEVEL, "6")  # above errors, of which a missing GPU is one
    try:
        yield
    finally:
        if before is None:
            del os.environ[LOG_LEVEL]


def _peak_on_cpu(step: Callable[[], None], device: torch.device) -> int:
    with _quiet(), profile(profile_memory=True) as events:
        step()
    now = highest = 0
    for event in events.kineto_results.events():
        if event.name() == ALLOCATION:
            now += event.nbytes()
            highest = max(highest, now)
    return highest
