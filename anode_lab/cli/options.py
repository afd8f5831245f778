"""Arguments that several subcommands take: which trainings, and where their records are."""

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from anode_lab.experiments import Profile, figures
from anode_lab.runs import (
    RESULTS_VARIABLE,
    STORE_VARIABLE,
    Task,
    figure_tasks,
    results_folder,
    tasks,
)


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


def positive(text: str) -> int:
    """A whole number from 1, for ``type=``."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def add_experiment(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Add what :func:`chosen` and :func:`records_folder` read; ``names`` can be chosen."""
    parser.add_argument("name", metavar="NAME", choices=names, help="%(choices)s")
    parser.add_argument(
        "--profile",
        choices=[profile.value for profile in Profile],
        default=Profile.LAPTOP.value,
        help="how much of it; default: %(default)s",
    )
    parser.add_argument(
        "--models", nargs="+", metavar="LABEL", help="such as 'p = 5'; all of them if left out"
    )
    parser.add_argument(
        "--seeds",
        type=positive,
        metavar="N",
        help="number of seeds; that of the profile if left out",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="the first seed; default: %(default)s"
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="F",
        help=f"folder of the records; default for images: ${RESULTS_VARIABLE}, or else results/ of "
        f"the book; for toy experiments: ${STORE_VARIABLE}, or else ~/.cache/anode/results",
    )


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
    """Where the records of these trainings are; ``folder``, if it is given."""
    usual = results_folder() if wanted[0].experiment.recorded else toy_results()
    return folder or usual


def toy_results() -> Path:
    """Where records of toy experiments are, if the command line does not say."""
    named = os.environ.get(STORE_VARIABLE)
    return Path(named) if named else Path.home() / ".cache" / "anode" / "results"
