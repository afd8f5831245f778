"""The way back through the steps that a solve took.

Within a solve a state lies flat, N numbers a problem. Its gradient passes through the accepted
steps and not through the step control.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from anode.denormals import flushed_denormals
from anode.fields import PullBack, VectorField

Weights = tuple[Tensor, ...]


def attach(
    states: Tensor, pull_back: Callable[[Tensor], tuple[Tensor, ...]], inputs: Sequence[Tensor]
) -> Tensor:
    """``states`` as a function of ``inputs``, whose gradients ``pull_back`` gives for theirs."""
    attached: Tensor = _Attached.apply(states.detach(), pull_back, *inputs)
    return attached


class _Attached(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, pull_back: Callable[[Tensor], Any], *inputs: Tensor
    ) -> Tensor:
        ctx.pull_back = pull_back
        ctx.save_for_backward(*inputs)
        return states.view_as(states)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors  # torch raises here if one was changed in place
        with torch.no_grad(), flushed_denormals():
            found = ctx.pull_back(gradient.detach())
        if torch.is_grad_enabled():
            found = _Final.apply(len(found), *found, gradient, *inputs)
        return (None, None, *found)


class _Final(torch.autograd.Function):
    """The first tensors as functions of all, which cannot be differentiated."""

    @staticmethod
    def forward(ctx: Any, count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(tensor.clone() for tensor in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        raise RuntimeError(
            "this solver's steps are differentiated once; for second-order gradients choose "
            "direct gradients with Engine.TORCHDIFFEQ, or Method.RK4 with a step_size"
        )


class Output(NamedTuple):
    """Problems of a step that were interpolated at an output time."""

    time: int  # index of the output time
    weights: Tensor  # of the slopes, (n, s + 1)
    which: Tensor  # whether a problem takes part, (n, 1)


class Step(NamedTuple):
    """A step that some of n problems accepted."""

    ways_back: Sequence[PullBack]  # through the s stages
    weights: Tensor  # the tableau's matrix times dt, transposed, (n, s + 1, s + 2)
    solution: bool  # whether the end is the matrix's solution and not the last stage
    problems: Tensor | None  # indices of the n among the R, (n,); None if all take part
    accepted: Tensor | None  # whether a problem accepted the step, (n, 1); None if all did
    outputs: Sequence[Output]


@dataclass(frozen=True)
class SolveRecord:
    """What the backward pass needs of a solve of R problems."""

    field: VectorField
    weights: Weights  # of all problems
    start: PullBack  # through the evaluation at the start
    steps: Sequence[Step]
    failed: Sequence[int]  # indices of the problems that failed

    def pull_back(self, gradient: Tensor) -> tuple[Tensor, ...]:
        """Gradients of h0 and of the weights from that of the states, ``(T, R, B, ...)``.

        Those of failed problems are zero. May be called more than once.
        """
        by_time = self.field.flatten(gradient)  # (T, R, N)
        sums = [torch.zeros_like(w) for w in self.weights]
        gy, gf = torch.zeros_like(by_time[0]), torch.zeros_like(by_time[0])
        for step in reversed(self.steps):
            gy, gf = self._through(step, by_time, gy, gf, sums)
        start = self._of_state(self.start, gf, sums)
        start += gy + by_time[0]
        found = [start, *sums]
        if self.failed:  # infinite states would turn zero gradients to NaN
            failed = torch.tensor(self.failed, device=start.device)
            found = [g.index_fill(0, failed, 0.0) for g in found]
        return (self.field.unflatten(found[0]), *found[1:])

    def _of_state(self, way_back: PullBack, gradient: Tensor, sums: list[Tensor]) -> Tensor:
        """Gradient of a state from that of its slope ``(n, N)``; those of the weights are added."""
        of_state, of_weights = way_back(self.field.unflatten(gradient))
        for total, part in zip(sums, of_weights, strict=True):
            total += part
        return self.field.flatten(of_state)

    def _through(
        self, step: Step, gradient: Tensor, gy: Tensor, gf: Tensor, sums: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Gradients of the state and the slope at a step's start from ``gy, gf (R, N)`` at its end.

        ``gradient (T, R, N)`` is that of the states at the output times. Those of the weights are
        added to ``sums``, ``(R, ...)`` each.
        """
        problems, accepted = step.problems, step.accepted
        end_y, end_f = (gy, gf) if problems is None else (gy[problems], gf[problems])
        start_y, start_f = torch.zeros_like(end_y), torch.zeros_like(end_f)
        before = sums if problems is None else [total[problems] for total in sums]
        parts = before
        if accepted is not None:  # where the step was rejected, its end is its start
            start_y, start_f = torch.where(accepted, 0.0, end_y), torch.where(accepted, 0.0, end_f)
            end_y, end_f = torch.where(accepted, end_y, 0.0), torch.where(accepted, end_f, 0.0)
            parts = [part.clone() for part in before]
        owed: Tensor | None = None  # to each slope by outputs and solution, (s + 1, n, N)
        for output in step.outputs:
            g = gradient[output.time] if problems is None else gradient[output.time, problems]
            g = torch.where(output.which, g, 0.0)
            start_y += g
            owed = _plus(owed, output.weights, g)
        if step.solution:
            start_y += end_y
            owed = _plus(owed, step.weights[:, :, -2], end_y)
        count = len(step.ways_back)
        states = torch.empty(count, *end_y.shape, dtype=end_y.dtype, device=end_y.device)
        g = end_f if owed is None else end_f + owed[count]
        for i in reversed(range(count)):
            states[i] = self._of_state(step.ways_back[i], g, parts)
            if i == count - 1 and not step.solution:
                states[i] += end_y
            if accepted is not None:
                states[i] = torch.where(accepted, states[i], 0.0)
            # Slope i went into the states after it, the solution and the outputs.
            g = combine(None if owed is None else owed[i], step.weights[:, i, i:count], states[i:])
        start_f += g
        start_y = combine(start_y, torch.ones_like(step.weights[:, 0, :count]), states)
        if accepted is not None:
            for part, old in zip(parts, before, strict=True):
                # A rejected step may have gone to infinity, so what it adds is not always zero.
                kept = accepted.view(-1, *[1] * (part.dim() - 1))
                part.copy_(torch.where(kept, part, old))
        if problems is None:
            sums[:] = parts
            return start_y, start_f
        for total, part in zip(sums, parts, strict=True):
            total.index_copy_(0, problems, part)
        return gy.index_copy(0, problems, start_y), gf.index_copy(0, problems, start_f)


def _plus(owed: Tensor | None, weights: Tensor, g: Tensor) -> Tensor:
    """``owed (s + 1, n, N)``, None for zero, and the shares ``weights (n, s + 1)`` of ``g``."""
    share = weights.T[:, :, None] * g
    return share if owed is None else owed + share


def combine(y: Tensor | None, weights: Tensor, slopes: Tensor) -> Tensor:
    """y + sum_j weights_j slopes_j: ``(n, N)`` from ``(n, N)``, ``(n, j)`` and ``(j, n, N)``."""
    rows, stacked = weights.unsqueeze(1), slopes.transpose(0, 1)
    if y is None:
        return torch.bmm(rows, stacked).squeeze(1)
    return torch.baddbmm(y.unsqueeze(1), rows, stacked).squeeze(1)
