"""Where calls are made: in this process, in others on this machine, or on a Dask cluster.

Every place gives an executor of :mod:`concurrent.futures`. :func:`complete` makes calls through it
until all are done, however many workers are lost on the way.
"""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

import torch

Call = TypeVar("Call")
Result = TypeVar("Result")
_Given = ParamSpec("_Given")
_LOG = logging.getLogger(__name__)

LOOK = 60.0
"""Seconds after which, if nothing has ended, it is seen whether there are workers at all."""


class WorkersLostError(RuntimeError):
    """Workers are lost again and again; the message says what was left to do."""


class PlaceError(ValueError):
    """There is no such place, or it cannot be reached; the message says what was tried."""


class Place(Protocol):
    """Where calls are made.

    Attributes:
        name: for messages.
        lost: errors which say that workers are gone, and not that a call failed.
        patience: how often in a row workers may be lost before any call has ended.
        pause: seconds between such tries.
    """

    @property
    def name(self) -> str: ...

    @property
    def lost(self) -> tuple[type[BaseException], ...]: ...

    @property
    def patience(self) -> int: ...

    @property
    def pause(self) -> float: ...

    def executor(self) -> "_Opened":
        """A context manager that gives the executor, and on an error stops what it is at."""
        ...

    def window(self, executor: Executor) -> int:
        """How many calls it takes at once."""
        ...


class _Opened(Protocol):
    def __enter__(self) -> Executor: ...
    def __exit__(self, *error: Any) -> bool | None: ...


class _Here(Executor):
    """Makes a call when it is submitted."""

    def submit(
        self, fn: Callable[_Given, Result], /, *args: _Given.args, **kwargs: _Given.kwargs
    ) -> Future[Result]:
        future: Future[Result] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@dataclass(frozen=True)
class InProcess:
    """One call after the other, in this process."""

    name = "this process"
    lost: tuple[type[BaseException], ...] = ()
    patience = 1
    pause = 0.0

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        """It makes a call when it is submitted."""
        yield _Here()

    def window(self, executor: Executor) -> int:
        """One."""
        return 1


@dataclass(frozen=True)
class Processes:
    """Processes on this machine. On CUDA each has a GPU of its own while there are enough.

    Attributes:
        count: how many.
    """

    count: int
    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)
    patience = 4
    pause = 0.0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise PlaceError(f"processes must be 1 or more, got {self.count}")

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.count} processes"

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        """Its processes end with this one, whatever ends it."""
        context = multiprocessing.get_context("spawn")  # CUDA and threads do not survive a fork
        before = set(multiprocessing.active_children())
        numbers = context.Queue()
        for number in range(self.count):
            numbers.put(number)
        threads = max(1, (os.cpu_count() or 1) // self.count)
        executor = ProcessPoolExecutor(self.count, context, _begin, (numbers, threads))
        try:
            yield executor
            executor.shutdown()
        except BaseException:
            for process in set(multiprocessing.active_children()) - before:
                process.kill()
            executor.shutdown(cancel_futures=True)
            raise

    def window(self, executor: Executor) -> int:
        """One a process."""
        return self.count


def _begin(numbers: Any, threads: int) -> None:
    """Of a process of the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that has the pool ends it
    torch.set_num_threads(threads)
    try:
        number = numbers.get(timeout=10)
    except Exception:  # one that replaces another: numbers are given once
        number = os.getpid()
    if torch.cuda.is_available():
        torch.cuda.set_device(number % torch.cuda.device_count())
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """A killed process cannot end its pool; its processes see that it is gone."""
    wait_for([sentinel])
    os._exit(1)


@dataclass(frozen=True)
class Cluster:
    """A Dask cluster.

    Attributes:
        address: of the scheduler, as ``tcp://10.0.0.1:8786``.
        resources: what each call takes of a worker's, as ``{"GPU": 1}``; workers name theirs when
            they start.
        timeout: seconds in which the scheduler must answer.
    """

    address: str
    resources: tuple[tuple[str, float], ...] = ()
    timeout: float = 30.0
    patience: int = 10
    pause: float = 1.0

    @property
    def name(self) -> str:
        """For messages."""
        return f"the cluster at {self.address}"

    @property
    def lost(self) -> tuple[type[BaseException], ...]:
        """A worker that was killed several times at one call, and whatever ends a connection."""
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        return (KilledWorker, CommClosedError, CancelledError, _UnreachableError)

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        """Connected, until it is left; what is still at work then is dropped."""
        client = self._connect()
        options = {"resources": dict(self.resources)} if self.resources else {}
        try:
            # Not pure: what a call gives depends on files, not on its arguments alone.
            yield client.get_executor(pure=False, **options)
        finally:
            client.close(timeout=5)

    def _connect(self) -> Any:
        try:
            from distributed import Client
        except ImportError as error:
            raise PlaceError(
                f"{self.name} needs the package distributed: pip install 'anode[cluster]'"
            ) from error
        try:
            return Client(self.address, timeout=self.timeout, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise _UnreachableError(
                f"no scheduler answers at {self.address} within {self.timeout:g} s: {error}"
            ) from error
        except ValueError as error:
            raise PlaceError(
                f"dask must be an address as tcp://10.0.0.1:8786, got {self.address!r}: {error}"
            ) from error

    def window(self, executor: Executor) -> int:
        """Two a worker's thread: while one is at work the next is on its way."""
        client: Any = executor._client  # type: ignore[attr-defined]
        threads = sum(client.nthreads().values())
        if not threads:
            _LOG.warning("%s has no workers: waiting until there is one", self.name)
        return max(2, 2 * threads)


class _UnreachableError(RuntimeError):
    """The scheduler does not answer, now."""


def complete(
    place: Place,
    function: Callable[[Call], Result],
    calls: Iterable[Call],
    ended: Callable[[Call, Result], None],
) -> None:
    """Make calls, in any order, until all have ended; those of lost workers are made again.

    Args:
        place: where.
        function: what is called; a name that other processes can import.
        calls: its arguments, each asked for when there is room for it.
        ended: called here with each call and what it gave.

    Raises:
        PlaceError: if the place cannot be reached at the beginning.
        WorkersLostError: if workers are lost ``place.patience`` times with no call ended between.
        Exception: the first that a call raises; what is under way is then stopped.
    """
    work = _Work(place, function, iter(calls), ended)
    tries = 0
    while True:
        before = work.count
        reason = work.round()
        if reason is None:
            return
        if not work.opened:
            raise PlaceError(str(reason)) from reason
        tries = 1 if work.count > before else tries + 1
        if tries >= place.patience:
            raise WorkersLostError(
                f"workers of {place.name} were lost {tries} times in a row with no call ended "
                f"between; {len(work.again)} or more are left. The last: "
                f"{type(reason).__name__}: {reason}"
            ) from reason
        time.sleep(place.pause * tries)


class _Work(Generic[Call, Result]):
    """What is still to do, and how much has been done."""

    def __init__(
        self,
        place: Place,
        function: Callable[[Call], Result],
        calls: Iterator[Call],
        ended: Callable[[Call, Result], None],
    ) -> None:
        self.place = place
        self.function = function
        self.calls = calls
        self.ended = ended
        self.again: deque[Call] = deque()
        self.count = 0
        self.opened = False

    def round(self) -> BaseException | None:
        """With one executor: until nothing is left, or workers are lost; then why."""
        pending: dict[Future[Result], Call] = {}
        reason: BaseException | None = None
        try:
            with self.place.executor() as executor:
                self.opened = True
                while self._fill(executor, pending) or pending:
                    done, _ = wait(pending, LOOK, return_when=FIRST_COMPLETED)
                    for future in done:
                        call = pending[future]
                        try:
                            result = future.result()
                        except self.place.lost as error:
                            reason = error
                            continue
                        del pending[future]
                        self.count += 1
                        self.ended(call, result)
                    if reason is not None:
                        raise reason
        except self.place.lost as error:
            reason = error
        self.again.extend(pending.values())
        return reason

    def _fill(self, executor: Executor, pending: dict[Future[Result], Call]) -> bool:
        """Submit what there is room for; whether anything was."""
        room = self.place.window(executor) - len(pending)
        for _ in range(room):
            if self.again:
                call = self.again.popleft()
            else:
                try:
                    call = next(self.calls)
                except StopIteration:
                    return False
            try:
                pending[executor.submit(self.function, call)] = call
            except self.place.lost:
                self.again.append(call)
                raise
        return room > 0
