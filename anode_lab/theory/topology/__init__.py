"""The theorems about flows, checked on trained models."""

from anode_lab.theory.topology.enclosure import Enclosure, EnclosureError, enclose, output_bounds
from anode_lab.theory.topology.winding import Winding
from anode_lab.theory.topology.witness import (
    Margin,
    NotSeparatedError,
    Separation,
    Witness,
    WitnessNotFound,
)

__all__ = [
    "Enclosure",
    "EnclosureError",
    "Margin",
    "NotSeparatedError",
    "Separation",
    "Winding",
    "Witness",
    "WitnessNotFound",
    "enclose",
    "output_bounds",
]
