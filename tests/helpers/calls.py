"""Calls that other processes make, for tests of executors: they import this module by its name."""

import os
import signal
import time
from pathlib import Path


def square(number: int) -> int:
    """No more than that."""
    return number * number


def pid(_: object) -> int:
    """Of the process that makes the call; slow enough that no one process makes all."""
    time.sleep(0.2)
    return os.getpid()


def refuse(number: int) -> int:
    """Fail at 3, as a mistake of the program would."""
    if number == 3:
        raise ArithmeticError(f"no {number}")
    return number


def die(_: object) -> None:
    """As out of memory, or by ``kill -9``."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(where: tuple[str, int]) -> int:
    """The first call of a number that leaves its file in the folder ends its process."""
    folder, number = where
    mark = Path(folder) / str(number)
    if number % 4 == 1 and not mark.exists():
        mark.touch()
        die(number)
    return number


def sleep(where: tuple[str, int]) -> int:
    """For a minute, after the process has left its number in the folder."""
    folder, number = where
    (Path(folder) / f"{os.getpid()}.pid").touch()
    time.sleep(60)
    return number


def wait_for(where: tuple[str, int]) -> int:
    """Until there is a file "go" in the folder; that it began is seen by another."""
    folder, number = where
    (Path(folder) / f"{number}.begun").touch()
    for _ in range(1200):
        if (Path(folder) / "go").exists():
            return number
        time.sleep(0.05)
    raise TimeoutError("nobody said go")
