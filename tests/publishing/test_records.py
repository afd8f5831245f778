"""A record is believed only if it is whole and so is the notebook that it speaks of."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from publishing import records
from publishing.records import Record, Status

RECORD = Record(
    chapter="one",
    status=Status.EXECUTED,
    fingerprint="f",
    notebook=records.digest(b"notebook"),
    started="2025-01-02T03:04:05+00:00",
    seconds=1.5,
    figures=2,
    profile="smoke",
    seed=0,
    device="cpu",
    device_name="a processor",
    commit=None,
    dirty=True,
    versions={"python": "3.11"},
)


@pytest.mark.parametrize("status", Status)
def test_record_survives_its_file(tmp_path: Path, status: Status) -> None:
    record = replace(RECORD, status=status)
    record.save(tmp_path / "new")
    assert records.load(tmp_path / "new", "one") == record


def test_truncated_or_foreign_record_is_none(tmp_path: Path) -> None:
    assert records.load(tmp_path, "one") is None
    RECORD.save(tmp_path)
    path = tmp_path / "one.json"
    whole = path.read_text()
    values = asdict(RECORD) | {"status": "executed"}
    missing = {key: value for key, value in values.items() if key != "notebook"}
    others = (
        json.dumps(missing),
        json.dumps(values | {"more": 1}),
        json.dumps(values | {"status": "?"}),
        "[]",
    )
    for text in (*(whole[:cut] for cut in range(0, len(whole) - 2, 7)), *others):
        path.write_text(text)
        assert records.load(tmp_path, "one") is None


def test_record_describes_only_its_own_notebook(tmp_path: Path) -> None:
    path = tmp_path / "one.ipynb"
    assert not RECORD.describes(path)
    path.write_bytes(b"notebook")
    assert RECORD.describes(path)
    path.write_bytes(b"notebook, altered")
    assert not RECORD.describes(path)
