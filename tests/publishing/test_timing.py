"""How long chapters take is measured alone, kept, and told where a notebook begins."""

import json

import pytest

from anode_lab.runs import STORE_VARIABLE
from publishing.chapters import read_pages, select
from publishing.project import HOME, Project, ProjectError
from publishing.times import FILE, Time, Times, load
from publishing.timing import measure
from tests.publishing.fixture_book import SMOKE, Book, FakePapermill


@pytest.fixture(autouse=True)
def nothing_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """No store that the chapters would find."""
    monkeypatch.delenv(STORE_VARIABLE, raising=False)


@pytest.fixture
def two(book: Book) -> Book:
    """A book of the chapters a and b."""
    for name in "ab":
        book.chapter(name)
    return book


def test_every_chapter_is_timed_with_a_store_of_its_own(
    two: Book, papermill: FakePapermill
) -> None:
    two.execute()
    papermill.executed.clear()
    found = measure(two.project, two.pages()[1:], SMOKE, two.told.append)
    assert sorted(papermill.executed) == ["a", "b"], "also what the book has executed already"
    assert found == load(two.project)
    assert found.chapters.keys() == {"a", "b"}
    assert all(time.seconds >= 0 and time.processor for time in found.chapters.values())
    kept = json.loads((two.project.root / FILE).read_text(encoding="utf8"))
    assert kept["profile"] == "smoke"


def test_one_that_is_timed_again_leaves_the_others(two: Book, papermill: FakePapermill) -> None:
    first = measure(two.project, two.pages()[1:], SMOKE, two.told.append)
    papermill.executed.clear()
    again = measure(two.project, [two["b"]], SMOKE, two.told.append)
    assert papermill.executed == ["b"]
    assert again.chapters["a"] == first.chapters["a"]


def test_what_others_have_trained_would_falsify_it(
    book: Book, papermill: FakePapermill, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.chapter("a")
    monkeypatch.setenv(STORE_VARIABLE, "somewhere")
    with pytest.raises(ProjectError, match="ANODE_STORE is set"):
        measure(book.project, [book["a"]], SMOKE, book.told.append)
    assert papermill.executed == []


@pytest.mark.parametrize(("seconds", "said"), [(5.0, "a minute"), (80, "a minute"), (200, "3 min")])
def test_it_is_told_in_minutes(seconds: float, said: str) -> None:
    words = Times("laptop", {"a": Time(seconds, "2026-01-02", "a processor")}).words("a")
    assert said in words
    assert "(a processor, 2026-01-02)" in words
    assert '"laptop"' in words
    assert Times("laptop", {}).words("a") == ""


def test_each_chapter_of_the_book_takes_less_than_ten_minutes() -> None:
    """As measured; a chapter that is new has to be measured too: make times CHAPTER=name."""
    found = load(Project(HOME))
    assert found is not None
    assert found.profile == "laptop"
    names = {page.name for page in select(read_pages(Project(HOME)), [])}
    assert names == found.chapters.keys()
    assert {name: time for name, time in found.chapters.items() if time.seconds > 600} == {}
