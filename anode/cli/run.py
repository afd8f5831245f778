"""``anode run``: trains the models of an experiment on images, and records each seed."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from anode.cli.options import add_experiment, asked, check_data, chosen
from anode.recordings import Task, missing, pace, record, results_folder
from anode.runs import check_device
from anode.training import History

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add(subparsers: "Subparsers") -> None:
    """Add ``run``."""
    running = subparsers.add_parser(
        "run",
        help="train the models of an experiment on images, and record them",
        description="Train the models of an experiment on images, one seed after the other. Each "
        "is recorded as soon as it ends, so an interrupted run goes on where it was. Several may "
        "run at once, on one folder.",
    )
    add_experiment(running)
    running.add_argument("--device", default="cpu", metavar="D", help="cpu, cuda or cuda:N")
    running.add_argument("--progress", action="store_true", help="a bar for each training")
    running.set_defaults(call=_run)


def _run(arguments: argparse.Namespace) -> None:
    with asked():
        device = check_device(arguments.device)
    folder: Path = arguments.results or results_folder()
    wanted = chosen(arguments)
    left = missing(wanted, folder)
    print(f"{len(wanted)} trainings, of which {len(wanted) - len(left)} are recorded in {folder}.")
    if not left:
        return
    check_data(left)
    forecast = Forecast(left, pace(left, device), folder)
    print(forecast, flush=True)
    record(left, folder=folder, device=device, progress=arguments.progress, ended=forecast.ended)


class Forecast:
    """How long the trainings that are left take: by their first steps, and by those that ended.

    Args:
        left: trainings that are not recorded.
        seconds: label of a model -> seconds at the pace of its first steps.
        folder: of the records: other processes may record some of them there.
    """

    def __init__(self, left: list[Task], seconds: dict[str, float], folder: Path) -> None:
        self.left = left
        self.seconds = seconds
        self.folder = folder
        self.foreseen = self.taken = 0.0

    @property
    def factor(self) -> float:
        """How many times as long as at the pace of its first steps a training took so far."""
        return self.taken / self.foreseen if self.foreseen else 1.0

    @property
    def remaining(self) -> float:
        """Seconds."""
        return self.factor * sum(self.seconds[task.spec.label] for task in self.left)

    def __str__(self) -> str:
        each = ", ".join(f"{label}: {duration(time)}" for label, time in self.seconds.items())
        return (
            f"At the pace of the first steps a training takes ({each}), and all that are left "
            f"{duration(self.remaining)}. Function evaluations grow in training, so it will be "
            "more; the forecast is corrected after each training."
        )

    def ended(self, task: Task, history: History) -> None:
        """Say what came out of a training, and what is left."""
        label = task.spec.label
        self.left = missing(self.left, self.folder)
        self.taken += history.seconds
        self.foreseen += self.seconds[label]
        failed = "; failed: " + "; ".join(map(str, history.failures.values()))
        print(
            f"{label}, seed {task.seed}: {duration(history.seconds)}, loss "
            f"{history.epoch_loss[0, -1]:.3g}, {history.epoch_nfe[0, -1]:.0f} evaluations"
            f"{failed if history.failures else ''}. Left: about {duration(self.remaining)}.",
            flush=True,
        )


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, for people."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
