"""Arguments that several subcommands take: which trainings, and where their records are."""

import argparse
from pathlib import Path

from anode.experiments import Profile
from anode.recordings import NAMES, RESULTS_VARIABLE, Task, tasks


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
        ValueError: if there is no such profile or model of that experiment.
    """
    return tasks(arguments.name, arguments.profile, models=arguments.models, seeds=arguments.seeds)
