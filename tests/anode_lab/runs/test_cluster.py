"""On a Dask cluster: the same results as in process, whichever part of the cluster is killed."""

import logging
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from distributed import LocalCluster

from anode_lab.experiments import EXPERIMENTS
from anode_lab.runs.executors import Cluster, PlaceError, WorkersLostError, complete
from anode_lab.runs.store import Store
from anode_lab.runs.sweep import Stage, status, sweep
from anode_lab.runs.task import Task, tasks
from benchmarks.machines import Machines, machines
from benchmarks.waiting import until
from tests.helpers import calls
from tests.helpers.recorded import assert_same

pytestmark = pytest.mark.slow


def wanted() -> list[Task]:
    """Two trainings, which take some seconds each."""
    models = [spec.label for spec in EXPERIMENTS["annulus-2d"].models[:2]]
    return tasks("annulus-2d", models=models, seeds=[0], stacked=False)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Their records, made in this process."""
    store = Store(tmp_path_factory.mktemp("undisturbed"))
    sweep(wanted(), store)
    return store


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Machines]:
    folder = tmp_path / "dask"
    folder.mkdir()
    with machines(folder, (Path(__file__).parent,)) as running:
        yield running


class Sweep(Thread):
    """A sweep in another thread, so that a test can disturb it."""

    def __init__(self, store: Store, address: str) -> None:
        super().__init__(daemon=True)
        self.store = store
        self.address = address
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            sweep(wanted(), self.store, place=Cluster(self.address), checkpoint_seconds=0.02)
        except BaseException as error:
            self.error = error

    def begun(self) -> bool:
        """Whether a training has left a checkpoint, and so is amid its epochs."""
        assert self.error is None
        return any(self.store.folder.glob("*/*.checkpoint"))

    def end(self) -> None:
        self.join(120)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error


def called(
    place: Cluster, function: Callable[[Any], int], wanted: Iterable[object], told: list[int]
) -> Thread:
    """A thread that makes calls there, and puts down what each gives; it ends with the process."""
    thread = Thread(
        target=complete,
        args=(place, function, wanted, lambda _, result: told.append(result)),
        daemon=True,
    )
    thread.start()
    return thread


def assert_complete(store: Store, undisturbed: Store) -> None:
    """Every record is there and the undisturbed one, to the last bit, and nothing else is."""
    for task in wanted():
        identity = task.identity | {"device": "cpu"}
        one, two = store.read(identity), undisturbed.read(identity)
        assert one is not None
        assert two is not None
        assert_same(one.history, two.history)
        assert all(bool((one.weights[name] == two.weights[name]).all()) for name in two.weights)
        assert status(task, store).stage is Stage.DONE
    assert len(list(store.folder.glob("*/*.json"))) == len(wanted())


def test_a_local_cluster_gives_what_this_process_gives(tmp_path: Path, undisturbed: Store) -> None:
    store = Store(tmp_path / "store")
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=":0",
        local_directory=str(tmp_path / "dask"),
    ) as local:
        sweep(wanted(), store, place=Cluster(local.scheduler_address))
    assert_complete(store, undisturbed)


def test_a_worker_that_does_not_see_the_folder_gives_the_same(
    cluster: Machines, tmp_path: Path, undisturbed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine has another folder of that name, or none: records travel, not files."""
    store = Store(tmp_path / "store")
    known = store.prepare()
    monkeypatch.setattr(Store, "prepare", lambda _: known[::-1])
    cluster.worker()
    running = Sweep(store, cluster.address)
    running.end()
    assert not list(store.folder.glob("*/*.checkpoint"))
    monkeypatch.undo()
    assert_complete(store, undisturbed)


def test_a_worker_killed_amid_a_training_is_replaced_by_the_other(
    cluster: Machines, tmp_path: Path, undisturbed: Store
) -> None:
    first, _ = cluster.worker("--no-nanny"), cluster.worker("--no-nanny")
    running = Sweep(Store(tmp_path / "store"), cluster.address)
    until(running.begun)
    cluster.kill(first)
    running.end()
    assert_complete(running.store, undisturbed)


def test_the_only_worker_lost_for_good_is_replaced_when_another_comes(
    cluster: Machines, tmp_path: Path, undisturbed: Store
) -> None:
    only = cluster.worker("--no-nanny")
    running = Sweep(Store(tmp_path / "store"), cluster.address)
    until(running.begun)
    cluster.kill(only)
    cluster.worker()
    running.end()
    assert_complete(running.store, undisturbed)


def test_a_scheduler_that_is_started_again_goes_on(
    cluster: Machines, tmp_path: Path, undisturbed: Store
) -> None:
    cluster.worker()
    running = Sweep(Store(tmp_path / "store"), cluster.address)
    until(running.begun)
    cluster.restart()
    cluster.worker()
    running.end()
    assert_complete(running.store, undisturbed)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_calls_of_a_scheduler_that_has_ended_are_made_again(
    cluster: Machines, tmp_path: Path, ending: signal.Signals
) -> None:
    cluster.worker()
    wanted = [(str(tmp_path), number) for number in range(3)]
    told: list[int] = []
    place = Cluster(cluster.address)
    running = called(place, calls.wait_for, wanted, told)
    until(lambda: list(tmp_path.glob("*.begun")))
    cluster.restart(ending)
    cluster.worker()
    (tmp_path / "go").touch()
    running.join(90)
    assert sorted(told) == [0, 1, 2]


def test_calls_of_killed_workers_are_made_again(cluster: Machines, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    cluster.worker()  # its nanny starts it again
    told: list[int] = []
    wanted = [(str(marks), number) for number in range(6)]
    complete(Cluster(cluster.address), calls.die_once, wanted, lambda _, n: told.append(n))
    assert sorted(told) == list(range(6))
    assert {path.name for path in marks.iterdir()} == {"1", "5"}


def test_a_call_that_kills_every_worker_is_given_up(cluster: Machines) -> None:
    cluster.worker()
    place = Cluster(cluster.address, patience=2, pause=0.1)
    with pytest.raises(WorkersLostError, match="KilledWorker"):
        complete(place, calls.die, [0], lambda *_: pytest.fail("told"))


def test_a_call_that_fails_ends_it(cluster: Machines) -> None:
    cluster.worker()
    with pytest.raises(ArithmeticError, match="no 3"):
        complete(Cluster(cluster.address), calls.refuse, range(20), lambda *_: None)


def test_calls_take_resources_of_workers_that_have_them(cluster: Machines, tmp_path: Path) -> None:
    """Each takes the GPU, of which there is one, so no two are made at once."""
    cluster.worker("--no-nanny")
    cluster.worker("--no-nanny", "--resources", "GPU=1", "--nthreads=3")
    place = Cluster(cluster.address, (("GPU", 1.0),))
    wanted = [(str(tmp_path), number) for number in range(3)]
    told: list[int] = []
    running = called(place, calls.wait_for, wanted, told)
    until(lambda: list(tmp_path.glob("*.begun")))
    assert len(list(tmp_path.glob("*.begun"))) == 1
    (tmp_path / "go").touch()
    running.join(60)
    assert sorted(told) == [0, 1, 2]


def test_a_cluster_without_workers_says_so_and_waits(
    cluster: Machines, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[int] = []
    place = Cluster(cluster.address)
    with caplog.at_level(logging.WARNING, "anode_lab.runs.executors"):
        running = called(place, calls.square, [3], told)
        until(lambda: "has no workers: waiting" in caplog.text)
        cluster.worker()
        running.join(60)
    assert told == [9]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tcp://127.0.0.1:9", "no scheduler answers at tcp://127.0.0.1:9 within 1 s"),
        ("carrier-pigeon://roof", "must be an address as tcp://.*, got 'carrier-pigeon://roof'"),
    ],
)
def test_where_no_cluster_is_that_is_said_at_once(address: str, message: str) -> None:
    with pytest.raises(PlaceError, match=message):
        complete(Cluster(address, timeout=1), calls.square, [1], lambda *_: pytest.fail("told"))
