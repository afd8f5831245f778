"""Square patches of ten colour photographs, which need no download: a stand-in for CIFAR-10.

The task is to tell from which photograph a patch was cut. Patches for training and for tests come
from alternating upright bands of each photograph, with a gap between the bands, so that no training
patch shows what a test patch shows.

The photographs come with scikit-image (first eight, described in its ``skimage/data/README.txt``)
and scikit-learn (last two):

- astronaut: Eileen Collins, NASA, in the public domain;
- chelsea: a cat, by Stéfan van der Walt, CC0;
- coffee: a cup, by Rachel Michetti, in the public domain (CC0);
- hubble: the Hubble eXtreme Deep Field, NASA and ESA, in the public domain;
- ihc: colonic glands, stained, Centre for Microscopy, Characterisation and Analysis, University of
  Western Australia;
- motorcycle: the left image of a pair, Middlebury stereo benchmark (Scharstein et al. 2014), CC0;
- retina: a fundus, by Häggström (2014), CC0;
- rocket: a launch of the Falcon 9 with DSCOVR, SpaceX, CC0;
- china: a temple, by Ilya Hudak, CC BY;
- flower: a dahlia, by dany13, CC BY.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from anode.seeding import Stream, generator
from anode_lab.images.base import Bytes, ImageSet, Split, register_image_set

SIDE = 32
"""Side of a patch in pixels."""
HEIGHT = 256
"""Shorter side to which a photograph is scaled first, in pixels. A patch then shows an eighth of
it: an eye of the cat, a wheel's spokes, a roof's edge."""
BANDS = ((0, 72), (80, 120))
"""Columns of the first band for training and of the first band for tests."""
PERIOD = 128
"""Number of columns after which the bands repeat. Two halves would be simpler, but the right half
of a photograph shows other things than the left: a small convolutional network that had seen one
half knew one in five patches of the cat's other half."""
FLAT = 0.02
"""Smallest standard deviation of a patch's pixels, which go from 0 to 1. Patches below it, such as
black borders, are left out."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ColourPatches(ImageSet):
    """Patches at random places of the photographs, half of them mirrored left to right.

    There are as many patches as are asked for. The classes take turns.
    """

    def split(self, n_train: int, n_test: int, seed: int) -> tuple[Split, Split]:
        return cut(n_train, 0, seed), cut(n_test, 1, seed)


def photographs() -> dict[str, Callable[[], Bytes]]:
    """Return the reader of each photograph ``(H, W, 3)`` by its name, in the order of classes."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    return {
        "astronaut": data.astronaut,
        "chelsea": data.chelsea,
        "coffee": data.coffee,
        "hubble": data.hubble_deep_field,
        "ihc": data.immunohistochemistry,
        "motorcycle": lambda: data.stereo_motorcycle()[0],
        "retina": data.retina,
        "rocket": data.rocket,
        "china": lambda: load_sample_image("china.jpg"),
        "flower": lambda: load_sample_image("flower.jpg"),
    }


@cache
def scaled() -> tuple[Tensor, ...]:
    """Return the photographs ``(3, H, W)``, pixels from 0 to 1, with a shorter side of HEIGHT."""
    return tuple(_scale(read()) for read in photographs().values())


def cut(count: int, part: int, seed: int) -> Split:
    """Cut ``count`` patches of ``part`` 0, for training, or 1, for tests."""
    photos, places = scaled(), _places(part)
    labels = torch.arange(count) % len(photos)
    random = torch.rand(count, 2, dtype=torch.float64, generator=generator(seed, Stream.DATA, part))
    patches = torch.empty(count, 3, SIDE, SIDE)
    for i, (label, (place, mirror)) in enumerate(zip(labels, random.tolist(), strict=True)):
        row, column = places[label][int(place * len(places[label]))].tolist()
        patch = photos[label][:, row : row + SIDE, column : column + SIDE]
        patches[i] = patch.flip(-1) if mirror < 0.5 else patch
    return patches, labels


@cache
def _places(part: int) -> tuple[Tensor, ...]:
    return tuple(corners(photo, part) for photo in scaled())


def corners(photo: Tensor, part: int) -> Tensor:
    """Return the top left corners ``(n, 2)``, row and column, of all patches of a part."""
    mean, square = (F.avg_pool2d(x.mean(0)[None], SIDE, stride=1)[0] for x in (photo, photo**2))
    # The deviation is over pixels and colours: a patch of one colour is kept, one of one grey not.
    lively = square - mean**2 > FLAT**2
    start, end = BANDS[part]
    column = torch.arange(lively.shape[1]) % PERIOD
    return (lively & (start <= column) & (column <= end - SIDE)).nonzero()


def _scale(photo: Bytes) -> Tensor:
    image = torch.tensor(np.array(photo[..., :3]), dtype=torch.float32).permute(2, 0, 1)[None] / 255
    height, width = image.shape[2:]
    factor = HEIGHT / min(height, width)
    size = (round(height * factor), round(width * factor))
    return F.interpolate(image, size, mode="bilinear", antialias=True)[0].clamp(0, 1)


COLOUR_PATCHES = ColourPatches(
    name="colour-patches",
    title="colour patches of ten photographs (a stand-in for CIFAR-10)",
    citation="photographs of scikit-image and scikit-learn, by the authors that "
    "anode_lab/images/patches.py lists",
    classes=(
        "astronaut", "chelsea", "coffee", "hubble", "ihc", "motorcycle", "retina", "rocket",
        "china", "flower",
    ),
    offline="scikit-image",
)  # fmt: skip
register_image_set(COLOUR_PATCHES)
