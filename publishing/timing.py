"""How long each chapter takes alone, as in Colab: measured once, kept, and told at its top."""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from anode_lab.runs import STORE_VARIABLE
from anode_lab.runs.machine import cores, processor
from publishing import records
from publishing.chapters import Page
from publishing.execute import execute
from publishing.parameters import Parameters
from publishing.project import Project, ProjectError

FILE = Path("notebooks") / "times.json"


@dataclass(frozen=True)
class Time:
    """Of one chapter.

    Attributes:
        seconds: that it took.
        day: on which it was measured.
        processor: of the machine, one core of which it had.
    """

    seconds: float
    day: str
    processor: str

    @property
    def minutes(self) -> int:
        """Whole minutes, one at least."""
        return max(1, round(self.seconds / 60))


@dataclass(frozen=True)
class Times:
    """Of one profile.

    Attributes:
        profile: how much was run.
        chapters: name of a chapter -> how long it took.
    """

    profile: str
    chapters: Mapping[str, Time]

    def words(self, name: str) -> str:
        """A sentence for the top of the chapter's notebook; empty if it was not measured."""
        if name not in self.chapters:
            return ""
        time = self.chapters[name]
        many = "a minute" if time.minutes == 1 else f"{time.minutes} minutes"
        where = f"one core ({time.processor}, {time.day})"
        return f'At `"{self.profile}"` it takes about {many} on {where}.'


def measure(
    project: Project, pages: Iterable[Page], parameters: Parameters, report: Callable[[str], None]
) -> Times:
    """Execute each chapter with an empty store, one a core, and keep how long it took.

    What was measured of other chapters stays, unless it is of another profile.

    Raises:
        ProjectError: if a chapter fails, or finds what others have trained.
    """
    if STORE_VARIABLE in os.environ:
        raise ProjectError(
            f"{STORE_VARIABLE} is set, so chapters would find what is trained already: unset it"
        )
    pages, chapters = list(pages), {}
    with ThreadPoolExecutor(cores()) as pool:
        alone = partial(_alone, project, parameters, report)
        taken = list(pool.map(alone, pages))
    day = datetime.now(UTC).date().isoformat()
    for page, seconds in zip(pages, taken, strict=True):
        chapters[page.name] = Time(round(seconds, 1), day, processor())
    before = load(project)
    if before and before.profile == parameters.profile:
        chapters = {**before.chapters, **chapters}
    found = Times(parameters.profile, chapters)
    text = json.dumps(asdict(found), indent=1, ensure_ascii=False)
    records.write(project.root / FILE, text + "\n")
    return found


def load(project: Project) -> Times | None:
    """What was measured; None if nothing was."""
    path = project.root / FILE
    if not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf8"))
    return Times(found["profile"], {n: Time(**time) for n, time in found["chapters"].items()})


def _alone(
    project: Project, parameters: Parameters, report: Callable[[str], None], page: Page
) -> float:
    with tempfile.TemporaryDirectory() as build:
        own = Project(project.root, build=Path(build))
        [outcome] = execute(own, [page], parameters, jobs=1, report=report)
    if outcome.failed:
        raise ProjectError(f"{page.path} was not timed: it failed")
    return outcome.record.seconds
