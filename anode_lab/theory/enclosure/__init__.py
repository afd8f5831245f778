"""Sets that certainly contain the image of a set under the exact flow, rounding errors included."""

from anode_lab.theory.enclosure.circle import CircleCover, cover_circle
from anode_lab.theory.enclosure.flow_image import enclose, head, output_bounds
from anode_lab.theory.enclosure.stepping import Enclosure, EnclosureError

__all__ = [
    "CircleCover",
    "Enclosure",
    "EnclosureError",
    "cover_circle",
    "enclose",
    "head",
    "output_bounds",
]
