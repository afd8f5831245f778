"""What ``anode run`` says on its way: a bar for people, lines for logs, JSON for machines."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from anode_lab.runs.store import Record
from anode_lab.runs.sweep import Status
from anode_lab.runs.task import Task


class Forecast:
    """How long the trainings that are left take: by their first steps, and by those that ended.

    Args:
        left: trainings that are not recorded.
        seconds: experiment and label of a model -> seconds at the pace of its first steps.
        missing: those of some trainings that are not recorded: other processes may record some.
        workers: how many are trained at once.
    """

    def __init__(
        self,
        left: list[Task],
        seconds: dict[tuple[str, str], float],
        missing: Callable[[list[Task]], list[Task]],
        workers: int = 1,
    ) -> None:
        self.left = left
        self.seconds = seconds
        self.missing = missing
        self.workers = workers
        self.foreseen = self.taken = 0.0

    @property
    def factor(self) -> float:
        """How many times as long as at the pace of its first steps a training took so far."""
        return self.taken / self.foreseen if self.foreseen else 1.0

    @property
    def remaining(self) -> float:
        """Seconds."""
        return self.factor * sum(self.seconds[model_of(task)] for task in self.left) / self.workers

    def __str__(self) -> str:
        each = ", ".join(f"{label}: {duration(time)}" for (_, label), time in self.seconds.items())
        return (
            f"At the pace of the first steps a training takes ({each}), and all that are left "
            f"{duration(self.remaining)}. Function evaluations grow in training, so it will be "
            "more; the forecast is corrected after each training."
        )

    def ended(self, task: Task, seconds: float) -> None:
        """A training took so long."""
        self.left = self.missing(self.left)
        self.taken += seconds
        self.foreseen += self.seconds[model_of(task)]


def model_of(task: Task) -> tuple[str, str]:
    """Experiment and label."""
    return task.experiment.name, task.spec.label


class Report:
    """Lines, as for a log. Nothing but what went wrong where the environment says ``CI``."""

    def __init__(self, wanted: int, recorded: int, folder: Path) -> None:
        self.wanted = wanted
        self.recorded = recorded
        self.folder = folder
        self.failed = 0
        self._forecast: Forecast | None = None

    @property
    def forecast(self) -> Forecast | None:
        """Of the time that is left, if there is one."""
        return self._forecast

    @forecast.setter
    def forecast(self, forecast: Forecast | None) -> None:
        self._forecast = forecast
        if forecast is not None and not os.environ.get("CI"):
            self.say(str(forecast))

    def planned(self, found: Sequence[Status], listed: bool) -> None:
        """What there is to do."""
        self.say(
            f"{self.wanted} trainings, of which {self.recorded} are recorded in {self.folder}."
        )
        if listed:
            for each in found:
                self.say(line(each))

    def ended(self, task: Task, record: Record) -> None:
        """A training has ended."""
        history = record.history
        self.recorded += 1
        self.failed += bool(history.failures)
        if self._forecast is not None:
            self._forecast.ended(task, history.seconds)
        self.advance(task, record)
        if history.failures or not os.environ.get("CI"):
            self.say(_outcome(task, record) + self._left())

    def _left(self) -> str:
        if self._forecast is None:
            return ""
        return f" Left: about {duration(self._forecast.remaining)}."

    def advance(self, task: Task, record: Record) -> None:
        """Nothing: a log has no bar."""

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, flush=True)

    def close(self) -> None:
        """Nothing is open."""


class Bar(Report):
    """One bar for the sweep, and the lines above it."""

    def __init__(self, wanted: int, recorded: int, folder: Path) -> None:
        super().__init__(wanted, recorded, folder)
        self.bar = tqdm(total=wanted, initial=recorded, unit="training", dynamic_ncols=True)

    def advance(self, task: Task, record: Record) -> None:
        """By one training."""
        note = f"{self.failed} failed"
        if self._forecast is not None:
            note += f", about {duration(self._forecast.remaining)} left"
        self.bar.set_postfix_str(note, refresh=False)
        self.bar.update(1)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self.bar.write(text)

    def close(self) -> None:
        """The bar stays as it is."""
        self.bar.close()


class Lines(Report):
    """JSON, an object a line, for machines."""

    def planned(self, found: Sequence[Status], listed: bool) -> None:
        """``plan``, and ``task`` for each of them."""
        self.tell("plan", wanted=self.wanted, recorded=self.recorded, store=str(self.folder))
        for each in found:
            self.tell("task", **self.described(each))

    def ended(self, task: Task, record: Record) -> None:
        """``ended``, with what came out."""
        history = record.history
        self.recorded += 1
        self.failed += bool(history.failures)
        if self._forecast is not None:
            self._forecast.ended(task, history.seconds)
        loss, nfe = (_last(values) for values in (history.epoch_loss, history.epoch_nfe))
        self.tell(
            "ended",
            **_named(task),
            seconds=history.seconds,
            loss=loss,
            evaluations=nfe,
            failures=[str(failure) for failure in history.failures.values()],
            recorded=self.recorded,
            seconds_left=self._forecast.remaining if self._forecast else None,
        )

    def say(self, text: str) -> None:
        """Nothing: it is for people."""

    def close(self) -> None:
        """``end``: how many are recorded now, and how many trainings had a seed that failed."""
        self.tell("end", wanted=self.wanted, recorded=self.recorded, failed=self.failed)

    @staticmethod
    def described(each: Status) -> dict[str, Any]:
        """A training and how far it is."""
        stage, epochs = each.stage.value, each.task.size.epochs
        found = {"stage": stage, "epoch": each.epoch, "epochs": epochs, "failed": each.failed}
        return _named(each.task) | found

    @staticmethod
    def tell(event: str, **what: Any) -> None:
        """Print a line."""
        now = round(time.time(), 3)
        print(json.dumps({"event": event, "time": now, **what}), flush=True)


@contextmanager
def reporter(wanted: int, recorded: int, folder: Path, as_json: bool) -> Iterator[Report]:
    """For whoever listens: a machine, a person at a terminal, or a log."""
    kind = Report
    if as_json:
        kind = Lines
    elif sys.stderr.isatty() and not os.environ.get("CI"):
        kind = Bar
    report = kind(wanted, recorded, folder)
    try:
        yield report
    finally:
        report.close()


def line(each: Status) -> str:
    """How far a training is, for people."""
    text = f"{each.task}: {each.stage.value}"
    if each.failed:
        text += f", {each.failed} of {len(each.task.seeds)} seeds"
    if each.epoch is not None:
        text += f", {each.epoch} of {each.task.size.epochs} epochs"
    return text


def _outcome(task: Task, record: Record) -> str:
    history = record.history
    failed = "; failed: " + "; ".join(map(str, history.failures.values()))
    loss, nfe = (_last(values) for values in (history.epoch_loss, history.epoch_nfe))
    numbers = "" if loss is None or nfe is None else f", loss {loss:.3g}, {nfe:.0f} evaluations"
    return f"{task}: {duration(history.seconds)}{numbers}{failed if history.failures else ''}."


def _last(values: Any) -> float | None:
    """Mean over the seeds that did not fail, in the last epoch; None if all failed."""
    last = values[:, -1]
    running = last[np.isfinite(last)]
    return float(running.mean()) if len(running) else None


def _named(task: Task) -> dict[str, Any]:
    return {
        "experiment": task.experiment.name,
        "model": task.spec.label,
        "profile": task.profile.value,
        "seeds": list(task.seeds),
    }


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, for people."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
