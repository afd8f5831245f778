"""What all models share: replicas, the linear layer, and the name by which a model is found.

A model is a stack of R networks. It maps inputs to features phi(x), and features to predictions
L(phi(x)). To add a model, write one class in one file of this folder: defining a subclass of
:class:`Model` registers it, and it can then be saved, loaded, selected and named in an experiment.
"""

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from anode.arrays import Array, as_tensor
from anode.checks import check_seeds, integer
from anode.fields import linear_layers
from anode.seeding import Stream, generator
from anode.solve import Solution, SolveFailure

FEATURE_AXIS = 2
"""Axis of a state that augmentation extends: d of ``(R, B, d)``, c of ``(R, B, c, H, W)``."""


@dataclass(frozen=True)
class ModelOutput:
    """Result of one forward pass.

    Attributes:
        prediction: Predictions, shape ``(R, B, outputs)``; the features without a linear layer.
        features: Features phi(x), shape ``(R, B, *state_shape)``.
        nfe: Number of function evaluations, shape ``(R,)``; zeros for a model without a solver.
        solution: Solution of the initial value problem; None for a model without one.
    """

    prediction: Tensor
    features: Tensor
    nfe: Tensor
    solution: Solution | None = None

    @property
    def failures(self) -> dict[int, SolveFailure]:
        """Failed solves of the forward pass, by replica."""
        return {} if self.solution is None else self.solution.failures

    def backward_nfe(self) -> Tensor:
        """Number of function evaluations of the backward pass so far, shape ``(R,)``."""
        return torch.zeros_like(self.nfe) if self.solution is None else self.solution.backward_nfe()

    def backward_failures(self) -> dict[int, SolveFailure]:
        """Failed solves of the backward pass so far, by replica."""
        return {} if self.solution is None else self.solution.backward_failures()


class LinearHead(nn.Module):
    """Linear layer L(z) = W z + b on the flattened features, for R replicas with these seeds."""

    def __init__(self, inputs: int, outputs: int, seeds: Sequence[int]) -> None:
        super().__init__()
        rngs = [generator(seed, Stream.HEAD) for seed in seeds]
        self.weight, self.bias = linear_layers(inputs, outputs, rngs)

    def forward(self, features: Tensor) -> Tensor:
        """Outputs ``(R, B, outputs)`` of features ``(R, B, ...)``."""
        return torch.baddbmm(self.bias, features.flatten(2), self.weight)


class Model(nn.Module, ABC):
    """A stack of R networks F(x) = L(phi(x)); a subclass defines phi in :meth:`run`.

    The constructor of a subclass takes ``input_shape`` and ``outputs``, then options by keyword,
    ``hidden`` and ``seeds`` among them. All its parameters have the replicas on their first axis.
    A model with an option ``solver`` keeps these settings in an attribute of that name, where they
    may be replaced.

    Args:
        input_shape: Shape of one input, ``(d,)`` or ``(c, H, W)``.
        state_shape: Shape of the features of one input.
        outputs: Number of outputs. None for no linear layer: the features are the predictions.
        seeds: Seed of each replica. The weights of a replica depend on its own seed only.

    Attributes:
        nfe: Number of function evaluations of the last call: one number for a single set of inputs,
            shape ``(R,)`` for a stack; None before the first.

    Raises:
        ValueError: If ``outputs`` is not positive, or ``seeds`` is empty or has a negative entry.
    """

    _registered: ClassVar[dict[str, type["Model"]]] = {}
    _arguments: dict[str, Any]
    nfe: int | Tensor | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        known = Model._registered.get(cls.__name__)
        if known is not None and known.__module__ != cls.__module__:
            raise ValueError(
                f"a model needs a name of its own, {cls.__name__} is defined in {known.__module__}"
            )
        Model._registered[cls.__name__] = cls

    def __new__(cls, *args: Any, **options: Any) -> Self:
        model = super().__new__(cls)
        # Partial, because copying makes the object first and gives it its attributes later.
        bound = signature(cls).bind_partial(*args, **options)
        bound.apply_defaults()
        found = dict(bound.arguments)
        for name, parameter in bound.signature.parameters.items():
            if parameter.kind is Parameter.VAR_KEYWORD:
                found |= found.pop(name)
        found.pop("seeds", None)
        model.__dict__["_arguments"] = found
        return model

    def __init__(
        self,
        input_shape: Sequence[int],
        state_shape: Sequence[int],
        outputs: int | None,
        seeds: Iterable[int],
    ) -> None:
        super().__init__()
        self.input_shape = tuple(input_shape)
        self.state_shape = tuple(state_shape)
        self.seeds = check_seeds(seeds)
        self.head: LinearHead | None = None
        if outputs is not None:
            outputs = integer("outputs", outputs)
            self.head = LinearHead(math.prod(self.state_shape), outputs, self.seeds)

    @staticmethod
    def named(name: str) -> type["Model"]:
        """The registered model of this name, which is the name of its class.

        Raises:
            ValueError: If no such model is registered.
        """
        if name not in Model._registered:
            raise ValueError(
                f"model must be one of {', '.join(Model.names())}, got {name!r}; a model of your "
                "own is registered when its module is imported"
            )
        return Model._registered[name]

    @staticmethod
    def names() -> tuple[str, ...]:
        """Names of all registered models."""
        return tuple(sorted(Model._registered))

    @property
    def architecture(self) -> dict[str, Any]:
        """Arguments of the constructor except the seeds: the same for every replica."""
        kept = {name for name in ("input_shape", "solver") if name in self._arguments}
        return self._arguments | {name: getattr(self, name) for name in kept}

    @property
    def replicas(self) -> int:
        """Number of networks in the stack, R."""
        return len(self.seeds)

    def parameter_count(self) -> int:
        """Number of parameters of one replica."""
        return sum(p.numel() for p in self.parameters()) // self.replicas

    @abstractmethod
    def run(self, x: Tensor) -> ModelOutput:
        """Predictions, features and their cost for inputs ``(R, B, *input_shape)``.

        A leading axis of 1 gives the same inputs to every replica.
        """

    def forward(self, x: Tensor) -> Tensor:
        """Predictions ``(R, B, outputs)`` for inputs ``(R or 1, B, *input_shape)``.

        A model of one replica takes ``(B, *input_shape)`` too and gives ``(B, outputs)``: the
        number of axes decides. ``torch.compile`` breaks its graph here.
        """
        call = torch.compiler.disable(self._call) if torch.compiler.is_compiling() else self._call
        return call(x)

    def _call(self, x: Tensor) -> Tensor:
        plain = self._plain(x)
        x = x[None] if plain else x
        output = self.run(x)
        self.nfe = int(output.nfe) if plain else output.nfe
        if output.failures:
            each = "; ".join(f"replica {r}, {cause}" for r, cause in output.failures.items())
            warnings.warn(f"solves failed and gave NaN: {each}", RuntimeWarning, stacklevel=4)
        return output.prediction[0] if plain else output.prediction

    @torch.no_grad()
    def predict(self, x: Array) -> Array:
        """Predictions for an array as an array, in evaluation mode and the model's precision."""
        like = next(self.parameters(), torch.empty(0))
        with evaluating(self):
            found: Array = self(as_tensor("x", x).to(like)).cpu().numpy()
        return found

    def _predict(self, features: Tensor) -> Tensor:
        return features if self.head is None else self.head(features)

    def _plain(self, x: Tensor) -> bool:
        """Whether these are inputs ``(B, *input_shape)`` of the only replica."""
        if not isinstance(x, Tensor):
            raise TypeError(f"x must be a tensor, got {type(x).__name__}; predict takes arrays")
        return self.replicas == 1 and x.dim() == 1 + len(self.input_shape)

    def _stack(self, x: Tensor) -> Tensor:
        """Inputs of every replica, ``(R, B, *input_shape)``, from ``(R or 1, B, *input_shape)``."""
        if tuple(x.shape[2:]) != self.input_shape or len(x) not in (1, self.replicas):
            shape = ", ".join(map(str, self.input_shape))
            first = "" if self.replicas == 1 else f"{self.replicas}, "
            raise ValueError(
                f"x must have shape ({first}B, {shape}), or (1, B, {shape}) for the same inputs "
                f"for every replica, got {tuple(x.shape)}"
            )
        weight = next(self.parameters(), x)
        if x.dtype != weight.dtype or x.device != weight.device:
            raise ValueError(
                f"x is {x.dtype} on {x.device}, the model's weights are {weight.dtype} on "
                f"{weight.device}; move one to the other"
            )
        return x.expand(self.replicas, *x.shape[1:])


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Have a model in evaluation mode, and in its own mode afterwards."""
    mode = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(mode)


def checked_shape(input_shape: Sequence[int], axes: Sequence[int] = (1,)) -> tuple[int, ...]:
    """The shape of one input as a tuple; a ``ValueError`` unless it has as many axes as that."""
    try:
        shape = tuple(integer("input_shape", size) for size in input_shape)
    except (TypeError, ValueError):
        shape = ()
    if len(shape) not in axes:
        forms = " or ".join({1: "(d,)", 3: "(c, H, W)"}[count] for count in axes)
        raise ValueError(f"input_shape must be {forms}, of positive integers, got {input_shape!r}")
    return shape


def point_dim(input_shape: Sequence[int]) -> int:
    """Dimension d of inputs of shape ``(d,)``, else a ``ValueError``."""
    return checked_shape(input_shape)[0]
