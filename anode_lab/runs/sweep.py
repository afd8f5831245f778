"""Many tasks: which are done, running or missing, and their performance wherever there is room.

One process leads. It holds the locks, hands out the tasks and writes the records, so a record has
one writer. Workers train; they leave checkpoints in the store's folder if they see it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from anode.training.checkpoint import epoch_of
from anode_lab.runs.executors import InProcess, Place, complete
from anode_lab.runs.perform import checkpoint_in, compute, identity_in, sound
from anode_lab.runs.provenance import numerics, versions
from anode_lab.runs.store import DamagedError, Files, Record, Store, pack, unpack
from anode_lab.runs.task import Task


class WorkerDiffersError(RuntimeError):
    """A worker has other code or libraries than the process that leads; the message says which."""


class Stage(Enum):
    """How far a task is."""

    DONE = "done"
    FAILED = "failed"
    RUNNING = "running"
    DAMAGED = "damaged"
    STOPPED = "stopped"
    MISSING = "missing"


@dataclass(frozen=True)
class Status:
    """How far a task is.

    Attributes:
        task: which.
        stage: FAILED is done too, with seeds that failed in training; DAMAGED has a record that
            is not what was written; STOPPED is not running, but has a checkpoint to go on from.
        epoch: that the last checkpoint has; None without one.
        failed: how many seeds failed in training.
    """

    task: Task
    stage: Stage
    epoch: int | None = None
    failed: int = 0

    @property
    def is_recorded(self) -> bool:
        """Whether there is nothing left to do."""
        return self.stage in (Stage.DONE, Stage.FAILED)


def status(task: Task, store: Store, device: str = "cpu") -> Status:
    """How far a task is, whichever process is at it.

    Raises:
        StoreError: if the store cannot be read.
    """
    identity = identity_in(store, task, device)
    try:
        record = store.read(identity)
    except DamagedError:
        return Status(task, Stage.DAMAGED)
    if record is not None:
        failed = len(record.history.failures)
        return Status(task, Stage.FAILED if failed else Stage.DONE, failed=failed)
    epoch = epoch_of(checkpoint_in(store, task, device).path)
    if store.is_held(identity):
        return Status(task, Stage.RUNNING, epoch)
    return Status(task, Stage.MISSING if epoch is None else Stage.STOPPED, epoch)


def missing(wanted: Iterable[Task], store: Store, device: str = "cpu") -> list[Task]:
    """The tasks of which there is no sound record."""
    return [task for task in wanted if not status(task, store, device).is_recorded]


def _ignore(task: Task, record: Record) -> None:
    """Of those who need not be told."""


def sweep(
    wanted: Iterable[Task],
    store: Store,
    *,
    place: Place | None = None,
    device: str = "cpu",
    progress: bool = False,
    checkpoint_seconds: float = 30.0,
    ended: Callable[[Task, Record], None] = _ignore,
) -> None:
    """Perform the tasks of which there is no record, and write each record as soon as there is one.

    Several processes may do so at once on one store: each takes what no other is at, and in the
    end waits for the others, or does what one of them was stopped at.

    Args:
        wanted: see :func:`~anode_lab.runs.task.tasks`.
        store: of the records.
        place: where to train; in this process if left out.
        device: where there: "cpu", "cuda" or "cuda:N".
        progress: show a bar for each training; in this process only.
        checkpoint_seconds: least time between two checkpoints of a training.
        ended: called after each task that was performed, with its record.

    Raises:
        StoreError: if the folder cannot be written in.
        DataError: if the data are not on the machine that trains.
        OutOfMemoryError: if a device's memory is too small.
        WorkersLostError: if the place loses its workers again and again.
        WorkerDiffersError: if a worker has other code or libraries.
    """
    known, wanted = store.prepare(), list(wanted)
    place = place or InProcess()
    for wait in (False, True):
        with _Leader(store, device, ended) as leader:
            orders = (
                _Order(
                    task,
                    device,
                    str(store.folder.resolve()),
                    store.lasting,
                    known,
                    checkpoint_seconds,
                    progress and isinstance(place, InProcess),
                )
                for task in leader.take(wanted, wait=wait)
            )
            complete(place, _perform, orders, leader.keep)


@dataclass(frozen=True)
class _Order:
    """What a worker is told."""

    task: Task
    device: str
    folder: str
    lasting: bool
    known: str
    checkpoint_seconds: float
    progress: bool


class _Leader:
    """Holds the records that are being made, and writes them."""

    def __init__(self, store: Store, device: str, ended: Callable[[Task, Record], None]) -> None:
        self.store = store
        self.device = device
        self.ended = ended
        self.locks: dict[str, ExitStack] = {}

    def __enter__(self) -> "_Leader":
        return self

    def __exit__(self, *_: object) -> None:
        for lock in self.locks.values():
            lock.close()

    def take(self, wanted: list[Task], *, wait: bool) -> Iterator[Task]:
        """Those that are not recorded, each held from now on; only with ``wait`` none is left out
        that another process holds."""
        for task in wanted:
            identity = identity_in(self.store, task, self.device)
            if status(task, self.store, self.device).is_recorded:
                continue
            with ExitStack() as lock:
                held = lock.enter_context(self.store.locked(identity, wait=wait))
                if not held or sound(self.store, identity) is not None:  # by another, meanwhile
                    continue
                self.locks[str(self.store.path(identity))] = lock.pop_all()
            yield task

    def keep(self, order: _Order, files: Files) -> None:
        """Write what a worker gave, and let the record go."""
        record, task = unpack(files), order.task
        _check(record, str(task))
        identity = identity_in(self.store, task, self.device)
        path = self.store.write(identity, files)
        checkpoint_in(self.store, task, self.device).path.unlink(missing_ok=True)
        self.locks.pop(str(path)).close()
        self.ended(task, record)


def _check(record: Record, what: str) -> None:
    made = record.provenance
    here = versions()
    names = sorted(here.keys() | made.versions.keys())
    differ = [
        f"{name} {made.versions.get(name)} instead of {here.get(name)}"
        for name in names
        if made.versions.get(name) != here.get(name)
    ]
    if made.numerics != numerics():
        differ.append(f"code {made.numerics} instead of {numerics()}")
    if differ:
        raise WorkerDiffersError(
            f"the worker that trained {what} has {', '.join(differ)}; its result is not kept. "
            "Workers need the same package and the versions of requirements.lock"
        )


def _perform(order: _Order) -> Files:
    """What a worker does."""
    task, device = order.task, order.device
    store = Store(Path(order.folder), lasting=order.lasting)
    checkpoint = None
    if _sees(store, order.known):
        checkpoint = checkpoint_in(store, task, device, order.checkpoint_seconds)
    record = compute(task, device, checkpoint=checkpoint, progress=order.progress)
    return pack(identity_in(store, task, device), record)


def _sees(store: Store, known: str) -> bool:
    """Whether the folder of that name is the store's, and not one of another machine."""
    try:
        return (store.folder / "store.json").exists() and store.prepare() == known
    except OSError:
        return False
