"""Continuous normalising flows: densities from flows, with and without augmentation (section 6).

A flow from data to noise carries a density along: d log p(z(t)) / dt = -tr df/dz (Chen et al.
2018). Zeros cannot be appended to data whose density is wanted, since (x, 0) has none; independent
normal noise can, and then the density of x is bounded from below and estimated by sampling.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from anode.fields import Activation, MLPField, VectorField, check_positive
from anode.seeding import Stream, generator, normal
from anode.solve import Solution, SolverSettings, integrate


class DensityField(VectorField):
    """(z, l)' = (f(z, t), tr df/dz), with f a softplus MLP, and the trace exact.

    Softplus, since the trace of a ReLU field jumps and an adaptive solver would stop at each jump.

    Args:
        dim: of z.
        hidden, seeds: of f.
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
        second = torch.baddbmm(b2, nn.functional.softplus(first), w2)
        velocity = torch.baddbmm(b3, nn.functional.softplus(second), w3)
        # tr(W1 S1 W2 S2 W3) for diagonal S: the sum of s1_k (W2)_kl s2_l (W3 W1)_lk over k and l.
        middle = w2 * (w3 @ w1).mT  # (R, hidden, hidden)
        trace = ((first.sigmoid() @ middle) * second.sigmoid()).sum(-1, keepdim=True)
        return torch.cat([velocity, trace], dim=-1)


class NormalisingFlow(nn.Module):
    """A density on R^d for each of R replicas, from a flow of (x, e) in R^(d+p) to a normal one.

    With p = 0 it is a continuous normalising flow. With p > 0, e is normal noise of p dimensions,
    drawn anew for every x, and :meth:`bound` is what is trained.

    Args:
        dim: d.
        augment_dim: p.
        hidden: width of the field.
        seeds: one a replica, of the weights and of the noise.
        solver: of the flow.

    Raises:
        ValueError: if a size is out of range.
    """

    def __init__(
        self,
        dim: int,
        *,
        augment_dim: int = 0,
        hidden: int = 32,
        seeds: Iterable[int] = (0,),
        solver: SolverSettings | None = None,
    ) -> None:
        check_positive(dim=dim, hidden=hidden)
        if augment_dim < 0:
            raise ValueError(f"augment_dim must be 0 or more, got {augment_dim}")
        super().__init__()
        self.dim, self.augment_dim = dim, augment_dim
        self.solver = solver or SolverSettings(rtol=1e-4, atol=1e-4)
        self.field = DensityField(dim + augment_dim, hidden=hidden, seeds=seeds)
        self.seeds = self.field.seeds
        self._rngs = [generator(seed, Stream.NOISE) for seed in self.seeds]

    def joint(self, z: Tensor) -> tuple[Tensor, Solution]:
        """log density of (x, e), shape ``(R, B)``, at ``z (R, B, d + p)``, and the solve."""
        solution = self._solve(z, 0.0, 1.0)
        end = solution.states[-1]
        return log_normal(end[..., :-1]) + end[..., -1], solution

    def bound(self, x: Tensor) -> tuple[Tensor, Solution]:
        """log p(x, e) - log q(e) for one noise e a sample, ``(R, B)``, at ``x (R, B, d)``.

        Its mean is at most log p(x); without augmentation it is log p(x).
        """
        e = normal(self._rngs, (x.shape[1], self.augment_dim), x)
        density, solution = self.joint(torch.cat([x, e], dim=2))
        return density - log_normal(e), solution

    @torch.no_grad()
    def log_density(self, x: Tensor, samples: int = 64) -> Tensor:
        """log p(x), shape ``(R, B)``, at ``x (R, B, d)``; with augmentation estimated.

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

    def _solve(self, z: Tensor, start: float, end: float) -> Solution:
        """States ``(2, R, B, d + p + 1)`` from one time to the other; the last axis ends with l."""
        state = nn.functional.pad(z, (0, 1))  # l = 0 at first
        return integrate(self.field, state, z.new_tensor([start, end]), self.solver)


def log_normal(z: Tensor) -> Tensor:
    """log density of the standard normal distribution, ``(..., n)`` -> ``(...)``."""
    return -(z.square() + math.log(2 * math.pi)).sum(-1) / 2


def fit(
    flow: NormalisingFlow,
    x: Tensor,
    *,
    steps: int,
    batch_size: int = 256,
    learning_rate: float = 0.02,
    progress: bool = False,
) -> Tensor:
    """Maximise the bound by Adam, in place, with a learning rate that falls to 0 along a cosine.

    Args:
        flow: R replicas.
        x: points ``(R, N, d)``.
        steps: batches, of points drawn with replacement; the same places for every replica.
        progress: show a progress bar.

    Returns:
        Function evaluations of each step, ``(R, steps)``.

    Raises:
        RuntimeError: if the solve of a replica fails.
    """
    optimizer = torch.optim.Adam(flow.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    rng = generator(flow.seeds[0], Stream.ORDER)
    nfe = []
    for _ in tqdm(range(steps), unit="step", disable=not progress):
        chosen = torch.randint(x.shape[1], (batch_size,), generator=rng)
        optimizer.zero_grad()
        bound, solution = flow.bound(x[:, chosen])
        if solution.failures:
            replica, failure = next(iter(solution.failures.items()))
            raise RuntimeError(f"the flow of seed {flow.seeds[replica]}: {failure}")
        (-bound.mean(1)).sum().backward()
        optimizer.step()
        schedule.step()
        nfe.append(solution.nfe)
    return torch.stack(nfe, dim=1)
