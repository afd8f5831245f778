"""What this package aims at, beside what was measured."""

from dataclasses import dataclass
from statistics import median

import numpy as np

from benchmarks.contestants import BASELINE
from benchmarks.images.limit import Convolutions
from benchmarks.images.ways import ADJOINT
from benchmarks.limit import BMM
from benchmarks.measure import ONE, STACK, Limit, Results
from benchmarks.package import PACKAGE
from benchmarks.rounds import Measured, ratios
from benchmarks.task import Floats


@dataclass(frozen=True)
class Aim:
    """A ratio that should not exceed a bound.

    Attributes:
        text: which ratio of times.
        bound: its largest value.
        measured: one a round.
    """

    text: str
    bound: float
    measured: Floats

    @property
    def met(self) -> bool:
        """Whether the median is within the bound."""
        return median(self.measured) <= self.bound


def rows(results: Results, model: str, networks: int) -> dict[str, Measured]:
    """Contestant -> its entry in the table."""
    return {
        each.contestant: each
        for each in results.table
        if (each.model, each.networks) == (model, networks)
    }


def aims(results: Results, limit: Limit) -> list[Aim]:
    """Of one model, the one that ``limit`` is of."""
    one, stack = (rows(results, limit.model, networks) for networks in (ONE, STACK))
    baseline, mine = one[BASELINE].step, stack[PACKAGE.name].step
    peers = {name: each for name, each in stack.items() if name != PACKAGE.name}
    fastest = min(peers.values(), key=lambda each: each.median)
    return [
        Aim(f"{STACK} networks ÷ one of {BASELINE}", 1.2, ratios(mine, baseline)),
        Aim(
            f"{STACK} networks ÷ the fastest peer's {STACK} ({fastest.contestant})",
            1.0,
            ratios(mine, fastest.step),
        ),
        Aim(
            f"{STACK} networks ÷ their matrix products at this machine's best rate",
            2.0,
            np.asarray(mine) / limit.seconds(STACK),
        ),
        Aim(
            f"{STACK} networks ÷ their matrix products at the best rate for these shapes",
            2.0,
            np.asarray(mine) / limit.seconds(STACK, BMM),
        ),
        Aim(f"one network ÷ one of {BASELINE}", 0.5, ratios(one[PACKAGE.name].step, baseline)),
    ]


def image_rows(results: Results, limit: Convolutions) -> dict[str, Measured]:
    """Contestant -> its entry for the images and threads that ``limit`` is of."""
    return {
        each.contestant: each
        for each in results.images
        if (each.model, each.threads) == (limit.model, limit.threads)
    }


def image_aims(results: Results, limit: Convolutions) -> list[Aim]:
    """Of the images and threads that ``limit`` is of."""
    entries = image_rows(results, limit)
    mine, adjoint = entries[PACKAGE.name].step, entries[ADJOINT.name].step
    return [
        Aim("a step ÷ its bare convolutions", 1 / 0.9, np.asarray(mine) / limit.least()),
        Aim(f"a step ÷ one of {ADJOINT.name}", 1 / 1.8, ratios(mine, adjoint)),
    ]
