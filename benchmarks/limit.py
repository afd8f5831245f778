"""The least time that a training step can take: its matrix products alone.

An evaluation of a field has three matrix products, and its gradient six: one for the weights and
one for the input of each layer. The rates at which this machine does matrix products are measured.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from benchmarks.peers.torchdiffeq import prepare
from benchmarks.task import HIDDEN, Task

SIZES = (512, 1024, 2048)
_SECONDS = 0.03


def evaluation_flops(batch: int, width: int) -> int:
    """Floating-point operations of one network's forward products: ``B`` states ``(width,)``."""
    return 2 * batch * HIDDEN * (width + HIDDEN + width)


@dataclass(frozen=True)
class Work:
    """What a training step of one network needs, on average over a task's steps and networks.

    Attributes:
        nfe: evaluations of the forward pass.
        backward: evaluations through which the gradient passes; not those of the choice of the
            first step or of rejected steps.
        flops: floating-point operations of their matrix products.
    """

    nfe: float
    backward: float
    flops: float

    @classmethod
    def of(cls, task: Task) -> "Work":
        """Counted in a round of torchdiffeq."""
        training = prepare(task)
        backward = 0

        def count(gradient: Tensor) -> None:
            nonlocal backward
            backward += 1

        def watch(module: object, inputs: object, output: Tensor) -> None:
            if output.requires_grad:
                output.register_hook(count)

        for model in training.models:
            model.field.register_forward_hook(watch)
        nfe = float(training.run().nfe.mean())
        each = backward / (task.steps * task.networks)
        flops = evaluation_flops(task.batch, task.width)
        return cls(nfe, each, flops * (nfe + 2 * each))


@dataclass
class Rates:
    """Floating-point operations a second that this machine reaches, one entry a round.

    Attributes:
        sgemm: of the best large product in single precision.
        bmm: of batched products of a task's shapes, nothing else.
    """

    sgemm: list[float] = field(default_factory=list)
    bmm: list[float] = field(default_factory=list)

    def measure(self, task: Task) -> None:
        """One more round."""
        self.sgemm.append(max(_sgemm(size) for size in SIZES))
        self.bmm.append(_bmm(task))

    @property
    def best(self) -> float:
        """The highest rate of all."""
        return max(*self.sgemm, *self.bmm)


def _rate(call: Callable[[], object], flops: int) -> float:
    call()
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < _SECONDS or calls < 2:
        call()
        calls += 1
    return flops * calls / elapsed


def _sgemm(size: int) -> float:
    a, b, out = torch.rand(3, size, size)
    return _rate(partial(torch.mm, a, b, out=out), 2 * size**3)


def _bmm(task: Task) -> float:
    """Of the nine products of an evaluation and its gradient, for all networks at once."""
    products = [
        product
        for inputs, outputs in ((task.width, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, task.width))
        for product in _layer(task.networks, task.batch, inputs, outputs)
    ]

    def evaluate() -> None:
        for _ in range(10):
            for a, b, out in products:
                torch.bmm(a, b, out=out)

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
