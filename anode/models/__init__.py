"""Models: a flow or residual blocks, and a linear layer on the features."""

from anode.models.base import Model, ModelOutput, NeuralODE, ResNet

__all__ = ["Model", "ModelOutput", "NeuralODE", "ResNet"]
