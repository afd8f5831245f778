"""Handwritten digits of 8 x 8 pixels that come with scikit-learn."""

from dataclasses import dataclass

import torch

from anode.seeding import Stream, generator
from anode_lab.images.base import ImageSet, Split, register_image_set


@dataclass(frozen=True, eq=False, kw_only=True)
class Digits(ImageSet):
    """scikit-learn's 1797 digits: 1500 of them, chosen by the seed, are for training."""

    def split(self, n_train: int, n_test: int, seed: int) -> tuple[Split, Split]:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16  # (1797, 1, 8, 8)
        labels = torch.tensor(digits.target).long()
        order = torch.randperm(len(images), generator=generator(seed, Stream.SPLIT))
        train, test = order[:1500][:n_train], order[1500:][:n_test]
        return (images[train], labels[train]), (images[test], labels[test])


register_image_set(
    Digits(
        name="digits",
        title="digits of scikit-learn",
        citation="E. Alpaydin and C. Kaynak, Optical recognition of handwritten digits, 1998",
        classes=tuple("0123456789"),
        offline="scikit-learn",
    )
)
