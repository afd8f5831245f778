"""Batches of data for a stack of replicas, each in an order of its own."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from anode.data import Data
from anode.randomness import Stream, generator


class Batches:
    """Batches for R replicas, each in an order of its own drawn from its seed.

    Args:
        seeds: one a replica.
        data: one data set, or one of equal size for each replica.
        batch_size: samples a batch.
        device: where the batches are.

    Raises:
        ValueError: if there are several data sets but not R, or of different sizes.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        data: Data | Sequence[Data],
        batch_size: int,
        device: torch.device,
    ) -> None:
        x, y = stacked(data, len(seeds))
        self.x, self.y = x.to(device), y.to(device)  # (1 or R, N, ...)
        self.batch_size = batch_size
        self.orders = [generator(seed, Stream.ORDER) for seed in seeds]
        # Which data set each replica reads, shape (R, 1).
        own = torch.arange(len(seeds)) if len(x) > 1 else torch.zeros(len(seeds)).long()
        self.own = own[:, None].to(device)

    @property
    def per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return -(-self.x.shape[1] // self.batch_size)

    def epoch(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches ``x (R, B, *input_shape)``, ``y (R, B, ...)`` of the next epoch."""
        size = self.x.shape[1]
        order = torch.stack([torch.randperm(size, generator=rng) for rng in self.orders])
        for chunk in order.to(self.x.device).split(self.batch_size, dim=1):
            yield self.x[self.own, chunk], self.y[self.own, chunk]


def stacked(data: Data | Sequence[Data], replicas: int) -> tuple[Tensor, Tensor]:
    """x ``(1 or R, N, *input_shape)`` and y of one data set for all replicas, or one for each.

    Raises:
        ValueError: if there are several sets but not R, or of different sizes.
    """
    sets = [data] if isinstance(data, Data) else list(data)
    if len(sets) not in (1, replicas) or len({len(each) for each in sets}) != 1:
        raise ValueError(
            f"data must be one data set or {replicas} of equal size, one a replica, got "
            f"{len(sets)} of sizes {[len(each) for each in sets]}"
        )
    return torch.stack([each.x for each in sets]), torch.stack([each.y for each in sets])
