"""What the tests of publishing share."""

from pathlib import Path

import pytest

from publishing.run import Papermill
from tests.publishing.fixture_book import Book, FakePapermill, new_book


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """A book with nothing but a start page."""
    return new_book(tmp_path)


@pytest.fixture
def papermill(monkeypatch: pytest.MonkeyPatch) -> FakePapermill:
    """Replaces papermill by one that executes nothing and tells what it was asked for."""
    fake = FakePapermill()
    monkeypatch.setattr(Papermill, "run", lambda self, page, scratch: fake.run(page, scratch))
    return fake
