"""Chapters are executed here, by papermill, and nowhere else."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nbformat

from anode_lab.environment import named_folder
from anode_lab.runs import STORE_VARIABLE
from anode_lab.runs.machine import cores
from anode_lab.runs.provenance import SHOWN_PACKAGES, versions
from publishing import records, times
from publishing.chapters import Page
from publishing.fingerprint import fingerprints
from publishing.inspection import count_figures
from publishing.locks import one_at_a_time
from publishing.parameters import NAMES, Parameters, device_name
from publishing.project import Project, ProjectError
from publishing.records import Record, Status
from publishing.run import Papermill, Processes
from publishing.times import Times

TIME_LIMITS = {"smoke": 900.0, "paper": 3 * 3600.0}
"""Seconds that a chapter may take, by profile; an hour in others. Far more than it should on a busy
machine, and less than what GitHub's six hours leave after two of recording."""

_THREADS = 1
"""Threads of a chapter, so that its numbers do not depend on what is executed beside it."""


@dataclass(frozen=True)
class Outcome:
    """What became of a chapter in this build.

    Attributes:
        record: Record of its last run.
        fresh: Whether that run was in this build.
    """

    record: Record
    fresh: bool

    @property
    def failed(self) -> bool:
        """Whether the chapter has no result that could be published."""
        return self.record.status is not Status.EXECUTED


def say(text: str) -> None:
    """Print in one piece and at once: chapters that run at the same time report here."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def execute(
    project: Project,
    pages: Iterable[Page],
    parameters: Parameters,
    *,
    jobs: int | None = None,
    fresh: bool = False,
    time_limit: float | None = None,
    processes: Processes | None = None,
    report: Callable[[str], None] = say,
) -> list[Outcome]:
    """Execute the chapters that changed since their last run, several at once.

    Finished notebooks and their records go to ``project.executed(profile)``. A chapter that fails
    goes to ``project.failed(profile)`` instead, as far as it came, and the others go on. One that
    runs when the build is interrupted goes there, too.

    Args:
        project: The book.
        pages: Pages of the book; those that are no chapters are left out.
        parameters: Parameters of the chapters.
        jobs: Number of chapters at once; by default one for each core.
        fresh: Whether to execute also what did not change, and to train again what it trained.
        time_limit: Seconds for a chapter; by default `TIME_LIMITS`.
        processes: Processes of the build, for a caller that stops them from another thread.
        report: Function that takes a line for each event, and the whole story of a failure.

    Raises:
        ProjectError: If a chapter cannot be read, its parameters cell does not hold the parameters
            that all have, or ``ANODE_STORE`` names a file.
        ParameterError: If this machine does not have the device.
    """
    parameters.check_device()
    chapters = [page for page in pages if page.is_chapter]
    for page in chapters:
        _check_parameters(page)
    jobs = jobs or cores()
    results = project.results(parameters.profile)
    papermill = Papermill(
        parameters,
        _THREADS,
        _store(results).resolve(),
        time_limit or TIME_LIMITS.get(parameters.profile, 3600.0),
        processes or Processes(),
    )
    prints = fingerprints(project, chapters, parameters)
    folder = project.executed(parameters.profile)

    def run(page: Page) -> Outcome:
        try:
            return _execute(project, page, papermill, prints[page.name], report)
        except Exception as error:  # a mistake of ours, of which the chapter is half the story
            error.add_note(f"{page.path} was being executed")
            raise

    with one_at_a_time(folder / ".lock"):
        if fresh and results.exists():
            shutil.rmtree(results)  # a reader's own, named by the variable, is left alone
        last = {page.name: records.load(folder, page.name) for page in chapters}
        outcomes = {
            name: Outcome(record, False)
            for name, record in last.items()
            if record and not fresh and record.fingerprint == prints[name]
            if record.describes(folder / f"{name}.ipynb")
        }
        todo = [page for page in chapters if page.name not in outcomes]
        # The longest goes first, so that it does not start when the others end. Where nothing was
        # executed yet, it also trains what the others share while they have work of their own,
        # instead of all of them waiting for the same trainings.
        measured = times.load(project)
        todo.sort(key=lambda page: _expected_seconds(page, last[page.name], measured), reverse=True)
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            try:
                done = list(pool.map(run, todo))
            except BaseException:  # such as Ctrl-C, which only this thread hears of
                pool.shutdown(wait=False, cancel_futures=True)
                papermill.processes.stop()
                raise
    outcomes |= {outcome.record.chapter: outcome for outcome in done}
    return [outcomes[page.name] for page in chapters]


def _store(usual: Path) -> Path:
    try:
        return named_folder(STORE_VARIABLE) or usual
    except ValueError as error:
        raise ProjectError(str(error)) from error


def _check_parameters(page: Page) -> None:
    if set(found := page.parameters()) != set(NAMES):
        raise ProjectError(
            f"{page.path}: its parameters cell sets {', '.join(found) or 'nothing'}; "
            f"it must set {', '.join(NAMES)}"
        )


def _expected_seconds(page: Page, last: Record | None, measured: Times | None) -> float:
    if last:
        return last.seconds
    return measured.seconds(page.name) if measured else float("inf")


def _execute(
    project: Project,
    page: Page,
    papermill: Papermill,
    fingerprint: str,
    report: Callable[[str], None],
) -> Outcome:
    """Run a chapter, keep what it made, and tell how it went."""
    report(f"executing {page.name} …")
    parameters = papermill.parameters
    commit, started, clock = project.commit(), datetime.now(UTC), time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"{page.name}-") as scratch:
        ending = papermill.run(page, Path(scratch))
    seconds = time.monotonic() - clock
    content = ending.notebook
    record = Record(
        chapter=page.name,
        status=ending.status,
        fingerprint=fingerprint,
        notebook=records.digest(content),
        started=started.isoformat(timespec="seconds"),
        seconds=round(seconds, 1),
        figures=count_figures(nbformat.reads(content.decode(), 4)) if content else 0,
        profile=parameters.profile,
        seed=parameters.seed,
        device=parameters.device,
        device_name=device_name(parameters.device),
        commit=commit.sha,
        dirty=commit.dirty,
        versions=versions(SHOWN_PACKAGES),
    )
    executed, failed = project.executed(parameters.profile), project.failed(parameters.profile)
    well = record.status is Status.EXECUTED
    folder, other = (executed, failed) if well else (failed, executed)
    records.write(folder / f"{page.name}.ipynb", content)
    record.save(folder)
    for kind in ("json", "ipynb"):  # of an earlier run, which is not the last one any more
        (other / f"{page.name}.{kind}").unlink(missing_ok=True)
    if well:
        report(f"executed {page.name} in {seconds:.0f} s")
    else:
        report(ending.story(page, papermill.time_limit, failed / f"{page.name}.ipynb"))
    return Outcome(record, True)
