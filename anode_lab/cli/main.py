"""Parses the command line and calls a subcommand: ``anode run``, ``anode claims`` and others."""

import argparse
import sys
from collections.abc import Sequence

from anode_lab.cli import check, claims, data, doctor, run, store
from anode_lab.cli.options import UsageError, in_a_line
from anode_lab.environment import write_on_any_terminal
from anode_lab.images import DataError
from anode_lab.runs import (
    ExecutorError,
    NotRecordedError,
    OutOfMemoryError,
)

SUBCOMMANDS = (data, run, check, claims, doctor, store)
"""Modules of the subcommands. Each has ``add(subparsers)``, which adds a parser and sets ``call``
to the function that takes the parsed arguments."""

ANSWERED = (
    UsageError,
    DataError,
    NotRecordedError,
    OutOfMemoryError,
    ExecutorError,
    OSError,
)
"""Errors of the command line, of the machine or of the data, told in one line. Any other is a
mistake of the program, and shows where it happened."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Arguments without the program's name; None for those of this process.

    Returns:
        The exit status: 0, or 1 after a line on stderr has said what is wrong.

    Raises:
        SystemExit: With status 2 if the arguments are wrong, and 0 after ``--help``.
    """
    parser = argparse.ArgumentParser(
        prog="anode", description="Experiments and data of the book on Augmented Neural ODEs."
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for subcommand in SUBCOMMANDS:
        subcommand.add(subparsers)
    write_on_any_terminal()
    parsed = parser.parse_args(arguments)
    try:
        parsed.call(parsed)
    except ANSWERED as error:
        print(f"anode: {in_a_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("anode: interrupted", file=sys.stderr)
        return 130
    return 0
