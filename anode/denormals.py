"""Denormal numbers, below 1e-38 in single precision, and what they cost."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_DENORMAL = 5e-324


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Have this thread's processor take denormal numbers for zero.

    Many processors compute with them at a small fraction of their speed. Weight decay makes them:
    weights that no gradient reaches shrink until they are denormal. A few hundred of those in a
    convolutional ANODE made a training step twenty times as long. Where torch cannot switch them
    off, nothing changes. Threads that torch computes with take this over if they begin within;
    those that it began earlier compute as they did.
    """
    before = _DENORMAL == 0.0  # true while they count as zero; torch does not tell
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
