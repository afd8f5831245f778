"""Arguments that several subcommands take: which trainings, and where their records are."""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import TypeVar

from anode_lab.environment import as_folder, named_folder
from anode_lab.experiments import PROFILES, figures
from anode_lab.runs import (
    RESULTS_VARIABLE,
    STORE_VARIABLE,
    Task,
    figure_tasks,
    results_folder,
    tasks,
)

MOST = 10_000
"""Largest number of seeds, processes or steps of one command; more are a slip of the finger."""

Number = TypeVar("Number", int, float)


class UsageError(Exception):
    """Something that was asked for or set is not there, or not here; the message says what is."""


@contextmanager
def asked() -> Iterator[None]:
    """Take a ``ValueError`` for one of the arguments or of the environment's variables.

    It belongs around checks of these only; a ``ValueError`` of the work itself is a mistake of the
    program.
    """
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error


def number(kind: type[Number], least: float, most: float) -> Callable[[str], Number]:
    """Return the ``type=`` of a number between two bounds, which are valid themselves.

    Args:
        kind: ``int`` for a whole number, or ``float``.
        least: Lower bound.
        most: Upper bound; infinity itself is not valid.
    """
    what = "a whole number" if kind is int else "a number"
    bounds = f"of {least:,g} or more" if most == inf else f"from {least:,g} to {most:,.0f}"

    def read(text: str) -> Number:
        try:
            if least <= (found := kind(text)) <= most and found < inf:
                return found
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"must be {what} {bounds}, got {text!r}")

    return read


def in_a_line(error: Exception) -> str:
    """Return the message of an error in one line, with the file that it is about."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:  # not those with a message of their own
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(text.split())


def new_folder(text: str) -> Path:
    """Read a folder that can be made or written in, for ``type=``, before it gets a result."""
    path = _read("it", text)
    place = next(place for place in (path, *path.absolute().parents) if place.is_dir())
    if not os.access(place, os.W_OK):
        raise argparse.ArgumentTypeError(f"must be a folder that can be written in, got {text!r}")
    return path


def present_folder(text: str) -> Path:
    """Read a folder that must be there, for ``type=``."""
    if not (path := _read("it", text)).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path}")
    return path


def existing(records: Path) -> Path:
    """Return a folder of records, which must be there."""
    if not records.is_dir():
        raise UsageError(f"there is no folder of records at {records}")
    return records


def present_file(text: str) -> Path:
    """Read a file that must be there, for ``type=``."""
    if not (path := Path(text).expanduser()).is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise argparse.ArgumentTypeError(f"must be a file, and {text!r} {what}")
    return path


def new_file(text: str) -> Path:
    """Read a file that can be written, for ``type=``, before the work whose result it gets."""
    path = Path(text).expanduser()
    if not text.strip() or path.is_dir():
        raise argparse.ArgumentTypeError(f"must be a file, got {text!r}, a folder")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"must be in a folder that exists, got {text!r}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"must be a file that can be written, got {text!r}")
    return path


def _read(name: str, text: str) -> Path:
    try:
        return as_folder(name, text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_experiment(
    parser: argparse.ArgumentParser,
    names: Sequence[str],
    folder: Callable[[str], Path] = new_folder,
) -> None:
    """Add what :func:`chosen` and :func:`records_folder` read.

    Args:
        parser: Parser of the subcommand.
        names: Names that can be chosen.
        folder: The ``type=`` of the records' folder.
    """
    parser.add_argument("name", metavar="NAME", choices=names, help="%(choices)s")
    parser.add_argument(
        "--profile",
        choices=list(PROFILES),
        default="laptop",
        help="how much of it; default: %(default)s",
    )
    parser.add_argument(
        "--models", nargs="+", metavar="LABEL", help="such as 'p = 5'; all of them if left out"
    )
    parser.add_argument(
        "--seeds",
        type=number(int, 1, MOST),
        metavar="N",
        help="number of seeds; that of the profile if left out",
    )
    add_seed(parser)
    parser.add_argument(
        "--results",
        type=folder,
        metavar="F",
        help=f"folder of the records; default for images: ${RESULTS_VARIABLE}, or else results/ of "
        f"the book; for toy experiments: ${STORE_VARIABLE}, or else ~/.cache/anode/results",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add the first seed."""
    parser.add_argument(
        "--seed",
        type=number(int, 0, inf),
        default=0,
        metavar="S",
        help="the first seed; default: %(default)s",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the device."""
    parser.add_argument("--device", default="cpu", metavar="D", help="cpu, cuda or cuda:N")


def chosen(arguments: argparse.Namespace) -> list[Task]:
    """The trainings that the arguments name.

    Raises:
        UsageError: If there is no such profile or model of that experiment, or seed.
    """
    name, profile, first = arguments.name, arguments.profile, arguments.seed
    seeds = range(first, first + arguments.seeds) if arguments.seeds else None
    with asked():
        if name not in figures():
            return tasks(name, profile, models=arguments.models, seeds=seeds, first=first)
        if arguments.models:
            raise ValueError(f"--models goes with an experiment, not with {name!r}")
        if found := figure_tasks(name, profile, seeds=seeds, first=first):
            return found
        raise ValueError(f"{name} has no profile {profile!r}")


def records_folder(wanted: Sequence[Task], folder: Path | None) -> Path:
    """Return where the records of these trainings are: in ``folder``, if it is given.

    Raises:
        UsageError: If a variable of the environment names a file instead of a folder.
    """
    if folder:
        return folder
    with asked():
        return results_folder() if wanted[0].experiment.recorded else toy_results()


def toy_results() -> Path:
    """Return where records of toy experiments are, if the command line does not say.

    Raises:
        ValueError: If the variable of the environment names a file.
    """
    return named_folder(STORE_VARIABLE) or Path.home() / ".cache" / "anode" / "results"
