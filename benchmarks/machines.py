"""A Dask scheduler and workers as processes of their own, over TCP, as on several machines."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.waiting import until

HOME = Path(__file__).resolve().parent.parent


class Machines:
    """One scheduler, and as many workers as are started.

    Args:
        folder: where workers keep what they need.
        path: folders of modules that workers import, beside the package.
    """

    def __init__(self, folder: Path, path: tuple[Path, ...] = ()) -> None:
        self.folder = folder
        self.path = os.pathsep.join(map(str, (*path, HOME)))
        self.processes: list[subprocess.Popen[str]] = []
        self.said: dict[int, list[str]] = {}
        self.listeners: list[threading.Thread] = []
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        self.address = self._find(self.scheduler, r"Scheduler at:\s+(tcp://127\.0\.0\.1:\d+)")

    @property
    def port(self) -> str:
        """The scheduler's."""
        return self.address.rpartition(":")[2]

    def worker(self, *options: str) -> subprocess.Popen[str]:
        """Start one, and wait until the scheduler knows it."""
        worker = self._start(
            "worker",
            self.address,
            "--nthreads=1",
            "--no-dashboard",
            "--death-timeout=120",
            f"--local-directory={self.folder}",
            *options,
        )
        self._find(worker, r"(Registered to)")
        return worker

    def restart(self, ending: signal.Signals = signal.SIGKILL) -> None:
        """End the scheduler, and start another at the same address."""
        self.scheduler.send_signal(ending)
        self.scheduler.wait()
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", self.port)
        self._find(self.scheduler, r"(Scheduler at)")

    def kill(self, worker: subprocess.Popen[str]) -> None:
        """At once, with the processes that it has started."""
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def close(self) -> None:
        """Kill what is left."""
        for process in self.processes:
            if process.poll() is None:
                self.kill(process)
        for listener in self.listeners:
            listener.join(10)

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        extra = ["--no-dashboard"] if arguments[0] == "scheduler" else []
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments, *extra],
            env=dict(os.environ, PYTHONPATH=self.path),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        said = self.said[process.pid] = []
        listener = threading.Thread(target=_listen, args=(process, said), daemon=True)
        listener.start()
        self.listeners.append(listener)
        return process

    def _find(self, process: subprocess.Popen[str], pattern: str) -> str:
        def look() -> bool:
            if process.poll() is not None:
                raise RuntimeError("".join(self.said[process.pid]))
            return re.search(pattern, "".join(self.said[process.pid])) is not None

        until(look, 90)
        found = re.search(pattern, "".join(self.said[process.pid]))
        assert found is not None
        return found[1]


def _listen(process: subprocess.Popen[str], said: list[str]) -> None:
    assert process.stderr is not None
    with process.stderr:
        said.extend(process.stderr)


@contextmanager
def machines(folder: Path, path: tuple[Path, ...] = ()) -> Iterator[Machines]:
    """A scheduler; what is started is ended."""
    running = Machines(folder, path)
    try:
        yield running
    finally:
        running.close()
