"""Convolutions below single precision, emulated on any machine, to show their effect.

Nothing else in the package uses them: fields are evaluated in the precision of their states.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional as F


class Mantissa(Enum):
    """Formats of numbers; the value is the number of bits of the mantissa."""

    SINGLE = 23
    TF32 = 10
    BFLOAT16 = 7

    @property
    def unit(self) -> float:
        """Largest relative error of rounding."""
        return float(2.0 ** -(self.value + 1))


def rounded(x: Tensor, format_: Mantissa) -> Tensor:
    """Round to the nearest number of a format; the range is that of single precision."""
    mantissa, exponent = torch.frexp(x)  # x = mantissa 2^exponent, 1/2 <= |mantissa| < 1
    scale = 2.0 ** (format_.value + 1)
    return torch.ldexp(torch.round(mantissa * scale) / scale, exponent)


@contextmanager
def emulated(format_: Mantissa) -> Iterator[None]:
    """Replace convolutions by those of a GPU's units of this format, inside a ``with`` block.

    Inputs are rounded and products are summed in full precision, as in TF32 units; for bfloat16 the
    results are rounded, too.
    """
    convolve: Callable[..., Tensor] = F.conv2d

    def lower(x: Tensor, kernel: Tensor, *rest: Tensor, **options: int) -> Tensor:
        out = convolve(rounded(x, format_), rounded(kernel, format_), *rest, **options)
        return rounded(out, format_) if format_ is Mantissa.BFLOAT16 else out

    if format_ is Mantissa.SINGLE:
        yield
    else:
        with patch.object(F, "conv2d", lower):
            yield
