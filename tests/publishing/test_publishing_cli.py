"""The commands behind the Makefile: what they print, and how they exit."""

from pathlib import Path

import pytest

from publishing import cli
from publishing.browser import BrowserError, chromium
from tests.publishing.fixture_book import Book, FakePapermill, error

SMOKE = ["-p", "profile=smoke"]


@pytest.fixture
def built(book: Book, papermill: FakePapermill, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The commands work on `book`, of one chapter; lists what was made after its execution."""
    made: list[Path] = []

    def site(*_: object) -> Path:
        made.append(book.project.html)
        return book.project.html

    monkeypatch.setattr(cli, "Project", lambda: book.project)
    monkeypatch.setattr(cli, "export_all", lambda project: made.append(project.root))
    monkeypatch.setattr(cli, "build_site", site)
    book.chapter("one", "1")
    return made


def test_build_ends_with_a_table_and_the_path_to_open(
    book: Book, built: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["build", *SMOKE]) == 0
    *_, header, row, empty, last = capsys.readouterr().out.splitlines()
    assert header.split() == ["chapter", "seconds", "figures", "status"]
    assert row.split()[0] == "one"
    assert row.split()[-1] == "executed"
    assert not empty
    assert last == f"Open {book.project.html / 'index.html'}"
    assert built == [book.project.root, book.project.html]
    assert cli.main(["build", *SMOKE]) == 0
    assert "unchanged" in capsys.readouterr().out


def test_failed_build_makes_nothing_and_says_so(
    papermill: FakePapermill, built: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    papermill.outputs = {("one", 2): [error()]}
    assert cli.main(["build", *SMOKE]) == 1
    printed = capsys.readouterr().out
    assert "FAILED book/one.md: a cell raised an error, in code cell 2" in printed
    assert printed.splitlines()[-1] == "The site was not built."
    assert not built


def test_execute_takes_names_and_status_shows_the_last_runs(
    book: Book,
    papermill: FakePapermill,
    built: list[Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    book.chapter("two")
    assert cli.main(["execute", *SMOKE, "two"]) == 0
    assert papermill.executed == ["two"]
    assert cli.main(["execute", *SMOKE, "three"]) == 1
    assert "no chapter is called 'three'; chapters: one, two" in capsys.readouterr().err
    assert cli.main(["status", *SMOKE]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["chapter", "two"]
    assert not built


def test_missing_chromium_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrowserError, match="sudo apt-get install chromium"), chromium():
        pass


@pytest.mark.parametrize("broken", [[], ["book/one.md: https://example.org: 404"]])
def test_broken_links_are_listed_and_fail(
    broken: list[str],
    book: Book,
    built: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    book.project.build.mkdir(exist_ok=True)
    monkeypatch.setattr(cli, "broken_links", lambda *_: broken)
    assert cli.main(["links", *SMOKE]) == len(broken)
    listed = (book.project.build / "links.txt").read_text(encoding="utf8")
    assert listed == "".join(f"- {line}\n" for line in broken)
    assert str(book.project.build / "links.txt") in capsys.readouterr().out or not broken
