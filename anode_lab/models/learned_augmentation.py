"""An Augmented Neural ODE whose extra coordinates are learned instead of zero (section 6)."""

from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import pairwise

import torch
from torch import Tensor, nn

from anode.fields import Activation, linear_layers
from anode.models.base import point_dim
from anode.models.neural_ode import NeuralODE
from anode.seeding import Stream, generator
from anode.solve import SolverSettings


class InputLayer(Enum):
    """Map from an input to the initial state of the flow.

    ``LINEAR`` is h(0) = x W + b. ``APPENDED`` keeps x and appends a learned function of it,
    h(0) = (x, relu(x V + c) W + b).
    """

    LINEAR = "linear"
    APPENDED = "appended"


class LearnedAugmentation(NeuralODE):
    """A Neural ODE whose initial state is a learned function of the input, in d + p dimensions.

    Args:
        input_shape: Shape of one input, ``(d,)``.
        outputs, activation, seeds, solver: As for a Neural ODE.
        layer: Kind of the learned function.
        augment_dim: Number p of dimensions added; at least 1 for ``APPENDED``.
        hidden: Width of the field, and of an appended function.

    Raises:
        ValueError: If a size is out of range, or nothing is to be appended.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        outputs: int | None = 1,
        *,
        layer: InputLayer = InputLayer.LINEAR,
        augment_dim: int = 1,
        hidden: int = 32,
        activation: Activation = Activation.RELU,
        seeds: Iterable[int] = (0,),
        solver: SolverSettings | None = None,
    ) -> None:
        dim = point_dim(input_shape)
        if layer is InputLayer.APPENDED and augment_dim < 1:
            raise ValueError(f"augment_dim must be 1 or more to append, got {augment_dim}")
        super().__init__(
            input_shape,
            outputs,
            augment_dim=augment_dim,
            hidden=hidden,
            activation=activation,
            seeds=seeds,
            solver=solver,
        )
        self.layer = layer
        linear = layer is InputLayer.LINEAR
        widths = [dim, dim + augment_dim] if linear else [dim, hidden, augment_dim]
        rngs = [generator(seed, Stream.INPUT) for seed in self.seeds]
        self.maps = nn.ModuleList(_Affine(*sizes, rngs) for sizes in pairwise(widths))

    def augment(self, x: Tensor) -> Tensor:
        """Initial state: ``(R or 1, B, d)`` -> ``(R, B, d + p)``."""
        x = self._stack(x)
        z = self.maps[0](x)
        if self.layer is InputLayer.LINEAR:
            return z
        return torch.cat([x, self.maps[1](torch.relu(z))], dim=2)


class _Affine(nn.Module):
    """x W + b for R replicas."""

    def __init__(self, inputs: int, outputs: int, rngs: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.weight, self.bias = linear_layers(inputs, outputs, rngs)

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)
