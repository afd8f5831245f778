"""Wrong commands of publishing: each is answered with what is valid, before anything is done."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from anode_lab.runs import STORE_VARIABLE
from publishing import cli
from publishing.project import HOME, Project
from tests.publishing.fixture_book import Book, FakePapermill

USAGE, FAILED = 2, 1

COURSES = {
    "binary": b"\xff\xfe\x81",
    "not_yaml": b"chapters: [",
    "deep": b"[" * 1100,
    "no_day": b"seed: 2026-13-45",
    "text": b"just words",
    "items": b"- one",
    "keys": b"chapter: diagnosis",
    "names": b"chapters: one",
    "numbers": b"chapters: [1]",
    "unknown": b"chapters: [nosuch]",
    "negative": b"seed: -1",
    "half": b"seed: 1.5",
    "yes": b"seed: yes",
    "huge": b"seed: 123456789012345678901234567890",
    "no_points": b"points: {one: {q: 0}}",
    "less_points": b"points: {one: {q: -2}}",
    "true_points": b"points: {one: {q: true}}",
    "nan_points": b"points: {one: {q: .nan}}",
    "inf_points": b"points: {one: {q: .inf}}",
    "long_points": b"points: {one: {q: 1" + b"0" * 400 + b"}}",
    "flat_points": b"points: {one: 3}",
    "list_points": b"points: [3]",
    "other_points": b"points: {one: {q: 3}}",
}

ROWS = [
    # Names
    ("", "the following arguments are required: command", USAGE),
    ("nosuch", "choose from 'build', 'execute'", USAGE),
    ("build extra", "unrecognized arguments: extra", USAGE),
    ("build --banana", "unrecognized arguments: --banana", USAGE),
    ("keep-records extra", "unrecognized arguments: extra", USAGE),
    ("notebooks extra", "unrecognized arguments: extra", USAGE),
    ("notebooks -p profile=smoke", "unrecognized arguments", USAGE),
    ("execute nosuch", "no chapter is called 'nosuch'; chapters: one", FAILED),
    ("execute one nosuch", "chapters: one", FAILED),
    ("execute index", "no chapter is called 'index'", FAILED),
    ("execute ''", "no chapter is called ''", FAILED),
    ("times nosuch", "chapters: one", FAILED),
    ("assignments nosuch", "'nosuch' has no assignment; chapters with one: none", FAILED),
    # Parameters
    ("build -p", "-p: expected one argument", USAGE),
    ("build -p profile=big", "valid profiles: smoke, laptop, paper", USAGE),
    ("build -p profile=", "valid profiles: smoke, laptop, paper", USAGE),
    ("build -p profile", "'profile' is no parameter: write NAME=VALUE", USAGE),
    ("build -p Profile=smoke", "valid parameters: profile, seed, device", USAGE),
    ("build -p =smoke", "valid parameters: profile, seed, device", USAGE),
    ("build -p ''", "write NAME=VALUE", USAGE),
    ("execute -p seeds=3", "valid parameters: profile, seed, device", USAGE),
    ("execute -p seed=-1", "an integer from 0 to 2147483647, not -1", USAGE),
    ("execute -p seed=1.5", "not '1.5'", USAGE),
    ("execute -p seed=x", "not 'x'", USAGE),
    ("execute -p seed=12345678901234567890", "not 12345678901234567890", USAGE),
    ("execute -p device=banana", "valid devices: cpu", USAGE),
    ("execute -p device=cuda:99", "valid devices: cpu", USAGE),
    ("execute -p profile=smoke -p profile=paper", "'profile' is given twice", USAGE),
    ("times -p profile=big", "valid profiles", USAGE),
    ("site -p profile=big", "valid profiles", USAGE),
    ("pdf -p profile=big", "valid profiles", USAGE),
    ("slides -p profile=big", "valid profiles", USAGE),
    ("links -p profile=big", "valid profiles", USAGE),
    ("status -p profile=big", "valid profiles", USAGE),
    # Numbers
    ("build --jobs 0", "must be a whole number from 1 to 10,000, got '0'", USAGE),
    ("build --jobs -1", "got '-1'", USAGE),
    ("build --jobs 1.5", "got '1.5'", USAGE),
    ("build --jobs many", "got 'many'", USAGE),
    ("execute --jobs 100000000", "got '100000000'", USAGE),
    ("build --time-limit 0", "must be a number from 1 to 2,592,000, got '0'", USAGE),
    ("build --time-limit -1", "got '-1'", USAGE),
    ("build --time-limit nan", "got 'nan'", USAGE),
    ("build --time-limit inf", "got 'inf'", USAGE),
    ("execute --time-limit soon", "got 'soon'", USAGE),
    ("record --hours -1", "must be a number from 0 to 720, got '-1'", USAGE),
    ("record nosuch", "nosuch cannot be recorded at profile laptop; valid experiments:", FAILED),
    ("record -p device=cuda:99", "valid devices: cpu", USAGE),
    # Before the chapters are executed
    ("site", "'make execute PROFILE=laptop SEED=0 DEVICE=cpu'", FAILED),
    ("site -p profile=smoke -p seed=3", "'make execute PROFILE=smoke SEED=3 DEVICE=cpu'", FAILED),
    ("pdf", "book/one.md was never executed at profile laptop; 'make execute", FAILED),
    ("slides", "'make execute PROFILE=laptop", FAILED),
    ("links", "'make execute PROFILE=laptop", FAILED),
    # Folders and files
    ("screenshots --site {absent}", "there is no folder {absent}", USAGE),
    ("screenshots --site {file}", "{file} is a file", USAGE),
    ("screenshots --site ''", "must name a folder, got ''", USAGE),
    ("screenshots --site {empty}", "no page of a site in {empty}: 'make book' builds", FAILED),
    ("screenshots", "'make book' builds the site", FAILED),
    ("screenshots --out {file}", "{file} is a file", USAGE),
    ("screenshots --out {file}/below", "{file} is a file", USAGE),
    ("assignments --out {file}", "{file} is a file", USAGE),
    ("assignments --out ''", "must name a folder, got ''", USAGE),
    ("assignments --course {absent}", "'{absent}' does not exist", USAGE),
    ("assignments --course {empty}", "'{empty}' is a folder", USAGE),
    ("assignments --course ''", "must be a file", USAGE),
    ("assignments --course {binary}", "{binary} cannot be read", FAILED),
    ("assignments --course {not_yaml}", "{not_yaml} is no YAML", FAILED),
    ("assignments --course {deep}", "{deep} is no YAML", FAILED),
    ("assignments --course {no_day}", "{no_day} is no YAML", FAILED),
    ("assignments --course {text}", "must hold names and values, got str", FAILED),
    ("assignments --course {items}", "must hold names and values, got list", FAILED),
    ("assignments --course {keys}", "the keys chapters, seed, points, got chapter", FAILED),
    ("assignments --course {names}", "chapters must be a list of names, got 'one'", FAILED),
    ("assignments --course {numbers}", "chapters must be a list of names, got [1]", FAILED),
    ("assignments --course {unknown}", "'nosuch' has no assignment", FAILED),
    ("assignments --course {negative}", "from 0 to 2147483647, got -1", FAILED),
    ("assignments --course {half}", "from 0 to 2147483647, got 1.5", FAILED),
    ("assignments --course {yes}", "got True", FAILED),
    ("assignments --course {huge}", "got 123456789012345678901234567890", FAILED),
    ("assignments --course {no_points}", "above 0 and at most 10000", FAILED),
    ("assignments --course {less_points}", "above 0 and at most 10000", FAILED),
    ("assignments --course {true_points}", "above 0 and at most 10000", FAILED),
    ("assignments --course {nan_points}", "above 0 and at most 10000", FAILED),
    ("assignments --course {inf_points}", "above 0 and at most 10000", FAILED),
    ("assignments --course {long_points}", "above 0 and at most 10000", FAILED),
    ("assignments --course {flat_points}", "above 0 and at most 10000", FAILED),
    ("assignments --course {list_points}", "above 0 and at most 10000", FAILED),
    ("assignments --course {other_points}", "'one' is not among the chapters", FAILED),
    ("ANODE_STORE={file} execute", "ANODE_STORE must name a folder, got '{file}'", FAILED),
    ("ANODE_STORE={file} build", "ANODE_STORE must name a folder, got '{file}'", FAILED),
    ("ANODE_STORE={empty} times", "ANODE_STORE is set", FAILED),
]

HEADER = (HOME / "book/paper/images.md").read_text(encoding="utf8").partition("\n---\n")[0]

BOOKS = [
    # A file of the book, what it holds instead, and what is said of it
    ("_toc.yml", b"\xff\xfe\x81", "_toc.yml cannot be read"),
    ("_toc.yml", b"root: [", "_toc.yml is no YAML"),
    ("_toc.yml", b"- book/index", "_toc.yml must hold names and values"),
    ("_toc.yml", None, "_toc.yml cannot be read: No such file"),
    ("_toc.yml", b"root: book/nosuch", "_toc.yml names book/nosuch.md, which does not exist"),
    ("book/one.md", None, "_toc.yml names book/one.md, which does not exist"),
    ("book/one.md", "# Schön\n".encode("latin1"), "one.md cannot be read: 'utf-8'"),
    ("book/one.md", f"{HEADER}\n---\n# One\n".encode(), "0 cells are tagged 'parameters'"),
    (
        "book/one.md",
        f"{HEADER}\n  bad: [\n---\n# One\n".encode(),
        "book/one.md is no notebook",
    ),
    (
        "book/one.md",
        f"{HEADER}\n---\n```{{code-cell}}\n:tags: [parameters]\nseed = \n```\n".encode(),
        "book/one.md: the parameters cell is no Python: invalid syntax",
    ),
    (
        "book/one.md",
        f"{HEADER}\n---\n```{{code-cell}}\n:tags: [parameters]\nsed = 0\n```\n".encode(),
        "book/one.md: its parameters cell sets sed; it must set profile, seed, device",
    ),
    ("_build", b"", "_build"),
    ("_build/executed", b"", "_build/executed"),
]


@pytest.fixture(autouse=True)
def small(book: Book, papermill: FakePapermill, monkeypatch: pytest.MonkeyPatch) -> Book:
    """The commands work on a book of one chapter, which nothing may execute."""
    book.chapter("one", "1")
    monkeypatch.setattr(cli, "Project", lambda: Project(book.project.root))
    monkeypatch.delenv(STORE_VARIABLE, raising=False)
    return book


def _said(line: str, monkeypatch: pytest.MonkeyPatch) -> int | str | None:
    words = shlex.split(line)
    while words and words[0].startswith("ANODE_"):
        monkeypatch.setenv(*words.pop(0).split("=", 1))
    try:
        return cli.main(words)
    except SystemExit as usage:
        return usage.code


@pytest.mark.parametrize(("line", "message", "status"), ROWS, ids=[row[0] for row in ROWS])
def test_a_wrong_command_is_answered_with_what_is_valid(
    line: str,
    message: str,
    status: int,
    papermill: FakePapermill,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {name: tmp_path / name for name in ("absent", "empty", "file", *COURSES)}
    places["empty"].mkdir()
    for name, content in {"file": b"text", **COURSES}.items():
        places[name].write_bytes(content)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    ended = _said(line.format_map(places), monkeypatch)
    output, error = capsys.readouterr()
    assert ended == status, error
    assert message.format_map(places) in error
    assert "Traceback" not in error
    assert error.startswith(("usage: ", "error: "))
    assert error.startswith("usage: ") or error.count("\n") == 1
    assert not output
    assert not papermill.executed
    made = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert {path.name for path in made} <= {".lock", ".site.lock"}, "no result"


@pytest.mark.parametrize(("name", "content", "message"), BOOKS)
def test_a_book_that_cannot_be_read_is_an_error_that_names_the_file(
    name: str,
    content: bytes | None,
    message: str,
    small: Book,
    papermill: FakePapermill,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = small.project.root / name
    if content is None:
        path.unlink()
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    assert _said("execute -p profile=smoke", monkeypatch) == FAILED
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not papermill.executed


def test_a_terminal_of_few_characters_gets_what_it_can_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a shell with LANG=C and PYTHONIOENCODING=ascii: a line has more than that."""
    with (tmp_path / "out").open("w", encoding="ascii") as out:
        monkeypatch.setattr("sys.stdout", out)
        assert cli.main(["execute", "-p", "profile=smoke"]) == 0
    assert "executing one ?\n" in (tmp_path / "out").read_text(encoding="ascii")


def dry_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What make would do, also where the tests are run by make."""
    environment = {name: v for name, v in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "--dry-run", *arguments],
        cwd=HOME,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("book CHAPTER=nosuch", "book does not read CHAPTER; it reads FRESH PROFILE SEED DEVICE"),
        ("book profile=smoke", "book does not read profile; it reads FRESH PROFILE SEED DEVICE"),
        ("notebooks CHAPTER=images", "notebooks does not read CHAPTER; it reads no variable"),
        ("records CHAPTER=images", "records does not read CHAPTER; it reads EXPERIMENT PROFILE"),
        ("slides Seed=3", "slides does not read Seed; it reads PROFILE SEED DEVICE"),
        ("book test PROFILE=smoke", "test does not read PROFILE"),
        ("test LIMIT=3 SEED=1", "test does not read"),
    ],
)
def test_make_refuses_a_variable_that_the_command_would_ignore(line: str, message: str) -> None:
    if not shutil.which("make"):
        pytest.skip("there is no make")
    result = dry_run(*line.split())
    assert result.returncode == USAGE
    assert message in " ".join(result.stderr.split())
    assert not result.stdout


def test_make_takes_the_variables_that_its_help_names() -> None:
    if not shutil.which("make"):
        pytest.skip("there is no make")
    line = "PROFILE=smoke SEED=3 DEVICE=cpu FRESH=1 PYTHON=python3 LOCK=requirements.lock"
    result = dry_run("--assume-old", ".venv/installed", "book", *line.split())
    assert "build -p profile=smoke -p seed=3 -p device=cpu --fresh" in result.stdout, result.stderr
