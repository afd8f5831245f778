"""On a Dask cluster: the same results as in process, whichever part of the cluster is killed."""

import logging
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from anode_lab.runs import Dask, ExecutorError, Stage, Store, stage, tasks
from anode_lab.runs import sweep as sweeps
from anode_lab.runs.executors import LostError
from anode_lab.runs.status import checkpoint_of
from anode_lab.runs.sweep import Sweep
from benchmarks.machines import Machines, machines
from benchmarks.waiting import until
from tests.helpers import calls
from tests.helpers.recorded import assert_complete
from tests.helpers.sweeper import wanted

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Machines]:
    folder = tmp_path / "dask"
    folder.mkdir()
    with machines(folder) as running:
        yield running


class Running(Thread):
    """Something in another thread, so that a test can disturb it; it ends with the process."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.function = function
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.function()
        except BaseException as error:
            self.error = error

    def end(self) -> None:
        self.join(120)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error


class Swept(Running):
    """A sweep on a cluster."""

    def __init__(self, store: Store, address: str) -> None:
        self.store = store
        sweep = Sweep(store, executor=Dask(address), checkpoint_seconds=0.02)
        super().__init__(lambda: sweep.run(wanted()))

    def begun(self) -> bool:
        """Whether a training has left a checkpoint, and so is amid its steps."""
        assert self.error is None
        return any(self.store.folder.glob("*/*.checkpoint"))


def test_a_worker_that_does_not_see_the_folder_gives_the_same(
    cluster: Machines, tmp_path: Path, undisturbed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine has no folder of that name: records travel, not files."""

    def elsewhere(*arguments: Any) -> Any:
        found = checkpoint_of(*arguments)
        if len(arguments) > 3:  # what the worker is told
            found = type(found)(Path("/nowhere") / found.path.name, found.key, found.seconds)
        return found

    monkeypatch.setattr(sweeps, "checkpoint_of", elsewhere)
    store = Store(tmp_path / "store")
    cluster.worker()
    Swept(store, cluster.address).end()
    assert not list(store.folder.glob("*/*.checkpoint"))
    assert_complete(wanted(), store, undisturbed)


def test_a_worker_killed_amid_a_training_is_replaced_by_the_other(
    cluster: Machines, tmp_path: Path, undisturbed: Store
) -> None:
    first, _ = cluster.worker("--no-nanny"), cluster.worker("--no-nanny")
    running = Swept(Store(tmp_path / "store"), cluster.address)
    until(running.begun)
    cluster.kill(first)
    running.end()
    assert_complete(wanted(), running.store, undisturbed)


def test_the_only_worker_lost_for_good_is_replaced_when_another_comes(
    cluster: Machines, tmp_path: Path, undisturbed: Store
) -> None:
    only = cluster.worker("--no-nanny")
    running = Swept(Store(tmp_path / "store"), cluster.address)
    until(running.begun)
    cluster.kill(only)
    cluster.worker()
    running.end()
    assert_complete(wanted(), running.store, undisturbed)


def test_a_scheduler_that_is_started_again_goes_on(
    cluster: Machines, tmp_path: Path, undisturbed: Store
) -> None:
    cluster.worker()
    running = Swept(Store(tmp_path / "store"), cluster.address)
    until(running.begun)
    cluster.restart()
    cluster.worker()
    running.end()
    assert_complete(wanted(), running.store, undisturbed)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_scheduler_that_ends_is_told_from_a_call_that_fails(
    cluster: Machines, tmp_path: Path, ending: signal.Signals
) -> None:
    cluster.worker()

    def call() -> None:
        with Dask(cluster.address).open() as executor:
            executor.submit(calls.wait_for, (str(tmp_path), 0)).result()

    running = Running(call)
    until(lambda: list(tmp_path.glob("*.begun")))
    cluster.restart(ending)
    with pytest.raises(LostError):
        running.end()


def test_calls_of_killed_workers_are_made_again(cluster: Machines, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    worker = cluster.worker()  # its nanny starts it again
    numbers, made = [(str(marks), number) for number in range(6)], list[int]()
    with Dask(cluster.address).open() as executor:
        running = Running(lambda: made.extend(executor.map(calls.die_once, numbers)))
        while running.is_alive():
            if worker.poll() is not None:  # a nanny that ends with its worker, as some do
                worker = cluster.worker()
            running.join(0.1)
        running.end()
    assert made == list(range(6))
    assert {path.name for path in marks.iterdir()} == {"1", "5"}


def test_calls_take_resources_of_workers_that_have_them(cluster: Machines, tmp_path: Path) -> None:
    """Each takes the GPU, of which there is one, so no two are made at once."""
    cluster.worker("--no-nanny")
    cluster.worker("--no-nanny", "--resources", "GPU=1", "--nthreads=3")
    with Dask(cluster.address, (("GPU", 1.0),)).open() as executor:
        numbers = [(str(tmp_path), number) for number in range(3)]
        futures = [executor.submit(calls.wait_for, number) for number in numbers]
        until(lambda: list(tmp_path.glob("*.begun")))
        assert len(list(tmp_path.glob("*.begun"))) == 1
        (tmp_path / "go").touch()
        assert [future.result() for future in futures] == [0, 1, 2]


def test_a_cluster_without_workers_says_so_and_waits(
    cluster: Machines, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, small = Store(tmp_path / "store"), tasks("g1d", "smoke")
    with caplog.at_level(logging.WARNING, "anode"):
        running = Running(lambda: Sweep(store, executor=Dask(cluster.address)).run(small))
        until(lambda: "there are no workers" in caplog.text)
        cluster.worker()
        running.end()
    assert [stage(task, store) for task in small] == [Stage.RECORDED] * len(small)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tcp://127.0.0.1:9", "no scheduler answers at tcp://127.0.0.1:9 within 1 s"),
        ("carrier-pigeon://roof", "address is as tcp://.*, got 'carrier-pigeon://roof'"),
    ],
)
def test_where_no_cluster_is_that_is_said_at_once(
    address: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ExecutorError, match=message):
        Sweep(Store(tmp_path), executor=Dask(address, timeout=1)).run(tasks("g1d", "smoke"))
