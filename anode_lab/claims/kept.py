"""Reads what was kept of a run of the claims, bands and verdicts, from JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Content = TypeVar("Content")


def read(path: Path, what: str, build: Callable[[dict[str, Any]], Content]) -> Content:
    """What a file holds.

    Args:
        path: of the file.
        what: it should hold, for the message.
        build: makes that of the parsed file.

    Raises:
        ValueError: if the file holds something else.
        OSError: if it cannot be read.
    """
    text = path.read_text(encoding="utf8")
    try:
        return build(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no file of {what}: {error}") from error
