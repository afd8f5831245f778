"""What is bad in a store's folder is named; what nothing reads can go, and nothing else does."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import anode_lab.runs.upkeep
from anode_lab.cli import main
from anode_lab.runs.perform import checkpoint_in, identity_in, perform
from anode_lab.runs.store import FORMAT, Store, StoreError
from anode_lab.runs.task import Task, tasks
from anode_lab.runs.upkeep import HARMLESS, Problem, check_folder, prune, superfluous, verify

Captured = pytest.CaptureFixture[str]


def small() -> list[Task]:
    """Two trainings that take a moment."""
    return tasks("annulus-2d", "smoke", seeds=[0, 1])[:2]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """With their records."""
    store = Store(tmp_path / "store")
    for task in small():
        perform(task, store)
    return store


def first(store: Store) -> Path:
    """The JSON file of the first."""
    return store.path(identity_in(store, small()[0], "cpu"))


def files(store: Store) -> dict[Path, bytes]:
    """All, locks aside: looking at one may leave it."""
    return {p: p.read_bytes() for p in store.folder.rglob("*") if p.is_file()}


# Verify


def test_a_sound_store_is_sound_and_untouched(store: Store) -> None:
    before = files(store)
    assert verify(store.folder) == (2, [])
    assert files(store) == before


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)


def _cut_arrays(path: Path) -> None:
    _cut(path.with_suffix(".safetensors"))


def _flip_arrays(path: Path) -> None:
    _flip(path.with_suffix(".safetensors"))


def _lose_arrays(path: Path) -> None:
    path.with_suffix(".safetensors").unlink()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _edit(path: Path) -> None:
    """A number that somebody likes better."""
    text = json.loads(path.read_text(encoding="utf8"))
    text["seconds"] = 1.0
    path.write_text(json.dumps(text), encoding="utf8")


DAMAGE = (_cut, _flip, _cut_arrays, _flip_arrays, _lose_arrays, _empty, _edit)


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_not_what_was_written_is_named(
    damage: Callable[[Path], None], store: Store
) -> None:
    damage(first(store))
    sound, bad = verify(store.folder)
    assert sound == 1
    assert [(finding.path, finding.problem) for finding in bad] == [(first(store), Problem.DAMAGED)]
    assert str(first(store)) in str(bad[0])


def test_a_record_with_the_name_of_another_is_named(store: Store) -> None:
    path = first(store)
    other = path.with_name("anode-p-5-0123456789ab.json")
    for suffix in (".json", ".safetensors"):
        other.with_suffix(suffix).write_bytes(path.with_suffix(suffix).read_bytes())
    sound, bad = verify(store.folder)
    assert sound == 2
    assert [(finding.path, finding.problem) for finding in bad] == [(other, Problem.MISPLACED)]


def test_a_checkpoint_that_cannot_be_read_is_named(store: Store) -> None:
    path = checkpoint_in(store, small()[0], "cpu").path
    path.write_bytes(b"half a checkpoint")
    assert [finding.problem for finding in verify(store.folder)[1]] == [Problem.CHECKPOINT]


def test_lasting_records_are_verified_too(tmp_path: Path) -> None:
    store = Store(tmp_path, lasting=True)
    perform(small()[0], store)
    assert verify(tmp_path) == (1, [])


# Prune


def _leave_everything(store: Store) -> dict[Path, Problem]:
    """One file of each kind that nothing reads."""
    path = first(store)
    old = time.time() - 2 * anode_lab.runs.upkeep.HOUR
    left = {
        path.with_suffix(".checkpoint"): Problem.FINISHED,
        path.with_name("node-0123456789ab.safetensors"): Problem.ORPHAN,
        path.with_name("node-0123456789ab.12345"): Problem.TEMPORARY,
        path.with_name("node-0123456789ab.json.damaged.1"): Problem.ASIDE,
        path.with_name("node-0123456789ab.lock"): Problem.LOCK,
    }
    for file in left:
        file.write_bytes(b"x")
        os.utime(file, (old, old))
    return left


def test_what_nothing_reads_is_found_and_goes(store: Store) -> None:
    for lock in store.folder.rglob("*.lock"):
        lock.unlink()
    before = files(store)
    left = _leave_everything(store)
    found = superfluous(store.folder)
    assert {finding.path: finding.problem for finding in found} == left
    assert set(left.values()) == set(HARMLESS)
    assert files(store).keys() == before.keys() | left.keys(), "looking removes nothing"
    assert set(prune(found)) == left.keys()
    assert files(store) == before


def test_a_file_being_written_stays(store: Store) -> None:
    path = first(store).with_name("node-0123456789ab.12345")
    path.write_bytes(b"x")
    assert path not in {finding.path for finding in superfluous(store.folder)}


def test_a_checkpoint_to_go_on_from_stays(store: Store) -> None:
    path = first(store).with_name("node-0123456789ab.checkpoint")
    path.write_bytes(b"x")
    assert path not in {finding.path for finding in superfluous(store.folder)}


def test_what_a_process_is_at_stays(store: Store) -> None:
    left = _leave_everything(store)
    identity = identity_in(store, small()[0], "cpu")
    with store.locked(identity):
        held = {finding.path for finding in superfluous(store.folder)}
        assert first(store).with_suffix(".checkpoint") not in held
        assert first(store).with_suffix(".lock") not in held
    found = superfluous(store.folder)
    with store.locked(identity):  # taken up since they were listed
        removed = prune(found)
    assert first(store).with_suffix(".checkpoint") in left
    assert first(store).with_suffix(".checkpoint") not in removed
    assert first(store).with_suffix(".lock").exists()


def test_records_of_other_code_go_only_if_asked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anode_lab.runs.upkeep, "numerics", lambda: "other")
    kinds = {finding.problem for finding in superfluous(store.folder)}
    assert Problem.OUTDATED not in kinds
    found = [
        finding
        for finding in superfluous(store.folder, outdated=True)
        if finding.problem is Problem.OUTDATED
    ]
    assert len(found) == 2
    prune(found)
    assert not list(store.folder.glob("*/*.json"))
    assert not list(store.folder.glob("*/*.safetensors"))


def test_lasting_records_are_never_outdated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    perform(small()[0], Store(tmp_path, lasting=True))
    monkeypatch.setattr(anode_lab.runs.upkeep, "numerics", lambda: "other")
    kinds = {finding.problem for finding in superfluous(tmp_path, outdated=True)}
    assert Problem.OUTDATED not in kinds


# Folders


def test_a_folder_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no folder of results"):
        check_folder(tmp_path / "absent")
    (tmp_path / "thesis.tex").touch()
    for look in (verify, superfluous):
        with pytest.raises(StoreError, match="is not a folder of results"):
            look(tmp_path)


def test_an_empty_folder_has_nothing_bad(tmp_path: Path) -> None:
    assert verify(tmp_path) == (0, [])
    assert superfluous(tmp_path) == []


def test_what_a_newer_version_wrote_is_left_alone(store: Store) -> None:
    marker = store.folder / "store.json"
    marker.write_text(json.dumps({"format": FORMAT + 1, "id": "x"}), encoding="utf8")
    for look in (verify, superfluous):
        with pytest.raises(StoreError, match=f"newer version of anode, in format {FORMAT + 1}"):
            look(store.folder)
    marker.write_text("{", encoding="utf8")
    with pytest.raises(StoreError, match="cannot be read"):
        verify(store.folder)


# Commands


def test_verify_says_how_many_are_sound_and_ends_with_1_if_one_is_not(
    store: Store, capsys: Captured
) -> None:
    assert main(["store", "verify", str(store.folder)]) == 0
    assert capsys.readouterr().out == f"2 sound records in {store.folder}.\n"
    _cut(first(store))
    assert main(["store", "verify", str(store.folder)]) == 1
    output, error = capsys.readouterr()
    assert output.splitlines()[0] == f"1 sound records in {store.folder}."
    assert str(first(store)) in output.splitlines()[1]
    assert error.startswith("anode: 1 of 2 are bad.")


def test_prune_lists_asks_and_removes_only_after_yes(
    store: Store, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = _leave_everything(store)
    before = files(store).keys()
    for answer in ("", "n", "what?"):
        monkeypatch.setattr("builtins.input", lambda _, answer=answer: answer)
        assert main(["store", "prune", str(store.folder)]) == 0
        output = capsys.readouterr().out
        assert all(str(path) in output for path in left)
        assert output.endswith("Nothing was removed.\n")
        assert before <= files(store).keys()
    monkeypatch.setattr("builtins.input", lambda _: "y")
    assert main(["store", "prune", str(store.folder)]) == 0
    assert not left.keys() & files(store).keys()
    assert verify(store.folder) == (2, [])


def test_prune_without_anybody_to_ask_removes_nothing_but_by_yes(
    store: Store, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = _leave_everything(store)

    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    assert main(["store", "prune", str(store.folder)]) == 0
    assert left.keys() <= files(store).keys()
    assert main(["store", "prune", "--yes", str(store.folder)]) == 0
    assert not left.keys() & files(store).keys()
    capsys.readouterr()
    assert main(["store", "prune", "--yes", str(store.folder)]) == 0
    assert capsys.readouterr().out.endswith("can go.\n")
