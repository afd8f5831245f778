"""``anode run``: trains the models of an experiment, and records each training."""

import argparse
from typing import TYPE_CHECKING

from anode_lab.cli.options import add_experiment, asked, check_data, chosen, positive, store_of
from anode_lab.cli.progress import Forecast, reporter
from anode_lab.experiments import EXPERIMENTS, figures
from anode_lab.runs import pace
from anode_lab.runs.executors import Cluster, InProcess, Place, Processes
from anode_lab.runs.perform import check_device
from anode_lab.runs.store import Store
from anode_lab.runs.sweep import missing, status, sweep
from anode_lab.runs.task import Task

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add(subparsers: "Subparsers") -> None:
    """Add ``run``."""
    running = subparsers.add_parser(
        "run",
        help="train the models of an experiment or of a figure, and record them",
        description="Train the models of an experiment, or those of a figure of the paper. Each "
        "training is recorded as soon as it ends, and leaves checkpoints on its way, so a run that "
        "is stopped goes on where it was. Several may run at once, on one folder.",
    )
    add_experiment(running, [*EXPERIMENTS, *figures()])
    running.add_argument("--device", default="cpu", metavar="D", help="cpu, cuda or cuda:N")
    where = running.add_mutually_exclusive_group()
    where.add_argument(
        "--processes", type=positive, metavar="N", help="so many trainings at once, on this machine"
    )
    where.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="on the Dask cluster of this scheduler, as tcp://host:8786",
    )
    running.add_argument(
        "--resources",
        nargs="+",
        default=[],
        metavar="NAME=N",
        help="of a Dask worker, that a training takes: GPU=1",
    )
    running.add_argument(
        "--checkpoint",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="between two checkpoints of a training, at least; default: %(default)g",
    )
    running.add_argument("--list", action="store_true", help="say what is done, and do nothing")
    running.add_argument("--progress", action="store_true", help="a bar for each training as well")
    running.add_argument(
        "--json", action="store_true", help="a line of JSON for each thing that happens"
    )
    running.set_defaults(call=_run)


def _run(arguments: argparse.Namespace) -> None:
    place = _place(arguments)
    with asked():
        # A cluster's devices are not here to be looked at.
        device = arguments.device if arguments.dask else check_device(arguments.device)
    wanted = chosen(arguments)
    store = store_of(wanted, arguments.results)
    left = missing(wanted, store, device)
    with reporter(len(wanted), len(wanted) - len(left), store.folder, arguments.json) as report:
        report.planned([status(task, store, device) for task in wanted], arguments.list)
        if not left or arguments.list:
            return
        report.forecast = _forecast(left, store, device, place)
        sweep(
            wanted,
            store,
            place=place,
            device=device,
            progress=arguments.progress,
            checkpoint_seconds=arguments.checkpoint,
            ended=report.ended,
        )


def _forecast(left: list[Task], store: Store, device: str, place: Place) -> Forecast | None:
    """By the pace of the first steps; none where they would be taken on another machine."""
    if isinstance(place, Cluster):
        return None
    check_data(left)
    workers = place.count if isinstance(place, Processes) else 1
    seconds = pace(left, device)
    return Forecast(left, seconds, lambda some: missing(some, store, device), workers)


def _place(arguments: argparse.Namespace) -> Place:
    if arguments.processes:
        return Processes(arguments.processes)
    resources = []
    with asked():
        for text in arguments.resources:
            name, equals, number = text.partition("=")
            if not (name and equals and number.replace(".", "", 1).isdigit()):
                raise ValueError(f"resources must be as GPU=1, got {text!r}")
            resources.append((name, float(number)))
        if resources and not arguments.dask:
            raise ValueError("resources are a Dask worker's: name the scheduler with --dask")
    if arguments.dask:
        return Cluster(arguments.dask, tuple(resources))
    return InProcess()
