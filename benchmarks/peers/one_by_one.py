"""What libraries share that solve one network's problem at a time: a module a network, a loop."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.task import HIDDEN, LEARNING_RATE, Record, Task, Weights


class CountedField(nn.Module):
    """f(h, t) that counts its evaluations."""

    nfe: int = 0


class PlainModel(nn.Module, ABC):
    """A network of one problem at a time."""

    field: CountedField

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """phi(x) of inputs ``(B, ...)``."""


class PlainField(CountedField):
    """f(h, t): the time appended to h ``(B, dim)``, then a two-hidden-layer ReLU network."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(dim + 1, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, dim),
        )

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        self.nfe += 1
        return self.net(torch.cat([h, t.expand(len(h), 1)], dim=1))


class PlainNeuralODE(PlainModel):
    """Inputs ``(B, d)`` to outputs ``(B, 1)``: p zeros appended, a solve, a linear layer."""

    field: PlainField

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.augment_dim, self.tolerance = task.augment_dim, task.tolerance
        self.field = PlainField(task.width)
        self.head = nn.Linear(task.width, 1)

    @abstractmethod
    def solve(self, h0: Tensor) -> Tensor:
        """h(1) ``(B, D)`` from h(0) ``(B, D)``."""

    def features(self, x: Tensor) -> Tensor:
        """phi(x) ``(B, D)``."""
        return self.solve(F.pad(x, (0, self.augment_dim)))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))

    @torch.no_grad()
    def load(self, weights: Weights) -> None:
        """Take the weights of one network."""
        values = [
            (torch.cat([weights.w1, weights.time]), weights.b1),
            (weights.w2, weights.b2),
            (weights.w3, weights.b3),
            (weights.head, weights.head_bias),
        ]
        layers = [layer for layer in [*self.field.net, self.head] if isinstance(layer, nn.Linear)]
        for layer, (weight, bias) in zip(layers, values, strict=True):
            layer.weight.copy_(weight.T)
            layer.bias.copy_(bias[0])


class OneByOne:
    """The networks of a task, trained one after another with torch's Adam.

    Args:
        build: makes the networks with their weights before training.
    """

    def __init__(self, task: Task, build: Callable[[], Sequence[PlainModel]]) -> None:
        self.task, self.build, self.batches = task, build, task.batches()
        self.reset()

    def reset(self) -> None:
        self.models = self.build()

    def run(self) -> Record:
        columns = [self._train(network, model) for network, model in enumerate(self.models)]
        return Record(*(np.stack(values, axis=1) for values in zip(*columns, strict=True)))

    def _train(
        self, network: int, model: PlainModel
    ) -> tuple[list[float], list[float], list[float]]:
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
        losses, nfe, backward_nfe = [], [], []
        for x, y in self.batches:
            model.field.nfe = 0
            optimizer.zero_grad()
            own = slice(network, network + 1)
            loss = self.task.loss(model(x[network])[None], y[own]).sum()
            forward = float(model.field.nfe)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            nfe.append(forward)
            backward_nfe.append(float(model.field.nfe) - forward)
        return losses, nfe, backward_nfe

    @torch.no_grad()
    def features(self, x: Tensor) -> Tensor:
        """phi(x) before training, in double precision if ``x`` is."""
        models = [model.to(x.dtype) for model in self.build()]
        return torch.stack([model.features(own) for model, own in zip(models, x, strict=True)])


def one_by_one(task: Task, make: Callable[[Task], PlainNeuralODE]) -> OneByOne:
    """The toy networks of a task, each made by ``make``."""
    weights = task.weights()

    def build() -> list[PlainNeuralODE]:
        models = [make(task) for _ in task.seeds]
        for network, model in enumerate(models):
            model.load(weights.of(network))
        return models

    return OneByOne(task, build)
