"""``anode data``: which image sets are here, and how to get the others."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from anode.data.images import readers
from anode.data.images.catalogue import (
    FOLDER_VARIABLE,
    SOURCES,
    DataError,
    ImageSet,
    data_folder,
    megabytes,
)
from anode_lab.cli.options import asked

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add(subparsers: "Subparsers") -> None:
    """Add ``data list`` and ``data fetch``."""
    data = subparsers.add_parser("data", help="list image sets, or fetch one")
    commands = data.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser(
        "list", help="which image sets there are, and which are on this machine"
    )
    listing.set_defaults(call=_list)
    fetching = commands.add_parser(
        "fetch",
        help="download an image set",
        description="Download an image set, unless it is here. What is cut off goes on later.",
    )
    fetching.add_argument(
        "name", metavar="NAME", choices=[which.value for which in SOURCES], help="%(choices)s"
    )
    fetching.add_argument(
        "--folder",
        type=Path,
        metavar="F",
        help=f"where to put it; default: ${FOLDER_VARIABLE}, or else ~/.cache/anode",
    )
    fetching.set_defaults(call=_fetch)


def _list(_: argparse.Namespace) -> None:
    with asked():
        rows = [(which.value, _state(which), which.title) for which in ImageSet]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    for name, state, title in rows:
        print(f"{name:{widths[0]}}  {state:{widths[1]}}  {title}")
    print(f"Downloads go to {data_folder()}.")


def _state(which: ImageSet) -> str:
    if which not in SOURCES:
        return "always here"
    try:
        if readers.find(which) is not None:
            return "here"
    except DataError:
        return "damaged, fetch it again"
    return f"{megabytes(SOURCES[which].download_bytes)} to fetch"


def _fetch(arguments: argparse.Namespace) -> None:
    # Imported here: no other command needs the network.
    from anode.data.images.download import fetch

    which = ImageSet(arguments.name)
    print(f"{which.title} is in {fetch(which, arguments.folder)}")
    if arguments.folder and arguments.folder.resolve() != data_folder().resolve():
        print(f"To use it, set {FOLDER_VARIABLE}={arguments.folder.resolve()}")
