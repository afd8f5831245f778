"""``anode store``: checks a folder of results, and clears it of what nothing reads."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from anode_lab.cli.options import UsageError, toy_results
from anode_lab.runs.upkeep import prune, superfluous, verify

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add(subparsers: "Subparsers") -> None:
    """Add ``store verify`` and ``store prune``."""
    store = subparsers.add_parser("store", help="check a folder of results, or clear it")
    commands = store.add_subparsers(required=True, metavar="COMMAND")
    verifying = commands.add_parser(
        "verify",
        help="read every record, and name what is bad",
        description="Read every record and every checkpoint, and name each file that is not what "
        "was written. Status 1 if there is one.",
    )
    pruning = commands.add_parser(
        "prune",
        help="list what nothing reads, and remove it",
        description="List the files that nothing reads any more: half-written ones, checkpoints of "
        "what is recorded, damaged records that were set aside, locks that nobody holds. Then ask, "
        "and remove these and no others.",
    )
    pruning.add_argument(
        "--outdated",
        action="store_true",
        help="also records that the code and the libraries there are now do not find",
    )
    pruning.add_argument("--yes", action="store_true", help="do not ask")
    for each in (verifying, pruning):
        each.add_argument(
            "folder", nargs="?", type=Path, metavar="FOLDER", help="as --results of anode run"
        )
    verifying.set_defaults(call=_verify)
    pruning.set_defaults(call=_prune)


def _verify(arguments: argparse.Namespace) -> None:
    folder = arguments.folder or toy_results()
    sound, bad = verify(folder)
    print(f"{sound} sound records in {folder}.")
    for finding in bad:
        print(finding)
    if bad:
        raise UsageError(
            f"{len(bad)} of {sound + len(bad)} are bad. 'anode run' sets a bad record aside and "
            "makes it again"
        )


def _prune(arguments: argparse.Namespace) -> None:
    folder = arguments.folder or toy_results()
    found = superfluous(folder, outdated=arguments.outdated)
    if not found:
        print(f"Nothing in {folder} can go.")
        return
    for finding in found:
        print(finding)
    if not arguments.yes:
        try:
            answer = input(f"Remove these {len(found)}? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            print("Nothing was removed.")
            return
    print(f"Removed {len(prune(found))}.")
