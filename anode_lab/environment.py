"""What a process is given from outside: folders that variables name, and a terminal."""

import os
import sys
from io import TextIOWrapper
from pathlib import Path


def named_folder(variable: str) -> Path | None:
    """Return the folder that a variable of the environment names; None if it is unset or empty.

    ``~`` stands for the user's own folder, as a shell does not replace it between quotation marks.

    Args:
        variable: Name of the variable.

    Raises:
        ValueError: If it names a file, or the folder of a user who does not exist.
    """
    text = os.environ.get(variable)
    return as_folder(variable, text) if text else None


def as_folder(name: str, text: str) -> Path:
    """Return a folder that may be missing, with ``~`` replaced.

    Args:
        name: Name of the argument or the variable, for the message.
        text: Path of the folder.

    Raises:
        ValueError: If there is a file of that name or above it, or no such user.
    """
    if not text.strip():
        raise ValueError(f"{name} must name a folder, got {text!r}")
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{name} must name a folder, got {text!r}: {error}") from error
    for place in (path, *path.parents):
        if place.is_dir():
            break
        if place.exists():
            raise ValueError(f"{name} must name a folder, got {text!r}, where {place} is a file")
    return path


def write_on_any_terminal() -> None:
    """Let this process print a question mark for each character that its terminal does not have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
