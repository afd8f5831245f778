"""Training: one loop for all models, its settings, its history, and what is measured after it."""

from anode.arrays import Floats
from anode.training.batches import Batches
from anode.training.checkpoint import Checkpoint
from anode.training.evaluation import accuracy, evaluate, features_of
from anode.training.history import History, TrainingFailure
from anode.training.loop import train
from anode.training.settings import Loss, TrainingSettings

__all__ = [
    "Batches",
    "Checkpoint",
    "Floats",
    "History",
    "Loss",
    "TrainingFailure",
    "TrainingSettings",
    "accuracy",
    "evaluate",
    "features_of",
    "train",
]
