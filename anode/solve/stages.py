"""The evaluations of one Runge-Kutta step, and the way back through them.

A solver asks for the slope at one state after the other (:meth:`Stages.evaluate`). For gradients
it goes through them in reverse: :meth:`Stages.pull_back` turns the gradient of a slope into that of
its state, and adds to sums that become the gradients of the weights at the end of the way.

Networks this small cost more in bookkeeping than in arithmetic. So the field of the toy experiments
has its derivative written out here, which needs no graph. Every other field is differentiated by
autograd.

Within a solve a state lies flat, N numbers a problem, in the order that suits the field:
:meth:`Stages.pack` and :meth:`Stages.unpack` translate.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from anode.fields import Activation, MLPField, VectorField

Weights = tuple[Tensor, ...]


class Stages(ABC):
    """Evaluations of n vector fields, each at a time of its own.

    Args:
        field: the field.
        weights: of n of its replicas, without a graph.
        shape: of a state of each, ``(B, *state_shape)``.
        times: of the evaluations, ``(count, n)``.
        slopes: where their values are written, ``(count, n, N)``.
        record: whether there will be a way back.
    """

    def __init__(
        self,
        field: VectorField,
        weights: Weights,
        shape: torch.Size,
        times: Tensor,
        slopes: Tensor,
        record: bool,
    ) -> None:
        self.field, self.shape, self.record = field, shape, record

    @staticmethod
    def pack(h: Tensor, shape: torch.Size) -> Tensor:
        """States ``(..., n, B, *state_shape)`` as ``(..., n, N)``."""
        return h.flatten(-len(shape))

    @staticmethod
    def unpack(flat: Tensor, shape: torch.Size) -> Tensor:
        """The inverse of :meth:`pack`."""
        return flat.view(*flat.shape[:-1], *shape)

    @abstractmethod
    def evaluate(self, i: int, state: Tensor) -> None:
        """Write the slopes at a state of N numbers a problem and at the i-th time."""

    @abstractmethod
    def pull_back(self, i: int, gradient: Tensor, out: Tensor, sums: list[Tensor]) -> None:
        """Write the gradient of the i-th state to ``out (n, N)``, from that of its slope.

        Args:
            sums: made by :meth:`zero_sums`, or rows of it for the n problems; added to in place.
        """

    @staticmethod
    def zero_sums(weights: Weights, shape: torch.Size) -> list[Tensor]:
        """What the way back adds up, each ``(R, ...)``."""
        return [torch.zeros_like(w) for w in weights]

    @staticmethod
    def weight_gradients(sums: list[Tensor]) -> list[Tensor]:
        """The gradients of the weights when the way back is done."""
        return sums


def kind_of_stages(field: VectorField) -> type[Stages]:
    """The stages that suit the field; a subclass of a field may evaluate something else."""
    return MLPStages if type(field) is MLPField else AutogradStages


class AutogradStages(Stages):
    """Any field, differentiated by autograd, with a graph for each evaluation."""

    def __init__(
        self,
        field: VectorField,
        weights: Weights,
        shape: torch.Size,
        times: Tensor,
        slopes: Tensor,
        record: bool,
    ) -> None:
        super().__init__(field, weights, shape, times, slopes, record)
        self.leaves = tuple(w.detach().requires_grad_(record) for w in weights)
        self.times, self.slopes = times, slopes
        self.graphs: dict[int, tuple[Tensor, Tensor]] = {}

    def evaluate(self, i: int, state: Tensor) -> None:
        h = state.view(-1, *self.shape).detach().requires_grad_(self.record)
        with torch.set_grad_enabled(self.record):
            value = self.field.evaluate(self.leaves, self.times[i], h)
        if self.record:
            self.graphs[i] = h, value
        self.slopes[i] = value.detach().flatten(1)

    def pull_back(self, i: int, gradient: Tensor, out: Tensor, sums: list[Tensor]) -> None:
        h, value = self.graphs[i]
        found = torch.autograd.grad(
            value,
            (h, *self.leaves),
            gradient.view(value.shape),
            retain_graph=True,  # the caller may go back through its solve more than once
            allow_unused=True,
            materialize_grads=True,
        )
        for total, part in zip(sums, found[1:], strict=True):
            total += part
        out.copy_(found[0].flatten(1))


class MLPStages(Stages):
    """The field of :class:`~anode.fields.MLPField`.

    Samples lie along the last axis here: the batch is long and the dimension short, and products
    with the long side last take a fifth of the time. Their number is rounded up to a multiple of
    eight, with zeros: then a product's last bit does not depend on how many problems are solved
    together (for widths of the hidden layers that are multiples of eight too).
    """

    def __init__(
        self,
        field: MLPField,
        weights: Weights,
        shape: torch.Size,
        times: Tensor,
        slopes: Tensor,
        record: bool,
    ) -> None:
        super().__init__(field, weights, shape, times, slopes, record)
        self.relu = field.activation is Activation.RELU
        batch, dim = shape
        self.columns = (-1, dim, batch)
        self.added = -batch % 8  # columns
        self.w1, b1, self.w2, b2, self.w3, b3, *time = weights  # (n, inputs, outputs)
        self.m1, self.m2, self.m3 = self.w1.mT, self.w2.mT, self.w3.mT
        self.b2, self.b3 = b2.mT, b3.mT  # (n, outputs, 1)
        self.b1: Sequence[Tensor] = [b1.mT] * len(times)
        if time:
            self.times = times[:, :, None, None]
            self.b1 = torch.addcmul(b1.mT, time[0].mT, self.times).unbind()
        self.slopes = slopes.view(len(times), *self.columns).unbind()
        self.values: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    @staticmethod
    def pack(h: Tensor, shape: torch.Size) -> Tensor:
        return h.mT.flatten(-2)

    @staticmethod
    def unpack(flat: Tensor, shape: torch.Size) -> Tensor:
        batch, dim = shape
        return flat.view(*flat.shape[:-1], dim, batch).mT

    def evaluate(self, i: int, state: Tensor) -> None:
        h = self._columns(state)
        z1 = self._activate(torch.baddbmm(self.b1[i], self.m1, h))  # (n, hidden, B)
        z2 = self._activate(torch.baddbmm(self.b2, self.m2, z1))
        if self.added:
            value = torch.baddbmm(self.b3, self.m3, z2)
            self.slopes[i].copy_(value[..., : -self.added])
        else:
            torch.baddbmm(self.b3, self.m3, z2, out=self.slopes[i])
        if self.record:
            self.values[i] = h, z1, z2

    def pull_back(self, i: int, gradient: Tensor, out: Tensor, sums: list[Tensor]) -> None:
        h, z1, z2 = self.values[i]
        w1, b1, w2, b2, w3, b3, *time = sums
        g3 = self._columns(gradient)
        g2 = self._deactivate(torch.bmm(self.w3, g3), z2)
        g1 = self._deactivate(torch.bmm(self.w2, g2), z1)
        w3.baddbmm_(z2, g3.mT)
        w2.baddbmm_(z1, g2.mT)
        w1.baddbmm_(h, g1.mT)
        b3 += g3.sum(2, keepdim=True)
        b2 += g2.sum(2, keepdim=True)
        shift = g1.sum(2, keepdim=True)
        b1 += shift
        if time:
            time[0].addcmul_(shift, self.times[i])
        if self.added:
            out.view(self.columns).copy_(torch.bmm(self.w1, g1)[..., : -self.added])
        else:
            torch.bmm(self.w1, g1, out=out.view(self.columns))

    @staticmethod
    def zero_sums(weights: Weights, shape: torch.Size) -> list[Tensor]:
        w1, b1, w2, b2, w3, b3, *time = (torch.zeros_like(w) for w in weights)
        b1, b2, b3, *time = (b.mT for b in (b1, b2, b3, *time))
        return [w1, b1, w2, b2, w3, b3, *time]

    @staticmethod
    def weight_gradients(sums: list[Tensor]) -> list[Tensor]:
        w1, b1, w2, b2, w3, b3, *time = sums
        b1, b2, b3, *time = (b.mT for b in (b1, b2, b3, *time))
        return [w1, b1, w2, b2, w3, b3, *time]

    def _columns(self, flat: Tensor) -> Tensor:
        """N numbers a problem as ``(n, dim, B rounded up)``."""
        h = flat.view(self.columns)
        return F.pad(h, (0, self.added)) if self.added else h

    def _activate(self, z: Tensor) -> Tensor:
        return z.relu_() if self.relu else F.softplus(z)

    def _deactivate(self, gradient: Tensor, z: Tensor) -> Tensor:
        """Times the activation's derivative, which its value ``z`` tells."""
        if self.relu:
            return _threshold_backward(gradient, z, 0.0, grad_input=gradient)
        return gradient.mul_(-torch.expm1(-z))


_threshold_backward = torch.ops.aten.threshold_backward.grad_input
"""Like ``gradient * (z > 0)`` in a seventh of the time."""
