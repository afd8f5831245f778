"""Chapters are executed here, by papermill, and nowhere else."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nbformat

from publishing import records
from publishing.chapters import Page
from publishing.fingerprint import fingerprints, versions
from publishing.inspection import count_figures, first_incomplete
from publishing.kernel import KERNEL, kernel_environment
from publishing.parameters import NAMES, Parameters, cores, device_name
from publishing.project import Project, ProjectError
from publishing.records import Record, Status

TIME_LIMITS = {"smoke": 180.0, "laptop": 1200.0, "paper": 12 * 3600.0}
"""Seconds that a chapter may take, by profile: far more than it should."""

_GRACE = 15.0
"""Seconds that an interrupted papermill has to stop its kernel and to save."""


@dataclass(frozen=True)
class Outcome:
    """What became of a chapter in this build.

    Attributes:
        record: of its last run.
        fresh: whether that run was in this build.
        message: for the terminal, if it failed.
    """

    record: Record
    fresh: bool
    message: str = ""

    @property
    def failed(self) -> bool:
        """Whether the chapter has no result that could be published."""
        return self.record.status is not Status.EXECUTED


def execute(
    project: Project,
    pages: Iterable[Page],
    parameters: Parameters,
    *,
    jobs: int | None = None,
    fresh: bool = False,
    time_limit: float | None = None,
    report: Callable[[str], None] = print,
) -> list[Outcome]:
    """Execute the chapters that changed since their last run, several at once.

    Finished notebooks and their records go to ``project.executed(profile)``. One that fails goes to
    ``project.failed(profile)``, as far as it came; the others go on.

    Args:
        jobs: chapters at once; one a core unless told.
        fresh: execute also what did not change.
        time_limit: seconds for a chapter; `TIME_LIMITS` unless told.
        report: takes a line for each event, and the whole story of a failure.

    Raises:
        ProjectError: if a chapter's parameters cell does not hold the parameters that all have.
    """
    chapters = [page for page in pages if page.is_chapter]
    for page in chapters:
        _check_parameters(page)
    jobs = jobs or cores()
    run = _Run(
        project,
        parameters,
        fingerprints(project, chapters, parameters),
        time_limit or TIME_LIMITS[parameters.profile],
        max(1, cores() // min(jobs, max(1, len(chapters)))),
        report,
    )
    known = {page.name: run.known(page) for page in chapters}
    todo = [p for p in chapters if fresh or not run.is_current(p, known[p.name])]
    # The longest goes first, so that it does not start when the others end.
    todo.sort(key=lambda p: -(known[p.name].seconds if known[p.name] else float("inf")))  # type: ignore[union-attr]
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        done = dict(zip([p.name for p in todo], pool.map(run.execute, todo), strict=True))
    return [
        done[page.name] if page.name in done else Outcome(known[page.name], False)  # type: ignore[arg-type]
        for page in chapters
    ]


def _check_parameters(page: Page) -> None:
    if set(found := page.parameters()) != set(NAMES):
        raise ProjectError(
            f"{page.path}: its parameters cell sets {', '.join(found) or 'nothing'}; "
            f"it must set {', '.join(NAMES)}"
        )


@dataclass(frozen=True)
class _Run:
    project: Project
    parameters: Parameters
    fingerprints: dict[str, str]
    time_limit: float
    threads: int
    report: Callable[[str], None]

    def known(self, page: Page) -> Record | None:
        return records.load(self.project.executed(self.parameters.profile), page.name)

    def is_current(self, page: Page, record: Record | None) -> bool:
        notebook = self.project.executed(self.parameters.profile) / f"{page.name}.ipynb"
        return (
            record is not None
            and record.fingerprint == self.fingerprints[page.name]
            and notebook.is_file()
        )

    def execute(self, page: Page) -> Outcome:
        self.report(f"executing {page.name} …")
        commit, started, clock = self.project.commit(), datetime.now(UTC), time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"{page.name}-") as name:
            output, over_time, log = self._papermill(page, Path(name))
            seconds = time.monotonic() - clock
            status, message = self._judge(page, output, over_time, log)
            content = output.read_bytes() if output.is_file() else b""
        record = Record(
            chapter=page.name,
            status=status,
            fingerprint=self.fingerprints[page.name],
            started=started.isoformat(timespec="seconds"),
            seconds=round(seconds, 1),
            figures=count_figures(nbformat.reads(content, 4)) if content else 0,
            **self.parameters.as_dict(),  # type: ignore[arg-type]
            device_name=device_name(self.parameters.device),
            commit=commit.sha,
            dirty=commit.dirty,
            versions=versions(),
        )
        self._keep(record, content)
        self.report(message or f"executed {page.name} in {seconds:.0f} s")
        return Outcome(record, True, message)

    def _papermill(self, page: Page, scratch: Path) -> tuple[Path, bool, str]:
        """Run papermill; returns its notebook, whether time ran out, and its log."""
        source, output = scratch / "source.ipynb", scratch / "output.ipynb"
        (empty := scratch / "work").mkdir()
        nbformat.write(page.notebook(), source)
        command = [sys.executable, "-m", "papermill", str(source), str(output)]
        command += ["--kernel", KERNEL, "--cwd", str(empty), "--no-progress-bar"]
        command += ["--execution-timeout", str(max(1, round(self.time_limit)))]
        for name, value in self.parameters.as_dict().items():
            command += ["-r" if isinstance(value, str) else "-p", name, str(value)]
        process = subprocess.Popen(
            command,
            env=kernel_environment(scratch / "jupyter", self.threads),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            log, _ = process.communicate(timeout=self.time_limit)
        except subprocess.TimeoutExpired:
            return output, True, _stop(process)
        except BaseException:
            _stop(process)
            raise
        return output, False, log

    def _judge(
        self, page: Page, output: Path, over_time: bool, log: str
    ) -> tuple[Status, str]:
        """The run's status, and the story of its failure."""
        where = self.project.failed(self.parameters.profile) / f"{page.name}.ipynb"
        if not output.is_file():
            return Status.FAILED, f"FAILED {page.path}: papermill did not start\n{log}"
        notebook = nbformat.read(output, 4)
        cell = first_incomplete(notebook)
        over_time = over_time or bool(cell and cell.error and "CellTimeoutError" in log)
        if cell is None and not over_time:
            return Status.EXECUTED, ""
        if cell is None:
            return Status.OVER_TIME, f"FAILED {page.path}: over its limit of {self.time_limit:g} s"
        what = (
            f"over its time limit of {self.time_limit:g} s"
            if over_time
            else "a cell raised an error"
        )
        line = page.text.partition(cell.cell.source)[0].count("\n") + 1
        story = [
            f"FAILED {page.path}: {what}, in code cell {cell.number} (line {line})",
            textwrap.indent(cell.cell.source, "    | "),
            textwrap.indent(cell.error or ("" if over_time else log), "    "),
            f"  as far as it came: {where}",
        ]
        return Status.OVER_TIME if over_time else Status.FAILED, "\n".join(filter(None, story))

    def _keep(self, record: Record, content: bytes) -> None:
        profile = self.parameters.profile
        failed = self.project.failed(profile)
        if record.status is Status.EXECUTED:
            for kind in ("ipynb", "json"):
                (failed / f"{record.chapter}.{kind}").unlink(missing_ok=True)
            folder = self.project.executed(profile)
        else:
            folder = failed
        records.write(folder / f"{record.chapter}.ipynb", content)
        record.save(folder)


def _stop(process: subprocess.Popen[str]) -> str:
    """Interrupt papermill, so that it stops its kernel; kill it if it does not listen."""
    process.send_signal(signal.SIGINT)
    try:
        log, _ = process.communicate(timeout=_GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        log, _ = process.communicate()
    return log
