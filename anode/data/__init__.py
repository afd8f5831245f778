"""Data sets in memory, and toy data drawn from a seed."""

from anode.data.dataset import Data
from anode.data.toy import RADII, concentric_spheres, g1d, identity_1d, separable

__all__ = ["RADII", "Data", "concentric_spheres", "g1d", "identity_1d", "separable"]
