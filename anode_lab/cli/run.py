"""``anode run``: trains the models of an experiment, and records each training."""

import argparse
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from math import inf
from typing import TYPE_CHECKING

from tqdm.contrib.logging import logging_redirect_tqdm

from anode_lab.cli.options import (
    MOST,
    add_device,
    add_experiment,
    asked,
    chosen,
    number,
    records_folder,
)
from anode_lab.experiments import EXPERIMENTS, figures
from anode_lab.runs import Dask, Stage, Store, Task, check_device, epochs_done, run, stage
from anode_lab.runs.progress import LOG, how_far

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
    add_device(running)
    where = running.add_mutually_exclusive_group()
    where.add_argument(
        "--processes",
        type=number(int, 1, MOST),
        metavar="N",
        help="train in N processes on this machine",
    )
    where.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="train on the Dask cluster of this scheduler, such as tcp://host:8786",
    )
    running.add_argument(
        "--resources",
        nargs="+",
        default=[],
        metavar="NAME=N",
        help="what a training takes of a Dask worker's resources, such as GPU=1",
    )
    running.add_argument(
        "--checkpoint",
        type=number(float, 0, inf),
        default=30.0,
        metavar="SECONDS",
        help="least time between two checkpoints of a training; default: %(default)g",
    )
    running.add_argument(
        "--list", action="store_true", help="say how far each training is, and do nothing"
    )
    running.set_defaults(call=_run)


def _run(arguments: argparse.Namespace) -> None:
    with asked():
        executor = _executor(arguments)
        if arguments.dask is None:
            check_device(arguments.device)
        elif not re.fullmatch(r"cpu|cuda(:\d+)?", arguments.device):
            # Whether the cluster has it cannot be seen from here.
            raise ValueError(f"device must be cpu, cuda or cuda:N, got {arguments.device!r}")
    wanted = chosen(arguments)
    folder = records_folder(wanted, arguments.results)
    stages = [stage(task, Store(folder), arguments.device) for task in wanted]
    recorded = stages.count(Stage.RECORDED)
    print(f"{len(wanted)} trainings, of which {recorded} are recorded in {folder}.", flush=True)
    if arguments.list:
        for task, at in zip(wanted, stages, strict=True):
            print(_line(task, at, Store(folder), arguments.device))
        return
    if arguments.dask is None:
        _check_data(wanted)
    with _logged():
        for name, own in groupby(wanted, key=lambda task: task.experiment.name):
            result = run(
                name,
                profile=arguments.profile,
                models=list(dict.fromkeys(task.spec.label for task in own)),
                seed=arguments.seed,
                seeds=arguments.seeds,
                device=arguments.device,
                train=True,
                store=folder,
                executor=executor,
                checkpoint_seconds=arguments.checkpoint,
                progress=sys.stderr.isatty(),
            )
            print(result.summary())


def _executor(arguments: argparse.Namespace) -> Dask | None:
    resources = dict[str, float]()
    for text in arguments.resources:
        name, _, amount = text.partition("=")
        if not name or name in resources or not re.fullmatch(r"\d+(\.\d+)?", amount, re.ASCII):
            raise ValueError(f"resources must be given as GPU=1, each name once, got {text!r}")
        resources[name] = float(amount)
    if resources and arguments.dask is None:
        raise ValueError("resources are a Dask worker's: name the scheduler with --dask")
    workers = arguments.processes if arguments.dask is None else arguments.dask
    return None if workers is None else Dask(workers, tuple(resources.items()))


def _line(task: Task, at: Stage, store: Store, device: str) -> str:
    text = f"{task}: {at.value}"
    if at is Stage.RECORDED or (done := epochs_done(task, store, device)) is None:
        return text
    return f"{text}, {how_far(done, task.size.epochs)}"


def _check_data(wanted: list[Task]) -> None:
    """Say at once, and not amid the trainings, if the folder of images cannot be used."""
    for images in {task.size.images for task in wanted}:
        if images is not None:
            with asked():
                images.available()


@contextmanager
def _logged() -> Iterator[None]:
    """Print a line for each training that ends, and on stderr how far the others are.

    They stand above the progress bar if there is one.
    """
    streams = {logging.getLogger("anode"): sys.stdout, LOG: sys.stderr}
    handlers = {log: logging.StreamHandler(stream) for log, stream in streams.items()}
    for log, handler in handlers.items():
        log.addHandler(handler)
        log.setLevel(logging.INFO)
    try:
        with logging_redirect_tqdm(list(handlers)):
            yield
    finally:
        for log, handler in handlers.items():
            log.removeHandler(handler)
            log.setLevel(logging.NOTSET)
