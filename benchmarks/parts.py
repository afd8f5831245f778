"""Where the time of this package's training step goes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from anode.solve import compiled
from benchmarks.package import PACKAGE
from benchmarks.task import Task

FORWARD, BACKWARD, REST = "solves", "ways back through them", "all else"


@dataclass
class Parts:
    """Seconds of a training step's parts, one entry a round.

    Attributes:
        measured: :data:`FORWARD`, :data:`BACKWARD` and :data:`REST` -> seconds.
    """

    measured: dict[str, list[float]] = field(default_factory=dict)

    def measure(self, task: Task) -> None:
        """One more round, with a clock around each solve and each way back."""
        training = PACKAGE.prepare(task)
        training.run()
        training.reset()
        with (
            _clock(compiled, "forward") as forward,
            _clock(compiled.Solved, "pull_back") as backward,
        ):
            start = time.perf_counter()
            training.run()
            whole = time.perf_counter() - start
        rest = whole - sum(forward) - sum(backward)
        for part, seconds in ((FORWARD, sum(forward)), (BACKWARD, sum(backward)), (REST, rest)):
            self.measured.setdefault(part, []).append(seconds / task.steps)


@contextmanager
def _clock(owner: object, name: str) -> Iterator[list[float]]:
    """Seconds of each call of a function of the compiled solver."""
    plain: Callable[..., Any] = getattr(owner, name)
    seconds: list[float] = []

    def timed(*arguments: Any) -> Any:
        start = time.perf_counter()
        found = plain(*arguments)
        seconds.append(time.perf_counter() - start)
        return found

    setattr(owner, name, timed)
    try:
        yield seconds
    finally:
        setattr(owner, name, plain)
