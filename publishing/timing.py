"""Measures how long each chapter takes alone, as in Colab; the notebooks tell it at their top."""

import os
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from anode_lab.runs import STORE_VARIABLE
from anode_lab.runs.machine import cores, processor
from publishing.chapters import Page
from publishing.execute import execute
from publishing.parameters import Parameters
from publishing.project import Project, ProjectError
from publishing.run import Processes
from publishing.times import Time, Times, load


def measure(
    project: Project, pages: Iterable[Page], parameters: Parameters, report: Callable[[str], None]
) -> Times:
    """Execute each chapter with an empty store, one on each core, and keep how long it took.

    The times of other chapters stay, unless they are of another profile.

    Raises:
        ProjectError: If a chapter fails, or would find what others have trained.
    """
    if STORE_VARIABLE in os.environ:
        raise ProjectError(
            f"{STORE_VARIABLE} is set, so chapters would find what is trained already: unset it"
        )
    pages, chapters, processes = list(pages), {}, Processes()
    with ThreadPoolExecutor(cores()) as pool:
        alone = partial(_alone, project, parameters, processes, report)
        try:
            taken = list(pool.map(alone, pages))
        except BaseException:  # such as Ctrl-C, which only this thread hears of
            pool.shutdown(wait=False, cancel_futures=True)
            processes.stop()
            raise
    day = datetime.now(UTC).date().isoformat()
    for page, seconds in zip(pages, taken, strict=True):
        chapters[page.name] = Time(round(seconds, 1), day, processor())
    before = load(project)
    if before and before.profile == parameters.profile:
        chapters = {**before.chapters, **chapters}
    found = Times(parameters.profile, chapters)
    found.save(project)
    return found


def _alone(
    project: Project,
    parameters: Parameters,
    processes: Processes,
    report: Callable[[str], None],
    page: Page,
) -> float:
    with tempfile.TemporaryDirectory() as build:
        own = Project(project.root, build=Path(build))
        [outcome] = execute(own, [page], parameters, jobs=1, processes=processes, report=report)
    if outcome.failed:
        raise ProjectError(f"{page.path} was not timed: it failed")
    return outcome.record.seconds
