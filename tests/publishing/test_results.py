"""Chapters share what they train: each model is trained by the first that wants it."""

from pathlib import Path

import pytest

from anode_lab.runs import STORE_VARIABLE
from publishing.chapters import Page
from publishing.inspection import code_cells
from publishing.run import Papermill
from tests.publishing.fixture_book import Book, FakePapermill


@pytest.fixture(autouse=True)
def no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one of whoever runs the tests would go before the book's."""
    monkeypatch.delenv(STORE_VARIABLE, raising=False)


def _record(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (record := folder / "record.json").touch()
    return record


def test_fresh_forgets_what_was_trained_for_this_profile(
    book: Book, papermill: FakePapermill
) -> None:
    book.chapter("a", "1")
    mine, other = (_record(book.project.results(profile)) for profile in ("smoke", "laptop"))
    book.execute()
    assert mine.exists()
    book.execute(fresh=True)
    assert not mine.exists()
    assert other.exists()
    assert papermill.executed == ["a", "a"]
    book.execute(fresh=True)  # also when there is nothing to forget


def test_a_folder_of_the_readers_own_goes_first_and_is_never_cleared(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, theirs = [], _record(tmp_path / "theirs")

    def run(self: Papermill, page: Page, scratch: Path) -> object:
        seen.append(self.results)
        return FakePapermill().run(page, scratch)

    monkeypatch.setattr(Papermill, "run", run)
    book.chapter("a", "1")
    book.execute()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(STORE_VARIABLE, "theirs")
    book.execute(fresh=True)
    assert seen == [book.project.results("smoke"), tmp_path / "theirs"]
    assert theirs.exists()


@pytest.mark.slow
def test_chapters_that_run_at_once_train_a_model_once(book: Book) -> None:
    cell = (
        "import os\nfrom anode_lab import runs\n"
        "run = runs.run('g1d', profile=profile, seed=seed, models=['NODE']).runs['NODE']\n"
        f"print(os.environ[{STORE_VARIABLE!r}])\n"
        "print(run.history.seconds, run.history.step_loss[0, -1])"
    )
    for name in "ab":
        book.chapter(name, cell)
    assert not any(outcome.failed for outcome in book.execute(jobs=2).values()), book.told
    printed = [
        output.text
        for name in "ab"
        for code in code_cells(book.notebook(name))
        for output in code.cell.outputs
    ]
    assert len(printed) == 2
    assert printed[0] == printed[1]  # the seconds too: both are of one training
    folder = book.project.results("smoke")
    assert printed[0].startswith(f"{folder}\n")
    assert len(list(folder.glob("*/*.json"))) == 1
