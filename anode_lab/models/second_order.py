"""A Neural ODE of second order: its state is a position and a velocity."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from anode.fields import Activation, MLPField, VectorField
from anode.models.base import point_dim
from anode.models.neural_ode import NeuralODE
from anode.solve import SolverSettings


class SecondOrderField(VectorField):
    """(x, v)' = (v, f(x, v, t)), where f is an MLP.

    Args:
        dim: Dimension d of x and of v.
        hidden, activation, seeds: As for the MLP.
    """

    def __init__(
        self,
        dim: int,
        *,
        hidden: int = 32,
        activation: Activation = Activation.RELU,
        seeds: Iterable[int] = (0,),
    ) -> None:
        super().__init__((2 * dim,), seeds)
        self.dim = dim
        self.acceleration = MLPField(
            2 * dim, outputs=dim, hidden=hidden, activation=activation, seeds=self.seeds
        )

    @property
    def weights(self) -> tuple[Tensor, ...]:
        return self.acceleration.weights

    def evaluate(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        return torch.cat([h[..., self.dim :], self.acceleration.evaluate(weights, t, h)], dim=-1)


class SecondOrder(NeuralODE):
    """A Neural ODE of second order, x'' = f(x, x', t), which starts at rest: h(0) = (x, 0).

    Its state, to which the linear layer is applied, is (x, x').

    Args:
        input_shape: Shape of one input, ``(d,)``.
        outputs, hidden, activation, seeds, solver: As for a Neural ODE.

    Raises:
        ValueError: If a size is out of range.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        outputs: int | None = 1,
        *,
        hidden: int = 32,
        activation: Activation = Activation.RELU,
        seeds: Iterable[int] = (0,),
        solver: SolverSettings | None = None,
    ) -> None:
        dim, seeds = point_dim(input_shape), tuple(seeds)
        super().__init__(
            input_shape,
            outputs,
            augment_dim=dim,
            field=SecondOrderField(dim, hidden=hidden, activation=activation, seeds=seeds),
            seeds=seeds,
            solver=solver,
        )
