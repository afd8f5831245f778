"""What did not change is not executed again; what did change, in whatever it depends on, is."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from anode_lab.runs.provenance import SHOWN_PACKAGES
from publishing import execute, fingerprint
from publishing.parameters import Parameters
from publishing.run import Papermill
from publishing.times import Time, Times
from tests.publishing.fixture_book import SMOKE, Book, FakePapermill, error, stream


@pytest.fixture
def two(book: Book, papermill: FakePapermill) -> Book:
    """A book of two chapters, both executed."""
    book.chapter("a", "1")
    book.chapter("b", "2")
    book.execute()
    assert sorted(papermill.executed) == ["a", "b"]
    papermill.executed.clear()
    return book


def test_second_run_executes_nothing(two: Book, papermill: FakePapermill) -> None:
    outcomes = two.execute()
    assert not papermill.executed
    assert not any(outcome.fresh or outcome.failed for outcome in outcomes.values())
    assert not two.told


def test_changed_text_is_executed_alone(two: Book, papermill: FakePapermill) -> None:
    two.chapter("b", "3")
    outcomes = two.execute()
    assert papermill.executed == ["b"]
    assert (outcomes["a"].fresh, outcomes["b"].fresh) == (False, True)


def _lock(book: Book, _: pytest.MonkeyPatch) -> None:
    (book.project.root / "requirements.lock").write_text("torch==9\n")


def _installed(_: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "versions", lambda _: {"torch": "9"})


@pytest.mark.parametrize("change", [_lock, _installed])
def test_change_below_all_chapters_executes_all(
    two: Book,
    papermill: FakePapermill,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Book, pytest.MonkeyPatch], None],
) -> None:
    change(two, monkeypatch)
    two.execute()
    assert sorted(papermill.executed) == ["a", "b"]
    papermill.executed.clear()
    two.execute()
    assert not papermill.executed


def test_other_parameters_execute_all_and_another_profile_keeps_the_first(
    two: Book, papermill: FakePapermill
) -> None:
    two.execute(Parameters(profile="laptop"))
    assert sorted(papermill.executed) == ["a", "b"]
    papermill.executed.clear()
    two.execute()
    assert not papermill.executed
    two.execute(Parameters(profile="smoke", seed=1))
    assert sorted(papermill.executed) == ["a", "b"]


def test_fresh_executes_all(two: Book, papermill: FakePapermill) -> None:
    assert all(outcome.fresh for outcome in two.execute(fresh=True).values())
    assert sorted(papermill.executed) == ["a", "b"]


def _remove(path: Path) -> None:
    path.unlink()


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _alter(path: Path) -> None:
    path.write_text(path.read_text().replace('"cells"', '"cells" '))


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("json", _remove),
        ("json", _truncate),
        ("ipynb", _remove),
        ("ipynb", _truncate),
        ("ipynb", _alter),
    ],
)
def test_damaged_result_is_not_used(
    two: Book, papermill: FakePapermill, kind: str, damage: Callable[[Path], None]
) -> None:
    damage(two.project.executed("smoke") / f"a.{kind}")
    two.execute()
    assert papermill.executed == ["a"]


def test_failure_replaces_the_earlier_result_and_is_tried_again(
    two: Book, papermill: FakePapermill
) -> None:
    papermill.outputs = {("a", 2): [error()]}
    assert two.execute(fresh=True)["a"].failed
    assert not list(two.project.executed("smoke").glob("a.*"))
    assert sorted(path.name for path in two.project.failed("smoke").iterdir()) == [
        "a.ipynb",
        "a.json",
    ]
    papermill.executed.clear()
    papermill.outputs = {}
    assert not two.execute()["a"].failed
    assert papermill.executed == ["a"]
    assert not list(two.project.failed("smoke").iterdir())


def test_measured_times_give_the_first_order(book: Book, papermill: FakePapermill) -> None:
    seconds = {"a": 2.0, "b": 30.0, "c": 4.0}
    for name in seconds:
        book.chapter(name)
    measured = {name: Time(each, "2026-01-01", "a processor") for name, each in seconds.items()}
    Times("laptop", measured).save(book.project)
    book.execute(jobs=1)
    assert papermill.executed == ["b", "c", "a"]


def test_longest_chapter_goes_first_and_unknown_ones_before_it(
    book: Book, papermill: FakePapermill, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Papermill.run

    def slowly(self: Papermill, page: object, scratch: Path) -> object:
        time.sleep(0.3 if page.name == "b" else 0)  # type: ignore[attr-defined]
        return run(self, page, scratch)  # type: ignore[arg-type]

    monkeypatch.setattr(Papermill, "run", slowly)
    book.chapter("a")
    book.chapter("b")
    book.execute()
    book.chapter("c")
    papermill.executed.clear()
    book.execute(fresh=True, jobs=1)
    assert papermill.executed == ["c", "b", "a"]


def test_two_builds_at_once_execute_each_chapter_once(book: Book, papermill: FakePapermill) -> None:
    for name in "abc":
        book.chapter(name)
    builds = [
        threading.Thread(
            target=execute.execute,
            args=(book.project, book.pages(), SMOKE),
            kwargs={"report": lambda text: None},
        )
        for _ in range(4)
    ]
    for build in builds:
        build.start()
    for build in builds:
        build.join()
    assert sorted(papermill.executed) == ["a", "b", "c"]


def test_record_says_what_was_run(book: Book, papermill: FakePapermill) -> None:
    book.chapter("a", "print(1)")
    papermill.outputs = {("a", 2): [stream("1\n")]}
    record = book.execute(Parameters(profile="smoke", seed=5))["a"].record
    assert (record.chapter, record.profile, record.seed, record.device) == ("a", "smoke", 5, "cpu")
    assert record.status.value == "executed"
    assert record.versions["python"]
    assert set(SHOWN_PACKAGES) < set(record.versions)
    assert record.commit is None  # the book's folder is no repository
