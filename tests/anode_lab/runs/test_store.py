"""What is stored comes back as it was, or not at all."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock, Timeout

import anode
from anode import History, NeuralODE, SolveFailure, SolveStatus, TrainingSettings, train
from anode.data import concentric_spheres
from anode.training import TrainingFailure
from anode_lab.runs import DamagedError, Store, StoreError
from anode_lab.runs.provenance import Provenance
from anode_lab.runs.record import Record, load_record, save_record
from anode_lab.runs.store import verify

KEY = {"experiment": "spheres", "model": "ANODE (p = 1)", "seeds": [4, 0, 7]}
SEEDS = (4, 0, 7)


@dataclass(frozen=True)
class Trained:
    """What a record is made of."""

    model: NeuralODE
    history: History
    provenance: Provenance


def untrained() -> NeuralODE:
    return NeuralODE((2,), augment_dim=1, hidden=4, seeds=SEEDS)


@pytest.fixture(scope="module")
def trained() -> Trained:
    """Three replicas with snapshots and validation; the second fails in its first step."""
    model, data = untrained(), concentric_spheres(2, 8, 16)
    with torch.no_grad():
        model.field.weights[0][1] = torch.nan
    settings = TrainingSettings(epochs=2, batch_size=8, snapshot_epochs=(0, 2))
    history = train(model, data, settings, validation=data, snapshot_x=data.x)
    return Trained(model, history, Provenance.now("cpu", datetime.now(UTC), history.seconds))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def save(store: Store, trained: Trained, **about: object) -> Path:
    weights = trained.model.state_dict()
    return save_record(store, KEY, Record(trained.history, trained.provenance, weights, about))


def load(store: Store, model: NeuralODE) -> tuple[History, Provenance] | None:
    """Give the model the recorded weights."""
    record = load_record(store, KEY)
    if record is None:
        return None
    model.load_state_dict(dict(record.weights))
    return record.history, record.provenance


def assert_equal(one: History, two: History) -> None:
    for name, value in vars(one).items():
        other = getattr(two, name)
        if name == "snapshots":
            assert value.keys() == other.keys()
            for epoch, features in value.items():
                np.testing.assert_array_equal(features, other[epoch])
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, other)
            assert value.dtype == other.dtype
        else:
            assert value == other


def test_a_record_comes_back_as_it_was(store: Store, trained: Trained) -> None:
    """Weights bit for bit; losses, evaluations, snapshots, validation and the failure."""
    save(store, trained)
    model = untrained()
    found = load(store, model)
    assert found is not None
    history, made_by = found
    assert_equal(trained.history, history)
    assert list(history.failures) == [1]
    assert history.validation_loss is not None
    assert set(history.snapshots) == {0, 2}
    assert made_by == trained.provenance
    ours = [p.detach().numpy().tobytes() for p in model.parameters()]
    assert ours == [p.detach().numpy().tobytes() for p in trained.model.parameters()]


@pytest.mark.parametrize(
    "cause", ["non-finite loss", SolveFailure(SolveStatus.TOO_MANY_STEPS, 12, 0.25, 80)]
)
def test_every_kind_of_failure_comes_back(
    store: Store, trained: Trained, cause: SolveFailure | str
) -> None:
    failures = {2: TrainingFailure(7, 1, 3, "backward", cause)}
    history = replace(trained.history, failures=failures, validation_loss=None, snapshots={})
    save(store, replace(trained, history=history))
    found = load(store, untrained())
    assert found is not None
    assert_equal(history, found[0])


def test_arrays_may_lie_in_memory_as_they_like(store: Store, trained: Trained) -> None:
    """Weights that are parts of one tensor, snapshots and losses with another order of axes."""
    model = untrained()
    buffer = torch.cat([p.detach().flatten() for p in trained.model.parameters()])
    for part, parameter in zip(
        buffer.split([p.numel() for p in model.parameters()]), model.parameters(), strict=True
    ):
        parameter.data = part.view_as(parameter)
    history = replace(
        trained.history,
        step_loss=np.asfortranarray(trained.history.step_loss),
        snapshots={0: trained.history.snapshots[0].transpose(1, 0, 2)[:, :, ::-1]},
    )
    save(store, Trained(model, history, trained.provenance))
    found = load(store, other := untrained())
    assert found is not None
    assert_equal(history, found[0])
    for ours, theirs in zip(other.parameters(), trained.model.parameters(), strict=True):
        assert ours.detach().numpy().tobytes() == theirs.detach().numpy().tobytes()


def test_json_is_for_people(store: Store, trained: Trained) -> None:
    """It says what was run, by what, and how it went, without the arrays' file."""
    path = save(store, trained)
    assert path.parent == store.folder / "spheres"
    assert re.fullmatch(r"anode-p-1-[0-9a-f]{12}\.json", path.name)
    record = json.loads(path.read_text(encoding="utf8"), parse_constant=pytest.fail)
    assert record["run"] == KEY
    assert record["seeds"] == list(SEEDS)
    assert record["provenance"] == trained.provenance.as_dict()
    assert record["failures"]["1"]["seed"] == 0
    assert record["failures"]["1"]["cause"]["status"] == "non-finite state"
    for name in ("epoch_loss", "epoch_nfe", "validation_loss"):
        values = getattr(trained.history, name)
        shown = np.array(record[name], dtype=float)  # None becomes NaN
        np.testing.assert_allclose(shown, values, rtol=1e-5)
    assert record["epoch_loss"][1] == [None, None]
    lines = path.read_text(encoding="utf8").splitlines()
    assert sum(line.count(",") >= 1 and "[" in line for line in lines) >= 9  # one line a seed


def test_files_hold_nothing_that_is_executed_when_read(store: Store, trained: Trained) -> None:
    """A pickle runs code when it is read. The package has none, nor what torch makes of them."""
    save(store, trained)
    kinds = {path.suffix for path in store.folder.rglob("*") if path.is_file()}
    assert kinds <= {".json", ".safetensors", ".lock"}
    home = Path(anode.__file__).parent
    for path in home.rglob("*.py"):
        code = path.read_text(encoding="utf8")
        assert not re.search(r"import (pickle|joblib|dill)|torch\.(save|load)\(", code), path
        assert not re.search(r"allow_pickle(?!=False)", code), path


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _flip(path: Path) -> None:
    """One bit of the last number."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _improve(path: Path) -> None:
    """A JSON file that is whole, with another number."""
    record = json.loads(path.read_text())
    record["seconds"] = 0.5
    path.write_text(json.dumps(record))


def _other_layout(path: Path) -> None:
    path.write_text("[]")


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("json", _truncate),
        ("json", _improve),
        ("json", _other_layout),
        ("safetensors", Path.unlink),
        ("safetensors", _truncate),
        ("safetensors", _flip),
    ],
)
def test_a_damaged_record_is_an_error_that_names_it_and_can_be_set_aside(
    store: Store, trained: Trained, kind: str, damage: Callable[[Path], None]
) -> None:
    path = save(store, trained)
    damage(path.with_suffix(f".{kind}"))
    for _ in range(2):
        before = sorted(file.read_bytes() for file in path.parent.iterdir())
        with pytest.raises(DamagedError, match=path.stem):
            store.read(KEY)
        with pytest.warns(UserWarning, match=rf"{path.stem}.*set aside as {path.name}.damaged-"):
            assert store.sound(KEY) is None
        assert store.read(KEY) is None
        assert sorted(file.read_bytes() for file in path.parent.iterdir()) == before
        assert save(store, trained) == path
        assert store.sound(KEY) is not None
        damage(path.with_suffix(f".{kind}"))


def test_arrays_without_their_text_are_no_record(store: Store, trained: Trained) -> None:
    save(store, trained).unlink()
    assert store.read(KEY) is None


def test_nothing_is_found_in_a_folder_that_is_not_there(store: Store) -> None:
    assert load(store, untrained()) is None
    assert not store.folder.exists()


def test_a_record_is_found_by_the_whole_of_its_key(store: Store, trained: Trained) -> None:
    paths = {save(store, trained)}
    for change in ({"seeds": [4, 0, 8]}, {"model": "ANODE (p = 5)"}, {"experiment": "other"}):
        paths.add(store.path(KEY | change))
        assert store.read(KEY | change) is None
    assert len(paths) == 4


def test_a_record_with_other_parts_is_not_read(store: Store, trained: Trained) -> None:
    """As of another version of the package: it is whole, so it is neither read nor made again."""
    found = store.read(KEY) if save(store, trained) else None
    assert found is not None
    text, arrays = found
    del text["run"], text["seconds"]
    store.write(KEY, text, arrays)
    with pytest.raises(DamagedError, match=r"lacks something, or has too much: 'seconds'"):
        load_record(store, KEY)


def test_no_half_written_file_is_left(
    store: Store, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up while the record is written: the earlier one is still whole."""
    path = save(store, trained)
    before = {file: file.read_bytes() for file in path.parent.iterdir()}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=rf"kept in {store.folder}: No space left on device"):
        save(store, trained)
    monkeypatch.undo()
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before
    assert load(store, untrained()) is not None


def test_a_folder_that_cannot_be_is_named(tmp_path: Path, trained: Trained) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file" / "results")
    assert load(store, untrained()) is None
    with pytest.raises(StoreError, match=f"results cannot be kept in {store.folder}: Not a dir"):
        save(store, trained)
    with pytest.raises(StoreError, match=str(store.folder)), store.locked(KEY):
        pytest.fail("the lock cannot be had")


def test_a_record_is_held_by_one_and_free_after_an_error(store: Store) -> None:
    def fail_inside() -> None:
        with store.locked(KEY), store.locked(KEY | {"seeds": [1]}):  # which is another
            with pytest.raises(Timeout):
                lock.acquire(timeout=0)
            raise KeyError("inside")

    lock = FileLock(store.path(KEY).with_suffix(".lock"))
    with pytest.raises(KeyError, match="inside"):
        fail_inside()
    lock.acquire(timeout=0)
    lock.release()


def test_an_error_inside_the_lock_is_not_taken_for_one_of_the_folder(store: Store) -> None:
    with pytest.raises(OSError, match="mine") as caught, store.locked(KEY):
        raise OSError("mine")
    assert not isinstance(caught.value, StoreError)


def test_what_is_said_about_a_record_comes_back(store: Store, trained: Trained) -> None:
    about = {"data": "digits, 8 × 8 pixels", "accuracy": 1 / 3, "input_shape": [1, 8, 8]}
    save(store, trained, **about)
    record = load_record(store, KEY)
    assert record is not None
    assert record.about == about
    assert_equal(trained.history, record.history)
    assert record.provenance == trained.provenance
    weights = trained.model.state_dict()
    assert record.weights.keys() == weights.keys()
    for name, values in record.weights.items():
        assert values.numpy().tobytes() == weights[name].numpy().tobytes()


def test_who_does_not_wait_is_told_whether_the_record_is_held(store: Store) -> None:
    with store.locked(KEY, wait=False) as mine:
        assert mine
        with store.locked(KEY, wait=False) as second:
            assert not second
        with store.locked(KEY | {"seeds": [1]}, wait=False) as other:
            assert other
        with store.locked(KEY, wait=False) as still:
            assert not still, "who was refused has not let it go"
        assert store.is_held(KEY)
    assert not store.is_held(KEY)
    with store.locked(KEY) as free:
        assert free


# Verify


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("json", _truncate),
        ("json", _improve),
        ("json", _other_layout),
        ("safetensors", Path.unlink),
        ("safetensors", _flip),
    ],
)
def test_what_is_not_what_was_written_is_named(
    store: Store, trained: Trained, kind: str, damage: Callable[[Path], None]
) -> None:
    path = save(store, trained)
    store.write(KEY | {"seeds": [1]}, {}, {})
    assert verify(store.folder) == (2, [])
    damage(path.with_suffix(f".{kind}"))
    sound, [bad] = verify(store.folder)
    assert sound == 1
    assert str(path) in bad


def test_a_record_with_the_name_of_another_is_named(store: Store, trained: Trained) -> None:
    path = save(store, trained)
    other = path.with_name("anode-p-5-0123456789ab.json")
    for suffix in (".json", ".safetensors"):
        other.with_suffix(suffix).write_bytes(path.with_suffix(suffix).read_bytes())
    assert verify(store.folder) == (1, [f"{other} has the name of another record"])


def test_the_books_records_are_sound() -> None:
    sound, bad = verify(Path(anode.__file__).parents[1] / "results")
    assert (sound > 50, bad) == (True, [])


def test_a_folder_that_is_not_there_has_no_records(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no folder of records"):
        verify(tmp_path / "absent")
    assert verify(tmp_path) == (0, [])
