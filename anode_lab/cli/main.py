"""Parses the command line and calls a subcommand: ``anode run``, ``status`` and others."""

import argparse
import sys
from collections.abc import Sequence

from anode.data import DataError
from anode_lab.cli import check, claims, data, doctor, run, status, store
from anode_lab.cli.options import UsageError
from anode_lab.runs import NotRecordedError
from anode_lab.runs.executors import PlaceError, WorkersLostError
from anode_lab.runs.sweep import WorkerDiffersError
from anode_lab.runs.task import OutOfMemoryError

SUBCOMMANDS = (data, run, status, check, claims, doctor, store)
"""Modules of the subcommands. Each has ``add(subparsers)``, which adds its parser and sets ``call``
to what is done with the parsed arguments."""

ANSWERED = (
    UsageError,
    DataError,
    NotRecordedError,
    OutOfMemoryError,
    PlaceError,
    WorkersLostError,
    WorkerDiffersError,
    OSError,
)
"""Errors that whoever typed the command can do something about, or the machine: a line says what.
Any other is a mistake of the program and shows where it happened."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, or 1 after a line on stderr says what is wrong.

    Args:
        arguments: without the program's name; None for those of this process.

    Raises:
        SystemExit: with status 2 if the arguments are wrong, 0 after ``--help``.
    """
    parser = argparse.ArgumentParser(
        prog="anode", description="Experiments and data of the book on Augmented Neural ODEs."
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for subcommand in SUBCOMMANDS:
        subcommand.add(subparsers)
    parsed = parser.parse_args(arguments)
    try:
        parsed.call(parsed)
    except ANSWERED as error:
        print(f"anode: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("anode: interrupted", file=sys.stderr)
        return 130
    return 0
