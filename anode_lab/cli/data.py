"""``anode data``: list the image sets, or download one."""

import argparse
from typing import TYPE_CHECKING

from anode_lab.cli.options import asked, new_folder
from anode_lab.images import IMAGE_SETS, DataError, ImageSet
from anode_lab.images.downloaded import FOLDER_VARIABLE, DownloadedSet, data_folder, megabytes

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
        description="Download an image set, unless it is on this machine.",
    )
    fetching.add_argument("name", metavar="NAME", choices=list(_downloaded()), help="%(choices)s")
    fetching.add_argument(
        "--folder",
        type=new_folder,
        metavar="F",
        help=f"where to put it; default: ${FOLDER_VARIABLE}, or else ~/.cache/anode",
    )
    fetching.set_defaults(call=_fetch)


def _downloaded() -> dict[str, DownloadedSet]:
    return {name: each for name, each in IMAGE_SETS.items() if isinstance(each, DownloadedSet)}


def _list(_: argparse.Namespace) -> None:
    with asked():
        rows = [(each.name, _state(each), each.title) for each in IMAGE_SETS.values()]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    for name, state, title in rows:
        print(f"{name:{widths[0]}}  {state:{widths[1]}}  {title}")
    print(f"Downloads go to {data_folder()}.")


def _state(images: ImageSet) -> str:
    if not isinstance(images, DownloadedSet):
        return "always here"
    try:
        here = images.available()
    except DataError:
        return "damaged, fetch it again"
    return "here" if here else f"{megabytes(images.download_bytes)} to fetch"


def _fetch(arguments: argparse.Namespace) -> None:
    with asked():
        usual = data_folder()
    images = _downloaded()[arguments.name]
    print(f"{images.title} is in {images.fetch(arguments.folder)}")
    print(f"Please cite {images.citation}")
    if arguments.folder and arguments.folder.resolve() != usual.resolve():
        print(f"To use it, set {FOLDER_VARIABLE}={arguments.folder.resolve()}")
