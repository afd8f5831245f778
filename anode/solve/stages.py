"""The evaluations of one Runge-Kutta step, and the way back through them.

A solver asks for the slope at one state after the other (:meth:`Stages.evaluate`). For gradients
it goes through them in reverse: :meth:`Stages.pull_back` turns the gradient of a slope into that of
its state, and adds to sums that become the gradients of the weights at the end of the way.

Within a solve a state lies flat, N numbers a problem.
"""

from torch import Tensor

from anode.fields import PullBack, VectorField
from anode.solve.solver import Weights


class Stages:
    """Evaluations of n vector fields, each at a time of its own.

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
        self.field, self.weights, self.record = field, weights, record
        self.times, self.slopes = times, slopes
        self.ways_back: dict[int, PullBack] = {}

    def evaluate(self, i: int, state: Tensor) -> None:
        """Write the slopes at a state of N numbers a problem and at the i-th time."""
        h = self.field.unflatten(state)
        if self.record:
            value, self.ways_back[i] = self.field.trace(self.weights, self.times[i], h)
        else:
            value = self.field.evaluate(self.weights, self.times[i], h)
        self.slopes[i] = self.field.flatten(value)

    def pull_back(self, i: int, gradient: Tensor, out: Tensor, sums: list[Tensor]) -> None:
        """Write the gradient of the i-th state to ``out (n, N)``, from that of its slope.

        Args:
            sums: of the weights' gradients, or rows of it for the n problems; added to in place.
        """
        # The caller may go back through its solve more than once.
        of_state, of_weights = self.ways_back[i](self.field.unflatten(gradient))
        for total, part in zip(sums, of_weights, strict=True):
            total += part
        out.copy_(self.field.flatten(of_state))
