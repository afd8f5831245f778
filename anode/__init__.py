"""Augmented Neural ODEs: vector fields, solvers, models and training for stacks of networks.

This namespace and :mod:`anode.data` are the public ones. This one has every registered model by its
name, also a model that is not listed here.
"""

from anode.fields import Activation, ConvField, MLPField, VectorField
from anode.models import Model, ModelOutput, NeuralODE, ResNet
from anode.seeding import Stream, generator
from anode.serialization import in_double, load, save, select
from anode.solve import (
    Controller,
    Engine,
    Gradient,
    Method,
    Solution,
    SolveFailure,
    SolverSettings,
    SolveStatus,
    Tableau,
    integrate,
)
from anode.training import (
    Batches,
    Checkpoint,
    History,
    Loss,
    TrainingSettings,
    accuracy,
    evaluate,
    features_of,
    train,
)

__version__ = "0.1.0.dev0"

__all__ = [
    "Activation", "Batches", "Checkpoint", "Controller", "ConvField", "Engine", "Gradient",
    "History", "Loss", "MLPField", "Method", "Model", "ModelOutput", "NeuralODE", "ResNet",
    "Solution", "SolveFailure", "SolveStatus", "SolverSettings", "Stream", "Tableau",
    "TrainingSettings", "VectorField", "accuracy", "evaluate", "features_of", "generator",
    "in_double", "integrate", "load", "save", "select", "train",
]  # fmt: skip


def __getattr__(name: str) -> type[Model]:
    """A registered model that is not listed above."""
    if name in Model.names():
        return Model.named(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
