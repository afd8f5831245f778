"""The build takes the first steps of records again, where the data are, and says what came out."""

from dataclasses import replace
from pathlib import Path

import pytest

from anode_lab.experiments.images import OVERFIT
from anode_lab.images.digits import Digits
from anode_lab.runs import RESULTS_VARIABLE, Store, StoreError, tasks
from anode_lab.runs.record import save_record
from publishing.checked import MARKER, STEPS, table
from publishing.project import HOME
from tests.helpers.recorded import MODULE, change_size, read, record, shorten

ROW = f"| {OVERFIT} | laptop | p = 0, seed 0 |"


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one record, the book's for the moment; an epoch has six steps."""
    shorten(monkeypatch)
    change_size(monkeypatch, batch_size=16)
    folder = tmp_path / "results"
    record(tasks(OVERFIT, models=["p = 0"], seeds=[0]), folder)
    monkeypatch.setenv(RESULTS_VARIABLE, str(folder))
    return folder


def test_what_is_the_same_is_called_identical_and_is_not_checked_twice(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = table(tmp_path)
    assert found.splitlines()[2:] == [f"{ROW} {STEPS} | identical |"]
    monkeypatch.setattr(MODULE, "train", pytest.fail)
    assert table(tmp_path) == found


def test_a_difference_is_told_as_a_number(results: Path, tmp_path: Path) -> None:
    before = table(tmp_path)
    [task] = tasks(OVERFIT, models=["p = 0"], seeds=[0])
    kept = read(task, results)
    loss = kept.history.step_loss.copy()
    loss[0, STEPS - 1] *= 1.25
    other = replace(kept, history=replace(kept.history, step_loss=loss))
    save_record(Store(results), task.identity, other)
    expected = f"{ROW} {STEPS} | losses within 2.0e-01 of the record's, evaluations within 0 |"
    assert table(tmp_path).splitlines() == [*before.splitlines()[:2], expected]


def test_missing_data_are_told(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Digits, "available", lambda _: False)
    monkeypatch.setattr(MODULE, "train", pytest.fail)
    assert f"{ROW} – | not checked: the data (digits of scikit-learn) are not here |" in table(
        tmp_path
    )


def test_a_damaged_record_is_an_error(results: Path, tmp_path: Path) -> None:
    path = next(results.glob("*/*.safetensors"))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(StoreError, match=path.stem):
        table(tmp_path)


def test_the_status_page_has_the_table() -> None:
    assert MARKER in (HOME / "book/appendix/status.md").read_text("utf8").splitlines()
