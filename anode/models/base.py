"""Models: a map from inputs to features, then a linear head, as stacks of R replicas.

A Neural ODE and an Augmented Neural ODE are one class: ``augment_dim`` p = 0 is the former.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from anode.fields import (
    Activation,
    ConvField,
    MLPField,
    VectorField,
    check_positive,
    check_seeds,
    linear_layers,
)
from anode.seeding import Stream, generator
from anode.solve import Solution, SolveFailure, SolverSettings, integrate

FEATURE_AXIS = 2
"""Axis of a state that augmentation extends: d of ``(R, B, d)``, c of ``(R, B, c, H, W)``."""


@dataclass(frozen=True)
class ModelOutput:
    """What one forward pass gives.

    Attributes:
        prediction: shape ``(R, B, outputs)``, or that of ``features`` for a model without a head.
        features: phi(x), shape ``(R, B, *state_shape)``.
        nfe: function evaluations of the forward pass, shape ``(R,)``; zeros where none are counted.
        solution: the solve behind it, None for a model without one.
    """

    prediction: Tensor
    features: Tensor
    nfe: Tensor
    solution: Solution | None = None

    @property
    def failures(self) -> dict[int, SolveFailure]:
        """The replicas whose solve failed, with the failure."""
        return {} if self.solution is None else self.solution.failures

    def backward_nfe(self) -> Tensor:
        """Function evaluations of the backward pass so far, shape ``(R,)``."""
        return torch.zeros_like(self.nfe) if self.solution is None else self.solution.backward_nfe()

    def backward_failures(self) -> dict[int, SolveFailure]:
        """The replicas whose backward solve failed so far, with the failure."""
        return {} if self.solution is None else self.solution.backward_failures()


class LinearHead(nn.Module):
    """L(z) = W z + b on the flattened features, for R replicas.

    Args:
        inputs: number of features.
        outputs: number of outputs, classes or 1 for regression.
        seeds: one seed a replica.
    """

    def __init__(self, inputs: int, outputs: int, seeds: Sequence[int]) -> None:
        super().__init__()
        rngs = [generator(seed, Stream.HEAD) for seed in seeds]
        self.weight, self.bias = linear_layers(inputs, outputs, rngs)

    def forward(self, features: Tensor) -> Tensor:
        """Features ``(R, B, ...)`` to outputs ``(R, B, outputs)``."""
        return torch.baddbmm(self.bias, features.flatten(2), self.weight)


class Model(nn.Module, ABC):
    """A stack of R networks g(x) = L(phi(x)); subclasses say what phi is.

    Args:
        input_shape: shape of one input, ``(d,)`` or ``(c, H, W)``.
        state_shape: shape of its features.
        outputs: number of outputs, or None for no head: the prediction is the features.
        seeds: one seed a replica; a replica depends on its own seed only.
        options: the constructor's other arguments.

    Attributes:
        architecture: the constructor's arguments, seeds aside: the same for every replica.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        state_shape: Sequence[int],
        outputs: int | None,
        seeds: Iterable[int],
        **options: Any,
    ) -> None:
        super().__init__()
        self.architecture = {"input_shape": tuple(input_shape), "outputs": outputs, **options}
        self.input_shape = tuple(input_shape)
        self.state_shape = tuple(state_shape)
        self.seeds = check_seeds(seeds)
        self.head: LinearHead | None = None
        if outputs is not None:
            check_positive(outputs=outputs)
            size = int(torch.Size(self.state_shape).numel())
            self.head = LinearHead(size, outputs, self.seeds)

    @property
    def replicas(self) -> int:
        """R, the number of networks in the stack."""
        return len(self.seeds)

    def parameter_count(self) -> int:
        """Number of weights of **one** replica."""
        return sum(p.numel() for p in self.parameters()) // self.replicas

    @abstractmethod
    def run(self, x: Tensor) -> ModelOutput:
        """Predictions, features and their cost for inputs ``(R, B, *input_shape)``.

        A leading axis of 1 gives every replica the same inputs.
        """

    def forward(self, x: Tensor) -> Tensor:
        """Predictions ``(R, B, outputs)`` for inputs ``(R or 1, B, *input_shape)``."""
        return self.run(x).prediction

    def _predict(self, features: Tensor) -> Tensor:
        return features if self.head is None else self.head(features)

    def _stack(self, x: Tensor) -> Tensor:
        """Inputs for every replica, ``(R, B, *input_shape)``.

        Raises:
            ValueError: if the shape of ``x`` does not fit the model.
        """
        fits = x.dim() == len(self.input_shape) + 2 and tuple(x.shape[2:]) == self.input_shape
        if not fits or x.shape[0] not in (1, self.replicas):
            shape = ", ".join(map(str, self.input_shape))
            raise ValueError(
                f"x must have shape ({self.replicas}, B, {shape}), or (1, B, {shape}) for the same "
                f"inputs for every replica, got {tuple(x.shape)}"
            )
        return x.expand(self.replicas, *x.shape[1:])


class NeuralODE(Model):
    """g(x) = L(phi(x)), phi(x) = h(T), dh/dt = f(h, t), h(0) = (x, 0) (paper, sections 2 and 5).

    The state is the input followed by ``augment_dim`` zeros: coordinates for a point, channels for
    an image. Inputs of shape ``(d,)`` get an :class:`~anode.fields.MLPField`, inputs of shape
    ``(c, H, W)`` a :class:`~anode.fields.ConvField`.

    Args:
        input_shape: ``(d,)`` or ``(c, H, W)``.
        outputs: number of outputs, or None for the features themselves.
        augment_dim: p, the number of zeros appended; 0 is a Neural ODE.
        hidden: width of the field: hidden units, or filters of the convolutions.
        activation, time_dependent: of the field.
        seeds: one seed a replica.
        end_time: T, the time at which the state is read.
        solver: method, tolerances, gradient.

    Raises:
        ValueError: if a size is out of range, or ``input_shape`` is neither of the two.
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
        width = input_shape[0] + augment_dim
        solver = solver or SolverSettings()
        super().__init__(
            input_shape,
            (width, *input_shape[1:]),
            outputs,
            seeds,
            augment_dim=augment_dim,
            hidden=hidden,
            activation=activation,
            time_dependent=time_dependent,
            end_time=end_time,
            solver=solver,
        )
        self.augment_dim = augment_dim
        self.end_time = end_time
        self.solver = solver
        self.field: VectorField
        if len(input_shape) == 1:
            self.field = MLPField(
                width,
                hidden=hidden,
                activation=activation,
                time_dependent=time_dependent,
                seeds=self.seeds,
            )
        else:
            self.field = ConvField(
                width,
                (input_shape[1], input_shape[2]),
                filters=hidden,
                activation=activation,
                time_dependent=time_dependent,
                seeds=self.seeds,
            )

    def augment(self, x: Tensor) -> Tensor:
        """The initial state h(0): inputs with p zeros appended along the feature axis.

        ``(R, B, d)`` -> ``(R, B, d + p)``; ``(R, B, c, H, W)`` -> ``(R, B, c + p, H, W)``.
        """
        x = self._stack(x)
        if self.augment_dim == 0:
            return x
        trailing = x.dim() - FEATURE_AXIS - 1
        return F.pad(x, (0, 0) * trailing + (0, self.augment_dim))

    def run(self, x: Tensor) -> ModelOutput:
        h0 = self.augment(x)
        solution = integrate(self.field, h0, self._times(2, h0), self.solver)
        features = solution.states[-1]
        return ModelOutput(self._predict(features), features, solution.nfe, solution)

    @torch.no_grad()
    def flow(self, x: Tensor, times: Tensor | int = 50) -> Tensor:
        """Trajectories phi_t(x), without gradients.

        Args:
            x: inputs ``(R, B, *input_shape)`` or ``(1, B, *input_shape)``.
            times: output times ``(T,)``, first 0, or the number of evenly spaced ones in [0, T].

        Returns:
            States, shape ``(T, R, B, *state_shape)``; NaN for a replica whose solve fails.
        """
        h0 = self.augment(x)
        times = self._times(times, h0) if isinstance(times, int) else times.to(h0)
        return integrate(self.field, h0, times, self.solver).states

    def _times(self, count: int, like: Tensor) -> Tensor:
        return torch.linspace(0, self.end_time, count, dtype=like.dtype, device=like.device)


class ResNet(Model):
    """Residual blocks x + F_i(x) with F_i a two-hidden-layer MLP, then a head (appendix F.2.1).

    Block i is an Euler step of size 1 of a vector field of its own.

    Args:
        input_shape: ``(d,)``.
        outputs: number of outputs, or None for the features themselves.
        blocks: number of residual blocks; the paper's best is 5.
        hidden: width of each block's two hidden layers.
        activation: of the blocks.
        seeds: one seed a replica.

    Raises:
        ValueError: if a size is out of range or ``input_shape`` has more than one axis.
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
        if len(input_shape) != 1:
            raise ValueError(f"input_shape must be (d,), got {tuple(input_shape)}")
        check_positive(blocks=blocks)
        super().__init__(
            input_shape,
            input_shape,
            outputs,
            seeds,
            blocks=blocks,
            hidden=hidden,
            activation=activation,
        )
        self.blocks = nn.ModuleList(
            MLPField(
                input_shape[0],
                hidden=hidden,
                activation=activation,
                time_dependent=False,
                seeds=self.seeds,
                index=index,
            )
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
