"""Records of trained models: a readable JSON file for each, and its arrays beside it.

``EXPERIMENT/MODEL-KEY.json`` says what was run, what made it, and the course of the training;
``….safetensors`` holds the weights, every step's numbers and the snapshots. Nothing is pickled.
``store.json`` says in which format the folder is written.
"""

import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from anode.atomic_write import write_whole
from anode.training import Floats, History, TrainingFailure
from anode_lab.runs.provenance import Provenance, versions

Identity = Mapping[str, Any]
"""What was run; it has ``experiment`` and ``model``."""

FORMAT = 4
MARKER = "store.json"
DAMAGED = ".damaged"


class StoreError(OSError):
    """The store's folder cannot be used; the message names it."""


class DamagedError(StoreError):
    """A record is there, but it is not what was written; the message names the file."""


@dataclass(frozen=True)
class Record:
    """What a store has of a training.

    Attributes:
        history, provenance: of the training.
        weights: the trained model's, by name.
        about: what else was kept with it; what JSON can hold.
    """

    history: History
    provenance: Provenance
    weights: Mapping[str, Tensor]
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Files:
    """The content of a record's two files."""

    text: bytes
    arrays: bytes


class Store:
    """A folder of records.

    Args:
        folder: made when the first record is written; relative to the working folder.
        lasting: whether a record is still found when code or libraries have changed since. It is
            then up to the reader to say so: the provenance has both.
    """

    def __init__(self, folder: Path, *, lasting: bool = False) -> None:
        self.folder = folder
        self.lasting = lasting

    def path(self, identity: Identity) -> Path:
        """The record's JSON file; its name changes with the libraries' versions."""
        made_by = () if self.lasting else (versions(),)
        return self.folder / name_of(identity, *made_by)

    def prepare(self) -> str:
        """Make the folder, if need be.

        Returns:
            What tells this folder from any other, for a process that may see another of that name.

        Raises:
            StoreError: if it cannot be made or written in, or a newer version has written it.
        """
        if (known := self._marker()) is not None:
            return known
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "store.lock"):
                if (known := self._marker()) is None:
                    known = uuid.uuid4().hex
                    text = json.dumps({"format": FORMAT, "id": known})
                    write_whole(self.folder / MARKER, text.encode() + b"\n")
        except StoreError:
            raise
        except OSError as error:
            raise self._error(error) from error
        return known

    def _marker(self) -> str | None:
        """The folder's identity; None where nothing was written yet."""
        path = self.folder / MARKER
        try:
            marker = json.loads(path.read_text(encoding="utf8"))
            written, known = int(marker["format"]), str(marker["id"])
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(
                f"{path} does not say in which format the folder is written: delete it, and the "
                "records beside it are read as those of this version"
            ) from error
        if written > FORMAT:
            raise StoreError(
                f"{self.folder} was written by a newer version of anode, in format {written}; this "
                f"one reads up to {FORMAT}. Update anode, or name another folder. Nothing in it "
                "was changed"
            )
        return known

    @contextmanager
    def locked(self, identity: Identity, *, wait: bool = True) -> Iterator[bool]:
        """Hold the record: another process that wants it waits, and then finds it there.

        Args:
            identity: of the record.
            wait: for another process that holds it.

        Yields:
            Whether it is held; only without ``wait`` it may not be.

        Raises:
            StoreError: if the folder cannot be made or written in.
        """
        self.prepare()
        path = self.path(identity)
        lock = FileLock(path.with_suffix(".lock"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:  # which is an OSError, but none of the folder
            yield False
            return
        except OSError as error:
            raise self._error(error) from error
        try:
            yield True
        finally:
            lock.release()

    def is_held(self, identity: Identity) -> bool:
        """Whether a process holds the record at this moment: it trains what belongs there."""
        return is_locked(self.path(identity).with_suffix(".lock"))

    def read(self, identity: Identity) -> Record | None:
        """The record; None where there is none.

        Raises:
            DamagedError: if its files are not those that were written.
            StoreError: if they cannot be read, or a newer version has written them.
        """
        self._marker()
        path = self.path(identity)
        files = read_files(path)
        try:
            return None if files is None else unpack(files)
        except DamagedError as error:
            raise DamagedError(f"{path}: {error}") from error

    def save(self, identity: Identity, record: Record) -> Path:
        """Write a record, as a whole or not at all, and return its JSON file.

        Raises:
            StoreError: if it cannot be written.
        """
        return self.write(identity, pack(identity, record))

    def write(self, identity: Identity, files: Files) -> Path:
        """Write a record's files, and return the JSON file.

        Raises:
            StoreError: if they cannot be written.
        """
        self.prepare()
        path = self.path(identity)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path.with_suffix(".safetensors"), files.arrays)
            write_whole(path, files.text)
        except OSError as error:
            raise self._error(error) from error
        return path

    def set_aside(self, identity: Identity) -> Path:
        """Give a damaged record's files other names, so that nothing of them is lost.

        Returns:
            The new name of the JSON file.

        Raises:
            StoreError: if they cannot be renamed.
        """
        path, number = self.path(identity), 1
        while (aside := Path(f"{path}{DAMAGED}.{number}")).exists():
            number += 1
        try:
            arrays = path.with_suffix(".safetensors")
            if arrays.exists():
                os.replace(arrays, f"{arrays}{DAMAGED}.{number}")
            os.replace(path, aside)
        except OSError as error:
            raise self._error(error) from error
        return aside

    def _error(self, error: OSError) -> StoreError:
        return StoreError(f"results cannot be kept in {self.folder}: {error.strerror or error}")


def name_of(identity: Identity, *made_by: object) -> Path:
    """The JSON file of what was run in a folder; with the versions if the store is not lasting."""
    key = json.dumps([dict(identity), *made_by], sort_keys=True)
    name = re.sub(r"[^a-z0-9]+", "-", str(identity["model"]).lower()).strip("-")
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    return Path(str(identity["experiment"])) / f"{name}-{digest}.json"


def is_locked(path: Path) -> bool:
    """Whether a process holds this lock file."""
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:  # of a folder in which nobody can write, so nobody holds it
        return False
    lock.release()
    return False


def read_files(path: Path) -> Files | None:
    """A record's files, given that of JSON; None where that is not.

    Raises:
        DamagedError: if the arrays' is not there.
        StoreError: if they cannot be read.
    """
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
    arrays = path.with_suffix(".safetensors")
    try:
        return Files(text, arrays.read_bytes())
    except FileNotFoundError as error:
        raise DamagedError(f"{path} is there, but not its arrays, {arrays.name}") from error
    except OSError as error:
        raise StoreError(f"{arrays} cannot be read: {error.strerror or error}") from error


def pack(identity: Identity, record: Record) -> Files:
    """The content of a record's files."""
    history = record.history
    arrays = save(_arrays(record))
    head: dict[str, Any] = {
        "run": dict(identity),
        "about": dict(record.about),
        "provenance": record.provenance.as_dict(),
        "seeds": list(history.seeds),
        "steps_per_epoch": history.steps_per_epoch,
        "seconds": history.seconds,
        "failures": {str(r): f.as_dict() for r, f in history.failures.items()},
        "epoch_loss": _rounded(history.epoch_loss),
        "epoch_nfe": _rounded(history.epoch_nfe),
        "validation_loss": _rounded(history.validation_loss),
    }
    head["digest"] = digest_of(head, arrays)
    return Files(_json(head).encode(), arrays)


def parse(files: Files) -> dict[str, Any]:
    """What the JSON file says, the digest aside.

    Raises:
        DamagedError: if the files are not a record's, or not those that were written.
    """
    try:
        head = json.loads(files.text)
        digest = head.pop("digest")
        name = f"{head['run']['experiment']}, {head['run']['model']}, seeds {head['seeds']}"
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DamagedError("a record's text is cut off, or not a record's") from error
    if digest != digest_of(head, files.arrays):
        raise DamagedError(f"the record of {name} has been altered or cut off since it was written")
    return dict(head)


def unpack(files: Files) -> Record:
    """The record in the two files.

    Raises:
        DamagedError: if they are not a record's, or not those that were written.
    """
    head = parse(files)
    try:
        arrays = load(files.arrays)
        weights = {k.removeprefix("weight/"): v for k, v in arrays.items() if k[:7] == "weight/"}
        made_by = Provenance(**head["provenance"])
        return Record(_history(head, arrays), made_by, weights, head["about"])
    except (SafetensorError, KeyError, TypeError) as error:
        raise DamagedError(f"a record lacks something, or has too much: {error}") from error


def digest_of(record: Mapping[str, Any], arrays: bytes) -> str:
    """Of both files, the digest itself aside."""
    text = json.dumps(record, sort_keys=True)
    return hashlib.sha256(text.encode() + arrays).hexdigest()


def _arrays(record: Record) -> dict[str, Tensor]:
    # The format takes no tensors with gaps, nor two that share memory: copies have neither.
    arrays = {
        f"weight/{name}": values.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, values in record.weights.items()
    }
    history = record.history
    for name in ("step_loss", "step_nfe", "step_backward_nfe", "validation_loss"):
        if (values := getattr(history, name)) is not None:
            arrays[name] = torch.from_numpy(values.copy(order="C"))
    for epoch, features in history.snapshots.items():
        # The features were single precision before they became an array of doubles.
        arrays[f"snapshot/{epoch}"] = torch.from_numpy(features.astype(np.float32, order="C"))
    return arrays


def _history(record: dict[str, Any], arrays: dict[str, Tensor]) -> History:
    def array(name: str) -> Floats:
        values: Floats = arrays[name].double().numpy()
        return values

    return History(
        step_loss=array("step_loss"),
        step_nfe=array("step_nfe"),
        step_backward_nfe=array("step_backward_nfe"),
        steps_per_epoch=record["steps_per_epoch"],
        validation_loss=array("validation_loss") if "validation_loss" in arrays else None,
        snapshots={int(k.split("/")[1]): array(k) for k in arrays if k.startswith("snapshot/")},
        failures={int(r): TrainingFailure.from_dict(f) for r, f in record["failures"].items()},
        seconds=record["seconds"],
        seeds=tuple(record["seeds"]),
    )


def _rounded(values: Floats | None) -> list[list[float | None]] | None:
    """For people to read: six digits, None where there is no number."""
    if values is None:
        return None
    return [[float(f"{v:.6g}") if np.isfinite(v) else None for v in row] for row in values]


def _json(record: dict[str, Any]) -> str:
    """Indented, but with each row of numbers on one line."""
    text = json.dumps(record, indent=1)
    return re.sub(r"\[[^\[\]{}]*\]", lambda m: " ".join(m[0].split()), text) + "\n"
