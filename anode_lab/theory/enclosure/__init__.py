"""Sets that certainly contain the image of a set under the exact flow, rounding errors included.

:mod:`~anode_lab.theory.enclosure.field` follows one network for a short time by a polynomial,
:mod:`~anode_lab.theory.enclosure.curves` bounds how far the polynomial is from a solution,
:mod:`~anode_lab.theory.enclosure.stepping` puts such steps together, and
:mod:`~anode_lab.theory.enclosure.flow_image` and :mod:`~anode_lab.theory.enclosure.circle` enclose
the images of balls, segments and circles.
"""

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
