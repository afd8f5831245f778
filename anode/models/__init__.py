"""Models: a map from inputs to features, then a linear layer. One file defines one model.

Importing this package imports every module in its folder, and with that registers every model.
"""

from importlib import import_module
from pkgutil import iter_modules

from anode.models.base import Model, ModelOutput
from anode.models.neural_ode import NeuralODE
from anode.models.resnet import ResNet

__all__ = ["Model", "ModelOutput", "NeuralODE", "ResNet"]

for _module in iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)
