"""Adam for a stack of replicas, each with its own learning rate and weight decay."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

BETAS, EPS = (0.9, 0.999), 1e-8
"""Decay rates of the two moments, and the constant in the denominator: Adam's usual ones."""
_ALIGNED = 16
"""The weights of each parameter begin at a multiple of this many numbers, in every replica."""


class StackedAdam:
    """Adam (Kingma and Ba 2015): for each replica the updates of :class:`torch.optim.Adam`.

    While it is in use all weights lie in one tensor ``(R, P)``, so that an update takes a few
    operations for any number of layers. :meth:`release` gives each parameter its own memory again.

    Args:
        parameters: Parameters, each of shape ``(R, ...)``, or of any shape for a single replica.
            Those that require no gradient are left alone.
        learning_rate: Learning rate of each replica.
        weight_decay: Weight decay of each replica, added to the gradient (L2).

    Raises:
        ValueError: If no parameter requires a gradient.
    """

    STATE = ("weights", "mean", "square", "active")

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        learning_rate: Sequence[float],
        weight_decay: Sequence[float],
    ) -> None:
        self.parameters = [each for each in parameters if each.requires_grad]
        if not self.parameters:
            raise ValueError("the model has no parameters that require gradients: nothing to train")
        first, replicas = self.parameters[0], len(learning_rate)
        self.sizes = [p.numel() // replicas for p in self.parameters]
        self.padded = [-(-size // _ALIGNED) * _ALIGNED for size in self.sizes]
        self.weights, self.gradient, self.mean, self.square = (
            first.new_zeros(replicas, sum(self.padded)) for _ in range(4)
        )
        for parameter, part in zip(self.parameters, self._parts(self.weights), strict=True):
            part.copy_(parameter.detach().reshape(part.shape))
            parameter.data = part.view_as(parameter)
        self.learning_rate = first.new_tensor(learning_rate)[:, None]  # (R, 1)
        self.decay = first.new_tensor(weight_decay)[:, None] if any(weight_decay) else None
        self.active = torch.ones_like(self.learning_rate, dtype=torch.bool)
        self.all_active = True
        self.steps = 0

    def _parts(self, flat: Tensor) -> list[Tensor]:
        """The part of each parameter in a tensor ``(R, P)``, each ``(R, size)``."""
        parts = flat.split(self.padded, dim=1)
        return [part[:, :size] for part, size in zip(parts, self.sizes, strict=True)]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def gather(self) -> Tensor:
        """The gradients of all weights as one tensor ``(R, P)``; zero where there is none."""
        for parameter, part in zip(self.parameters, self._parts(self.gradient), strict=True):
            grad = parameter.grad
            part.copy_(torch.zeros_like(part) if grad is None else grad.reshape(part.shape))
        return self.gradient

    def hold(self, replicas: Sequence[int]) -> None:
        """Stop updating these replicas."""
        self.active[list(replicas)] = False
        self.all_active = False

    @torch.no_grad()
    def step(self) -> None:
        """Update the weights with the gradients that were gathered last."""
        self.steps += 1
        g = self.gradient
        if self.decay is not None:
            g = torch.addcmul(g, self.weights, self.decay)
        rate = self.learning_rate
        if not self.all_active:
            g = torch.where(self.active, g, 0.0)
            rate = torch.where(self.active, rate, 0.0)
        first, second = BETAS
        self.mean.lerp_(g, 1 - first)
        self.square.mul_(second).addcmul_(g, g, value=1 - second)
        size = self.square.sqrt().div_((1 - second**self.steps) ** 0.5).add_(EPS)
        self.weights.addcmul_(self.mean / size, rate, value=-1 / (1 - first**self.steps))

    def state(self) -> dict[str, Tensor]:
        """All that the next update depends on except :attr:`steps` and the gradient."""
        return {name: getattr(self, name) for name in self.STATE}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor], steps: int) -> None:
        """Continue from a :meth:`state`, with its weights."""
        for name in self.STATE:
            getattr(self, name).copy_(state[name])
        self.steps, self.all_active = steps, bool(self.active.all())

    def release(self) -> None:
        """Give each parameter its own memory again."""
        for parameter in self.parameters:
            parameter.data = parameter.data.clone()
