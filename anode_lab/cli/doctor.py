"""``anode doctor``: in what this machine differs from those that made the records."""

import argparse
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from anode_lab.cli.options import UsageError, add_device, asked, existing, present_folder
from anode_lab.experiments import EXPERIMENTS
from anode_lab.runs import check_device, results_folder
from anode_lab.runs.provenance import Provenance
from anode_lab.runs.store import DamagedError, read

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add(subparsers: "Subparsers") -> None:
    """Add ``doctor``."""
    telling = subparsers.add_parser(
        "doctor",
        help="say in what this machine differs from those that made the records",
        description="Say in what this machine, its libraries and this code differ from those that "
        "made the records, as far as it can change numbers. Whether it does is what 'anode check' "
        "says.",
    )
    telling.add_argument(
        "name", nargs="?", choices=list(EXPERIMENTS), metavar="NAME", help="an experiment; or all"
    )
    telling.add_argument("--results", type=present_folder, metavar="F", help="as that of anode run")
    add_device(telling)
    telling.set_defaults(call=_doctor)


def _doctor(arguments: argparse.Namespace) -> None:
    with asked():
        device = check_device(arguments.device)
        folder = existing(arguments.results or results_folder())
    here = Provenance.now(device, datetime.now(UTC), 0.0)
    counts: Counter[tuple[str, ...]] = Counter()
    for path in sorted(folder.glob(f"{arguments.name or '*'}/*.json")):
        try:
            if found := read(path):
                counts[Provenance(**found[0]["provenance"]).differences(here)] += 1
        except (DamagedError, KeyError, TypeError):  # 'anode store verify' names these
            continue
    if not counts:
        what = f"of {arguments.name} " if arguments.name else ""
        raise UsageError(f"there are no records {what}in {folder}")
    for differences, count in counts.most_common():
        records = f"{count} record{'s' if count > 1 else ''}"
        if not differences:
            print(f"{records}: made as here.")
            continue
        print("\n  ".join([f"{records}, numbers may differ:", *differences]))
