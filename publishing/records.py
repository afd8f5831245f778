"""The record of a chapter's run: a JSON file beside the notebook that it made."""

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any


class Status(Enum):
    """How a run of a chapter ended."""

    EXECUTED = "executed"
    FAILED = "failed"
    OVER_TIME = "over its time limit"


@dataclass(frozen=True)
class Record:
    """One run of one chapter.

    Attributes:
        chapter: its name.
        status: how it ended.
        fingerprint: of everything that its results depend on.
        notebook: digest of the notebook that it made.
        started: UTC, ISO 8601.
        seconds: wall time.
        figures: number of figures that it drew.
        profile, seed, device: its parameters.
        device_name: the device in words.
        commit, dirty: of the checkout it ran in.
        versions: of Python and of the packages that matter.
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
    """What `Record.notebook` holds of a notebook."""
    return hashlib.sha256(content).hexdigest()


def write(path: Path, content: str | bytes) -> None:
    """Write a file so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
