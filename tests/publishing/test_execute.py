"""Papermill executes the chapters: what it makes, and what the reader of the terminal is told."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import NotebookNode

from benchmarks.waiting import runs, until
from publishing.execute import Outcome
from publishing.project import HOME
from publishing.records import Status, load
from publishing.site import build_site
from publishing.stage import StageError
from tests.publishing.fixture_book import SMOKE, Book, new_book

pytestmark = pytest.mark.slow

LIMIT = 12.0
CHAPTERS = {
    "good": (
        "print(profile, seed, device)",
        f"import os, sys\nprint(os.listdir())\nprint(sys.executable == {sys.executable!r})",
    ),
    "fails": ("print('before')", "unused = 1\n1 / 0", "print('after')"),
    "hangs": ("print('before')", "import time\ntime.sleep(600)"),
    "dies": ("print('before')", "import os\nos._exit(3)", "print('after')"),
    "empty": ("", "print('after an empty cell')"),
    "raw": ("import os\nos.write(1, b'\\xff\\xfe')\nprint('×')",),
    "warns": ("import warnings\nwarnings.warn('an old name')",),
}


class Ran(Book):
    """The chapters above, executed once for all tests below."""

    outcomes: dict[str, Outcome]

    def story(self, name: str) -> str:
        """What was told about a chapter."""
        return next(text for text in self.told if text.startswith(f"FAILED book/{name}.md"))


def _printed(notebook: NotebookNode) -> list[str]:
    return [o.text for cell in notebook.cells for o in cell.get("outputs", ()) if "text" in o]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    book = new_book(tmp_path_factory.mktemp("book"))
    for name, cells in CHAPTERS.items():
        book.chapter(name, *cells)
    ran = Ran(book.project)
    site = ran.project.html
    site.mkdir(parents=True)
    (site / "index.html").write_text("the site of yesterday")
    ran.outcomes = ran.execute(jobs=3, time_limit=LIMIT)
    return ran


def test_statuses(ran: Ran) -> None:
    assert {name: outcome.record.status for name, outcome in ran.outcomes.items()} == {
        "dies": Status.FAILED,
        "empty": Status.EXECUTED,
        "fails": Status.FAILED,
        "good": Status.EXECUTED,
        "hangs": Status.OVER_TIME,
        "raw": Status.EXECUTED,
        "warns": Status.FAILED,
    }
    assert all(outcome.record.seconds > 0 for outcome in ran.outcomes.values())


def test_parameters_reach_the_chapter(ran: Ran) -> None:
    assert "smoke 0 cpu\n" in _printed(ran.notebook("good"))


def test_kernel_is_this_python_in_an_empty_folder(ran: Ran) -> None:
    assert "[]\nTrue\n" in _printed(ran.notebook("good"))


def test_failure_is_told_with_chapter_cell_source_and_traceback(ran: Ran) -> None:
    story = ran.story("fails")
    line = ran["fails"].text.splitlines().index("unused = 1") + 1
    assert f"a cell raised an error, in code cell 3 (line {line})" in story
    assert "    | unused = 1\n    | 1 / 0" in story
    assert "ZeroDivisionError: division by zero" in story
    assert "\x1b" not in story
    assert story.endswith(f"as far as it came: {ran.project.failed('smoke') / 'fails.ipynb'}")


def test_a_warning_is_a_failure_and_told(ran: Ran) -> None:
    story = ran.story("warns")
    assert "a cell shows a warning or a progress bar, in code cell 2" in story
    assert "UserWarning: an old name" in story


def test_bytes_that_are_no_text_do_no_harm(ran: Ran) -> None:
    assert "×\n" in "".join(_printed(ran.notebook("raw")))


def test_partly_executed_notebook_is_kept_and_not_among_the_finished(ran: Ran) -> None:
    printed = _printed(ran.notebook("fails", failed=True))
    assert "before\n" in printed
    assert "after\n" not in printed
    finished = sorted(path.name for path in ran.project.executed("smoke").glob("[!.]*"))
    assert finished == [
        "empty.ipynb",
        "empty.json",
        "good.ipynb",
        "good.json",
        "raw.ipynb",
        "raw.json",
    ]


def test_chapter_over_its_time_says_so_and_where_it_was(ran: Ran) -> None:
    story = ran.story("hangs")
    assert "over its time limit of 12 s, in code cell 3" in story
    assert "time.sleep(600)" in story
    assert LIMIT <= ran.outcomes["hangs"].record.seconds < LIMIT + 20


def test_death_of_the_kernel_is_a_failure_at_the_right_cell(ran: Ran) -> None:
    """Papermill marks the cells that it never came to as completed; that must not be believed."""
    story = ran.story("dies")
    assert "papermill stopped" in story
    assert "Kernel died" in story
    assert "in code cell 3" in story
    assert "os._exit(3)" in story


def test_nothing_of_a_book_with_failures_reaches_the_site(ran: Ran) -> None:
    with pytest.raises(StageError, match=r"book/dies\.md ended as 'failed' when last executed"):
        build_site(ran.project, ran.pages(), SMOKE)
    assert (ran.project.html / "index.html").read_text() == "the site of yesterday"


def test_second_run_executes_only_what_failed(ran: Ran) -> None:
    """Last, because it changes what the others look at."""
    ran.chapter("fails", "1")
    ran.chapter("dies", "1")
    ran.chapter("hangs", "1")
    ran.chapter("warns", "1")
    outcomes = ran.execute(jobs=3)
    assert sorted(name for name, outcome in outcomes.items() if outcome.fresh) == [
        "dies",
        "fails",
        "hangs",
        "warns",
    ]
    assert not any(outcome.failed for outcome in outcomes.values())


@pytest.mark.parametrize(
    ("ending", "through"),
    [(signal.SIGTERM, ""), (signal.SIGKILL, ""), (signal.SIGINT, "make in a step of a workflow")],
)
def test_a_build_that_is_stopped_stops_its_chapters_and_keeps_how_far_they_came(
    book: Book, tmp_path: Path, ending: signal.Signals, through: str
) -> None:
    """Also where the tests run in the background: then a shell cannot hear of an interrupt."""
    started = tmp_path / "started"
    for name in ("a", "b"):
        code = f"import os, time\nopen({str(started)!r}, 'w').write(str(os.getpid()))"
        book.chapter(name, f"{code}\ntime.sleep(600)")
    (tmp_path / "build.py").write_text(f"""
import signal
from pathlib import Path
from publishing import cli, project
signal.signal(signal.SIGINT, signal.default_int_handler)
cli.Project = lambda: project.Project(Path({str(book.project.root)!r}))
raise SystemExit(cli.main(["execute", "--jobs", "1", "-p", "profile=smoke"]))
""")
    command = [sys.executable, str(tmp_path / "build.py")]
    if through:
        (tmp_path / "Makefile").write_text(f"all:\n\t@{' '.join(command)}\n")
        step = f"exec {HOME}/scripts/stoppable make -C {tmp_path} all"
        listening = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL)"
        command = [sys.executable, "-c", f"{listening}; os.execvp('bash', sys.argv[1:])"]
        command += ["bash", "-e", "-c", f"true\n{step}"]
    build = subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(HOME)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: started.exists() and started.read_text() != "", 60)
    build.send_signal(ending)
    out, err = build.communicate(timeout=30)
    assert out.startswith("executing a …") or through
    assert "executing b …" not in out
    until(lambda: not runs(int(started.read_text())), 30)
    left = {path.name for path in book.project.build.rglob("*") if path.is_file()}
    if ending == signal.SIGKILL:
        assert left == {".lock"}
        return
    assert build.returncode == (143 if through else 130)
    assert "interrupted" in err
    failed = book.project.failed("smoke")
    assert f"INTERRUPTED book/a.md: as far as it came: {failed / 'a.ipynb'}" in out
    assert left == {".lock", "a.ipynb", "a.json"}
    record = load(failed, "a")
    assert record is not None
    assert record.status is Status.INTERRUPTED
    assert "time.sleep(600)" in (failed / "a.ipynb").read_text(encoding="utf8")
