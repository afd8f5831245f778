"""Independent streams of random numbers: one seed gives the same numbers wherever it is used."""

from enum import IntEnum

import numpy as np
import torch

from anode.checks import integer


class Stream(IntEnum):
    """Purpose of a stream of random numbers; the streams of one seed are independent."""

    DATA = 0
    WEIGHTS = 1
    ORDER = 2
    HEAD = 3
    SPLIT = 4
    INPUT = 5
    NOISE = 6


def generator(seed: int, stream: Stream, index: int = 0) -> torch.Generator:
    """A generator on the CPU for one stream of a seed.

    Numbers are always drawn on the CPU and then moved, so that a seed gives the same weights and
    data on every device.

    Args:
        seed: The seed, 0 or more.
        stream: Purpose of the numbers.
        index: Index of the user of the stream where there are several, as the blocks of a ResNet.

    Raises:
        ValueError: If ``seed`` or ``index`` is not an integer, 0 or more.
    """
    seed, index = integer("seed", seed, least=0), integer("index", index, least=0)
    state = np.random.SeedSequence([seed, int(stream), index]).generate_state(1, np.uint64)[0]
    # torch takes a signed 64-bit seed.
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
