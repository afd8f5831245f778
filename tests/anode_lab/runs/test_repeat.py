"""The first steps of a recorded training, taken again, are those of the record."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anode.training import History
from anode_lab.experiments.images import OVERFIT
from anode_lab.runs import Store, Task, check, tasks
from anode_lab.runs.record import save_record
from tests.helpers.recorded import read, record, watch

pytestmark = pytest.mark.usefixtures("short")


@pytest.mark.parametrize("steps", [1, 2, 3, 50])
def test_a_fresh_record_is_identical_step_by_step(steps: int, made: Path) -> None:
    """At most an epoch of three steps is taken."""
    for task in tasks(OVERFIT, seeds=[1]):
        found = check(task, steps, made)
        assert found.identical
        assert (found.loss, found.nfe, found.steps) == (0.0, 0.0, min(steps, 3))


def altered(task: Task, made: Path, folder: Path, change: Callable[[History], History]) -> Path:
    """A record that is whole, but of another training."""
    found = read(task, made)
    save_record(Store(folder), task.identity, replace(found, history=change(found.history)))
    return folder


@pytest.mark.parametrize("name", ["step_loss", "step_nfe"])
@pytest.mark.parametrize("step", [0, 2])
def test_one_altered_number_is_found(name: str, step: int, made: Path, tmp_path: Path) -> None:
    def change(history: History) -> History:
        values = getattr(history, name).copy()
        values[0, step] = values[0, step] * 1.5
        return replace(history, **{name: values})

    (task,) = tasks(OVERFIT, models=["p = 5"], seeds=[0])
    altered(task, made, tmp_path, change)
    found = check(task, 3, tmp_path)
    assert not found.identical
    if name == "step_loss":
        assert (found.loss, found.nfe) == pytest.approx((1 / 3, 0), rel=1e-5)
    else:
        assert (found.loss, found.nfe) == (0, read(task, made).history.step_nfe[0, step] / 2)
    if step > 0:
        assert check(task, step, tmp_path).identical, "of the steps before it"


def test_the_last_bit_counts(made: Path, tmp_path: Path) -> None:
    (task,) = tasks(OVERFIT, models=["p = 0"], seeds=[0])

    def change(history: History) -> History:
        return replace(history, step_loss=np.nextafter(history.step_loss, np.inf))

    altered(task, made, tmp_path, change)
    found = check(task, 3, tmp_path)
    assert not found.identical
    assert 0 < found.loss < 1e-15


def test_a_failure_is_the_same_if_it_comes_at_the_same_step(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (task,) = tasks(OVERFIT, models=["p = 0"], seeds=[1])
    watch(monkeypatch, broken=(1,))
    only_now = check(task, 3, made)
    assert (only_now.identical, only_now.loss, only_now.nfe) == (False, np.inf, np.inf)
    record([task], folder=tmp_path)
    assert check(task, 3, tmp_path).identical
    watch(monkeypatch)
    only_then = check(task, 3, tmp_path)
    assert (only_then.identical, only_then.loss) == (False, np.inf)
