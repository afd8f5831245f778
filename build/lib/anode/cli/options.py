"""Arguments that several subcommands take: which trainings, and where their records are."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anode.data.images import available
from anode.experiments import Profile
from anode.recordings import NAMES, RESULTS_VARIABLE, Task, tasks


class UsageError(Exception):
    """Something that was asked for or set is not there, or not here; the message says what is."""


@contextmanager
def asked() -> Iterator[None]:
    """Take a ``ValueError`` for one of the arguments or of the environment's variables.

    It belongs around checks of these only: out of the work itself it is a mistake of the program.
    """
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error


def positive(text: str) -> int:
    """A whole number from 1, for ``type=``."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def add_experiment(parser: argparse.ArgumentParser) -> None:
    """Add what :func:`chosen` reads, and ``--results``."""
    parser.add_argument("name", metavar="NAME", choices=NAMES, help="%(choices)s")
    parser.add_argument(
        "--profile",
        choices=[profile.value for profile in Profile],
        default=Profile.LAPTOP.value,
        help="how much of it; default: %(default)s",
    )
    parser.add_argument(
        "--models", nargs="+", metavar="LABEL", help="as 'p = 5'; all of them if left out"
    )
    parser.add_argument(
        "--seeds", nargs="+", type=int, metavar="S", help="as many as the profile has if left out"
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="F",
        help=f"folder of the records; default: ${RESULTS_VARIABLE}, or else results/ of the book",
    )


def chosen(arguments: argparse.Namespace) -> list[Task]:
    """The trainings that the arguments name.

    Raises:
        UsageError: if there is no such profile or model of that experiment, or seed.
    """
    with asked():
        return tasks(
            arguments.name, arguments.profile, models=arguments.models, seeds=arguments.seeds
        )


def check_data(wanted: list[Task]) -> None:
    """That the images are looked for in a folder that there is.

    Raises:
        UsageError: if not.
        DataError: if only a part of them is there.
    """
    if (images := wanted[0].size.images) is not None:
        with asked():
            available(images)
