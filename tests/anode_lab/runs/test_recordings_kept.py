"""Records are made once, by however many processes, and outlive interruptions and the code."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from anode_lab.experiments.images import COLOUR, OVERFIT
from anode_lab.images import DataError
from anode_lab.images.downloaded import FOLDER_VARIABLE
from anode_lab.runs import (
    DamagedError,
    NotRecordedError,
    OutOfMemoryError,
    Store,
    StoreError,
    run,
    status,
    tasks,
)
from benchmarks.waiting import until
from tests.helpers.image_sets import register
from tests.helpers.recorded import (
    MODULE,
    assert_same,
    missing,
    read,
    record,
    told,
    watch,
)

pytestmark = pytest.mark.usefixtures("short")

# Made once, and kept


def test_what_is_recorded_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = watch(monkeypatch)
    some = tasks(OVERFIT, seeds=[1])
    with told() as names:
        record(some, folder=tmp_path)
        assert names == [str(task) for task in some]
        record(tasks(OVERFIT), folder=tmp_path)
    assert len(names) == len(trainer.trained) == 4
    assert set(names) == {str(task) for task in tasks(OVERFIT)}
    monkeypatch.setattr(MODULE, "train", pytest.fail)
    record(tasks(OVERFIT), folder=tmp_path)
    run(OVERFIT, store=tmp_path)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a mistake")])
def test_an_interrupted_recording_goes_on_where_it_was(
    error: BaseException, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(monkeypatch, fail_at=2, error=error)
    with pytest.raises(type(error)):
        record(tasks(OVERFIT), folder=tmp_path)
    done, left = tasks(OVERFIT)[:2], tasks(OVERFIT)[2:]
    assert missing(tasks(OVERFIT), tmp_path) == left
    kept = {path: path.read_bytes() for path in tmp_path.glob("*/*.json")}
    assert len(kept) == len(done)
    trainer = watch(monkeypatch)
    record(tasks(OVERFIT), folder=tmp_path)
    assert len(trainer.trained) == len(left)
    assert {path: path.read_bytes() for path in kept} == kept
    for task in tasks(OVERFIT):
        assert_same(read(task, tmp_path).history, read(task, made).history)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _improve(path: Path) -> None:
    text = path.read_text()
    path.write_text(text.replace('"accuracy": ', '"accuracy": 1'))


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("json", _cut),
        ("json", _improve),
        ("json", Path.unlink),
        ("safetensors", _cut),
        ("safetensors", _flip),
        ("safetensors", Path.unlink),
    ],
)
def test_a_damaged_record_is_named_and_made_again(
    kind: str,
    damage: Callable[[Path], None],
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (task,) = tasks(OVERFIT, models=["p = 0"], seeds=[1])
    record([task], folder=tmp_path)
    (path,) = tmp_path.glob(f"*/*.{kind}")
    before = path.read_bytes()
    damage(path)
    assert not path.exists() or path.read_bytes() != before
    assert missing([task], tmp_path) == [task]
    text_is_gone = kind == "json" and not path.exists()
    with pytest.raises(NotRecordedError if text_is_gone else DamagedError):
        run(OVERFIT, models=["p = 0"], store=tmp_path)
    trainer = watch(monkeypatch)
    if text_is_gone:
        record([task], folder=tmp_path)
    else:
        with pytest.warns(UserWarning, match="set aside as .*, and made again"):
            record([task], folder=tmp_path)
    assert len(trainer.trained) == 1
    assert_same(read(task, tmp_path).history, read(task, made).history)


def test_records_outlive_code_and_libraries(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They say which they were of."""
    monkeypatch.setattr(status, "training_key", lambda _: "0123456789abcdef")
    monkeypatch.setattr(status, "versions", lambda: {"torch": "9"})
    assert missing(tasks(OVERFIT), made) == []
    for each in run(OVERFIT, store=made).runs.values():
        for origin in each.provenance:
            assert origin.numerics != "0123456789abcdef"
            assert origin.versions["torch"] != "9"


def test_a_folder_that_cannot_be_is_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    trainer = watch(monkeypatch)
    with pytest.raises(StoreError, match=str(tmp_path / "file" / "results")):
        record(tasks(OVERFIT), folder=tmp_path / "file" / "results")
    assert trainer.trained == []


def test_data_that_are_not_here_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    register(monkeypatch, "cifar-10", {})
    with pytest.raises(DataError, match="'anode data fetch cifar-10'"):
        record(tasks(COLOUR, "paper"), folder=tmp_path / "results")
    assert not list((tmp_path / "results").glob("*/*.json"))


# Several at once


def test_what_another_is_running_is_left_to_it_and_asked_for_again_at_the_end(
    tmp_path: Path,
) -> None:
    """Here the other one lets it go without a record, as one that is stopped does."""
    first, *others = tasks(OVERFIT)
    held = Store(tmp_path).locked(first.identity)
    held.__enter__()

    def let_go(names: list[str]) -> None:
        if len(names) == len(others):
            held.__exit__(None, None, None)

    with told(let_go) as names:
        record(tasks(OVERFIT), folder=tmp_path)
    assert names == [str(task) for task in (*others, first)]
    assert missing(tasks(OVERFIT), tmp_path) == []


PROCESS = """
import logging, sys, time
from pathlib import Path
from anode_lab.runs import Store, Task, tasks
from anode_lab.runs.sweep import Sweep

folder, told, ready, count, seconds = sys.argv[1:]
train = Task.train

def slow(task, *args, **options):
    with open(told, "a") as file:
        file.write(f"{task.spec.label}, {task.seeds[0]}\\n")
    time.sleep(float(seconds))
    return train(task, *args, **options)

Task.train = slow
Path(ready).touch()
while len(list(Path(ready).parent.glob("ready-*"))) < int(count):
    time.sleep(0.01)
logging.basicConfig(stream=sys.stdout, format="%(levelname)s")
logging.getLogger("anode").setLevel(logging.INFO)
Sweep(Store(Path(folder))).run(tasks("images-overfit", "smoke"))
"""


def start(folder: Path, number: int, count: int, seconds: float) -> subprocess.Popen[str]:
    arguments = (folder / "results", folder / "told", folder / f"ready-{number}", count, seconds)
    command = [sys.executable, "-c", PROCESS, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_processes_share_the_work_and_do_nothing_twice(tmp_path: Path) -> None:
    both = [start(tmp_path, number, 2, seconds=1.0) for number in range(2)]
    printed = [process.communicate(timeout=200)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    wanted = tasks(OVERFIT, "smoke")
    told = Counter((tmp_path / "told").read_text().splitlines())
    assert told == Counter(f"{task.spec.label}, {task.seeds[0]}" for task in wanted)
    assert sum(map(len, printed)) == len(wanted)
    assert all(printed), "neither waits while there is something to do"
    assert missing(wanted, tmp_path / "results") == []


@pytest.mark.slow
def test_what_a_killed_process_was_at_is_done_by_another(tmp_path: Path) -> None:
    killed = start(tmp_path, 0, 1, seconds=600)
    until((tmp_path / "told").exists, 120)
    wanted = tasks(OVERFIT, "smoke")

    def kill(names: list[str]) -> None:
        if len(names) == len(wanted) - 1:
            os.kill(killed.pid, signal.SIGKILL)
            killed.wait(timeout=60)

    try:
        with told(kill) as names:
            record(wanted, folder=tmp_path / "results")
    finally:
        killed.kill()
        killed.communicate()
    assert names == [str(task) for task in (*wanted[1:], wanted[0])]
    assert missing(wanted, tmp_path / "results") == []


# Memory


def test_too_little_memory_is_told_with_what_to_lower_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB.")
    watch(monkeypatch, fail_at=1, error=error)
    with pytest.raises(OutOfMemoryError) as caught:
        record(tasks(OVERFIT), folder=tmp_path)
    for part in (
        "p = 0 of images-overfit",
        "memory of cpu",
        "batch_size=32",
        "hidden=4",
        "in anode_lab.experiments.images",
    ):
        assert part in str(caught.value)
    assert caught.value.__cause__ is error
    assert missing(tasks(OVERFIT), tmp_path) == tasks(OVERFIT)[1:]
