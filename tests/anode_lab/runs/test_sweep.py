"""Many trainings: none is lost, none is made twice, and each is what it is undisturbed."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

import anode
import anode_lab
from anode_lab.runs import store as stores
from anode_lab.runs.executors import Processes
from anode_lab.runs.perform import checkpoint_in, identity_in
from anode_lab.runs.store import Store, StoreError
from anode_lab.runs.sweep import Stage, WorkerDiffersError, missing, status, sweep
from anode_lab.runs.task import Task, tasks
from benchmarks.waiting import until
from tests.helpers.recorded import Trainer, assert_same, watch
from tests.helpers.sweeper import wanted

SWEEPER = Path(__file__).parents[2] / "helpers" / "sweeper.py"
HOME = Path(anode.__file__).parents[1]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Records made in this process."""
    store = Store(tmp_path_factory.mktemp("undisturbed"))
    sweep(wanted(), store)
    return store


def assert_complete(store: Store, undisturbed: Store) -> None:
    """Every record is there and the undisturbed one, to the last bit."""
    for task in wanted():
        identity = identity_in(store, task, "cpu")
        one, two = store.read(identity), undisturbed.read(identity)
        assert one is not None
        assert two is not None
        assert_same(one.history, two.history)
        assert all(bool((one.weights[name] == two.weights[name]).all()) for name in two.weights)
    assert not list(store.folder.glob("*/*.checkpoint"))


class Sweeper:
    """The script ``sweeper.py``, running."""

    def __init__(self, folder: Path, processes: int) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, str(SWEEPER), str(folder), str(processes)],
            env=dict(os.environ, PYTHONPATH=str(HOME)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def is_amid(self) -> bool:
        """A training is between its epochs."""
        assert self.process.poll() is None
        return any(self.folder.glob("*/*.checkpoint"))

    def kill(self, ending: signal.Signals) -> int:
        """Its exit status."""
        self.process.send_signal(ending)
        self.process.communicate(timeout=30)
        return self.process.returncode

    def end(self) -> list[str]:
        """What it performed."""
        output, error = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, error
        return output.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("processes", [0, 2])
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_sweep_that_is_killed_goes_on_to_the_same_bits(
    processes: int, ending: signal.Signals, tmp_path: Path, undisturbed: Store
) -> None:
    store = Store(tmp_path)
    killed = Sweeper(tmp_path, processes)
    until(killed.is_amid)
    assert Stage.RUNNING in {status(task, store).stage for task in wanted()}, "as others see it"
    assert killed.kill(ending) != 0
    until(lambda: Stage.RUNNING not in {status(task, store).stage for task in wanted()})
    found = [status(task, store) for task in wanted()]
    stopped = [each for each in found if each.stage is Stage.STOPPED]
    assert stopped
    assert all(0 < (each.epoch or 0) < each.task.size.epochs for each in stopped)
    done = sum(each.is_recorded for each in found)
    assert len(Sweeper(tmp_path, processes).end()) == len(found) - done
    assert_complete(store, undisturbed)


@pytest.mark.slow
def test_two_sweeps_of_one_store_share_the_work(tmp_path: Path, undisturbed: Store) -> None:
    both = [Sweeper(tmp_path, processes) for processes in (0, 2)]
    performed = [name for each in both for name in each.end()]
    assert sorted(performed) == sorted(str(task) for task in wanted())
    assert_complete(Store(tmp_path), undisturbed)


@pytest.mark.slow
def test_what_another_sweep_was_killed_at_is_done_by_the_one_that_waits(
    tmp_path: Path, undisturbed: Store
) -> None:
    killed = Sweeper(tmp_path, 0)
    until(killed.is_amid)
    waiting = Sweeper(tmp_path, 0)
    store = Store(tmp_path)
    until(lambda: sum(status(task, store).stage is Stage.RUNNING for task in wanted()) > 1)
    killed.kill(signal.SIGKILL)
    waiting.end()
    assert_complete(store, undisturbed)


@pytest.mark.slow
def test_processes_give_what_this_process_gives(tmp_path: Path, undisturbed: Store) -> None:
    store, told = Store(tmp_path), []
    sweep(wanted(), store, place=Processes(2), ended=lambda task, _: told.append(task))
    assert sorted(map(str, told)) == sorted(map(str, wanted()))
    assert_complete(store, undisturbed)


# Stages


def small() -> list[Task]:
    """Two trainings that take a moment."""
    return tasks("annulus-2d", "smoke", seeds=[0, 1])[:2]


def test_stages_are_those_of_what_is_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, (first, second) = Store(tmp_path), small()
    assert [status(task, store).stage for task in small()] == [Stage.MISSING] * 2
    with store.locked(identity_in(store, first, "cpu")):
        assert [status(task, store).stage for task in small()] == [Stage.RUNNING, Stage.MISSING]
    monkeypatch.setattr(anode_lab.runs.sweep, "compute", _stop_halfway)
    with pytest.raises(KeyboardInterrupt):
        sweep([first], store, checkpoint_seconds=0)
    found = status(first, store)
    assert (found.stage, found.epoch) == (Stage.STOPPED, 1)
    monkeypatch.undo()
    sweep([first], store)
    watch(monkeypatch, broken=(1,))
    sweep([second], store)
    assert [status(task, store) for task in small()] == [
        anode_lab.runs.sweep.Status(first, Stage.DONE),
        anode_lab.runs.sweep.Status(second, Stage.FAILED, failed=2),
    ]
    assert missing(small(), store) == []
    path = store.path(identity_in(store, first, "cpu"))
    path.write_bytes(path.read_bytes()[:-20])
    assert status(first, store).stage is Stage.DAMAGED
    assert missing(small(), store) == [first]


def _stop_halfway(task: Task, device: str, **options: object) -> None:
    checkpoint = options["checkpoint"]
    with pytest.MonkeyPatch.context() as patch:
        written = type(checkpoint).write

        def stop(self: object, *arguments: object) -> None:
            written(self, *arguments)
            raise KeyboardInterrupt

        patch.setattr(type(checkpoint), "write", stop)
        anode_lab.runs.perform.compute(task, device, checkpoint=checkpoint)  # type: ignore[arg-type]


def test_asking_for_the_stage_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "absent")
    assert [status(task, store).stage for task in small()] == [Stage.MISSING] * 2
    assert not store.folder.exists()


# What is not kept


def test_what_other_code_or_libraries_made_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    known = dict(anode_lab.runs.sweep.versions())
    monkeypatch.setattr(anode_lab.runs.sweep, "versions", lambda: known | {"torch": "0.1"})
    with pytest.raises(WorkerDiffersError, match=f"torch {known['torch']}.* instead of 0.1"):
        sweep(small(), store)
    monkeypatch.undo()
    monkeypatch.setattr(anode_lab.runs.sweep, "numerics", lambda: "other")
    with pytest.raises(WorkerDiffersError, match="instead of other"):
        sweep(small(), store)
    monkeypatch.undo()
    assert missing(small(), store) == small()


def test_a_full_disk_ends_the_sweep_and_keeps_what_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, written = Store(tmp_path), stores.write_whole

    def refuse(path: Path, content: bytes) -> None:
        if path.suffix == ".safetensors" and any(tmp_path.glob("*/*.json")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written(path, content)

    monkeypatch.setattr(stores, "write_whole", refuse)
    with pytest.raises(StoreError, match="No space left on device"):
        sweep(small(), store, checkpoint_seconds=0)
    first, second = (status(task, store) for task in small())
    assert first.stage is Stage.DONE
    assert second.stage is Stage.STOPPED, "its last checkpoint is there"
    monkeypatch.undo()
    trainer = watch(monkeypatch)
    sweep(small(), store)
    assert len(trainer.trained) == 1
    assert missing(small(), store) == []


def test_a_damaged_record_is_set_aside_and_made_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    sweep(small(), store)
    path = store.path(identity_in(store, small()[0], "cpu"))
    whole = path.with_suffix(".safetensors").read_bytes()
    path.with_suffix(".safetensors").write_bytes(whole[:-8])
    with pytest.warns(UserWarning, match="set aside"):
        sweep(small(), store)
    assert missing(small(), store) == []
    assert path.with_suffix(".safetensors").read_bytes() == whole
    assert len(list(tmp_path.glob("*/*.damaged.*"))) == 2


# Order, and who is told


def test_a_sweep_waits_for_what_another_process_is_at(tmp_path: Path) -> None:
    """And performs it if it is let go without a record."""
    store, told = Store(tmp_path), []
    first, second = small()
    with store.locked(identity_in(store, first, "cpu")):
        running = Thread(
            target=sweep,
            args=(small(), store),
            kwargs={"ended": lambda task, _: told.append(task)},
            daemon=True,
        )
        running.start()
        until(lambda: told)
        assert told == [second]
        assert running.is_alive()
    running.join(60)
    assert told == [second, first]


def test_only_what_is_missing_is_performed_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, told = Store(tmp_path), []
    sweep(small()[:1], store)
    trainer: Trainer = watch(monkeypatch)
    sweep(small(), store, ended=lambda task, _: told.append(task))
    assert told == small()[1:]
    assert len(trainer.trained) == 1


def test_tasks_may_come_one_by_one(tmp_path: Path) -> None:
    def each() -> Iterator[Task]:
        yield from small()

    sweep(each(), Store(tmp_path))
    assert missing(small(), Store(tmp_path)) == []


def test_a_record_and_its_checkpoint_have_one_stem(tmp_path: Path) -> None:
    """So that who looks at the folder sees what belongs together."""
    store, task = Store(tmp_path), small()[0]
    path = store.path(identity_in(store, task, "cpu"))
    assert checkpoint_in(store, task, "cpu").path == path.with_suffix(".checkpoint")
    other = replace(task, seeds=(5,))
    assert checkpoint_in(store, other, "cpu").path != path.with_suffix(".checkpoint")
