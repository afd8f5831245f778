"""The topology of flows: theorems checked on trained models, with certificates where possible."""

from anode_lab.theory.topology.margins import Margin
from anode_lab.theory.topology.winding import Winding
from anode_lab.theory.topology.witness import (
    NotSeparatedError,
    Separation,
    Witness,
    WitnessNotFound,
)

__all__ = [
    "Margin",
    "NotSeparatedError",
    "Separation",
    "Winding",
    "Witness",
    "WitnessNotFound",
]
