"""The least time that a training step can take: its matrix products alone.

An evaluation of a field has three matrix products, and its gradient six: one for the weights and
one for the input of each layer. The rates at which this machine does matrix products are measured.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers.one_by_one import OneByOne
from benchmarks.peers.torchdiffeq import prepare
from benchmarks.task import HIDDEN, Task

SIZES = (256, 512, 1024)
_SECONDS = 0.03


def evaluation_flops(batch: int, width: int) -> int:
    """Floating-point operations of one network's forward products: ``B`` states ``(width,)``."""
    return 2 * batch * HIDDEN * (width + HIDDEN + width)


@dataclass(frozen=True)
class Work:
    """What a training step of one network needs, on average over a task's steps and networks.

    Attributes:
        nfe: evaluations of the forward pass.
        backward: evaluations through which torchdiffeq's gradient passes: not those of rejected
            steps, and the one for the choice of the first step only where it decides.
        flops: floating-point operations of their matrix products.
    """

    nfe: float
    backward: float
    flops: float

    @classmethod
    def of(cls, task: Task) -> "Work":
        """Counted in a round of torchdiffeq."""
        nfe, backward = count_evaluations(prepare(task))
        flops = evaluation_flops(task.batch, task.width)
        return cls(nfe, backward, flops * (nfe + 2 * backward))


def count_evaluations(training: OneByOne) -> tuple[float, float]:
    """Evaluations of a step's forward pass, and those that its gradient passes through.

    Means over the steps and networks of a round with direct gradients.
    """
    backward = 0

    def count(gradient: Tensor) -> None:
        nonlocal backward
        backward += 1

    def watch(module: object, inputs: object, output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(count)

    for model in training.models:
        model.field.register_forward_hook(watch)
    nfe = training.run().nfe
    return float(nfe.mean()), backward / nfe.size


SGEMM, BMM = "sgemm", "bmm"


class Library(NamedTuple):
    """Whose products are timed: ``(a, b, out=)`` of its own kind of array, which share memory."""

    name: str
    array: Callable[[Tensor], Any]
    product: Callable[..., Any]
    batched: Callable[..., Any]


LIBRARIES = (
    Library("torch", lambda tensor: tensor, torch.mm, torch.bmm),
    Library("numpy", lambda tensor: tensor.numpy(), np.matmul, np.matmul),
)
"""numpy is there because its BLAS may know the processor better than torch's."""


@dataclass
class Rates:
    """Floating-point operations a second that this machine reaches, one entry a round.

    Attributes:
        measured: kind of product and library -> rates. :data:`SGEMM` is the best large product in
            single precision; :data:`BMM` is batched products of a task's shapes, nothing else.
    """

    measured: dict[str, list[float]] = field(default_factory=dict)

    def measure(self, task: Task) -> None:
        """One more round."""
        for library in LIBRARIES:
            large = max(_sgemm(library, size) for size in SIZES)
            self.measured.setdefault(f"{SGEMM}, {library.name}", []).append(large)
            self.measured.setdefault(f"{BMM}, {library.name}", []).append(_bmm(library, task))

    def best(self, kind: str = "") -> float:
        """The highest rate of a kind, of all if left out."""
        return max(max(each) for name, each in self.measured.items() if name.startswith(kind))


def _rate(call: Callable[[], object], flops: int) -> float:
    call()
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < _SECONDS:
        call()
        calls += 1
    return flops * calls / elapsed


def _sgemm(library: Library, size: int) -> float:
    a, b, out = map(library.array, torch.rand(3, size, size))
    return _rate(partial(library.product, a, b, out=out), 2 * size**3)


def _bmm(library: Library, task: Task) -> float:
    """Of the nine products of an evaluation and its gradient, for all networks at once."""
    products = [
        partial(library.batched, library.array(a), library.array(b), out=library.array(out))
        for inputs, outputs in ((task.width, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, task.width))
        for a, b, out in _layer(task.networks, task.batch, inputs, outputs)
    ]

    def evaluate() -> None:
        for _ in range(10):
            for product in products:
                product()

    flops = 3 * evaluation_flops(task.batch, task.width) * task.networks
    return _rate(evaluate, 10 * flops)


def _layer(
    networks: int, batch: int, inputs: int, outputs: int
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Factors and result of a layer's products: output, slope of the weights, of the input."""
    x, weight = torch.rand(networks, batch, inputs), torch.rand(networks, inputs, outputs)
    slope = torch.rand(networks, batch, outputs)
    pairs = [(x, weight), (x.transpose(1, 2), slope), (slope, weight.transpose(1, 2))]
    return [(a, b, torch.bmm(a, b)) for a, b in pairs]
