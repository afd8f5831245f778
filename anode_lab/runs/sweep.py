"""Makes the records that are missing, in this process or on Dask's workers.

One process leads: it holds the locks of what is under way and writes the records, so that a record
has one writer. Workers train, and leave checkpoints in the store's folder if they see it.
"""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass

from tqdm.auto import tqdm

from anode.training import Checkpoint
from anode_lab.runs.executors import Dask, ExecutorError, LostError, own_gpu
from anode_lab.runs.progress import LOG
from anode_lab.runs.provenance import differing, made_with
from anode_lab.runs.record import Record, make_record, save_record
from anode_lab.runs.status import checkpoint_of, key_of, missing
from anode_lab.runs.store import Store
from anode_lab.runs.task import Task

PATIENCE = 4  # times in a row that workers may be lost before a single training has ended

NEWS = 60.0  # seconds without any after which the workers are counted again

_LOG = logging.getLogger("anode")


@dataclass(frozen=True)
class Sweep:
    """How trainings are run, in any number of processes on one store.

    Attributes:
        store: Store of the records.
        device: Device to train on, "cpu", "cuda" or "cuda:N".
        executor: Workers that train; None for this process.
        checkpoint_seconds: Least time between two checkpoints of a training.
        progress: Whether to show a progress bar of the trainings.
    """

    store: Store
    device: str = "cpu"
    executor: Dask | None = None
    checkpoint_seconds: float = 30.0
    progress: bool = False

    def run(self, wanted: list[Task]) -> None:
        """Train until each task has a record; each is written as soon as its training ends."""
        patient, opened, tries = False, False, 0
        with tqdm(total=len(wanted), unit="training", disable=not self.progress) as bar:
            while left := missing(wanted, self.store, self.device):
                bar.update(len(wanted) - len(left) - bar.n)
                try:
                    opening = self.executor.open() if self.executor else nullcontext()
                    with ExitStack() as locks, opening as executor:  # locks outlive the workers
                        opened = True
                        for _ in self._ended(left, executor, locks, patient):
                            tries = 0
                            bar.update()
                    patient = True  # what is left now is with other processes
                except LostError as error:
                    if not opened:
                        raise ExecutorError(str(error)) from error
                    tries += 1
                    if tries == PATIENCE:
                        raise ExecutorError(
                            f"workers were lost {tries} times in a row before a training ended; "
                            f"{len(left)} are left. The last: {error}"
                        ) from error
                    time.sleep(tries)
            bar.update(len(wanted) - bar.n)

    def _ended(
        self, left: list[Task], executor: Executor | None, locks: ExitStack, patient: bool
    ) -> Iterator[Task]:
        """Run these tasks, and yield each as its record is written.

        A task that another process holds is passed over, or waited for if ``patient``.
        """
        waiting, pending = iter(left), dict[Future[Record], tuple[Task, ExitStack]]()
        while True:
            room = self.executor.room(executor) if self.executor and executor else 1
            while len(pending) < room and (task := next(waiting, None)):
                lock = locks.enter_context(ExitStack())
                if self._take(task, lock, patient and not pending):
                    pending[self._submit(task, executor)] = (task, lock)
            if not pending:
                return
            # From time to time without news, as the number of workers may have changed.
            for future in wait(pending, NEWS, FIRST_COMPLETED).done:
                task, lock = pending.pop(future)
                record = future.result()
                save_record(self.store, key_of(task, self.device), record)
                checkpoint_of(task, self.store, self.device).path.unlink(missing_ok=True)
                lock.close()
                _LOG.info(record.line(task))
                yield task

    def _take(self, task: Task, lock: ExitStack, patient: bool) -> bool:
        """Lock the task's record; False if another process holds it or has just made it."""
        key = key_of(task, self.device)
        if not lock.enter_context(self.store.locked(key, wait=patient)):
            return False
        if self.store.sound(key) is None:
            return True
        lock.close()
        return False

    def _submit(self, task: Task, executor: Executor | None) -> Future[Record]:
        checkpoint = checkpoint_of(task, self.store, self.device, self.checkpoint_seconds)
        if executor is not None:
            level = LOG.getEffectiveLevel()
            return executor.submit(_work, task, self.device, checkpoint, made_with(), level)
        future = Future[Record]()
        future.set_result(_work(task, self.device, checkpoint, made_with(), LOG.level))
        return future


def _work(
    task: Task, device: str, checkpoint: Checkpoint, leader: dict[str, str], level: int
) -> Record:
    """What a worker does; ``leader`` are the code and the versions of the process that leads."""
    LOG.setLevel(level)
    if differ := differing(leader, made_with()):
        raise ExecutorError(
            f"a worker cannot train {task}, because it is not like the process that leads: "
            f"{'; '.join(differ)}. It needs the same package and the versions of requirements.lock"
        )
    sees = checkpoint.path.parent.is_dir()  # and not the folders of another machine
    used = checkpoint if sees else None
    return make_record(task, own_gpu(device), checkpoint=used)
