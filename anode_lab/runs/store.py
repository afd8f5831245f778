"""A folder of records: a readable JSON file for each, and its arrays in safetensors beside it.

``EXPERIMENT/MODEL-KEY.json`` has the key that names it, and a digest of both files; a record that
is not what was written is never read as if it were. Nothing is pickled.
"""

import hashlib
import json
import re
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from anode.atomic_write import write_whole

Key = Mapping[str, Any]
"""All that a record is found by, as JSON holds it; it has ``experiment`` and ``model``."""

Content = tuple[dict[str, Any], dict[str, Tensor]]
"""What a record says, and its arrays by name."""


_FOREIGN = (ValueError, KeyError, AttributeError, TypeError, RecursionError, SafetensorError)
"""Errors of files that are not a record's."""


class StoreError(OSError):
    """The store's folder cannot be used; the message names it."""


class DamagedError(StoreError):
    """A record is there, but it is not what was written; the message names the file."""


class Store:
    """A folder of records.

    Args:
        folder: Folder of the records; it is made when the first one is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: Key) -> Path:
        """The JSON file of a record."""
        return self.folder / _name(key)

    def read(self, key: Key) -> Content | None:
        """A record's text and arrays; None where there is no record.

        Raises:
            DamagedError: If the files are not those that were written.
            StoreError: If they cannot be read.
        """
        return read(self.path(key))

    def write(self, key: Key, text: Mapping[str, Any], arrays: Mapping[str, Tensor]) -> Path:
        """Write a record, as a whole or not at all.

        Args:
            key: Key of the record.
            text: What the record says, as JSON holds it.
            arrays: Its arrays by name, contiguous and on the CPU.

        Returns:
            The JSON file.

        Raises:
            StoreError: If it cannot be written.
        """
        content = save(dict(arrays))
        whole = {"run": dict(key), **text}
        whole["digest"] = _digest(whole, content)
        path = self.path(key)
        with self._usable():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path.with_suffix(".safetensors"), content)
            write_whole(path, _json(whole).encode())
        return path

    @contextmanager
    def locked(self, key: Key, *, wait: bool = True) -> Iterator[bool]:
        """Hold a record, so that no other process makes the same.

        Args:
            key: Key of the record.
            wait: Whether to wait for a process that holds it.

        Yields:
            Whether it is held; it may not be if ``wait`` is False.

        Raises:
            StoreError: If the folder cannot be made or written in.
        """
        path = self.path(key).with_suffix(".lock")
        lock = FileLock(path)
        held = True
        with self._usable():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=-1 if wait else 0)
            except Timeout:
                held = False
        try:
            yield held
        finally:
            lock.release()

    def is_held(self, key: Key) -> bool:
        """Whether a process holds a record at this moment, because it makes it."""
        if not self.path(key).with_suffix(".lock").exists():
            return False
        try:
            with self.locked(key, wait=False) as free:
                return not free
        except StoreError:  # in a folder that is only read nothing is made
            return False

    def sound(self, key: Key) -> Content | None:
        """A record; a damaged one is renamed, with a warning, so that nothing of it is lost.

        Whoever calls holds its lock.

        Raises:
            StoreError: If the record cannot be read, or not be renamed.
        """
        try:
            return self.read(key)
        except DamagedError as error:
            path, ending = self.path(key), f".damaged-{uuid.uuid4().hex[:8]}"
            with self._usable():
                for file in (path.with_suffix(".safetensors"), path):
                    if file.exists():
                        file.rename(f"{file}{ending}")
            message = f"{error}. It is set aside as {path.name}{ending}, and made again"
            warnings.warn(message, stacklevel=3)
            return None

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise StoreError(f"results cannot be kept in {self.folder}: {reason}") from error


def read(path: Path) -> Content | None:
    """Text and arrays of the record in a JSON file; see :meth:`Store.read`."""
    arrays = path.with_suffix(".safetensors")
    try:
        if not path.exists():
            return None
        if not arrays.exists():
            raise DamagedError(f"{path} is there, but its arrays, {arrays.name}, are not")
        text, content = path.read_bytes(), arrays.read_bytes()
    except DamagedError:
        raise
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        head = json.loads(text)
        if head.pop("digest") != _digest(head, content):
            raise DamagedError(f"{path} or its arrays have changed since they were written")
        return head, load(content)
    except _FOREIGN as error:
        raise DamagedError(f"{path} is cut off, or it is not a record") from error


def verify(folder: Path) -> tuple[int, list[str]]:
    """Read every record in a folder.

    Returns:
        Number of sound records, and a line about each that is not.

    Raises:
        StoreError: If there is no such folder.
    """
    if not folder.is_dir():
        raise StoreError(f"there is no folder of records at {folder}")
    sound, bad = 0, []
    for path in sorted(folder.glob("*/*.json")):
        try:
            found = read(path)
        except StoreError as error:
            bad.append(str(error))
            continue
        try:
            named = found and folder / _name(found[0]["run"])
        except _FOREIGN:
            named = None
        if path != named:
            bad.append(f"{path} has the name of another record")
        else:
            sound += 1
    return sound, bad


def _name(key: Key) -> Path:
    text = json.dumps([dict(key)], sort_keys=True)
    model = re.sub(r"[^a-z0-9]+", "-", str(key["model"]).lower()).strip("-")
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Path(str(key["experiment"])) / f"{model}-{digest}.json"


def _digest(text: Mapping[str, Any], arrays: bytes) -> str:
    """SHA-256 of both files, without the digest itself."""
    return hashlib.sha256(json.dumps(text, sort_keys=True).encode() + arrays).hexdigest()


def _json(text: Mapping[str, Any]) -> str:
    """Indented, but with each row of numbers on one line."""
    indented = json.dumps(text, indent=1)
    return re.sub(r"\[[^\[\]{}]*\]", lambda m: " ".join(m[0].split()), indented) + "\n"
