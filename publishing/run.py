"""One run of one chapter by papermill, in a process of its own, and what became of it."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from publishing.chapters import Page
from publishing.inspection import CodeCell, first_incomplete, first_unfit, last_started
from publishing.kernel import KERNEL, kernel_environment
from publishing.parameters import Parameters
from publishing.records import Status

_GRACE = 15.0
"""Seconds that an interrupted papermill has to stop its kernel and to save."""

# A build in the background of a shell ignores interrupts, and so would its children. When a build
# ends in any way, even by a signal that nobody can catch, its end of the pipe is closed.
_START = f"""
import os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)
def follow(pipe):
    os.read(pipe, 1)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep({_GRACE})
    os._exit(1)
threading.Thread(target=follow, args=[int(sys.argv.pop())], daemon=True).start()
from papermill.cli import papermill
papermill()
"""


@dataclass(frozen=True)
class Ending:
    """How papermill's run of a chapter ended.

    Attributes:
        notebook: Content of the notebook as far as it came; empty if papermill did not start.
        over_time: Whether time ran out.
        exit_status: Exit status of papermill.
        log: Output of papermill.
        interrupted: Whether the build was stopped.
    """

    notebook: bytes
    over_time: bool
    exit_status: int
    log: str
    interrupted: bool = False

    @property
    def status(self) -> Status:
        """Whether the chapter was executed: papermill and every cell have to end well.

        A cell whose output no reader should see has failed, too: its warning may come from this
        machine, and then the next build has to try again.
        """
        if self.interrupted:
            return Status.INTERRUPTED
        if self.over_time:
            return Status.OVER_TIME
        if self.exit_status or not self.notebook:
            return Status.FAILED
        notebook = self._parsed()
        failed = first_incomplete(notebook) or first_unfit(notebook)
        return Status.FAILED if failed else Status.EXECUTED

    def story(self, page: Page, limit: float, kept: Path) -> str:
        """Tell the reader of the terminal why a run failed.

        Args:
            page: The chapter.
            limit: Seconds that the chapter had.
            kept: File that the notebook was written to.
        """
        if self.interrupted:
            return f"INTERRUPTED {page.path}: as far as it came: {kept}"
        if not self.notebook:
            return (
                f"FAILED {page.path}: papermill did not start\n{textwrap.indent(self.log, '    ')}"
            )
        cell = self._culprit()
        if self.over_time:
            what = f"over its time limit of {limit:g} s"
        elif cell and cell.error:
            what = "a cell raised an error"
        elif cell and cell.unfit:
            what = f"a cell {cell.unfit}"
        else:
            what = f"papermill stopped ({self.log.strip().rpartition(chr(10))[2]})"
        lines = [f"FAILED {page.path}: {what}"]
        if cell:
            line = page.text.partition(cell.cell.source)[0].count("\n") + 1
            lines[0] += f", in code cell {cell.number} (line {line})"
            lines.append(textwrap.indent(cell.cell.source, "    | "))
            lines.append(textwrap.indent(cell.error or cell.stderr.strip(), "    "))
        lines.append(f"  as far as it came: {kept}")
        return "\n".join(filter(None, lines))

    def _culprit(self) -> CodeCell | None:
        notebook = self._parsed()
        cell = first_incomplete(notebook)
        if cell is None and not self.exit_status:
            return first_unfit(notebook)
        return cell if cell and cell.error else last_started(notebook)

    def _parsed(self) -> nbformat.NotebookNode:
        return nbformat.reads(self.notebook.decode(), 4)


@dataclass(frozen=True)
class Processes:
    """The processes of a build, which can all be stopped from another thread.

    Attributes:
        running: Those that run now.
        stopped: Set when no other may start.
    """

    running: set[subprocess.Popen[str]] = field(default_factory=set)
    stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Stop all chapters that run, and keep others from starting."""
        self.stopped.set()
        for process in tuple(self.running):
            process.send_signal(signal.SIGINT)


@dataclass(frozen=True)
class Papermill:
    """Runs papermill.

    Attributes:
        parameters: Parameters that are injected into each chapter.
        threads: Number of threads that a kernel may compute with.
        results: Folder in which the chapters share what they train.
        time_limit: Seconds for a chapter.
        processes: The build's processes.
    """

    parameters: Parameters
    threads: int
    results: Path
    time_limit: float
    processes: Processes

    def run(self, page: Page, scratch: Path) -> Ending:
        """Execute a chapter in an empty folder below ``scratch``."""
        source, output = scratch / "source.ipynb", scratch / "output.ipynb"
        (empty := scratch / "work").mkdir()
        nbformat.write(page.notebook(), source)
        command = [sys.executable, "-c", _START, str(source), str(output)]
        command += ["--kernel", KERNEL, "--cwd", str(empty), "--no-progress-bar"]
        for name, value in self.parameters.as_dict().items():
            command += ["-r" if isinstance(value, str) else "-p", name, str(value)]
        read, write = os.pipe()
        process = subprocess.Popen(
            [*command, str(read)],
            pass_fds=[read],
            env=kernel_environment(scratch / "jupyter", self.threads, self.results),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf8",
            errors="replace",
            start_new_session=True,
        )
        os.close(read)
        self.processes.running.add(process)
        try:
            over_time, log = self._wait(process)
        finally:
            self.processes.running.discard(process)
            os.close(write)
        stopped = self.processes.stopped.is_set()
        return Ending(_readable(output), over_time, process.returncode, log, stopped)

    def _wait(self, process: subprocess.Popen[str]) -> tuple[bool, str]:
        """Wait for papermill; whether time ran out, and what was printed."""
        if self.processes.stopped.is_set():
            process.send_signal(signal.SIGINT)
        try:
            return False, process.communicate(timeout=self.time_limit)[0]
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # it stops its kernel and saves
        try:
            return True, process.communicate(timeout=_GRACE)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return True, process.communicate()[0]


def _readable(path: Path) -> bytes:
    """Content of a notebook's file; empty if the file is missing or was cut off while written."""
    if not path.is_file():
        return b""
    content = path.read_bytes()
    try:
        nbformat.reads(content.decode(), 4)
    except ValueError:
        return b""
    return content
