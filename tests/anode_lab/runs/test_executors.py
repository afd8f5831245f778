"""Calls are made once each, wherever they are made and whoever is killed meanwhile."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from anode_lab.runs.executors import (
    InProcess,
    Place,
    PlaceError,
    Processes,
    WorkersLostError,
    complete,
)
from benchmarks.waiting import runs, until
from tests.helpers import calls

PLACES = [InProcess(), Processes(2)]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_every_call_is_made_once_and_told_here(place: Place) -> None:
    told: list[tuple[int, int]] = []
    complete(place, calls.square, range(20), lambda call, result: told.append((call, result)))
    assert sorted(told) == [(number, number * number) for number in range(20)]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_nothing_to_do_is_done(place: Place) -> None:
    complete(place, calls.square, [], lambda *_: pytest.fail("told"))


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_calls_are_asked_for_when_there_is_room(place: Place) -> None:
    """What holds a lock for each call holds no more than are at work."""
    asked, ended = 0, 0

    def ask() -> Iterator[int]:
        nonlocal asked
        for number in range(12):
            asked += 1
            yield number

    def end(call: int, result: int) -> None:
        nonlocal ended
        ended += 1
        most = getattr(place, "count", 1)
        assert asked <= ended + most

    complete(place, calls.square, ask(), end)
    assert ended == 12


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_call_that_fails_ends_it_and_keeps_what_was_told(place: Place) -> None:
    told: list[int] = []
    with pytest.raises(ArithmeticError, match="no 3"):
        complete(place, calls.refuse, itertools.count(), lambda call, _: told.append(call))
    # The third call is made once two have ended; others may end while it is under way.
    assert 3 not in told
    assert len(told) == len(set(told)) >= 2


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_an_error_here_ends_it_too(place: Place) -> None:
    def refuse(call: int, result: int) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        complete(place, calls.square, range(100), refuse)


def test_processes_are_others_and_as_many_as_said() -> None:
    told: set[int] = set()
    complete(Processes(2), calls.pid, range(8), lambda _, result: told.add(result))
    assert len(told) == 2
    assert os.getpid() not in told


def test_calls_of_killed_processes_are_made_again(tmp_path: Path) -> None:
    told: list[int] = []
    wanted = [(str(tmp_path), number) for number in range(10)]
    complete(Processes(2), calls.die_once, wanted, lambda _, result: told.append(result))
    assert sorted(told) == list(range(10))
    assert {path.name for path in tmp_path.iterdir()} == {"1", "5", "9"}, "each was killed once"


def test_processes_that_are_always_killed_are_given_up() -> None:
    place = Processes(2)
    with pytest.raises(WorkersLostError, match="2 processes were lost 4 times in a row") as caught:
        complete(place, calls.die, range(2), lambda *_: pytest.fail("told"))
    assert "2 or more are left" in str(caught.value)
    assert place.patience == 4


@pytest.mark.parametrize("count", [0, -1])
def test_the_number_of_processes_is_checked(count: int) -> None:
    with pytest.raises(PlaceError, match=f"processes must be 1 or more, got {count}"):
        Processes(count)


SLEEPER = """
import sys
from tests.helpers import calls
from tests.helpers import calls
from anode_lab.runs.executors import Processes, complete
if __name__ == "__main__":
    complete(Processes(2), calls.sleep, [(sys.argv[1], n) for n in range(4)], print)
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_the_one_that_leads(tmp_path: Path, ending: signal.Signals) -> None:
    script = tmp_path / "sleeper.py"
    script.write_text(SLEEPER, encoding="utf8")
    folder = tmp_path / "pids"
    folder.mkdir()
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(Path(__file__).parent), *PATH]))
    leader = subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        env=environment,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    until(lambda: len(list(folder.iterdir())) == 2)
    leader.send_signal(ending)
    assert leader.wait(30) != 0
    workers = [int(path.stem) for path in folder.iterdir()]
    until(lambda: not any(runs(worker) for worker in workers), 20)


PATH = [
    path for path in sys.path if path and Path(path, "anode_lab", "runs", "executors.py").exists()
][:1]
"""Where the package is that is tested."""


def test_what_a_place_gives_is_an_executor_of_the_standard_library() -> None:
    with Processes(1).executor() as executor:
        assert isinstance(executor, ProcessPoolExecutor)
        assert executor.submit(calls.square, 3).result() == 9
    with InProcess().executor() as executor:
        assert list(executor.map(calls.square, range(3))) == [0, 1, 4]
