"""Lipschitz constants of vector fields: how fast, at most, two trajectories part or approach.

:mod:`~anode_lab.theory.lipschitz.overall` has one constant for all states, and
:mod:`~anode_lab.theory.lipschitz.local` smaller ones for the states and times in given boxes.
"""

from anode_lab.theory.lipschitz.local import Boxes, DerivativeBounds, jacobian, local_bound
from anode_lab.theory.lipschitz.overall import lipschitz_bound, slopes

__all__ = ["Boxes", "DerivativeBounds", "jacobian", "lipschitz_bound", "local_bound", "slopes"]
