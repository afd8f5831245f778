"""Looks after a store's folder: what is bad in it, and what can go."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from anode.training.checkpoint import SUFFIX, epoch_of
from anode_lab.runs.provenance import numerics, versions
from anode_lab.runs.store import (
    DAMAGED,
    FORMAT,
    MARKER,
    DamagedError,
    StoreError,
    is_locked,
    name_of,
    parse,
    read_files,
    unpack,
)

HOUR = 3600.0
"""A file that was half written so long ago belongs to nobody."""


class Problem(Enum):
    """What is wrong with a file, or why it is not needed."""

    DAMAGED = "is not what was written"
    MISPLACED = "has the name of another record"
    UNREADABLE = "cannot be read"
    CHECKPOINT = "is a checkpoint that cannot be read"
    ORPHAN = "has arrays of no record"
    ASIDE = "was damaged and set aside"
    TEMPORARY = "was never written to its end"
    FINISHED = "is a checkpoint of what is recorded"
    LOCK = "is a lock that nobody holds"
    OUTDATED = "is of other code or libraries"


HARMLESS = (Problem.ORPHAN, Problem.ASIDE, Problem.TEMPORARY, Problem.FINISHED, Problem.LOCK)
"""What :func:`prune` may remove; nothing reads it."""


@dataclass(frozen=True)
class Finding:
    """A file that is not a sound record.

    Attributes:
        path: the file.
        problem: what is wrong with it, or why it is not needed.
        detail: more of that, or nothing.
    """

    path: Path
    problem: Problem
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.path} {self.problem.value}" + (f": {self.detail}" if self.detail else "")


def check_folder(folder: Path) -> None:
    """That it is a store's.

    Raises:
        StoreError: if there is none, or a newer version has written it.
    """
    if not folder.is_dir():
        raise StoreError(f"there is no folder of results at {folder}")
    try:
        written = json.loads((folder / MARKER).read_text(encoding="utf8"))["format"]
    except FileNotFoundError as error:
        if any(folder.iterdir()):
            raise StoreError(f"{folder} is not a folder of results: it has no {MARKER}") from error
        return
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{folder / MARKER} cannot be read: {error}") from error
    if written > FORMAT:
        raise StoreError(
            f"{folder} was written by a newer version of anode, in format {written}; this one "
            f"reads up to {FORMAT}"
        )


def verify(folder: Path) -> tuple[int, list[Finding]]:
    """Read every record and every checkpoint.

    Returns:
        How many records are sound, and what is bad.

    Raises:
        StoreError: if the folder is no store's, or a newer version has written it.
    """
    check_folder(folder)
    sound, bad = 0, []
    for path in _records(folder):
        if (finding := _check(path, folder)) is None:
            sound += 1
        else:
            bad.append(finding)
    for path in sorted(folder.glob(f"*/*{SUFFIX}")):
        if epoch_of(path) is None:
            bad.append(Finding(path, Problem.CHECKPOINT))
    return sound, bad


def superfluous(folder: Path, *, outdated: bool = False) -> list[Finding]:
    """Files that nothing reads any more, and that no process is about to write.

    Args:
        folder: the store's.
        outdated: also records that the code and the libraries there are now do not find.

    Raises:
        StoreError: if the folder is no store's, or a newer version has written it.
    """
    check_folder(folder)
    return sorted(_superfluous(folder, outdated), key=lambda finding: str(finding.path))


def prune(findings: list[Finding]) -> list[Path]:
    """Remove the files of these findings, but for those that a process has taken up since.

    Returns:
        What was removed.
    """
    removed = []
    for finding in findings:
        path = finding.path
        if not path.exists() or is_locked(_lock(path)):
            continue
        path.unlink()
        removed.append(path)
        if finding.problem is Problem.OUTDATED:
            path.with_suffix(".safetensors").unlink(missing_ok=True)
    return removed


def _records(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/*.json") if path.parent.name != "search")


def _check(path: Path, folder: Path) -> Finding | None:
    try:
        files = read_files(path)
        if files is None:  # removed since it was listed
            return None
        unpack(files)
        head = parse(files)
    except DamagedError as error:
        return Finding(path, Problem.DAMAGED, str(error))
    except StoreError as error:
        return Finding(path, Problem.UNREADABLE, str(error))
    if path.relative_to(folder) not in _names(head):
        return Finding(path, Problem.MISPLACED, str(head["run"]))
    return None


def _names(head: Mapping[str, Any]) -> tuple[Path, Path]:
    """A record's in a store that is lasting, and in one that is not."""
    made = head["provenance"]
    return name_of(head["run"]), name_of(head["run"], made["versions"])


def _superfluous(folder: Path, outdated: bool) -> Iterator[Finding]:
    now = time.time()
    for path in folder.glob("*/*"):
        if path.suffix == ".lock":
            if not is_locked(path):
                yield Finding(path, Problem.LOCK)
        elif is_locked(_lock(path)):
            continue
        elif DAMAGED in path.suffixes:
            yield Finding(path, Problem.ASIDE)
        elif path.suffix == ".safetensors" and not path.with_suffix(".json").exists():
            yield Finding(path, Problem.ORPHAN)
        elif path.suffix == SUFFIX and path.with_suffix(".json").exists():
            yield Finding(path, Problem.FINISHED)
        elif path.suffix[1:].isdigit() and now - path.stat().st_mtime > HOUR:
            yield Finding(path, Problem.TEMPORARY)
        elif outdated and path.suffix == ".json" and _is_outdated(path, folder):
            yield Finding(path, Problem.OUTDATED)


def _is_outdated(path: Path, folder: Path) -> bool:
    try:
        head = json.loads(path.read_text(encoding="utf8"))
        lasting, _ = _names(head)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    name = path.relative_to(folder)
    now = head["provenance"]["numerics"] == numerics()
    return name != lasting and not (now and name == name_of(head["run"], versions()))


def _lock(path: Path) -> Path:
    """That of the record which a file belongs to."""
    stem = path.name.partition(".")[0]
    return path.with_name(f"{stem}.lock")
