"""``anode check``: takes the first steps of recorded trainings again, and compares."""

import argparse
from typing import TYPE_CHECKING

from anode_lab.cli.options import (
    MOST,
    add_experiment,
    chosen,
    existing,
    number,
    present_folder,
    records_folder,
)
from anode_lab.runs import RECORDED, Store, check
from anode_lab.runs.runner import not_recorded
from anode_lab.runs.status import missing

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
    add_experiment(checking, RECORDED, present_folder)
    checking.add_argument(
        "--steps",
        type=number(int, 1, MOST),
        default=20,
        metavar="N",
        help="number of steps; default: %(default)s",
    )
    checking.set_defaults(call=_check)


def _check(arguments: argparse.Namespace) -> None:
    wanted = chosen(arguments)
    store = Store(existing(records_folder(wanted, arguments.results)))
    lacking = {id(task) for task in missing(wanted, store)}
    if len(lacking) == len(wanted):
        first, what = wanted[0], "none of these seeds is"
        raise not_recorded(what, first, store.folder)
    for task in wanted:
        if id(task) in lacking:
            print(f"{task}: not recorded")
            continue
        found = check(task, arguments.steps, store.folder)
        same = (
            "the same numbers"
            if found.identical
            else f"losses within {found.loss:.1e} of theirs, evaluations within {found.nfe:.0f}"
        )
        print(f"{task}: {found.steps} steps give {same}", flush=True)
