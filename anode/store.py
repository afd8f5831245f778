"""Records of trained models: a readable JSON file for each, and its arrays beside it.

``EXPERIMENT/MODEL-KEY.json`` says what was run, what made it, and the course of the training;
``….safetensors`` holds the weights, every step's numbers and the snapshots. Nothing is pickled.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from safetensors.torch import load, save
from torch import Tensor

from anode.models import Model
from anode.provenance import Provenance, numerics, versions
from anode.training import Floats, History, TrainingFailure

Identity = Mapping[str, Any]
"""What was run; it has ``experiment`` and ``model``."""

_FORMAT = 3


class StoreError(OSError):
    """The store's folder cannot be used; the message names it."""


@dataclass(frozen=True)
class Record:
    """What a store has of a training.

    Attributes:
        history, provenance: of the training.
        weights: the trained model's, by name.
        about: what else was kept with it.
    """

    history: History
    provenance: Provenance
    weights: dict[str, Tensor]
    about: dict[str, Any]


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
        """The record's JSON file; its name changes with the code and the libraries' versions."""
        made_by = [] if self.lasting else [numerics(), versions()]
        key = json.dumps([dict(identity), *made_by, _FORMAT], sort_keys=True)
        name = re.sub(r"[^a-z0-9]+", "-", str(identity["model"]).lower()).strip("-")
        digest = hashlib.sha256(key.encode()).hexdigest()[:12]
        return self.folder / str(identity["experiment"]) / f"{name}-{digest}.json"

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

    def load(self, identity: Identity, model: Model) -> tuple[History, Provenance] | None:
        """Give ``model`` the recorded weights; None where there is no whole record."""
        record = self.read(identity)
        if record is None:
            return None
        model.load_state_dict(record.weights)
        return record.history, record.provenance

    def read(self, identity: Identity) -> Record | None:
        """The record; None where there is no whole one."""
        path = self.path(identity)
        try:
            record = json.loads(path.read_text(encoding="utf8"))
            content = path.with_suffix(".safetensors").read_bytes()
            digest = record.pop("digest")
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return None
        if digest != _digest(record, content):
            return None  # altered, cut off, or the two files are not of one record
        arrays = load(content)
        weights = {k.removeprefix("weight/"): v for k, v in arrays.items() if k[:7] == "weight/"}
        made_by = Provenance(**record["provenance"])
        return Record(_history(record, arrays), made_by, weights, record["about"])

    def save(
        self,
        identity: Identity,
        model: Model,
        history: History,
        provenance: Provenance,
        about: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write a record, with what else there is to say ``about`` it, as a whole or not at all.

        Returns:
            The JSON file.

        Raises:
            StoreError: if it cannot be written.
        """
        path = self.path(identity)
        content = save(_arrays(model, history))
        record: dict[str, Any] = {
            "run": dict(identity),
            "about": dict(about or {}),
            "provenance": provenance.as_dict(),
            "seeds": list(history.seeds),
            "steps_per_epoch": history.steps_per_epoch,
            "seconds": history.seconds,
            "failures": {str(r): f.as_dict() for r, f in history.failures.items()},
            "epoch_loss": _rounded(history.epoch_loss),
            "epoch_nfe": _rounded(history.epoch_nfe),
            "validation_loss": _rounded(history.validation_loss),
        }
        record["digest"] = _digest(record, content)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path.with_suffix(".safetensors"), content)
            _write(path, _json(record).encode())
        except OSError as error:
            raise self._error(error) from error
        return path

    def _error(self, error: OSError) -> StoreError:
        return StoreError(f"results cannot be kept in {self.folder}: {error.strerror or error}")


def _write(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever reads half of it."""
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _digest(record: Mapping[str, Any], arrays: bytes) -> str:
    """Of both files, the digest itself aside."""
    text = json.dumps(record, sort_keys=True)
    return hashlib.sha256(text.encode() + arrays).hexdigest()


def _arrays(model: Model, history: History) -> dict[str, Tensor]:
    # The format takes no tensors with gaps, nor two that share memory: copies have neither.
    arrays = {
        f"weight/{name}": values.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, values in model.state_dict().items()
    }
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
