"""The paper's experiments as a table: which models on which data for which figure, at which size.

:func:`anode_lab.runs.run` runs them.
"""

from anode_lab.experiments.experiment import (
    SNAPSHOT_EPOCHS,
    Experiment,
    ModelSpec,
    Profile,
    Size,
    Split,
    check_profile,
)
from anode_lab.experiments.figures import FIGURES
from anode_lab.experiments.images import IMAGES
from anode_lab.experiments.toy import ANODES, NODE, RESNET, TOY

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
