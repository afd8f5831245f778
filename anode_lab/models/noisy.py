"""A Neural ODE with noise: a stochastic differential equation."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from anode.checks import check_positive, number
from anode.fields import MLPField
from anode.models.base import Model, ModelOutput, point_dim
from anode.seeding import Stream, generator


class NoisyNeuralODE(Model):
    """dX = f(X, t) dt + nu dW, X(0) = x, solved by the Euler-Maruyama method.

    Each sample has its own path W. A prediction is the mean of the outputs over several paths: one
    path in training, and as many as the attribute ``paths`` says in a test. The noise continues
    from one prediction to the next, so it is determined by the seeds and by the predictions before.

    Args:
        input_shape: Shape of one input, ``(d,)``.
        outputs, hidden, seeds: As for a Neural ODE.
        noise: Strength nu of the noise, 0 or more.
        steps: Number of steps of the method, each of size 1 / steps.

    Raises:
        ValueError: If a size or the noise is out of range.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        outputs: int | None = 1,
        *,
        noise: float = 0.1,
        hidden: int = 32,
        steps: int = 20,
        seeds: Iterable[int] = (0,),
    ) -> None:
        dim = point_dim(input_shape)
        check_positive(steps=steps)
        super().__init__(input_shape, input_shape, outputs, seeds)
        self.field = MLPField(dim, hidden=hidden, seeds=self.seeds)
        self.noise = number("noise", noise, least=0)
        self.steps = steps
        self.paths = 1
        self._rngs = [generator(seed, Stream.NOISE) for seed in self.seeds]

    def run(self, x: Tensor) -> ModelOutput:
        x = self._stack(x)
        batch = x.shape[1]
        h = x.repeat(1, self.paths, 1)  # (R, paths * B, d)
        size = 1 / self.steps
        scale = self.noise * math.sqrt(size)
        for step in range(self.steps):
            h = h + size * self.field(h.new_tensor(step * size), h)
            if self.noise:
                h = h + scale * normal(self._rngs, h.shape[1:], h)
        prediction = self._predict(h).unflatten(1, (self.paths, batch)).mean(1)
        nfe = torch.full((self.replicas,), self.steps)
        return ModelOutput(prediction, h.unflatten(1, (self.paths, batch))[:, 0], nfe)


def normal(rngs: Sequence[torch.Generator], shape: Sequence[int], like: Tensor) -> Tensor:
    """Normal numbers ``(R, *shape)``, one generator for each replica, of the type of ``like``."""
    return torch.stack([torch.randn(tuple(shape), generator=rng) for rng in rngs]).to(like)
