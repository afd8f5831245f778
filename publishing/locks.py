"""Builds that run at the same time wait for each other instead of writing over each other."""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Hold a lock file; wait as long as another process or thread holds it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another build to leave {lock.parent} …", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
