"""An experiment that takes a second to record, for tests of records and of commands."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anode.data import Data
from anode.models import Model
from anode.training import History, train
from anode_lab.experiments import EXPERIMENTS
from anode_lab.experiments.images import OVERFIT
from anode_lab.runs import RESULTS_VARIABLE, Store, Task, results_folder, status, tasks
from anode_lab.runs.record import Record, load_record
from anode_lab.runs.sweep import Sweep

MODULE = sys.modules[Task.__module__]
"""Where ``train`` is looked up; the package has a function of the module's name."""

STEPS = 6
"""Of a training: two epochs of 96 samples in batches of 32."""


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile "laptop" of ``OVERFIT`` becomes as small as "smoke", of which nothing is read."""
    experiment = EXPERIMENTS[OVERFIT]
    sizes = dict(experiment.sizes) | {"laptop": experiment.size("smoke")}
    monkeypatch.setitem(EXPERIMENTS, OVERFIT, replace(experiment, sizes=sizes))
    monkeypatch.delenv(RESULTS_VARIABLE, raising=False)


class Trainer:
    """Trains, tells what, and fails when it is told to.

    Args:
        fail_at: the training before which ``error`` is raised, counted from 0; None for none.
        error: what is raised.
        broken: seeds whose weights are not numbers when the training starts.
    """

    def __init__(
        self,
        fail_at: int | None = None,
        error: BaseException | None = None,
        broken: tuple[int, ...] = (),
    ) -> None:
        self.fail_at = fail_at
        self.error = error
        self.broken = broken
        self.trained: list[tuple[int, ...]] = []

    def __call__(self, model: Model, data: Data, *args: object, **options: object) -> History:
        if len(self.trained) == self.fail_at and self.error is not None:
            raise self.error
        self.trained.append(model.seeds)
        if set(model.seeds) & set(self.broken):
            with torch.no_grad():
                next(model.parameters())[:] = torch.nan
        return train(model, data, *args, **options)  # type: ignore[arg-type]


def change_size(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """Of the profile "laptop" of ``OVERFIT``."""
    experiment = EXPERIMENTS[OVERFIT]
    size = replace(experiment.size("laptop"), **changes)  # type: ignore[arg-type]
    sizes = dict(experiment.sizes) | {"laptop": size}
    monkeypatch.setitem(EXPERIMENTS, OVERFIT, replace(experiment, sizes=sizes))


def record(wanted: Iterable[Task], folder: Path, **options: object) -> None:
    """Perform the tasks of which there is no record in ``folder``."""
    Sweep(Store(folder), **options).run(list(wanted))  # type: ignore[arg-type]


def missing(wanted: Iterable[Task], folder: Path | None = None) -> list[Task]:
    """Those of which there is no record in ``folder``, or among the book's."""
    return status.missing(list(wanted), Store(folder or results_folder()))


class _Told(logging.Handler):
    def __init__(self, then: Callable[[list[str]], None]) -> None:
        super().__init__()
        self.names: list[str] = []
        self.then = then

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.INFO:
            self.names.append(record.getMessage().partition(": ")[0])
            self.then(self.names)


@contextmanager
def told(then: Callable[[list[str]], None] = lambda _: None) -> Iterator[list[str]]:
    """A list of the trainings that end meanwhile; ``then`` is called with it after each."""
    log, handler = logging.getLogger("anode"), _Told(then)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield handler.names
    finally:
        log.removeHandler(handler)


def make(folder: Path) -> Path:
    """All records of the short experiment, in ``folder``."""
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        record(tasks(OVERFIT), folder=folder)
    return folder


def read(task: Task, folder: Path) -> Record:
    """The task's record, which is there."""
    found = load_record(Store(folder), task.identity)
    assert found is not None
    return found


def watch(monkeypatch: pytest.MonkeyPatch, **options: object) -> Trainer:
    """Let a :class:`Trainer` train what is recorded."""
    monkeypatch.setattr(MODULE, "train", trainer := Trainer(**options))  # type: ignore[arg-type]
    return trainer


def assert_same(one: History, two: History) -> None:
    """But for the time that it took."""
    for name in ("step_loss", "step_nfe", "step_backward_nfe", "validation_loss"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert (one.seeds, one.failures) == (two.seeds, two.failures)


def assert_complete(wanted: list[Task], store: Store, undisturbed: Store) -> None:
    """Every record is there and the undisturbed one, to the last bit, and nothing else is."""
    for task in wanted:
        key = status.key_of(task, "cpu")
        one, two = load_record(store, key), load_record(undisturbed, key)
        assert one is not None
        assert two is not None
        assert_same(one.history, two.history)
        assert all(bool((one.weights[name] == two.weights[name]).all()) for name in two.weights)
    assert len(list(store.folder.glob("*/*.json"))) == len(wanted)
    assert not list(store.folder.glob("*/*.checkpoint"))
