"""Who takes part: this package, its field under torchdiffeq, and the paper's way.

The paper's way is the field as the paper describes it, ``nn.Conv2d`` with the time glued on as a
channel, solved by torchdiffeq with the adjoint method, as in its released code, or directly.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchdiffeq import odeint, odeint_adjoint

from anode import Engine
from anode.fields import ConvField
from benchmarks.images.task import CLASSES, ImageTask
from benchmarks.package import PACKAGE, Stack
from benchmarks.peers.one_by_one import CountedField, OneByOne, PlainModel
from benchmarks.task import Contestant, Task


class PlainConvField(CountedField):
    """1x1 -> 3x3 -> 1x1 convolutions of h ``(B, c + p, H, W)``, each with a channel of t."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.convolutions = [
            nn.Conv2d(channels + 1, filters, 1),
            nn.Conv2d(filters + 1, filters, 3, padding=1),
            nn.Conv2d(filters + 1, channels, 1),
        ]
        self.layers = nn.ModuleList(self.convolutions)

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        self.nfe += 1
        for number, layer in enumerate(self.convolutions):
            h = F.relu(h) if number else h
            h = layer(torch.cat([h, t.expand(len(h), 1, *h.shape[2:])], dim=1))
        return h


class PlainImageODE(PlainModel):
    """Inputs ``(B, 1, H, W)`` to logits ``(B, 10)``: p channels of zeros, a solve, a linear layer.

    Weights are those of the task's network before training.
    """

    def __init__(self, task: ImageTask, *, adjoint: bool) -> None:
        super().__init__()
        self.augment_dim, self.tolerance, self.adjoint = task.augment_dim, task.tolerance, adjoint
        self.field: PlainConvField = PlainConvField(task.width, task.filters)
        self.head = nn.Linear(task.width * task.size**2, CLASSES)
        self._load(task)

    @torch.no_grad()
    def _load(self, task: ImageTask) -> None:
        model = task.model()
        field, head = model.field, model.head
        assert isinstance(field, ConvField)
        assert head is not None
        parts = zip(field.kernels, field.time_kernels, field.biases, strict=True)
        for layer, (kernel, time, bias) in zip(self.field.convolutions, parts, strict=True):
            layer.weight.copy_(torch.cat([kernel[0], time[0]], dim=1))
            assert layer.bias is not None
            layer.bias.copy_(bias[0])
        self.head.weight.copy_(head.weight[0].T)
        self.head.bias.copy_(head.bias[0, 0])

    def features(self, x: Tensor) -> Tensor:
        h0 = F.pad(x, (0, 0, 0, 0, 0, self.augment_dim))
        times = torch.tensor([0.0, 1.0], dtype=h0.dtype)
        solve = odeint_adjoint if self.adjoint else odeint
        tolerance = self.tolerance
        end: Tensor = solve(self.field, h0, times, rtol=tolerance, atol=tolerance, method="dopri5")[
            1
        ]
        return end

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x).flatten(1))
        return logits


def plain(task: Task, *, adjoint: bool = False) -> OneByOne:
    """The paper's way, with the adjoint method or directly."""
    assert isinstance(task, ImageTask)
    return OneByOne(task, lambda: [PlainImageODE(task, adjoint=adjoint)])


FIELD = Contestant(
    "anode's field, torchdiffeq", "`odeint`, its own `train`", stacks=False, compiles=False,
    prepare=partial(Stack, engine=Engine.TORCHDIFFEQ),
)  # fmt: skip
DIRECT = Contestant(
    "torchdiffeq, direct", "`odeint`, time glued on", stacks=False, compiles=False, prepare=plain
)
ADJOINT = Contestant(
    "torchdiffeq, adjoint", "`odeint_adjoint`, time glued on", stacks=False, compiles=False,
    prepare=partial(plain, adjoint=True),
)  # fmt: skip
WAYS = (PACKAGE, FIELD, DIRECT, ADJOINT)
"""In the order in which they start."""
