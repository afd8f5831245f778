"""Adam for a stack of replicas, each with a learning rate and a weight decay of its own."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

_ALIGNED = 16
"""Weights begin at multiples of this many numbers, so that all replicas' lie alike in memory."""


class StackedAdam:
    """Adam (Kingma and Ba 2015), replica by replica what :class:`torch.optim.Adam` does.

    While it is in use all weights lie in one tensor ``(R, P)``, so that an update is a few
    operations, whatever the number of layers; :meth:`release` gives the parameters their own memory
    back.

    Args:
        parameters: each of shape ``(R, ...)``.
        learning_rate, weight_decay: one a replica; the decay is added to the gradient (L2).
        betas, eps: Adam's.
    """

    STATE = ("weights", "mean", "square", "active")

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        learning_rate: Sequence[float],
        weight_decay: Sequence[float],
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.parameters, self.betas, self.eps = list(parameters), betas, eps
        first = self.parameters[0]
        self.sizes = [p[0].numel() for p in self.parameters]
        self.padded = [-(-size // _ALIGNED) * _ALIGNED for size in self.sizes]
        self.weights = first.new_zeros(len(first), sum(self.padded))
        self.gradient = torch.zeros_like(self.weights)
        for parameter, part in zip(self.parameters, self._parts(self.weights), strict=True):
            part.copy_(parameter.detach().reshape(part.shape))
            parameter.data = part.view_as(parameter)
        self.mean, self.square = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        self.learning_rate = first.new_tensor(learning_rate)[:, None]  # (R, 1)
        self.decay = first.new_tensor(weight_decay)[:, None] if any(weight_decay) else None
        self.active = torch.ones_like(self.learning_rate, dtype=torch.bool)
        self.all_active = True
        self.steps = 0

    def _parts(self, flat: Tensor) -> list[Tensor]:
        """The parameters' parts of ``(R, P)``, each ``(R, size)``."""
        parts = flat.split(self.padded, dim=1)
        return [part[:, :size] for part, size in zip(parts, self.sizes, strict=True)]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def gather(self) -> Tensor:
        """The gradients of all weights as one tensor ``(R, P)``; zero where there is none."""
        for parameter, part in zip(self.parameters, self._parts(self.gradient), strict=True):
            if parameter.grad is None:
                part.zero_()
            else:
                part.copy_(parameter.grad.reshape(part.shape))
        return self.gradient

    def hold(self, replicas: Sequence[int]) -> None:
        """Update these replicas no more."""
        self.active[list(replicas)] = False
        self.all_active = False

    @torch.no_grad()
    def step(self) -> None:
        """One update, from the gradients that were gathered last."""
        self.steps += 1
        g = self.gradient
        if self.decay is not None:
            g = torch.addcmul(g, self.weights, self.decay)
        rate = self.learning_rate
        if not self.all_active:
            g = torch.where(self.active, g, 0.0)
            rate = torch.where(self.active, rate, 0.0)
        first, second = self.betas
        self.mean.lerp_(g, 1 - first)
        self.square.mul_(second).addcmul_(g, g, value=1 - second)
        size = self.square.sqrt().div_((1 - second**self.steps) ** 0.5).add_(self.eps)
        self.weights.addcmul_(self.mean / size, rate, value=-1 / (1 - first**self.steps))

    def state(self) -> dict[str, Tensor]:
        """All that the next update depends on, :attr:`steps` and the gradient aside."""
        return {name: getattr(self, name) for name in self.STATE}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor], steps: int) -> None:
        """Go on from there, with these weights."""
        for name in self.STATE:
            getattr(self, name).copy_(state[name])
        self.steps, self.all_active = steps, bool(self.active.all())

    def release(self) -> None:
        """Give each parameter memory of its own again."""
        for parameter in self.parameters:
            parameter.data = parameter.data.clone()
