"""The Neural ODE and the Augmented Neural ODE: one class, with p = 0 or p > 0 zeros appended."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from anode.fields import Activation, ConvField, MLPField, VectorField
from anode.models.base import FEATURE_AXIS, Model, ModelOutput
from anode.solve import SolverSettings, integrate


class NeuralODE(Model):
    """g(x) = L(phi(x)), phi(x) = h(T), dh/dt = f(h, t), h(0) = (x, 0) (paper, sections 2 and 5).

    The state is the input followed by ``augment_dim`` zeros: coordinates of a point, channels of
    an image. The field is an :class:`~anode.fields.MLPField` for inputs of shape ``(d,)``, and a
    :class:`~anode.fields.ConvField` for inputs of shape ``(c, H, W)``.

    Args:
        input_shape: Shape of one input, ``(d,)`` or ``(c, H, W)``.
        outputs: Number of outputs; None for no head.
        augment_dim: Number p of zeros appended; 0 gives a Neural ODE.
        hidden: Width of the field: hidden units, or filters of the convolutions.
        activation: Activation of the field.
        time_dependent: Whether the field depends on the time.
        seeds: Seed of each replica.
        end_time: Time T at which the state is read.
        solver: Method, tolerances and gradient of the solver.

    Raises:
        ValueError: If a size is out of range, or ``input_shape`` is neither of the two.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        outputs: int | None = 1,
        *,
        augment_dim: int = 0,
        hidden: int = 32,
        activation: Activation = Activation.RELU,
        time_dependent: bool = True,
        seeds: Iterable[int] = (0,),
        end_time: float = 1.0,
        solver: SolverSettings | None = None,
    ) -> None:
        if len(input_shape) not in (1, 3):
            raise ValueError(f"input_shape must be (d,) or (c, H, W), got {tuple(input_shape)}")
        if augment_dim < 0:
            raise ValueError(f"augment_dim must be 0 or more, got {augment_dim}")
        if not end_time > 0:
            raise ValueError(f"end_time must be positive, got {end_time}")
        width, *size = input_shape[0] + augment_dim, *input_shape[1:]
        super().__init__(input_shape, (width, *size), outputs, seeds)
        self.augment_dim = augment_dim
        self.end_time = end_time
        self.solver = solver or SolverSettings()
        options: dict[str, Any] = {
            "activation": activation,
            "time_dependent": time_dependent,
            "seeds": self.seeds,
        }
        self.field: VectorField
        if size:
            self.field = ConvField(width, (size[0], size[1]), filters=hidden, **options)
        else:
            self.field = MLPField(width, hidden=hidden, **options)

    def augment(self, x: Tensor) -> Tensor:
        """Initial state h(0): the inputs with p zeros appended along the feature axis.

        ``(R, B, d)`` -> ``(R, B, d + p)``; ``(R, B, c, H, W)`` -> ``(R, B, c + p, H, W)``.
        """
        x = self._stack(x)
        if self.augment_dim == 0:
            return x
        trailing = x.dim() - FEATURE_AXIS - 1
        return F.pad(x, (0, 0) * trailing + (0, self.augment_dim))

    def run(self, x: Tensor) -> ModelOutput:
        h0 = self.augment(x)  # (R, B, *state_shape)
        solution = integrate(self.field, h0, self._times(2, h0), self.solver)
        features = solution.states[-1]
        return ModelOutput(self._predict(features), features, solution.nfe, solution)

    @torch.no_grad()
    def flow(self, x: Tensor, times: Tensor | int = 50) -> Tensor:
        """Trajectories phi_t(x), without gradients.

        Args:
            x: Inputs, shape ``(R, B, *input_shape)`` or ``(1, B, *input_shape)``.
            times: Output times ``(T,)`` that start at 0, or the number of evenly spaced times.

        Returns:
            States, shape ``(T, R, B, *state_shape)``; NaN for a replica whose solve fails.
        """
        h0 = self.augment(x)
        times = self._times(times, h0) if isinstance(times, int) else times.to(h0)
        return integrate(self.field, h0, times, self.solver).states

    def _times(self, count: int, like: Tensor) -> Tensor:
        return torch.linspace(0, self.end_time, count, dtype=like.dtype, device=like.device)
