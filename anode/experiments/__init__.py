"""The paper's experiments as a table: which models on which data for which figure, at which size.

:mod:`anode.runs` runs them.
"""

from anode.experiments.experiment import (
    SNAPSHOT_EPOCHS,
    Experiment,
    ModelSpec,
    Profile,
    Size,
    Split,
    check_profile,
)
from anode.experiments.figures import FIGURES
from anode.experiments.images import IMAGES
from anode.experiments.toy import ANODES, NODE, RESNET, TOY

EXPERIMENTS = {experiment.name: experiment for experiment in (*TOY, *IMAGES)}
"""Name -> experiment."""

__all__ = [
    "ANODES",
    "EXPERIMENTS",
    "FIGURES",
    "NODE",
    "RESNET",
    "SNAPSHOT_EPOCHS",
    "Experiment",
    "ModelSpec",
    "Profile",
    "Size",
    "Split",
    "check_profile",
]
