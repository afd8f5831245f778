"""The evaluations of one Runge-Kutta step, and the way back through them.

A solver asks for the slope at one state after the other (:meth:`Stages.evaluate`). For gradients
it goes through them in reverse: :meth:`Stages.pull_back` turns the gradient of a slope into that of
its state, and adds to sums that become the gradients of the weights at the end of the way.

Within a solve a state lies flat, N numbers a problem.
"""

import torch
from torch import Tensor

from anode.fields import VectorField
from anode.solve.solver import Weights


class Stages:
    """Evaluations of n vector fields, each at a time of its own, with a graph for each.

    Args:
        field: the field.
        weights: of n of its replicas, without a graph.
        times: of the evaluations, ``(count, n)``.
        slopes: where their values are written, ``(count, n, N)``.
        record: whether there will be a way back.
    """

    def __init__(
        self,
        field: VectorField,
        weights: Weights,
        times: Tensor,
        slopes: Tensor,
        record: bool,
    ) -> None:
        self.field, self.record = field, record
        self.leaves = tuple(w.detach().requires_grad_(record) for w in weights)
        self.times, self.slopes = times, slopes
        self.graphs: dict[int, tuple[Tensor, Tensor]] = {}

    def evaluate(self, i: int, state: Tensor) -> None:
        """Write the slopes at a state of N numbers a problem and at the i-th time."""
        h = self.field.unflatten(state).detach().requires_grad_(self.record)
        with torch.set_grad_enabled(self.record):
            value = self.field.evaluate(self.leaves, self.times[i], h)
        if self.record:
            self.graphs[i] = h, value
        self.slopes[i] = self.field.flatten(value.detach())

    def pull_back(self, i: int, gradient: Tensor, out: Tensor, sums: list[Tensor]) -> None:
        """Write the gradient of the i-th state to ``out (n, N)``, from that of its slope.

        Args:
            sums: of the weights' gradients, or rows of it for the n problems; added to in place.
        """
        h, value = self.graphs[i]
        found = torch.autograd.grad(
            value,
            (h, *self.leaves),
            self.field.unflatten(gradient),
            retain_graph=True,  # the caller may go back through its solve more than once
            allow_unused=True,
            materialize_grads=True,
        )
        for total, part in zip(sums, found[1:], strict=True):
            total += part
        out.copy_(self.field.flatten(found[0]))
