"""How much of each experiment is run: in a test, on a laptop, or as in the paper.

A profile is an entry of :data:`PROFILES`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from anode_lab.images import ImageSet, image_set


@dataclass(frozen=True)
class Size:
    """What a profile runs of an experiment.

    Attributes:
        seeds: Number of replicas of each model, or of folds in a search.
        epochs: Number of passes over the data.
        samples: Number of training samples, or of repeats of a data set of two points.
        batch_size: Number of samples in a step.
        hidden: Width of the fields.
        max_side: Longest side of an image in pixels; larger images are averaged to it.
        images: Image set; None for toy data.
    """

    seeds: int
    epochs: int
    samples: int
    batch_size: int = 64
    hidden: int = 32
    max_side: int = 28
    images: ImageSet | None = None

    @property
    def in_words(self) -> str:
        """Data and size of an experiment on images, for people; empty for toy data."""
        if self.images is None:
            return ""
        return (
            f"{self.samples:,} images of {self.images.title}, {self.max_side} × {self.max_side} "
            f"pixels, {self.hidden} filters, {self.epochs:,} epochs"
        )


_MNIST, _CIFAR10 = map(image_set, ("mnist", "cifar-10"))
_TINY_IMAGENET, _DIGITS, _PATCHES = map(image_set, ("tiny-imagenet", "digits", "colour-patches"))

_TOY = Size(seeds=20, epochs=50, samples=3000)
_SEARCH = replace(_TOY, seeds=3)
_TEST = Size(seeds=2, epochs=2, samples=96, batch_size=32, hidden=4, max_side=8, images=_DIGITS)
_LAPTOP = Size(seeds=5, epochs=10, samples=20_000, max_side=14, images=_MNIST)
_PAPER = Size(seeds=5, epochs=20, samples=60_000, batch_size=256, hidden=64, images=_MNIST)
_PAPER_COLOUR = replace(_PAPER, samples=50_000, max_side=32, images=_CIFAR10)

PROFILES: Mapping[str, Mapping[str, Size]] = {
    "smoke": {
        "two points": Size(seeds=2, epochs=20, samples=4),
        "toy": Size(seeds=2, epochs=2, samples=192),
        "grey": _TEST,
        "colour": replace(_TEST, images=_PATCHES),
        "grey-begun": _TEST,
        "colour-begun": replace(_TEST, images=_PATCHES),
        "overfit": _TEST,
        "large": replace(_TEST, images=_PATCHES),
        "search": Size(seeds=3, epochs=1, samples=240),
    },
    "laptop": {
        "two points": Size(seeds=5, epochs=1000, samples=32),
        "toy": _TOY,
        "grey": _LAPTOP,
        "colour": replace(_LAPTOP, max_side=16, images=_CIFAR10),
        "grey-begun": replace(_PAPER, seeds=2, epochs=3),
        "colour-begun": replace(_PAPER_COLOUR, seeds=2, epochs=2),
        "overfit": replace(_LAPTOP, epochs=1000, samples=320),
        "search": _SEARCH,
    },
    "paper": {
        "two points": Size(seeds=20, epochs=1000, samples=32),
        "toy": _TOY,
        "grey": _PAPER,
        "colour": _PAPER_COLOUR,
        "overfit": replace(_PAPER, epochs=100),
        "large": replace(_PAPER, samples=100_000, max_side=64, images=_TINY_IMAGENET),
        "search": _SEARCH,
    },
}
"""Name -> kind of experiment -> size; a kind is missing where it would take too long."""


def sizes(kind: str) -> dict[str, Size]:
    """Sizes of one kind of experiment, by profile."""
    return {profile: of_kind[kind] for profile, of_kind in PROFILES.items() if kind in of_kind}


def check_profile(profile: str, valid: Collection[str] = PROFILES) -> str:
    """The name of a profile, unless it is not a valid one.

    Raises:
        ValueError: If it is not.
    """
    if profile not in valid:
        raise ValueError(f"profile must be one of {', '.join(valid)}, got {profile!r}")
    return profile
