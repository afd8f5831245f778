"""Continuous normalising flows: densities from flows, with and without augmentation (section 6).

A flow from data to noise transports a density: d log p(z(t)) / dt = -tr df/dz (Chen et al. 2018).
Appending zeros would leave the data without a density, because (x, 0) has none. Appending
independent normal noise does not: the density of x is then bounded from below and estimated by
sampling.
"""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from anode.fields import Activation, MLPField, VectorField
from anode.models.base import Model, ModelOutput, point_dim
from anode.seeding import Stream, generator
from anode.solve import Solution, SolverSettings, integrate
from anode_lab.models.noisy import normal


class DensityField(VectorField):
    """(z, l)' = (f(z, t), tr df/dz), where f is a softplus MLP and the trace is exact.

    The trace of a ReLU field jumps, and an adaptive solver would take short steps at each jump.

    Args:
        dim: Dimension of z.
        hidden, seeds: As for the MLP f.
    """

    def __init__(self, dim: int, *, hidden: int = 32, seeds: Iterable[int] = (0,)) -> None:
        super().__init__((dim + 1,), seeds)
        self.dim = dim
        self.velocity = MLPField(
            dim, hidden=hidden, activation=Activation.SOFTPLUS, seeds=self.seeds
        )

    @property
    def weights(self) -> tuple[Tensor, ...]:
        return self.velocity.weights

    def evaluate(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        w1, b1, w2, b2, w3, b3, time = weights
        first = torch.baddbmm(b1 + time * t.view(-1, 1, 1), h[..., : self.dim], w1)
        second = torch.baddbmm(b2, softplus(first), w2)
        velocity = torch.baddbmm(b3, softplus(second), w3)
        # tr(W1 S1 W2 S2 W3) for diagonal S: the sum of s1_k (W2)_kl s2_l (W3 W1)_lk over k and l.
        middle = w2 * (w3 @ w1).mT  # (R, hidden, hidden)
        trace = ((first.sigmoid() @ middle) * second.sigmoid()).sum(-1, keepdim=True)
        return torch.cat([velocity, trace], dim=-1)


class NormalisingFlow(Model):
    """A density on R^d for each of R replicas, from a flow of (x, e) in R^(d+p) to a normal one.

    With p = 0 it is a continuous normalising flow. With p > 0, e is normal noise in p dimensions,
    drawn anew for every x, and :meth:`bound` is maximised in training. Its predictions are the
    values of the bound, and its features are where the flow takes (x, e).

    Args:
        input_shape: Shape of one input, ``(d,)``.
        outputs: None, because a density has no linear layer.
        augment_dim: Dimension p of the noise.
        hidden: Width of the field.
        seeds: Seed of the weights and of the noise of each replica.
        solver: Settings of the solver.

    Raises:
        ValueError: If a size is out of range, or ``outputs`` is not None.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        outputs: None = None,
        *,
        augment_dim: int = 0,
        hidden: int = 32,
        seeds: Iterable[int] = (0,),
        solver: SolverSettings | None = None,
    ) -> None:
        dim = point_dim(input_shape)
        if augment_dim < 0:
            raise ValueError(f"augment_dim must be 0 or more, got {augment_dim}")
        if outputs is not None:
            raise ValueError(f"outputs must be None, because a density has no head, got {outputs}")
        width = dim + augment_dim
        super().__init__(input_shape, (width,), outputs, seeds)
        self.dim, self.augment_dim = dim, augment_dim
        self.solver = solver or SolverSettings(rtol=1e-4, atol=1e-4)
        self.field = DensityField(width, hidden=hidden, seeds=self.seeds)
        self._rngs = [generator(seed, Stream.NOISE) for seed in self.seeds]

    def run(self, x: Tensor) -> ModelOutput:
        """The bound ``(R, B, 1)`` and the end of the flow ``(R, B, d + p)`` at ``x``."""
        bound, solution = self.bound(self._stack(x))
        features = solution.states[-1][..., :-1]
        return ModelOutput(bound[..., None], features, solution.nfe, solution)

    def joint(self, z: Tensor) -> tuple[Tensor, Solution]:
        """Log density of (x, e), shape ``(R, B)``, at ``z (R, B, d + p)``, and the solution."""
        solution = self._solve(z, 0.0, 1.0)
        end = solution.states[-1]
        return log_normal(end[..., :-1]) + end[..., -1], solution

    def bound(self, x: Tensor) -> tuple[Tensor, Solution]:
        """log p(x, e) - log q(e) for one noise e a sample, ``(R, B)``, at ``x (R, B, d)``.

        Its mean is at most log p(x). Without augmentation it is log p(x).
        """
        e = normal(self._rngs, (x.shape[1], self.augment_dim), x)
        density, solution = self.joint(torch.cat([x, e], dim=2))
        return density - log_normal(e), solution

    @torch.no_grad()
    def log_density(self, x: Tensor, samples: int = 64) -> Tensor:
        """log p(x), shape ``(R, B)``, at ``x (R, B, d)``; an estimate if there is augmentation.

        The estimate is the log of a mean over ``samples`` draws of the noise. Its expectation is at
        most log p(x) and rises with their number (Burda, Grosse and Salakhutdinov 2016).
        """
        if self.augment_dim == 0:
            return self.bound(x)[0]
        found = torch.stack([self.bound(x)[0] for _ in range(samples)])
        return found.logsumexp(0) - math.log(samples)

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        """Points drawn from the density of each replica, ``(R, count, d)``."""
        z = normal(self._rngs, (count, self.dim + self.augment_dim), self.field.weights[0])
        return self._solve(z, 1.0, 0.0).states[-1][..., : self.dim]

    def fit(
        self,
        x: Tensor,
        *,
        steps: int,
        batch_size: int = 256,
        learning_rate: float = 0.02,
        progress: bool = False,
    ) -> Tensor:
        """Maximise the bound by Adam, with a learning rate that falls to 0 along a cosine.

        Args:
            x: Points, shape ``(R, N, d)``.
            steps: Number of batches. Their points are drawn with replacement, at the same indices
                for every replica.
            batch_size: Number of points in a batch.
            learning_rate: Learning rate of the first step.
            progress: Whether to show a progress bar.

        Returns:
            Number of function evaluations of each step, ``(R, steps)``.

        Raises:
            RuntimeError: If the solve of a replica fails.
        """
        optimizer = torch.optim.Adam(self.parameters(), lr=learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        rng = generator(self.seeds[0], Stream.ORDER)
        nfe = []
        for _ in tqdm(range(steps), unit="step", disable=not progress):
            chosen = torch.randint(x.shape[1], (batch_size,), generator=rng)
            optimizer.zero_grad()
            bound, solution = self.bound(x[:, chosen])
            if solution.failures:
                replica, failure = next(iter(solution.failures.items()))
                raise RuntimeError(f"the flow of seed {self.seeds[replica]}: {failure}")
            (-bound.mean(1)).sum().backward()
            optimizer.step()
            schedule.step()
            nfe.append(solution.nfe)
        return torch.stack(nfe, dim=1)

    def _solve(self, z: Tensor, start: float, end: float) -> Solution:
        """States ``(2, R, B, d + p + 1)`` from one time to the other; l is the last coordinate."""
        state = nn.functional.pad(z, (0, 1))  # l = 0 at first
        return integrate(self.field, state, z.new_tensor([start, end]), self.solver)


def softplus(x: Tensor) -> Tensor:
    """Softplus by logarithm and sigmoid: on a CPU several times as fast as torch's own function.

    Torch takes the logarithm of 1 + x, which that has, for one number at a time.
    """
    size = x.abs()  # whose slope at 0, which is 0 here, makes that of the sum 1/2
    return (x + size) / 2 - size.sigmoid().log()


def log_normal(z: Tensor) -> Tensor:
    """Log density of the standard normal distribution, ``(..., n)`` -> ``(...)``."""
    return -(z.square() + math.log(2 * math.pi)).sum(-1) / 2
