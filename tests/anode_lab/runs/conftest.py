"""Records that tests of trainings share; nobody writes in them."""

from pathlib import Path

import pytest

from anode_lab.runs import Store
from anode_lab.runs.sweep import Sweep
from tests.helpers.recorded import make, shorten
from tests.helpers.sweeper import wanted


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one experiment the default profile takes a second, so that its records can be made."""
    shorten(monkeypatch)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all records of that experiment."""
    return make(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Records of what tests disturb, made in this process."""
    store = Store(tmp_path_factory.mktemp("undisturbed"))
    Sweep(store).run(wanted())
    return store
