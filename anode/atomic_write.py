"""Writes a file completely or not at all, even if the process or the machine stops meanwhile."""

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write to a temporary file, flush it to the disk, then rename it to ``path``.

    Raises:
        OSError: If it cannot be written; the previous content is then still there.
    """
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            # Without it, a power failure can leave the new name with no content.
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    with suppress(OSError):  # flush the folder's entries, too, on systems that can do so
        number = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
