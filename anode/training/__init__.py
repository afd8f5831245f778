"""Training: one loop for all models, its settings, its history, and what is measured after it."""

from anode.training.batches import Batches
from anode.training.checkpoint import Checkpoint
from anode.training.history import History, TrainingFailure
from anode.training.loop import TrainingSettings, train
from anode.training.loss import Loss, accuracy, evaluate, features_of

__all__ = [
    "Batches", "Checkpoint", "History", "Loss", "TrainingFailure", "TrainingSettings", "accuracy",
    "evaluate", "features_of", "train",
]  # fmt: skip
