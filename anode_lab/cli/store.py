"""``anode store verify``: reads every record in a folder."""

import argparse
from typing import TYPE_CHECKING

from anode_lab.cli.options import UsageError, asked, present_folder, toy_results
from anode_lab.runs.store import verify

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add(subparsers: "Subparsers") -> None:
    """Add ``store verify``."""
    store = subparsers.add_parser("store", help="check a folder of records")
    commands = store.add_subparsers(required=True, metavar="COMMAND")
    verifying = commands.add_parser(
        "verify",
        help="read every record, and name what is bad",
        description="Read every record in a folder, and name each that is not what was written. "
        "Status 1 if there is one.",
    )
    verifying.add_argument(
        "folder", nargs="?", type=present_folder, metavar="FOLDER", help="as --results of anode run"
    )
    verifying.set_defaults(call=_verify)


def _verify(arguments: argparse.Namespace) -> None:
    with asked():
        records = arguments.folder or toy_results()
    sound, bad = verify(records)
    print(f"{sound} sound records in {records}.")
    for line in bad:
        print(line)
    if bad:
        raise UsageError(
            f"{len(bad)} of {sound + len(bad)} are bad. 'anode run' sets a damaged record aside "
            "and makes it again"
        )
    if not sound:
        raise UsageError(f"there are no records in {records}")
