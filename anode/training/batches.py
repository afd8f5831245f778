"""Batches of data for a stack of replicas, in a different order for each."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from anode.data import Data
from anode.seeding import Stream, generator

Sets = Data | tuple[Any, Any] | Sequence[Data | tuple[Any, Any]]
"""A data set, as :class:`Data` or as a pair of arrays (x, y); or a sequence of one a replica."""

RESIDENT_BYTES = 2 * 2**30
"""Size above which data stay in the memory of the host, from which each batch is copied."""


class Batches:
    """Batches for R replicas, each in its own order, which its seed determines.

    Data up to :data:`RESIDENT_BYTES` are moved to the device once. Batches of larger data go
    through pinned memory, so that the copy to a GPU overlaps with the training step before it.

    Args:
        seeds: Seed of each replica.
        data: One data set for all replicas, or one of equal size for each.
        batch_size: Number of samples in a batch.
        device: Device of the batches.
        dtype: Type to which inputs and targets are converted, see :func:`stacked`.
        limit: Largest number of batches in an epoch; None for all.

    Raises:
        TypeError, ValueError: As :func:`stacked`.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        data: Sets,
        batch_size: int,
        device: torch.device,
        dtype: torch.dtype | None = None,
        limit: int | None = None,
    ) -> None:
        x, y = stacked(data, len(seeds), dtype)
        self.batch_size, self.device = batch_size, device
        self.streamed = device.type == "cuda" and x.nbytes > RESIDENT_BYTES
        home = x.device if self.streamed else device
        self.x, self.y = x.to(home), y.to(home)  # (1 or R, N, ...)
        self.orders = [generator(seed, Stream.ORDER) for seed in seeds]
        # Index of the data set that each replica reads, shape (R, 1).
        self.own = torch.arange(len(seeds), device=home)[:, None] % len(x)
        self.per_epoch = min(-(-x.shape[1] // batch_size), limit or x.shape[1])

    def epoch(self, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches ``x (R, B, *input_shape)``, ``y (R, B, ...)`` of the next epoch.

        Those before number ``first`` are passed over: all of them if it is the length or more.
        """
        size = self.x.shape[1]
        order = torch.stack([torch.randperm(size, generator=rng) for rng in self.orders])
        chunks = order.to(self.x.device).split(self.batch_size, dim=1)
        ahead: tuple[Tensor, Tensor] | None = None
        for chunk in chunks[first : self.per_epoch]:
            batch = self._load(self.x[self.own, chunk]), self._load(self.y[self.own, chunk])
            if ahead is not None:
                yield ahead
            ahead = batch
        if ahead is not None:
            yield ahead

    def after(self, done: int, total: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of whole epochs, ``total`` in all, without the first ``done``."""
        for before in range(0, total, self.per_epoch):
            yield from self.epoch(max(0, done - before))

    def _load(self, values: Tensor) -> Tensor:
        """Start the copy to the device if the values are not there."""
        return values.pin_memory().to(self.device, non_blocking=True) if self.streamed else values


def stacked(data: Sets, replicas: int, dtype: torch.dtype | None = None) -> tuple[Tensor, Tensor]:
    """Inputs ``(1 or R, N, *input_shape)`` and targets of one data set, or of one for each replica.

    They are converted to ``dtype`` if it is given; integers among the targets stay integers.

    Raises:
        TypeError, ValueError: If ``data`` are no data sets, or several but not R of one size.
    """
    sets: list[Any] = [data]
    if isinstance(data, tuple | list) and any(isinstance(each, Data | tuple) for each in data):
        sets = list(data)
    for i, each in enumerate(sets):
        if isinstance(each, tuple | list) and len(each) == 2:
            sets[i] = Data(*each)
        elif not isinstance(each, Data):
            kind = type(each).__name__
            raise TypeError(f"data must be Data, a pair (x, y), or one a replica, got {kind}")
    shapes = sorted({(tuple(each.x.shape), tuple(each.y.shape)) for each in sets})
    if len(sets) not in (1, replicas) or len(shapes) != 1:
        raise ValueError(
            f"data must be one data set or {replicas} of equal size, one a replica, got "
            f"{len(sets)} of sizes {[len(each) for each in sets]} and shapes {shapes}"
        )
    x, y = sets[0].x[None], sets[0].y[None]  # without a copy
    if len(sets) > 1:
        x, y = torch.stack([each.x for each in sets]), torch.stack([each.y for each in sets])
    return x.to(dtype), y.to(dtype) if y.is_floating_point() else y
