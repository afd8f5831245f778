"""Images to train on: chosen at random from a set, averaged to fewer pixels if asked to.

A set is read where it lies; nothing is downloaded unless
:func:`anode.data.images.download.fetch` is
called. The digits and the colour patches come with scikit-learn and scikit-image.
"""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from anode.data.dataset import Data
from anode.data.images import cifar, patches, readers, tiny
from anode.data.images.catalogue import (
    INSTEAD,
    SOURCES,
    DataError,
    ImageSet,
    data_folder,
    megabytes,
)
from anode.seeding import Stream, generator

FASHION_CLASSES = (
    "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "trainer", "bag", "boot",
)  # fmt: skip
_DIGITS_TRAINING = 1500  # of 1797; the others are for validation

_Split = tuple[Tensor, Tensor]
"""Images ``(N, c, H, W)``, pixels from 0 to 1, and labels ``(N,)``."""


def load(
    which: ImageSet, *, n_train: int, n_test: int, max_side: int = 64, seed: int = 0
) -> tuple[Data, Data]:
    """Training and test images, pixels from 0 to 1, chosen at random.

    MNIST and Fashion-MNIST have 60,000 training and 10,000 test images of 28 x 28 pixels, CIFAR-10
    50,000 and 10,000 of 32 x 32 in colour, Tiny ImageNet 100,000 and 10,000 of 64 x 64. The digits,
    of 8 x 8, are split here: 1500 for training and 297 for tests. Of the colour patches there are
    as many as are asked for.

    Args:
        which: set.
        n_train, n_test: number of images, or all there are if there are fewer.
        max_side: larger images are averaged over squares of pixels until their sides are at most
            this.
        seed: of the split and the choice.

    Returns:
        x of shape ``(N, c, H, W)``, y of shape ``(N,)``. The name says which data it is, whether it
        stands in for another set, and whether it was made smaller.

    Raises:
        ValueError: if a number is not positive, the seed is negative, or ANODE_DATA is set to
            something else than a folder.
        DataError: if the set is not here, only a part of it is, or a file is damaged; the message
            says how to get it.
    """
    for name, value in (("n_train", n_train), ("n_test", n_test), ("max_side", max_side)):
        if value < 1:
            raise ValueError(f"{name} must be 1 or more, got {value}")
    counts = (n_train, n_test)
    if which is ImageSet.DIGITS:
        splits = _digits(counts, seed)
    elif which is ImageSet.PATCHES:
        splits = [patches.cut(count, part, seed) for part, count in enumerate(counts)]
    else:
        splits = _fetched(which, counts, seed)
    train, test = (_shrink(images, labels, which.title, max_side) for images, labels in splits)
    return train, test


def available(which: ImageSet) -> bool:
    """Whether :func:`load` finds the set on this machine.

    Raises:
        ValueError: if ANODE_DATA is set to something else than a folder.
        DataError: if only a part of it is here.
    """
    return which not in SOURCES or readers.find(which) is not None


def class_names(which: ImageSet) -> tuple[str, ...]:
    """What the classes of a set are, in the order of their indices.

    Raises:
        DataError: if Tiny ImageNet's are asked for and it is not here.
    """
    if which is ImageSet.TINY_IMAGENET:
        return tiny.class_names(_folder(which))
    named = {
        ImageSet.FASHION: FASHION_CLASSES,
        ImageSet.CIFAR10: cifar.CLASSES,
        ImageSet.PATCHES: patches.CLASSES,
    }
    return named.get(which, tuple(map(str, range(10))))


def identity() -> str:
    """Which data :func:`load` would read here, without a path: it changes when they do."""
    parts = [f"{name} {version(name)}" for name in ("scikit-learn", "scikit-image")]
    for which in SOURCES:
        try:
            folder = readers.find(which)
            found = "none" if folder is None else readers.digest(which, folder)
        except (ValueError, OSError) as error:
            found = type(error).__name__  # its message may name a path
        parts.append(f"{which.value}: {found}")
    return "; ".join(parts)


def _folder(which: ImageSet) -> Path:
    """Where a set that has to be fetched lies."""
    folder = readers.find(which)
    if folder is None:
        source = SOURCES[which]
        raise DataError(
            f"{which.title} is not on this machine. 'anode data fetch {which.value}' downloads it "
            f"({megabytes(source.download_bytes)}) to {data_folder()}. {INSTEAD}."
        )
    return folder


def _fetched(which: ImageSet, counts: tuple[int, int], seed: int) -> list[_Split]:
    """Images and labels of the training and the test set, chosen at random."""
    parts = readers.read(which, _folder(which))
    return [
        _choose(images, labels, count, generator(seed, Stream.SPLIT, i))
        for i, ((images, labels), count) in enumerate(zip(parts, counts, strict=True))
    ]


def _choose(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], count: int, rng: torch.Generator
) -> _Split:
    chosen = torch.randperm(len(images), generator=rng)[:count].numpy()
    pixels = torch.from_numpy(images[chosen])
    return pixels / 255, torch.from_numpy(labels[chosen]).long()


def _digits(counts: tuple[int, int], seed: int) -> list[_Split]:
    """Images and labels of a training and a test set, chosen at random."""
    # Imported here: scikit-learn takes longer to import than a toy experiment to start.
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16  # (1797, 1, 8, 8)
    labels = torch.tensor(digits.target).long()
    order = torch.randperm(len(images), generator=generator(seed, Stream.SPLIT))
    parts = order[:_DIGITS_TRAINING], order[_DIGITS_TRAINING:]
    chosen = [part[:count] for part, count in zip(parts, counts, strict=True)]
    return [(images[part], labels[part]) for part in chosen]


def _shrink(images: Tensor, labels: Tensor, title: str, max_side: int) -> Data:
    """Average over the smallest squares that divide the image and make it small enough."""
    side = images.shape[-1]
    factor = next(f for f in range(1, side + 1) if side % f == 0 and side // f <= max_side)
    if factor > 1:
        images = F.avg_pool2d(images, factor)
    made = "averaged to " if factor > 1 else ""
    return Data(images, labels, f"{title}, {made}{side // factor} × {side // factor} pixels")
