"""The mean of two Neural ODEs: an ensemble, to compare with augmentation."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from anode.fields import Activation
from anode.models.base import Model, ModelOutput, point_dim
from anode.models.neural_ode import NeuralODE
from anode.solve import SolverSettings


class MeanOfTwo(Model):
    """The mean of two Neural ODEs, each with its own linear layer, trained together.

    Args:
        input_shape: Shape of one input, ``(d,)``.
        outputs, hidden, activation, solver: As for each of the two Neural ODEs.
        seeds: Seed of each replica; its two networks draw different weights from it.

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
        super().__init__(input_shape, (2 * point_dim(input_shape),), None, seeds)

        def network(which: int) -> NeuralODE:
            return NeuralODE(
                input_shape,
                outputs,
                hidden=hidden,
                activation=activation,
                seeds=[2 * seed + which for seed in self.seeds],
                solver=solver,
            )

        self.one, self.two = network(0), network(1)

    @property
    def solver(self) -> SolverSettings:
        """Settings of both solvers."""
        return self.one.solver

    @solver.setter
    def solver(self, settings: SolverSettings) -> None:
        self.one.solver = self.two.solver = settings

    def run(self, x: Tensor) -> ModelOutput:
        """Mean of the two predictions, both features side by side, and the sum of the costs."""
        one, two = self.one.run(x), self.two.run(x)
        return ModelOutput(
            (one.prediction + two.prediction) / 2,
            torch.cat([one.features, two.features], dim=2),
            one.nfe + two.nfe,
        )
