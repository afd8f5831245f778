"""A training tells at once that it begins, and from time to time how far it is."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from anode.training import Checkpoint
from anode.training.history import Recorder, TrainingFailure
from anode_lab.runs import Dask, Store, tasks
from anode_lab.runs import progress as module
from anode_lab.runs.progress import LOG, ProgressLog, how_far
from anode_lab.runs.sweep import Sweep

Log = pytest.LogCaptureFixture


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


def recorder(*, failed: tuple[int, ...] = ()) -> Recorder:
    """Four steps of two replicas, of which three make an epoch; a step takes 30 s."""
    steps = [
        tuple(torch.tensor(pair) for pair in ((loss, 100 * loss), (nfe, 10.0 * nfe), (0, 0)))
        for loss, nfe in ((8.0, 8), (8.0, 8), (8.0, 8), (2.0, 26))
    ]
    failures = {r: TrainingFailure(r, 2, 4, "forward", "non-finite loss") for r in failed}
    return Recorder((0, 1), 3, steps, failures=failures, seconds=120.0)


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (0.0, "0 of 10 epochs"),
        (3.0, "3 of 10 epochs"),
        (3.4, "3 of 10 epochs and 40 % of the next"),
        (3.999, "3 of 10 epochs and 99 % of the next"),
        (10.0, "10 of 10 epochs"),
    ],
)
def test_how_far_a_training_is_in_words(done: float, words: str) -> None:
    assert how_far(done, 10) == words


def test_lines_come_within_seconds_and_then_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch, caplog: Log
) -> None:
    caplog.set_level(logging.INFO, LOG.name)
    clock = Clock(monkeypatch)
    progress, at = ProgressLog("g1d", 2), []
    assert caplog.messages == ["g1d: begins"]
    for second in range(2000):
        clock.now, before = float(second), len(caplog.messages)
        progress(recorder())
        at += [second] if len(caplog.messages) > before else []
    assert at == [5, 15, 35, 75, 155, 315, 615, 915, 1215, 1515, 1815]


@pytest.mark.parametrize(
    ("failed", "numbers"),
    [
        ((), "loss 101, 143 evaluations, 01:00 left"),
        ((1,), "loss 2, 26 evaluations, 01:00 left"),
        ((0, 1), "all seeds failed"),
    ],
)
def test_a_line_has_the_means_of_the_epoch_and_the_time_that_is_left(
    failed: tuple[int, ...], numbers: str, monkeypatch: pytest.MonkeyPatch, caplog: Log
) -> None:
    """Of two epochs, 4 of 6 steps are done, the first epoch's with another loss."""
    caplog.set_level(logging.INFO, LOG.name)
    clock = Clock(monkeypatch)
    progress = ProgressLog("g1d", 2, 1.0)
    clock.now = 60.0
    progress(recorder(failed=failed))
    assert caplog.messages == [
        "g1d: goes on after 1 of 2 epochs",
        f"g1d: 1 of 2 epochs and 33 % of the next, {numbers}",
    ]


def test_a_training_that_was_stopped_says_from_where_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Log
) -> None:
    caplog.set_level(logging.INFO, LOG.name)
    monkeypatch.setattr(module, "SHORTEST", 0.0)
    [task] = tasks("annulus-2d", "smoke", models=["NODE"])
    write = Checkpoint.write

    def stop(*arguments: object) -> None:
        write(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            Sweep(Store(tmp_path), checkpoint_seconds=0).run([task])
    Sweep(Store(tmp_path)).run([task])
    first, step, again, *steps = caplog.messages
    assert first == f"{task}: begins"
    assert again == step.partition(", loss")[0].replace(": 0", ": goes on after 0")
    assert steps[-1].startswith(f"{task}: {task.size.epochs} of {task.size.epochs} epochs, loss ")
    assert steps[-1].endswith(" evaluations, 00:00 left")


@pytest.mark.slow
@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
def test_workers_tell_the_process_that_leads_what_it_wants_to_hear(
    level: int, tmp_path: Path, caplog: Log
) -> None:
    caplog.set_level(level, LOG.name)
    [task] = tasks("annulus-2d", "smoke", models=["NODE"])
    wanted = [replace(task, seeds=(seed,)) for seed in range(2)]
    Sweep(Store(tmp_path), executor=Dask(1)).run(wanted)
    told = [f"{each}: begins" for each in wanted] if level == logging.INFO else []
    assert [line for line in caplog.messages if line.endswith("begins")] == told
