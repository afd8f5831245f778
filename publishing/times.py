"""How long each chapter takes alone, as in Colab, as it was measured last."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from publishing import records
from publishing.project import Project

FILE = Path("notebooks") / "times.json"


@dataclass(frozen=True)
class Time:
    """How long one chapter takes.

    Attributes:
        seconds: Wall time in seconds.
        day: Day of the measurement, ISO 8601.
        processor: Processor of the machine, of which the chapter had one core.
    """

    seconds: float
    day: str
    processor: str

    @property
    def minutes(self) -> int:
        """Whole minutes, at least one."""
        return max(1, round(self.seconds / 60))


@dataclass(frozen=True)
class Times:
    """How long the chapters of one profile take.

    Attributes:
        profile: Name of the profile.
        chapters: Time of each chapter by the chapter's name.
    """

    profile: str
    chapters: Mapping[str, Time]

    def words(self, name: str) -> str:
        """A sentence for the top of a chapter's notebook; empty if it was not measured."""
        if name not in self.chapters:
            return ""
        time = self.chapters[name]
        many = "a minute" if time.minutes == 1 else f"{time.minutes} minutes"
        where = f"one core ({time.processor}, {time.day})"
        return f'At `"{self.profile}"` it takes about {many} on {where}.'

    def seconds(self, name: str) -> float:
        """The seconds of a chapter; infinite if it was not measured."""
        return self.chapters[name].seconds if name in self.chapters else float("inf")

    def save(self, project: Project) -> None:
        """Write them into the project's sources."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False)
        records.write(project.root / FILE, text + "\n")


def load(project: Project) -> Times | None:
    """The times that were measured; None if there are none."""
    path = project.root / FILE
    if not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf8"))
    return Times(found["profile"], {n: Time(**time) for n, time in found["chapters"].items()})
