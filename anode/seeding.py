"""Independent random streams, so that one seed means one thing wherever it is used."""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor


class Stream(IntEnum):
    """What a stream of random numbers is for; streams of one seed are independent."""

    DATA = 0
    WEIGHTS = 1
    ORDER = 2
    HEAD = 3
    SPLIT = 4
    INPUT = 5
    NOISE = 6


def generator(seed: int, stream: Stream, index: int = 0) -> torch.Generator:
    """A CPU generator for ``stream`` of ``seed``.

    ``index`` tells apart the users of one stream (the blocks of a ResNet, say). Numbers are always
    drawn on the CPU and then moved, so that a seed gives the same weights and data on every device.

    Raises:
        ValueError: if ``seed`` or ``index`` is negative.
    """
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must be 0 or more, got seed={seed}, index={index}")
    state = np.random.SeedSequence([seed, int(stream), index]).generate_state(1, np.uint64)[0]
    # torch takes a signed 64-bit seed.
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def normal(rngs: Sequence[torch.Generator], shape: Sequence[int], like: Tensor) -> Tensor:
    """Normal numbers, ``(R, *shape)``, from a generator a replica; dtype and device of ``like``."""
    return torch.stack([torch.randn(tuple(shape), generator=rng) for rng in rngs]).to(like)
