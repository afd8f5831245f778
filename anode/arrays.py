"""Types of NumPy arrays, whose shapes are given where they are used, and tensors from them."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Array = NDArray[Any]


def as_tensor(name: str, values: Any) -> Tensor:
    """A tensor, an array or nested lists of real numbers as a tensor; else a ``TypeError``."""
    try:
        found = values
        if not isinstance(values, Tensor):
            found = torch.from_numpy(np.require(values, requirements=["C", "W"]))
        if found.is_complex() or found.dim() == 0:
            raise TypeError(f"{found.dtype} of shape {tuple(found.shape)}")
    except (TypeError, ValueError, RuntimeError) as error:
        kind = type(values).__name__
        raise TypeError(f"{name} must be an array of real numbers, got {kind}: {error}") from error
    return found.long() if found.dtype is torch.bool else found
