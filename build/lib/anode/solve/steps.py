"""The steps that a solve took, and the way back through them."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from anode.solve.stages import Stages


@dataclass
class Output:
    """Where problems of a step were interpolated.

    Attributes:
        index: of the output time.
        weights: of the slopes, ``(n, 7)``.
        which: of the problems, ``(n, 1)``.
    """

    index: int
    weights: Tensor
    which: Tensor


@dataclass
class Step:
    """A step that problems accepted, for the way back.

    Attributes:
        stages: its six evaluations.
        problems: which of the R take part, ``(n,)``; None is all.
        weights: of slope j in state i, ``(n, 7, 7)``, transposed.
        accepted: by which of them, ``(n, 1)``; None is all.
        outputs: made in it.
    """

    stages: Stages
    problems: Tensor | None
    weights: Tensor
    accepted: Tensor | None
    outputs: list[Output] = field(default_factory=list)


def pull_back(
    step: Step, gradient: Tensor, gy: Tensor, gf: Tensor, sums: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """From the gradients ``(R, N)`` of a step's end, state and slope, to those of its start.

    Args:
        gradient: of the states at the output times, ``(T, R, N)``.
        sums: of the weights, ``(R, ...)`` each, added to in place.
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
    owed = None  # by the outputs to each slope, (7, n, N)
    for output in step.outputs:
        g = gradient[output.index] if problems is None else gradient[output.index, problems]
        g = torch.where(output.which, g, 0.0)
        start_y += g
        share = output.weights.T[:, :, None] * g
        owed = share if owed is None else owed + share
    states = torch.empty(6, *end_y.shape, dtype=end_y.dtype, device=end_y.device)
    g = end_f if owed is None else end_f + owed[6]
    for i in reversed(range(6)):
        step.stages.pull_back(i, g, states[i], parts)
        if i == 5:
            states[5] += end_y
        if accepted is not None:
            states[i] = torch.where(accepted, states[i], 0.0)
        # Slope i went into the states after it, and the outputs.
        g = combine(None if owed is None else owed[i], step.weights[:, i, i:6], states[i:])
    start_f += g
    start_y = combine(start_y, torch.ones_like(step.weights[:, 0, :6]), states)
    if accepted is not None:
        for part, old in zip(parts, before, strict=True):
            # A rejected step may have gone to infinity, so what it adds is not always zero.
            part.copy_(torch.where(_like(accepted, part), part, old))
    if problems is None:
        sums[:] = parts
        return start_y, start_f
    for total, part in zip(sums, parts, strict=True):
        total.index_copy_(0, problems, part)
    return gy.index_copy(0, problems, start_y), gf.index_copy(0, problems, start_f)


def _like(flags: Tensor, x: Tensor) -> Tensor:
    """Flags ``(n, 1)`` with as many axes as ``x (n, ...)``."""
    return flags.view(-1, *[1] * (x.dim() - 1))


def combine(y: Tensor | None, weights: Tensor, slopes: Tensor) -> Tensor:
    """y + sum_j weights_j slopes_j: ``(n, N)`` from ``(n, N)``, ``(n, j)`` and ``(j, n, N)``."""
    rows, stacked = weights.unsqueeze(1), slopes.transpose(0, 1)
    if y is None:
        return torch.bmm(rows, stacked).squeeze(1)
    return torch.baddbmm(y.unsqueeze(1), rows, stacked).squeeze(1)
