"""The residual network that the paper compares with."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from anode.checks import check_positive
from anode.fields import Activation, MLPField
from anode.models.base import Model, ModelOutput, point_dim


class ResNet(Model):
    """Blocks x + f_i(x) with a two-hidden-layer MLP f_i, then a linear layer (appendix F.2.1).

    Block i is an Euler step of size 1 along a vector field of its own.

    Args:
        input_shape: Shape of one input, ``(d,)``.
        outputs: Number of outputs; None for no linear layer.
        blocks: Number of residual blocks; 5 is the paper's best.
        hidden: Width of the two hidden layers of each block.
        activation: Activation of the blocks.
        seeds: Seed of each replica.

    Raises:
        ValueError: If a size is out of range, or ``input_shape`` has more than one axis.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        outputs: int | None = 1,
        *,
        blocks: int = 5,
        hidden: int = 32,
        activation: Activation = Activation.RELU,
        seeds: Iterable[int] = (0,),
    ) -> None:
        dim = point_dim(input_shape)
        check_positive(blocks=blocks)
        super().__init__(input_shape, input_shape, outputs, seeds)
        options: dict[str, Any] = {"activation": activation, "seeds": self.seeds}
        self.blocks = nn.ModuleList(
            MLPField(dim, hidden=hidden, time_dependent=False, index=index, **options)
            for index in range(blocks)
        )

    def run(self, x: Tensor) -> ModelOutput:
        h = self.hidden_states(x)[-1]
        return ModelOutput(self._predict(h), h, torch.zeros(self.replicas, dtype=torch.int64))

    def hidden_states(self, x: Tensor) -> list[Tensor]:
        """The input and the state after each block, each of shape ``(R, B, d)``."""
        states = [self._stack(x)]
        t = x.new_zeros(())
        for block in self.blocks:
            states.append(states[-1] + block(t, states[-1]))
        return states
