"""How long many trainings take on many workers: a law, and measurements of what is in it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anode.training import Floats
from anode_lab.runs import results_folder

FILE = "scaling.json"


@dataclass(frozen=True)
class Sweep:
    """Some trainings, swept once.

    Attributes:
        place: where, as "2 processes".
        workers: how many trained at once.
        tasks: number of trainings.
        seconds: that the sweep took; in processes, with the time that these took to start.
    """

    place: str
    workers: int
    tasks: int
    seconds: float


@dataclass(frozen=True)
class Scaling:
    """What was measured on one machine.

    Attributes:
        long: sweeps of trainings that take seconds, several rounds.
        short: sweeps of trainings that take a moment.
        moment: seconds that one of the short trainings takes by itself.
        looking: seconds to find that a training is recorded.
        provenance: of the measurement.
    """

    long: tuple[Sweep, ...]
    short: tuple[Sweep, ...]
    moment: float
    looking: float
    provenance: Mapping[str, Any]

    def speed(self) -> dict[str, tuple[float, float, float]]:
        """Place -> how many times as fast as this process alone: median, least and most."""
        seconds = _by_place(self.long)
        alone = np.median(next(iter(seconds.values())))
        return {
            place: (
                float(alone / np.median(each)),
                float(alone / max(each)),
                float(alone / min(each)),
            )
            for place, each in seconds.items()
        }

    def overhead(self) -> dict[str, float]:
        """Place -> seconds of a short training's that are not training, median of the rounds."""
        workers = {each.place: each.workers for each in self.short}
        tasks = self.short[0].tasks
        return {
            place: max(0.0, float(np.median(each)) / tasks - self.moment / workers[place])
            for place, each in _by_place(self.short).items()
        }

    def save(self, path: Path) -> None:
        """Write it."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf8")


def load(folder: Path | None = None) -> Scaling:
    """What was measured for this book.

    Raises:
        FileNotFoundError: if the folder of results has no measurement.
    """
    values = json.loads(((folder or results_folder()) / FILE).read_text(encoding="utf8"))
    for name in ("long", "short"):
        values[name] = tuple(Sweep(**each) for each in values[name])
    return Scaling(**values)


def wall(count: int, seconds: float, workers: Floats, overhead: float) -> Floats:
    """Seconds for many trainings: workers train, and one process hands out and writes down.

    Whichever of the two is slower decides. The last training of a worker ends after the others, so
    the number of trainings of each is rounded up.

    Args:
        count: of trainings.
        seconds: of one.
        workers: how many train at once, any shape.
        overhead: seconds that the process which leads spends on one.
    """
    trained: Floats = np.ceil(count / np.asarray(workers, dtype=float)) * seconds
    return np.maximum(trained, count * overhead)


def most_workers(seconds: float, overhead: float) -> float:
    """The number of workers from which on another one does not help."""
    return seconds / overhead


def _by_place(sweeps: tuple[Sweep, ...]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for each in sweeps:
        found.setdefault(each.place, []).append(each.seconds)
    return found
