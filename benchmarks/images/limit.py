"""The least time of a training step on images: its convolutions alone.

As many evaluations as torchdiffeq makes and goes back through, each of three convolutions of the
state without a time, on tensors of its own that are kept until the way back, as a graph has to keep
them. No activations, no sums of slopes, no error estimates, no graph.
"""

import gc
import time
from dataclasses import dataclass, field
from itertools import product

import torch
from torch import Tensor

from anode.fields import ConvField
from benchmarks.images.task import ImageTask
from benchmarks.images.ways import plain
from benchmarks.limit import count_evaluations
from benchmarks.task import Floats, Task

FORMATS = {"channels last": torch.channels_last, "channels first": torch.contiguous_format}
"""Orders in memory; which is faster depends on the sizes and the machine."""

AT_ONCE = (256, 64, 32, 16, 8)
"""Numbers of images a convolution is given at once; fewer stay in a cache, more share its start."""


@dataclass
class Convolutions:
    """The convolutions of a task's training step.

    Attributes:
        model: name of the task.
        threads: of the process.
        nfe, backward: evaluations of a step, and those that its gradient passes through.
        seconds: order in memory and images at once -> those of a step, one entry a round.
    """

    model: str
    threads: int
    nfe: float
    backward: float
    seconds: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, task: ImageTask) -> "Convolutions":
        """Evaluations are counted in a round of the paper's field with direct gradients."""
        return cls(task.name, torch.get_num_threads(), *count_evaluations(plain(task)))

    @torch.no_grad()
    def measure(self, task: ImageTask) -> None:
        """One more round."""
        ways = product(FORMATS.items(), (n for n in AT_ONCE if task.batch % n == 0))
        for (name, order), at_once in ways:
            step = Step(task, order, at_once)
            step.run(1, 1)
            gc.collect()
            start = time.perf_counter()
            step.run(round(self.nfe), round(self.backward))
            seconds = time.perf_counter() - start
            # A mean of steps is not a whole number of evaluations. Its way back is twice its work.
            share = (self.nfe + 2 * self.backward) / (round(self.nfe) + 2 * round(self.backward))
            self.seconds.setdefault(f"{name}, {at_once} at once", []).append(share * seconds)

    def least(self) -> Floats:
        """Seconds of a step the fastest way, one a round."""
        return torch.tensor(list(self.seconds.values()), dtype=torch.float64).amin(0).numpy()


class Step:
    """States, weights and gradients of an evaluation's three convolutions, of some at once."""

    def __init__(self, task: Task, order: torch.memory_format, at_once: int) -> None:
        model = task.model()
        assert isinstance(model.field, ConvField)
        kernels, biases = model.field.kernels, model.field.biases
        self.layers = [(k[0].clone(), b[0].clone()) for k, b in zip(kernels, biases, strict=True)]
        self.states = torch.rand(2, at_once, *model.state_shape)
        self.order, self.parts = order, task.batch // at_once

    def run(self, forward: int, backward: int) -> None:
        """``forward`` evaluations, and the way back through ``backward`` of them."""
        kept = [self._evaluate(self._copy(0)) for _ in range(forward * self.parts)]
        for inputs in kept[: backward * self.parts][::-1]:
            self._pull_back(inputs, self._copy(1))

    def _copy(self, which: int) -> Tensor:
        return self.states[which].clone(memory_format=self.order)

    def _evaluate(self, z: Tensor) -> list[Tensor]:
        """The inputs of the three convolutions."""
        inputs = []
        for kernel, bias in self.layers:
            inputs.append(z)
            z = torch.conv2d(z, kernel, bias, padding=kernel.shape[-1] // 2)
        return inputs

    def _pull_back(self, inputs: list[Tensor], gradient: Tensor) -> None:
        for z, (kernel, bias) in zip(reversed(inputs), reversed(self.layers), strict=True):
            padding = [kernel.shape[-1] // 2] * 2
            gradient, _, _ = torch.ops.aten.convolution_backward(
                gradient, z, kernel, [len(bias)], [1, 1], padding, [1, 1], False, [0, 0], 1,
                [True, True, True],
            )  # fmt: skip
