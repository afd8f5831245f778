"""The Neural ODE and the Augmented Neural ODE: one class, with p = 0 or p > 0 zeros appended."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from anode.arrays import as_tensor
from anode.checks import check_seeds, integer, number
from anode.fields import Activation, ConvField, MLPField, VectorField
from anode.models.base import FEATURE_AXIS, Model, ModelOutput, checked_shape
from anode.own_field import STACK, Own, OwnField
from anode.solve import SolverSettings, integrate


class NeuralODE(Model):
    """F(x) = L(phi(x)), phi(x) = h(T), dh/dt = f(h, t), h(0) = (x, 0) (paper, sections 2 and 5).

    The state is the input followed by ``augment_dim`` zeros: coordinates of a point, channels of
    an image. The field is an :class:`~anode.fields.MLPField` for inputs of shape ``(d,)``, and a
    :class:`~anode.fields.ConvField` for inputs of shape ``(c, H, W)``; or a field of your own::

        net = nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 5))
        layer = NeuralODE((2,), outputs=3, augment_dim=3, field=net)

    Args:
        input_shape: Shape of one input, ``(d,)`` or ``(c, H, W)``.
        outputs: Number of outputs; None for no linear layer.
        augment_dim: Number p of zeros appended; 0 gives a Neural ODE.
        hidden: Width of the field: hidden units, or filters of the convolutions.
        activation: Activation of the field.
        time_dependent: Whether the field depends on the time.
        seeds: Seed of each replica.
        end_time: Time T at which the state is read.
        solver: Method, tolerances and gradient of the solver.
        field: A :class:`~anode.fields.VectorField`, or what :class:`~anode.own_field.OwnField`
            takes: a function f(t, h) or a module, or a list of one module for each replica.

    Raises:
        TypeError, ValueError: If a size is out of range, ``input_shape`` is neither of the two, or
            ``field`` is not a field or does not fit the other arguments.
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
        field: VectorField | Own | None = None,
    ) -> None:
        input_shape = checked_shape(input_shape, (1, 3))
        augment_dim = integer("augment_dim", augment_dim, least=0)
        if not isinstance(solver, SolverSettings | None):
            raise TypeError(f"solver must be SolverSettings or None, got {solver!r}")
        seeds = check_seeds(seeds)
        if isinstance(field, STACK) and seeds == (0,) and len(field) > 0:
            seeds = tuple(range(len(field)))
        width, *size = input_shape[0] + augment_dim, *input_shape[1:]
        super().__init__(input_shape, (width, *size), outputs, seeds)
        self.augment_dim = augment_dim
        self.end_time = number("end_time", end_time, above=0)
        self.solver = solver or SolverSettings()
        options: dict[str, Any] = {"activation": activation, "time_dependent": time_dependent}
        self.field: VectorField
        if field is None and size:
            self.field = ConvField(
                width, (size[0], size[1]), filters=hidden, seeds=self.seeds, **options
            )
        elif field is None:
            self.field = MLPField(width, hidden=hidden, seeds=self.seeds, **options)
        else:
            if (hidden, activation, time_dependent) != (32, Activation.RELU, True):
                raise ValueError(
                    "hidden, activation and time_dependent are of the package's fields: leave them "
                    f"out with a field of your own, got hidden={hidden!r} and {options}"
                )
            if not isinstance(field, VectorField):
                field = OwnField(field, self.state_shape, self.seeds)
            if (field.replicas, field.state_shape) != (self.replicas, self.state_shape):
                raise ValueError(
                    f"field must be of {self.replicas} replicas and states {self.state_shape}, got "
                    f"{field.replicas} of {field.state_shape}"
                )
            self.field = field
            for weight in field.weights[:1]:
                self.to(weight.device, weight.dtype)  # so that the head fits

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
    def flow(self, x: Tensor, times: Tensor | Sequence[float] | int = 50) -> Tensor:
        """Trajectories phi_t(x), without gradients.

        Args:
            x: Inputs as for a call, ``(R or 1, B, *input_shape)`` or ``(B, *input_shape)``.
            times: Output times ``(T,)``, or the number of evenly spaced times from 0.

        Returns:
            States, shape ``(T, R, B, *state_shape)``, or ``(T, B, *state_shape)`` for the latter
            inputs; NaN for a replica whose solve fails.
        """
        plain = self._plain(x)
        h0 = self.augment(x[None] if plain else x)
        if isinstance(times, int | np.integer):
            times = self._times(int(times), h0)
        times = as_tensor("times", times).to(h0)
        late = int(times.flatten()[:1].any())  # the state is known at 0, not at a later start
        times = torch.cat([times.new_zeros(late), times])
        states = integrate(self.field, h0, times, self.solver).states[late:]
        return states[:, 0] if plain else states

    def _times(self, count: int, like: Tensor) -> Tensor:
        return torch.linspace(0, self.end_time, count, dtype=like.dtype, device=like.device)
