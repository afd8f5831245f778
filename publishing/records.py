"""The record of a chapter's run: a JSON file beside the notebook that it made."""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from anode.atomic_write import write_whole


class Status(Enum):
    """How a run of a chapter ended."""

    EXECUTED = "executed"
    FAILED = "failed"
    OVER_TIME = "over its time limit"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Record:
    """One run of one chapter.

    Attributes:
        chapter: Name of the chapter.
        status: How the run ended.
        fingerprint: Key of the run, see :mod:`publishing.fingerprint`.
        notebook: Digest of the notebook that the run made.
        started: Start of the run, UTC, ISO 8601.
        seconds: Wall time in seconds.
        figures: Number of figures that were drawn.
        profile, seed, device: Parameters of the run.
        device_name: The device in words.
        commit: Commit of the checkout; None outside a repository.
        dirty: Whether files differed from that commit.
        versions: Versions of Python and of the packages that matter.
    """

    chapter: str
    status: Status
    fingerprint: str
    notebook: str
    started: str
    seconds: float
    figures: int
    profile: str
    seed: int
    device: str
    device_name: str
    commit: str | None
    dirty: bool
    versions: dict[str, str]

    def describes(self, notebook: Path) -> bool:
        """Whether a file is the notebook that the run made, unaltered."""
        return notebook.is_file() and digest(notebook.read_bytes()) == self.notebook

    def save(self, folder: Path) -> None:
        """Write ``folder/CHAPTER.json`` in one step."""
        values = asdict(self) | {"status": self.status.value}
        write(folder / f"{self.chapter}.json", json.dumps(values, indent=2) + "\n")


def load(folder: Path, chapter: str) -> Record | None:
    """The record in ``folder``; None if there is none, or one of another layout."""
    try:
        values: dict[str, Any] = json.loads((folder / f"{chapter}.json").read_text("utf8"))
        return Record(**values | {"status": Status(values["status"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def digest(content: bytes) -> str:
    """The digest of a notebook's content that a record holds."""
    return hashlib.sha256(content).hexdigest()


def write(path: Path, content: str | bytes) -> None:
    """Write a file as a whole or not at all; its folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content.encode() if isinstance(content, str) else content)
