"""Runs calls on Dask: in processes on this machine, or on the workers of a cluster."""

import asyncio
import logging
import re
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch

from anode_lab.runs.progress import LOG

LAST_PORT = 65535

_ADDRESS = re.compile(r"((tcp|tls|ws|wss|ucx)://)?[^\s/]+:(?P<port>\d{1,5})", re.ASCII)

_LOG = logging.getLogger("anode")

LOCAL: dict[str, object] = {
    "distributed.comm.timeouts.connect": "10 minutes",
    "distributed.comm.timeouts.tcp": "10 minutes",
    "distributed.scheduler.worker-ttl": None,
    "distributed.deploy.lost-worker-timeout": "1 hour",
    "distributed.scheduler.no-workers-timeout": "1 minute",
}
"""Dask's settings for processes on this machine.

A process that is killed is started again, but not one whose connection timed out, as happens on a
busy machine. So nothing times out, and if all of them are gone even so, their calls fail.
"""


class ExecutorError(RuntimeError):
    """Workers cannot be had or used, or are lost again and again; the message says why."""


class LostError(RuntimeError):
    """Workers or their scheduler are gone, or the scheduler does not answer."""


@dataclass(frozen=True)
class Dask:
    """Workers, each of which runs one call at a time.

    Attributes:
        workers: Number of processes to start on this machine, or the address of a scheduler.
        resources: Share of a worker's resources that a call takes, such as ``(("GPU", 1.0),)``;
            workers name theirs when they start.
        timeout: Seconds in which a scheduler must answer.
    """

    workers: int | str
    resources: tuple[tuple[str, float], ...] = ()
    timeout: float = 30.0

    def __post_init__(self) -> None:
        if isinstance(self.workers, int):
            if self.workers < 1:
                raise ExecutorError(f"workers must be 1 or more, got {self.workers}")
        elif not (found := _ADDRESS.fullmatch(self.workers)) or int(found["port"]) > LAST_PORT:
            raise ExecutorError(
                f"a scheduler's address is as tcp://10.0.0.1:8786, got {self.workers!r}"
            )

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """An executor. Processes on this machine end with it, or with this process.

        Raises:
            LostError: If workers or their scheduler are lost, or it does not answer in time.
            ExecutorError: If Dask is not installed.
        """
        try:
            from distributed import Client
            from distributed.comm.core import CommClosedError
            from distributed.scheduler import KilledWorker, NoWorkerError
        except ImportError as error:
            raise ExecutorError(
                "several workers need the package distributed: pip install 'anode[cluster]'"
            ) from error
        with ExitStack() as stack:
            where: Any = self.workers
            if isinstance(where, int):
                where = stack.enter_context(_processes(where))
            try:
                client = Client(where, timeout=self.timeout, set_as_default=False)
            except (OSError, TimeoutError) as error:
                message = f"no scheduler answers at {where} within {self.timeout:g} s: {error}"
                raise LostError(message) from error
            stack.callback(client.close, timeout=5)
            options = {"resources": dict(self.resources)} if self.resources else {}
            # Not pure: what a call gives depends on files as well as on its arguments.
            try:
                client.forward_logging(LOG.name)
                yield client.get_executor(pure=False, **options)
            except (KilledWorker, NoWorkerError, CommClosedError, CancelledError) as error:
                raise LostError(f"{type(error).__name__}: {error}") from error

    def room(self, executor: Executor) -> int:
        """Number of calls to have under way: two per worker, so that none waits."""
        client: Any = executor._client  # type: ignore[attr-defined]
        workers = sum(client.nthreads().values())
        if not workers:
            _LOG.warning("there are no workers at %s: waiting until there is one", self.workers)
        return max(2, 2 * workers)


@contextmanager
def _processes(count: int) -> Iterator[Any]:
    """A cluster of processes on this machine, which end at once, with what they are at."""
    import dask
    from distributed import LocalCluster

    with dask.config.set(LOCAL):
        cluster = LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            memory_limit=None,
            dashboard_address=":0",
            silence_logs=logging.ERROR,
        )
        try:
            yield cluster
        finally:
            with suppress(Exception):  # a process may be about to be started again
                cluster.sync(_kill, cluster)
            with suppress(Exception):
                cluster.close(timeout=10)


async def _kill(cluster: Any) -> None:
    """Kill the processes. Closing would leave them four seconds for what they are at."""
    await asyncio.gather(*(each.close(timeout=0.1) for each in cluster.workers.values()))


def own_gpu(device: str) -> str:
    """For "cuda" in one of several processes on this machine, the GPU of that process."""
    try:
        from distributed import get_worker

        number = int(get_worker().name)
    except (ImportError, ValueError):  # not such a process
        return device
    return f"cuda:{number % torch.cuda.device_count()}" if device == "cuda" else device
