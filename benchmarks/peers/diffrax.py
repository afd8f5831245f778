"""diffrax: ``jit`` of ``vmap`` over the networks, each with its own step control.

Gradients by ``RecursiveCheckpointAdjoint``, diffrax's default. ``DirectAdjoint`` took 7 times as
long for 20 networks with ``max_steps=16``, and 20 times with 64. With ``dt0=None`` diffrax 0.7.2
starts every solve with a step of 0.01, which made four steps of the two that the first step given
here leads to.
"""

from functools import partial
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from torch import Tensor

from benchmarks.task import LEARNING_RATE, Contestant, Record, Task

FIRST_STEP, MAX_STEPS = 0.2, 64
OPTIMIZER = optax.adam(LEARNING_RATE)


def field(t: Any, h: Any, weights: Any) -> Any:
    """f(h, t) ``(B, D)`` of one network."""
    z = jax.nn.relu(h @ weights.w1 + (weights.b1 + t * weights.time))
    z = jax.nn.relu(z @ weights.w2 + weights.b2)
    return z @ weights.w3 + weights.b3


def features(task: Task, weights: Any, x: Any) -> tuple[Any, Any]:
    """phi(x) ``(B, D)`` of one network, and its function evaluations."""
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Dopri5(),
        t0=0.0,
        t1=1.0,
        dt0=FIRST_STEP,
        y0=jnp.pad(x, ((0, 0), (0, task.augment_dim))),
        args=weights,
        stepsize_controller=diffrax.PIDController(rtol=task.tolerance, atol=task.tolerance),
        adjoint=diffrax.RecursiveCheckpointAdjoint(),
        max_steps=MAX_STEPS,
    )
    return solution.ys[-1], 1 + 6 * solution.stats["num_steps"]


def loss(task: Task, weights: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """The Huber loss of one network, and its function evaluations."""
    end, nfe = features(task, weights, x)
    return optax.huber_loss(end @ weights.head + weights.head_bias, y).mean(), nfe


@partial(jax.jit, static_argnums=0, donate_argnums=(1, 2))
def step(task: Task, weights: Any, state: Any, x: Any, y: Any) -> tuple[Any, ...]:
    """One update of all networks: weights, Adam's state, losses ``(R,)``, evaluations ``(R,)``."""
    gradient = jax.value_and_grad(partial(loss, task), has_aux=True)
    (losses, nfe), slopes = jax.vmap(gradient)(weights, x, y)
    updates, state = OPTIMIZER.update(slopes, state)
    return optax.apply_updates(weights, updates), state, losses, nfe


class Stack:
    """The networks of a task, trained at once; the first step compiles."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.batches = [(x.numpy(), y.numpy()) for x, y in task.batches()]
        self.start = task.weights()
        self.reset()

    def reset(self) -> None:
        self.weights = jax.tree.map(lambda weight: jnp.array(weight.numpy()), self.start)

    def run(self) -> Record:
        weights, state = self.weights, OPTIMIZER.init(self.weights)
        losses, evaluations = [], []
        for x, y in self.batches:
            weights, state, each, nfe = step(self.task, weights, state, x, y)
            losses.append(each)
            evaluations.append(nfe)
        self.weights = jax.block_until_ready(weights)
        return Record(np.stack(losses).astype(np.float64), np.stack(evaluations).astype(np.float64))

    def features(self, x: Tensor) -> Tensor:
        self.reset()
        solve = jax.jit(jax.vmap(partial(features, self.task)))
        return torch.from_numpy(np.array(solve(self.weights, x.numpy())[0]))


CONTESTANT = Contestant("diffrax", "jit of vmap", stacks=True, compiles=True, prepare=Stack)
