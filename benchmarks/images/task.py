"""Training steps of one convolutional network on handwritten digits."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional as F

from anode import Loss, NeuralODE
from anode.data import Data
from anode_lab.images import image_set
from benchmarks.task import Task

CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class ImageTask(Task):
    """As :class:`benchmarks.task.Task`, of images ``(1, size, size)`` in ten classes.

    Attributes:
        size: height and width of the images.
        filters: k, of the field's two hidden layers.
        digits: how many different ones there are, each as often as the others; None is all.
    """

    networks: int = 1
    size: int
    filters: int
    digits: int | None = None

    loss: ClassVar[Loss] = Loss.CROSS_ENTROPY

    @property
    def width(self) -> int:
        """c + p, the channels of the state."""
        return 1 + self.augment_dim

    @property
    def name(self) -> str:
        """As tables print it."""
        return f"{self.size}×{self.size}, k = {self.filters}, p = {self.augment_dim}"

    def model(self) -> NeuralODE:
        return NeuralODE(
            (1, self.size, self.size),
            CLASSES,
            augment_dim=self.augment_dim,
            hidden=self.filters,
            seeds=self.seeds,
        )

    def data(self) -> Data:
        """Digits, enlarged from 8x8 pixels: what they show has no part in the time they take."""
        count = self.steps * self.batch
        digits, _ = image_set("digits").load(n_train=min(count, self.digits or count), n_test=1)
        x = F.interpolate(digits.x, (self.size, self.size), mode="bilinear")
        which = torch.arange(count) % len(x)
        return Data(x[which], digits.y[which], digits.name)


TASKS = {
    task.name: task
    for task in (
        *(ImageTask(size=14, filters=k, augment_dim=p) for k in (16, 32) for p in (0, 5)),
        ImageTask(size=28, filters=64, augment_dim=5, batch=256),
    )
}
"""Name -> task; the last is the paper's size of MNIST."""
