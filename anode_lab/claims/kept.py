"""Reads what was kept of a run of the claims, bands and verdicts, from JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Content = TypeVar("Content")


def read(path: Path, what: str, build: Callable[[dict[str, Any]], Content]) -> Content:
    """Build an object from a file of JSON.

    Args:
        path: Path of the file.
        what: Name of what the file should hold, for the message.
        build: Function that makes the object of the parsed file.

    Raises:
        ValueError: If the file holds something else.
        OSError: If it cannot be read.
    """
    try:
        return build(json.loads(path.read_text(encoding="utf8")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is no file of {what}: {error}") from error
