"""Calls are made by the workers that there are, and are not lost with one of them."""

import os
import signal
import subprocess
import sys
from concurrent.futures import Executor
from pathlib import Path

import pytest

import anode_lab
from anode_lab.runs import executors
from anode_lab.runs.executors import Dask, ExecutorError, LostError, own_gpu
from benchmarks.waiting import runs, until
from tests.helpers import calls

HOME = Path(anode_lab.__file__).parents[1]


def test_processes_are_others_and_as_many_as_said() -> None:
    with Dask(2).open() as executor:
        assert isinstance(executor, Executor)
        pids = set(executor.map(calls.pid, range(8)))
        assert Dask(2).room(executor) == 4, "two calls for each"
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_a_call_that_fails_says_why() -> None:
    with Dask(1).open() as executor, pytest.raises(ArithmeticError, match="no 3"):
        list(executor.map(calls.refuse, range(5)))


def test_calls_of_killed_processes_are_made_again(tmp_path: Path) -> None:
    wanted = [(str(tmp_path), number) for number in range(6)]
    with Dask(2).open() as executor:
        assert list(executor.map(calls.die_once, wanted)) == list(range(6))
    assert {path.name for path in tmp_path.iterdir()} == {"1", "5"}, "each was killed once"


@pytest.mark.slow
def test_a_call_that_kills_every_process_is_given_up() -> None:
    with pytest.raises(LostError, match="KilledWorker"), Dask(1).open() as executor:
        executor.submit(calls.die, 0).result()


def test_processes_that_are_gone_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(executors.LOCAL, "distributed.scheduler.no-workers-timeout", "1 s")

    def call() -> None:
        with Dask(1).open() as executor:
            client = executor._client  # type: ignore[attr-defined]
            client.retire_workers()
            until(lambda: not client.nthreads())
            assert Dask(1).room(executor) == 2, "one may come"
            executor.submit(calls.pid, 0).result()

    with pytest.raises(LostError, match="NoWorkerError"):
        call()


def test_what_processes_are_at_ends_with_an_error_of_who_leads(tmp_path: Path) -> None:
    """At once: Dask would leave them some seconds more."""

    def call() -> None:
        with Dask(1).open() as executor:
            executor.submit(calls.sleep, (str(tmp_path), 0))
            until(lambda: list(tmp_path.iterdir()))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call()
    (worker,) = (int(path.stem) for path in tmp_path.iterdir())
    assert not runs(worker)


@pytest.mark.parametrize("count", [0, -1])
def test_the_number_of_processes_is_checked(count: int) -> None:
    with pytest.raises(ExecutorError, match=f"workers must be 1 or more, got {count}"):
        Dask(count)


def test_without_dask_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    message = r"need the package distributed: pip install 'anode\[cluster\]'"
    with pytest.raises(ExecutorError, match=message), Dask(2).open():
        pytest.fail("opened")


def test_a_process_takes_the_gpu_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_gpu("cuda") == "cuda", "who leads takes what it is told to"
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    for name, gpu in ((0, "cuda:0"), (1, "cuda:1"), (2, "cuda:0"), ("tcp://10.0.0.1:1", "cuda")):
        worker = type("Worker", (), {"name": name})
        monkeypatch.setattr("distributed.get_worker", lambda worker=worker: worker)
        assert own_gpu("cuda") == gpu
        assert own_gpu("cpu") == "cpu"


SLEEPER = """
import sys
from tests.helpers import calls
from anode_lab.runs import executors
from anode_lab.runs.executors import Dask
if __name__ == "__main__":
    with Dask(2).open() as executor:
        list(executor.map(calls.sleep, [(sys.argv[1], n) for n in range(4)]))
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_the_one_that_leads(tmp_path: Path, ending: signal.Signals) -> None:
    script = tmp_path / "sleeper.py"
    script.write_text(SLEEPER, encoding="utf8")
    folder = tmp_path / "pids"
    folder.mkdir()
    leader = subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        env=dict(os.environ, PYTHONPATH=str(HOME)),
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    until(lambda: len(list(folder.iterdir())) == 2, 180)
    leader.send_signal(ending)
    assert leader.wait(30) != 0
    workers = [int(path.stem) for path in folder.iterdir()]
    until(lambda: not any(runs(worker) for worker in workers), 20)
