"""Augmented Neural ODEs: the models, experiments and figures behind the book."""

from anode.fields import Activation, ConvField, MLPField, VectorField
from anode.models import Model, ModelOutput, NeuralODE, ResNet
from anode.solve import (
    Engine,
    Gradient,
    Method,
    Solution,
    SolveFailure,
    SolverSettings,
    SolveStatus,
    integrate,
)
from anode.training import History, Loss, TrainingSettings, train

__version__ = "0.1.0"

__all__ = [
    "Activation",
    "ConvField",
    "Engine",
    "Gradient",
    "History",
    "Loss",
    "MLPField",
    "Method",
    "Model",
    "ModelOutput",
    "NeuralODE",
    "ResNet",
    "Solution",
    "SolveFailure",
    "SolveStatus",
    "SolverSettings",
    "TrainingSettings",
    "VectorField",
    "integrate",
    "train",
]
