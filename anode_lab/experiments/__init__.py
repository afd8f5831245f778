"""The paper's experiments as a table: which models on which data for which figure, at which size.

An experiment is an entry of ``EXPERIMENTS`` in a module of this folder; all are collected here.
:mod:`anode_lab.runs` runs them.
"""

from importlib import import_module
from pkgutil import iter_modules

from anode_lab.experiments.experiment import SNAPSHOT_EPOCHS, Experiment, ModelSpec, Split
from anode_lab.experiments.profiles import PROFILES, Size, check_profile
from anode_lab.experiments.toy import ANODES, NODE, RESNET

__all__ = [
    "ANODES",
    "EXPERIMENTS",
    "NODE",
    "PROFILES",
    "RESNET",
    "SNAPSHOT_EPOCHS",
    "Experiment",
    "ModelSpec",
    "Size",
    "Split",
    "check_profile",
    "figures",
]

_MODULES = [import_module(found.name) for found in iter_modules(__path__, f"{__name__}.")]
_FOUND: list[Experiment] = [e for module in _MODULES for e in getattr(module, "EXPERIMENTS", ())]

EXPERIMENTS = {each.name: each for each in sorted(_FOUND, key=lambda each: each.recorded)}
"""Name -> experiment; those that take seconds come first."""


def figures() -> dict[str, dict[str, tuple[str, ...]]]:
    """The paper's figures in their order: for each experiment the labels of the models shown."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for experiment in EXPERIMENTS.values():
        every = tuple(spec.label for spec in experiment.models)
        for figure, labels in experiment.figures.items():
            found.setdefault(figure, {})[experiment.name] = every if labels is None else labels
    return dict(sorted(found.items(), key=lambda each: int(each[0].removeprefix("fig"))))
