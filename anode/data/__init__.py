"""Data sets: toy data drawn from a seed, and images read from disk."""

from anode.data.dataset import Data
from anode.data.images import IMAGE_SETS, DataError, ImageSet, image_set, register_image_set
from anode.data.toy import (
    RADII,
    concentric_spheres,
    g1d,
    identity_1d,
    separable,
    spheres_without_slice,
)

__all__ = [
    "IMAGE_SETS",
    "RADII",
    "Data",
    "DataError",
    "ImageSet",
    "concentric_spheres",
    "g1d",
    "identity_1d",
    "image_set",
    "register_image_set",
    "separable",
    "spheres_without_slice",
]
