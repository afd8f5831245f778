"""Models that the paper does not have, of the chapter "Beyond the paper".

Importing this package imports every module in its folder, and with that registers every model.

Augmentation that is learned, or by velocities; noise; the mean of two models; and densities.
"""

from importlib import import_module
from pkgutil import iter_modules

from anode_lab.models.cnf import DensityField, NormalisingFlow
from anode_lab.models.learned_augmentation import InputLayer, LearnedAugmentation
from anode_lab.models.mean_of_two import MeanOfTwo
from anode_lab.models.noisy import NoisyNeuralODE
from anode_lab.models.second_order import SecondOrder

__all__ = [
    "DensityField",
    "InputLayer",
    "LearnedAugmentation",
    "MeanOfTwo",
    "NoisyNeuralODE",
    "NormalisingFlow",
    "SecondOrder",
]

for _module in iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)
