"""Arguments that several subcommands take: which trainings, and where their records are."""

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from anode_lab.experiments import Profile, figures
from anode_lab.runs import RESULTS_VARIABLE, STORE_VARIABLE, results_folder
from anode_lab.runs.store import Store
from anode_lab.runs.task import Task, figure_tasks, tasks


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


def add_experiment(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Add what :func:`chosen` and :func:`store_of` read; ``names`` can be chosen."""
    parser.add_argument("name", metavar="NAME", choices=names, help="%(choices)s")
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
        "--seeds",
        type=positive,
        metavar="N",
        help="how many; as many as the profile has if left out",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="the first; default: %(default)s"
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
        UsageError: if there is no such profile or model of that experiment, or seed.
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


def store_of(wanted: Sequence[Task], folder: Path | None) -> Store:
    """Where the records of these trainings are."""
    if wanted[0].experiment.recorded:
        return Store(folder or results_folder(), lasting=True)
    return Store(folder or toy_results())


def toy_results() -> Path:
    """Where records of toy experiments are, if the command line does not say."""
    named = os.environ.get(STORE_VARIABLE)
    return Path(named) if named else Path.home() / ".cache" / "anode" / "results"


def check_data(wanted: Sequence[Task]) -> None:
    """That the images are looked for in a folder that there is.

    Raises:
        UsageError: if not.
        DataError: if only a part of them is there.
    """
    for images in {task.size.images for task in wanted}:
        if images is not None:
            with asked():
                images.available()
