"""``anode check``: takes the first steps of recorded trainings again, and compares."""

import argparse
from typing import TYPE_CHECKING

from anode.cli.options import add_experiment, check_data, chosen, positive
from anode.recordings import check, missing, results_folder
from anode.recordings.records import not_recorded

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add(subparsers: "Subparsers") -> None:
    """Add ``check``."""
    checking = subparsers.add_parser(
        "check",
        help="take the first steps of recorded trainings again, and compare",
        description="Take the first steps of recorded trainings again, on this machine with this "
        "code, and compare losses and function evaluations with the record.",
    )
    add_experiment(checking)
    checking.add_argument(
        "--steps", type=positive, default=20, metavar="N", help="how many; default: %(default)s"
    )
    checking.set_defaults(call=_check)


def _check(arguments: argparse.Namespace) -> None:
    folder = arguments.results or results_folder()
    wanted = chosen(arguments)
    lacking = {id(task) for task in missing(wanted, folder)}
    if len(lacking) == len(wanted):
        first = wanted[0]
        raise not_recorded("none of these seeds is", first.experiment.name, first.profile, folder)
    check_data(wanted)
    for task in wanted:
        name = f"{task.spec.label}, seed {task.seed}"
        if id(task) in lacking:
            print(f"{name}: not recorded")
            continue
        found = check(task, arguments.steps, folder)
        same = (
            "the same numbers"
            if found.identical
            else f"losses within {found.loss:.1e} of theirs, evaluations within {found.nfe:.0f}"
        )
        print(f"{name}: {found.steps} steps give {same}", flush=True)
