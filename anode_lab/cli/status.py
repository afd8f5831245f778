"""``anode status``: how far the trainings of an experiment are, from any terminal."""

import argparse
import json
from collections import Counter
from typing import TYPE_CHECKING

from anode_lab.cli.options import add_experiment, chosen, store_of
from anode_lab.cli.progress import Lines, line
from anode_lab.experiments import EXPERIMENTS, figures
from anode_lab.runs.sweep import Stage, status

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add(subparsers: "Subparsers") -> None:
    """Add ``status``."""
    telling = subparsers.add_parser(
        "status",
        help="say which trainings are done, failed, running or missing",
        description="Say of each training of an experiment, or of a figure of the paper, whether "
        "it is done, running, stopped on its way or missing, whichever process is at it.",
    )
    add_experiment(telling, [*EXPERIMENTS, *figures()])
    telling.add_argument("--device", default="cpu", metavar="D", help="cpu, cuda or cuda:N")
    telling.add_argument("--json", action="store_true", help="a line of JSON a training")
    telling.set_defaults(call=_status)


def _status(arguments: argparse.Namespace) -> None:
    wanted = chosen(arguments)
    store = store_of(wanted, arguments.results)
    found = [status(task, store, arguments.device) for task in wanted]
    if arguments.json:
        for each in found:
            print(json.dumps(Lines.described(each)))
        return
    for each in found:
        print(line(each))
    counts = Counter(each.stage for each in found)
    told = ", ".join(f"{counts[stage]} {stage.value}" for stage in Stage if counts[stage])
    print(f"{len(found)} trainings in {store.folder}: {told}.")
