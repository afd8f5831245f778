"""What an image set is: an object with a name and a source that chooses images from it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from anode.data.dataset import Data

Bytes = NDArray[np.uint8]


class Images(Protocol):
    """Pixels ``(N, c, H, W)`` of a set as bytes; an index reads those that it names."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: NDArray[np.int64], /) -> Bytes: ...


Split = tuple[Tensor, Tensor]
"""Images ``(N, c, H, W)`` with pixels from 0 to 1, and their labels ``(N,)``."""

IMAGE_SETS: dict[str, "ImageSet"] = {}
"""Name -> image set. The modules of this package register theirs; any other code may add one."""


class DataError(ValueError):
    """An image set is missing, damaged or could not be fetched; the message says what to do."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageSet(ABC):
    """A set of square images, each of one class.

    Attributes:
        name: Name in records and on the command line.
        title: Name that figures print. A stand-in for another set says so.
        citation: Source to cite.
        classes: Names of the classes, in the order of their indices.
        offline: Where the set comes from without a download; empty if it needs one.
    """

    name: str
    title: str
    citation: str
    classes: tuple[str, ...]
    offline: str = ""

    @abstractmethod
    def split(self, n_train: int, n_test: int, seed: int) -> Sequence[Split]:
        """Training and test images, chosen as :meth:`load` says."""

    def available(self) -> bool:
        """Whether :meth:`load` finds the set on this machine."""
        return True

    def class_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of their indices."""
        return self.classes

    def checksums(self) -> dict[str, str]:
        """Checksums of the set's files by name; none if a package brings the set."""
        return {}

    def load(
        self, *, n_train: int, n_test: int, max_side: int = 64, seed: int = 0
    ) -> tuple[Data, Data]:
        """Load training and test images, chosen at random, with pixels from 0 to 1.

        Args:
            n_train, n_test: Number of training and of test images, or all if there are fewer.
            max_side: Largest side in pixels. Larger images are averaged over squares of pixels.
            seed: Seed of the choice. Fewer images of the same seed are the first of more.

        Returns:
            Training and test data with ``x`` of shape ``(N, c, H, W)`` and ``y`` of shape ``(N,)``.
            Their name says which set they are from and whether they were averaged.

        Raises:
            ValueError: If a number is not positive, the seed is negative, or ``ANODE_DATA`` names
                no folder.
            DataError: If the set is not on this machine, or a file is missing or damaged.
        """
        for name, value in (("n_train", n_train), ("n_test", n_test), ("max_side", max_side)):
            if value < 1:
                raise ValueError(f"{name} must be 1 or more, got {value}")
        train, test = self.split(n_train, n_test, seed)
        return self._shrink(*train, max_side), self._shrink(*test, max_side)

    def _shrink(self, images: Tensor, labels: Tensor, max_side: int) -> Data:
        """Average over the smallest squares that divide the images and make them small enough."""
        side = images.shape[-1]
        factor = next(f for f in range(1, side + 1) if side % f == 0 and side // f <= max_side)
        if factor > 1:
            images = F.avg_pool2d(images, factor)
        made = "averaged to " if factor > 1 else ""
        side //= factor
        return Data(images, labels, f"{self.title}, {made}{side} × {side} pixels")


def register_image_set(new: ImageSet) -> None:
    """Add an image set to :data:`IMAGE_SETS`.

    Raises:
        ValueError: If another set has its name.
    """
    if new.name in IMAGE_SETS:
        raise ValueError(f"name must be new, but there is an image set {new.name!r}")
    IMAGE_SETS[new.name] = new


def image_set(name: str) -> ImageSet:
    """Look up an image set by its name.

    Raises:
        ValueError: If there is none; the message lists those that there are.
    """
    if name not in IMAGE_SETS:
        raise ValueError(f"name must be one of {', '.join(IMAGE_SETS)}, got {name!r}")
    return IMAGE_SETS[name]
