"""Contestants timed side by side: one after another in every round, so that drift meets all."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from benchmarks.task import Contestant, Floats, Record, Task


@dataclass
class Measured:
    """Times of a contestant at a task.

    Attributes:
        contestant, how: its name, and how it trains several networks.
        model: name of the networks, of :data:`benchmarks.task.MODELS`.
        networks, batch: R and B.
        threads: of the process.
        step: seconds of a training step of all networks, one entry a round.
        nfe: mean function evaluations of a forward pass.
        backward_nfe: of the adjoint's backward solve.
        ready: seconds to make and compile the networks, without the first round's steps.
        skipped: why there are no times, if there are none.
    """

    contestant: str
    how: str
    model: str
    networks: int
    batch: int
    threads: int
    step: list[float] = field(default_factory=list)
    nfe: float | None = None
    backward_nfe: float = 0.0
    ready: float | None = None
    skipped: str | None = None

    @property
    def median(self) -> float:
        """Median seconds of a step."""
        return median(self.step)


@dataclass(frozen=True)
class Timed:
    """Times of one contestant, one a round, and what its last round gave."""

    step: list[float]
    ready: float
    record: Record


def interleave(
    task: Task,
    contestants: Sequence[Contestant],
    rounds: int,
    each_round: Sequence[Callable[[], None]] = (),
) -> dict[str, Timed]:
    """Time ``rounds`` rounds of each contestant after one that does not count.

    Args:
        task: what they do.
        contestants: in this order, which starts one further on in every round.
        rounds: how many count.
        each_round: called one after another in each.
    """
    trainings, first, ready, record = {}, {}, {}, {}
    for contestant in contestants:
        start = time.perf_counter()
        training = trainings[contestant.name] = contestant.prepare(task)
        training.run()
        first[contestant.name] = time.perf_counter() - start
    step: dict[str, list[float]] = {name: [] for name in trainings}
    names = list(trainings)
    for number in range(rounds):
        turn = number % max(1, len(names))  # there may be none
        for name in names[turn:] + names[:turn]:
            trainings[name].reset()
            gc.collect()
            start = time.perf_counter()
            record[name] = trainings[name].run()
            step[name].append((time.perf_counter() - start) / task.steps)
        for measure in each_round:
            measure()
    for name in names:
        ready[name] = max(0.0, first[name] - task.steps * median(step[name]))
    return {name: Timed(step[name], ready[name], record[name]) for name in names}


def ratios(mine: Sequence[float], others: Sequence[float]) -> Floats:
    """One a round."""
    return np.asarray(mine) / np.asarray(others)
