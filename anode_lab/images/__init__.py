"""Image sets. Each set is one module, which registers it; a new set is one new module."""

import pkgutil
from importlib import import_module

from anode_lab.images.base import IMAGE_SETS, DataError, ImageSet, image_set, register_image_set

__all__ = ["IMAGE_SETS", "DataError", "ImageSet", "image_set", "register_image_set"]

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)
