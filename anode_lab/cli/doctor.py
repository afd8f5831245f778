"""``anode doctor``: in what this machine differs from the one that made the records."""

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from anode_lab.cli.options import UsageError, asked
from anode_lab.experiments import EXPERIMENTS
from anode_lab.runs import results_folder
from anode_lab.runs.environment import Effect, Environment, examine, requirements
from anode_lab.runs.perform import check_device
from anode_lab.runs.provenance import Provenance
from anode_lab.runs.store import StoreError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add(subparsers: "Subparsers") -> None:
    """Add ``doctor``."""
    telling = subparsers.add_parser(
        "doctor",
        help="say what here differs from where the records were made",
        description="Say in what this machine, its libraries and this code differ from those that "
        "made the records, and what that does to numbers. A difference is no error: 'anode check' "
        "says whether numbers really differ. Status 0, also with differences.",
    )
    telling.add_argument(
        "name", nargs="?", choices=list(EXPERIMENTS), metavar="NAME", help="an experiment; or all"
    )
    telling.add_argument("--results", type=Path, metavar="F", help="as that of anode run")
    telling.add_argument("--device", default="cpu", metavar="D", help="cpu, cuda or cuda:N")
    telling.add_argument(
        "--requirements",
        type=Path,
        metavar="FILE",
        help="write the packages that made most of the records, for 'pip install -r FILE'",
    )
    telling.add_argument("--json", action="store_true", help="a line of JSON an environment")
    telling.set_defaults(call=_doctor)


def _doctor(arguments: argparse.Namespace) -> None:
    with asked():
        device = check_device(arguments.device)
    folder = arguments.results or results_folder()
    here = Provenance.now(device, datetime.now(UTC), 0.0)
    found = examine(folder, here, arguments.name)
    if not found:
        what = f"of {arguments.name} " if arguments.name else ""
        raise UsageError(f"there are no records {what}in {folder}")
    for each in found:
        print(json.dumps(_described(each)) if arguments.json else _told(each))
    if arguments.requirements:
        try:
            arguments.requirements.write_text(requirements(found[0].made), encoding="utf8")
        except OSError as error:
            raise StoreError(f"{arguments.requirements}: {error.strerror or error}") from error


def _told(each: Environment) -> str:
    count = len(each.paths)
    head = f"{count} record{'s' if count > 1 else ''}, the first of {each.made.started[:10]}"
    if not each.differences:
        return f"{head}: made as here."
    least = all(one.effect is Effect.NONE for one in each.differences)
    verdict = "the same numbers are to be expected" if least else "numbers may differ"
    return "\n".join([f"{head}: {verdict}.", *(f"  {one}" for one in each.differences)])


def _described(each: Environment) -> dict[str, object]:
    return {
        "records": [str(path) for path in each.paths],
        "provenance": asdict(each.made),
        "differences": [
            asdict(one) | {"effect": one.effect.name.lower()} for one in each.differences
        ],
    }
