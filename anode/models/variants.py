"""Other ways past a flow's limits than zeros: what the paper leaves open (section 6).

Each is a stack of R replicas like :class:`~anode.models.base.NeuralODE`, and is trained the same
way.
"""

import math
from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import pairwise

import torch
from torch import Tensor, nn

from anode.fields import Activation, MLPField, VectorField, check_positive, linear_layers
from anode.models.base import Model, ModelOutput, NeuralODE
from anode.seeding import Stream, generator, normal
from anode.solve import SolverSettings


class InputLayer(Enum):
    """What a learned augmentation does to an input before the flow.

    ``LINEAR`` is h(0) = x W + b. ``APPENDED`` keeps x and appends a learned function of it,
    h(0) = (x, relu(x V + c) W + b).
    """

    LINEAR = "linear"
    APPENDED = "appended"


class LearnedAugmentation(NeuralODE):
    """A Neural ODE whose initial state is a learned function of the input, in d + p dimensions.

    Args:
        dim: d, the dimension of the input.
        layer: the kind of function; ``APPENDED`` needs ``augment_dim`` of at least 1.
        outputs, augment_dim, hidden, activation, seeds, solver: as for a Neural ODE; ``hidden`` is
            also the width of an appended function.

    Raises:
        ValueError: as a Neural ODE, and if nothing is to be appended.
    """

    def __init__(
        self,
        dim: int,
        layer: InputLayer,
        outputs: int | None = 1,
        *,
        augment_dim: int = 1,
        hidden: int = 32,
        activation: Activation = Activation.RELU,
        seeds: Iterable[int] = (0,),
        solver: SolverSettings | None = None,
    ) -> None:
        check_positive(dim=dim)
        if layer is InputLayer.APPENDED and augment_dim < 1:
            raise ValueError(f"augment_dim must be 1 or more to append, got {augment_dim}")
        super().__init__(
            (dim,),
            outputs,
            augment_dim=augment_dim,
            hidden=hidden,
            activation=activation,
            seeds=seeds,
            solver=solver,
        )
        self.layer = layer
        rngs = [generator(seed, Stream.INPUT) for seed in self.seeds]
        widths = (
            [dim, dim + augment_dim] if layer is InputLayer.LINEAR else [dim, hidden, augment_dim]
        )
        self.maps = nn.ModuleList(
            _Affine(inputs, outputs, rngs) for inputs, outputs in pairwise(widths)
        )

    def augment(self, x: Tensor) -> Tensor:
        """The initial state: ``(R or 1, B, d)`` -> ``(R, B, d + p)``."""
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


class SecondOrderField(VectorField):
    """(x, v)' = (v, a(x, v, t)), with an acceleration a that is an MLP.

    Args:
        dim: d, of x and of v.
        hidden, activation, seeds: of the acceleration.
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
    """A Neural ODE of second order, x'' = a(x, x', t), at rest at first: h(0) = (x, 0).

    Its state is (x, x'), and so is what the head reads.

    Args:
        dim: d, the dimension of the input.
        outputs, hidden, activation, seeds, solver: as for a Neural ODE.
    """

    def __init__(
        self,
        dim: int,
        outputs: int | None = 1,
        *,
        hidden: int = 32,
        activation: Activation = Activation.RELU,
        seeds: Iterable[int] = (0,),
        solver: SolverSettings | None = None,
    ) -> None:
        super().__init__(
            (dim,),
            outputs,
            augment_dim=dim,
            hidden=hidden,
            activation=activation,
            seeds=seeds,
            solver=solver,
        )
        self.field = SecondOrderField(dim, hidden=hidden, activation=activation, seeds=self.seeds)


class NoisyNeuralODE(Model):
    """dX = f(X, t) dt + sigma dW, X(0) = x, by the Euler-Maruyama method.

    Each sample has a path W of its own. A prediction is the mean of the head over ``paths`` paths:
    one in training, several to test. The noise goes on from one prediction to the next; it is
    fixed by the replicas' seeds and by what was predicted before.

    Args:
        dim: d, the dimension of the input.
        noise: sigma, 0 or more.
        outputs, hidden, seeds: as for a Neural ODE.
        steps: of the method, each of size 1 / steps.

    Raises:
        ValueError: if a size is out of range.
    """

    def __init__(
        self,
        dim: int,
        noise: float,
        outputs: int | None = 1,
        *,
        hidden: int = 32,
        steps: int = 20,
        seeds: Iterable[int] = (0,),
    ) -> None:
        check_positive(dim=dim, steps=steps)
        if not noise >= 0:
            raise ValueError(f"noise must be 0 or more, got {noise}")
        super().__init__((dim,), (dim,), outputs, seeds, noise=noise, hidden=hidden, steps=steps)
        self.field = MLPField(dim, hidden=hidden, seeds=self.seeds)
        self.noise = noise
        self.steps = steps
        self.paths = 1
        self._rngs = [generator(seed, Stream.NOISE) for seed in self.seeds]

    def run(self, x: Tensor) -> ModelOutput:
        x = self._stack(x)
        batch = x.shape[1]
        h = x.repeat(1, self.paths, 1)
        size = 1 / self.steps
        scale = self.noise * math.sqrt(size)
        for step in range(self.steps):
            h = h + size * self.field(h.new_tensor(step * size), h)
            if self.noise:
                h = h + scale * normal(self._rngs, h.shape[1:], h)
        prediction = self._predict(h).unflatten(1, (self.paths, batch)).mean(1)
        nfe = torch.full((self.replicas,), self.steps)
        return ModelOutput(prediction, h.unflatten(1, (self.paths, batch))[:, 0], nfe)


class MeanOfTwo(Model):
    """The mean of two Neural ODEs with heads of their own, trained together.

    Args:
        dim: d, the dimension of the input.
        outputs, hidden, activation, solver: of each of the two.
        seeds: one a replica; the two networks of a replica draw different weights from it.
    """

    def __init__(
        self,
        dim: int,
        outputs: int = 1,
        *,
        hidden: int = 32,
        activation: Activation = Activation.RELU,
        seeds: Iterable[int] = (0,),
        solver: SolverSettings | None = None,
    ) -> None:
        super().__init__((dim,), (2 * dim,), None, seeds, hidden=hidden)

        def network(which: int) -> NeuralODE:
            seeds = [2 * seed + which for seed in self.seeds]
            return NeuralODE(
                (dim,), outputs, hidden=hidden, activation=activation, seeds=seeds, solver=solver
            )

        self.one, self.two = network(0), network(1)

    def run(self, x: Tensor) -> ModelOutput:
        """The mean of the predictions, both features side by side, and the sum of the cost."""
        one, two = self.one.run(x), self.two.run(x)
        return ModelOutput(
            (one.prediction + two.prediction) / 2,
            torch.cat([one.features, two.features], dim=2),
            one.nfe + two.nfe,
        )
