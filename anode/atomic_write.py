"""Writes a file as a whole or not at all, whatever ends the process or the machine meanwhile."""

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write beside the file, wait until that is on the disk, then give it the file's name.

    Raises:
        OSError: if it cannot be written; what was there before is then still there.
    """
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            # Without it, a name may be on the disk before what it names when the power goes.
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _keep_name(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _keep_name(folder: Path) -> None:
    """Wait until the folder's new entry is on the disk, where the system can be asked to."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
