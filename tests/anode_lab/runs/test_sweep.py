"""Many trainings: none is lost, none is made twice, and each is what it is undisturbed."""

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

import anode_lab.runs.sweep
from anode.training import Checkpoint
from anode_lab.runs import Dask, ExecutorError, Stage, Store, StoreError, Task, stage, tasks
from anode_lab.runs import store as stores
from anode_lab.runs.executors import LostError
from anode_lab.runs.provenance import made_with
from anode_lab.runs.status import checkpoint_of, epochs_done, key_of, missing
from anode_lab.runs.sweep import PATIENCE, Sweep
from benchmarks.waiting import until
from tests.helpers.recorded import Trainer, assert_complete, told, watch
from tests.helpers.sweeper import wanted

HOME = Path(anode_lab.__file__).parents[1]
SWEEPER = HOME / "tests" / "helpers" / "sweeper.py"


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
        """A training is between its steps."""
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
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_sweep_that_is_killed_goes_on_to_the_same_bits(
    ending: signal.Signals, tmp_path: Path, undisturbed: Store
) -> None:
    store = Store(tmp_path)
    killed = Sweeper(tmp_path, 2)
    until(killed.is_amid, 120)
    assert Stage.RUNNING in stages(store), "as others see it"
    assert killed.kill(ending) != 0
    until(lambda: Stage.RUNNING not in stages(store))
    stopped = [task for task in wanted() if stage(task, store) is Stage.STOPPED]
    assert stopped
    for task in stopped:
        assert 0 < (epochs_done(task, store) or 0) < task.size.epochs
    left = len(missing(wanted(), store))
    assert len(Sweeper(tmp_path, 2).end()) == left
    assert_complete(wanted(), store, undisturbed)


def stages(store: Store) -> list[Stage]:
    """How far each of the trainings is."""
    return [stage(task, store) for task in wanted()]


@pytest.mark.slow
def test_two_sweeps_of_one_store_share_the_work(tmp_path: Path, undisturbed: Store) -> None:
    both = [Sweeper(tmp_path, processes) for processes in (0, 2)]
    performed = [name for each in both for name in each.end()]
    assert sorted(line.partition(": ")[0] for line in performed) == sorted(map(str, wanted()))
    assert_complete(wanted(), Store(tmp_path), undisturbed)


@pytest.mark.slow
def test_what_another_sweep_was_killed_at_is_done_by_the_one_that_waits(
    tmp_path: Path, undisturbed: Store
) -> None:
    killed = Sweeper(tmp_path, 0)
    until(killed.is_amid, 120)
    waiting = Sweeper(tmp_path, 0)
    store = Store(tmp_path)
    until(lambda: stages(store).count(Stage.RUNNING) > 1)
    killed.kill(signal.SIGKILL)
    waiting.end()
    assert_complete(wanted(), store, undisturbed)


# Stages


def small() -> list[Task]:
    """Two trainings that take a moment."""
    return tasks("annulus-2d", "smoke", seeds=[0, 1])[:2]


def test_stages_are_those_of_what_is_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, (first, second) = Store(tmp_path), small()

    def found() -> list[Stage]:
        return [stage(task, store) for task in small()]

    assert found() == [Stage.MISSING] * 2
    with store.locked(key_of(first, "cpu")):
        assert found() == [Stage.RUNNING, Stage.MISSING]
    with pytest.raises(KeyboardInterrupt):
        stop_halfway(store, [first])
    assert (stage(first, store), epochs_done(first, store)) == (Stage.STOPPED, 1 / 3)
    Sweep(store).run([first])
    watch(monkeypatch, broken=(1,))
    Sweep(store).run([second])
    assert found() == [Stage.RECORDED] * 2, "a failure is a result too"
    assert missing(small(), store) == []
    path = store.path(key_of(first, "cpu"))
    path.write_bytes(path.read_bytes()[:-20])
    assert stage(first, store) is Stage.DAMAGED
    assert missing(small(), store) == [first]


def stop_halfway(store: Store, wanted: list[Task]) -> None:
    """Stop after the first checkpoint."""
    written = Checkpoint.write

    def stop(self: Checkpoint, *arguments: object) -> None:
        written(self, *arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "write", stop)
        Sweep(store, checkpoint_seconds=0).run(wanted)


def test_asking_for_the_stage_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "absent")
    assert [stage(task, store) for task in small()] == [Stage.MISSING] * 2
    assert not store.folder.exists()


# Workers that cannot be used


def test_a_worker_with_other_code_or_libraries_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it trains; the message says in what it differs."""
    known = made_with()
    other = known | {"torch": "0.1"}
    monkeypatch.setattr(anode_lab.runs.sweep, "made_with", lambda: other)
    message = f"a worker cannot train .*: torch: 0.1 there, {known['torch']}.* here. It needs the"
    with pytest.raises(ExecutorError, match=message):
        Sweep(Store(tmp_path), executor=Dask(1)).run(small())
    assert not list(tmp_path.glob("*/*.json"))


def test_workers_that_are_always_lost_are_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Dask] = []

    def lose(self: Dask, _: object) -> int:
        opened.append(self)
        raise LostError("KilledWorker: out of memory")

    monkeypatch.setattr(Dask, "room", lose)
    monkeypatch.setattr("time.sleep", lambda _: None)
    message = f"lost {PATIENCE} times in a row .*; 2 are left. The last: KilledWorker: out of mem"
    with pytest.raises(ExecutorError, match=message):
        Sweep(Store(tmp_path), executor=Dask(1)).run(small())
    assert len(opened) == PATIENCE


# What is kept


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
        Sweep(store, checkpoint_seconds=0).run(small())
    first, second = (stage(task, store) for task in small())
    assert first is Stage.RECORDED
    assert second is Stage.STOPPED, "its last checkpoint is there"
    monkeypatch.undo()
    trainer = watch(monkeypatch)
    Sweep(store).run(small())
    assert len(trainer.trained) == 1
    assert missing(small(), store) == []


def test_a_damaged_record_is_set_aside_and_made_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    Sweep(store).run(small())
    path = store.path(key_of(small()[0], "cpu"))
    whole = path.with_suffix(".safetensors").read_bytes()
    path.with_suffix(".safetensors").write_bytes(whole[:-8])
    with pytest.warns(UserWarning, match="set aside"):
        Sweep(store).run(small())
    assert missing(small(), store) == []
    assert path.with_suffix(".safetensors").read_bytes() == whole
    assert len(list(tmp_path.glob("*/*.damaged-*"))) == 2


# Order, and what is told


def test_a_sweep_waits_for_what_another_process_is_at(tmp_path: Path) -> None:
    """And performs it if it is let go without a record."""
    store, (first, second) = Store(tmp_path), small()
    with told() as names:
        with store.locked(key_of(first, "cpu")):
            running = Thread(target=Sweep(store).run, args=(small(),), daemon=True)
            running.start()
            until(lambda: names)
            assert names == [str(second)]
            assert running.is_alive()
        running.join(60)
    assert names == [str(second), str(first)]


def test_only_what_is_missing_is_performed_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    Sweep(store).run(small()[:1])
    trainer: Trainer = watch(monkeypatch)
    with told() as names:
        Sweep(store).run(small())
    assert names == [str(small()[1])]
    assert len(trainer.trained) == 1


def test_no_more_is_held_than_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that other processes find something to do."""
    store, some = Store(tmp_path), tasks("g1d", "smoke", stacked=False)
    held: list[int] = []

    def count(names: list[str]) -> None:
        held.append(sum(store.is_held(key_of(task, "cpu")) for task in some))

    with told(count):
        Sweep(store).run(some)
    assert len(held) == len(some) > 2
    assert max(held) <= 1


def test_a_record_and_its_checkpoint_have_one_stem(tmp_path: Path) -> None:
    """So that who looks at the folder sees what belongs together."""
    store, task = Store(tmp_path), small()[0]
    path = store.path(key_of(task, "cpu"))
    assert checkpoint_of(task, store, "cpu").path == path.with_suffix(".checkpoint")
    other = replace(task, seeds=(5,))
    assert checkpoint_of(other, store, "cpu").path != path.with_suffix(".checkpoint")
