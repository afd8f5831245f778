"""A training that goes on from a checkpoint ends with the bits of an uninterrupted one."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.strategies import integers, lists

from anode import History, Loss, Model, NeuralODE, ResNet, TrainingSettings, train
from anode.data import concentric_spheres
from anode.training import Checkpoint, loop
from anode.training.checkpoint import SUFFIX
from anode_lab.images import image_set
from anode_lab.runs.status import epochs_of
from benchmarks.waiting import until
from tests.helpers.drawn import few

EPOCHS, PER_EPOCH = 4, 3


def toy(augment_dim: int = 1) -> Model:
    return NeuralODE((2,), augment_dim=augment_dim, hidden=8, seeds=(3, 1, 4))


def failing() -> Model:
    """Its second replica fails in its first step."""
    model = toy()
    with torch.no_grad():
        next(model.parameters())[1] = torch.nan
    return model


MODELS: dict[str, Callable[[], Model]] = {
    "NODE": lambda: toy(0),
    "ANODE": toy,
    "ResNet": lambda: ResNet((2,), blocks=2, hidden=8, seeds=(3, 1, 4)),
    "failing": failing,
    "failing later": toy,
    "few batches": toy,
    "images": lambda: NeuralODE((1, 4, 4), 10, augment_dim=1, hidden=2, seeds=(3,)),
}


def begin(name: str, checkpoint: Checkpoint | None = None) -> tuple[Model, History]:
    """Train a fresh model, with all that can be observed."""
    model = MODELS[name]()
    if name == "images":
        data, held_out = image_set("digits").load(n_train=48, n_test=16, max_side=4)
        loss = Loss.CROSS_ENTROPY
    else:
        data, held_out = concentric_spheres(2, 16, 32), concentric_spheres(2, 8, 8, seed=1)
        loss = Loss.HUBER
    settings = TrainingSettings(
        epochs=EPOCHS,
        batch_size=16,
        loss=loss,
        weight_decay=1e-3,
        learning_rate=(1e-3, 1e30, 1e-3) if name == "failing later" else 1e-3,
        batches=2 if name == "few batches" else None,
        snapshot_epochs=(0, 1, EPOCHS),
    )
    history = train(
        model,
        data,
        settings,
        validation=held_out,
        snapshot_x=held_out.x[:5],
        checkpoint=checkpoint,
    )
    return model, history


def interrupt(name: str, checkpoint: Checkpoint, step: int) -> None:
    """Train until a step begins, counted from 0, and stop there."""
    done, take = 0, loop._step

    def interrupted(*arguments: object) -> None:
        nonlocal done
        if done == step:
            raise KeyboardInterrupt
        done += 1
        take(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            begin(name, checkpoint)


def assert_same(one: tuple[Model, History], two: tuple[Model, History]) -> None:
    """Bit for bit, but for the time."""
    for ours, theirs in zip(one[0].parameters(), two[0].parameters(), strict=True):
        assert ours.detach().numpy().tobytes() == theirs.detach().numpy().tobytes()
    for name, value in vars(one[1]).items():
        other = getattr(two[1], name)
        if name == "snapshots":
            assert value.keys() == other.keys() == {0, 1, EPOCHS}
            for epoch, features in value.items():
                np.testing.assert_array_equal(features, other[epoch])
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, other)
            assert value.dtype == other.dtype
        elif name != "seconds":
            assert value == other


@pytest.fixture(scope="module")
def whole() -> dict[str, tuple[Model, History]]:
    """Trainings that nobody interrupts."""
    return {name: begin(name) for name in MODELS}


@pytest.mark.parametrize("name", MODELS)
@few
@given(steps=lists(integers(0, EPOCHS * PER_EPOCH - 1), min_size=1, max_size=4))
def test_an_interrupted_training_ends_with_the_same_bits(
    name: str, steps: list[int], whole: dict[str, tuple[Model, History]]
) -> None:
    """Within an epoch, between two, before the first step, and again and again."""
    left = whole[name][1].step_loss.shape[1]
    with TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder) / f"one{SUFFIX}", "key", seconds=0)
        for step in steps:
            if step < left:
                interrupt(name, checkpoint, step)
                left -= step
        assert_same(begin(name, checkpoint), whole[name])


def test_the_interrupted_trainings_are_of_all_kinds(
    whole: dict[str, tuple[Model, History]],
) -> None:
    failed = {name: [f.iteration for f in h.failures.values()] for name, (_, h) in whole.items()}
    assert failed.pop("failing") == [1]
    [later] = failed.pop("failing later")
    assert later % PER_EPOCH != 1
    assert not any(failed.values())


@pytest.mark.parametrize("step", [2, PER_EPOCH, 2 * PER_EPOCH + 1])
def test_a_training_goes_on_and_does_not_begin_again(step: int, tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "one", "key", seconds=0)
    interrupt("ANODE", checkpoint, step)
    assert epochs_of(checkpoint.path) == step / PER_EPOCH
    with pytest.MonkeyPatch.context() as patch:
        taken: list[int] = []
        take = loop._step
        patch.setattr(loop, "_step", lambda *a: (taken.append(1), take(*a))[1])
        begin("ANODE", checkpoint)
    assert len(taken) == EPOCHS * PER_EPOCH - step
    assert epochs_of(checkpoint.path) == EPOCHS


def test_a_whole_training_is_only_read(
    whole: dict[str, tuple[Model, History]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after its last checkpoint, before anybody kept its result."""
    checkpoint = Checkpoint(tmp_path / "one", "key", seconds=0)
    begin("ANODE", checkpoint)
    monkeypatch.setattr(loop, "_step", lambda *_: pytest.fail("trained again"))
    assert_same(begin("ANODE", checkpoint), whole["ANODE"])


def test_checkpoints_are_written_no_more_often_than_asked(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "one", "key", seconds=3600)
    begin("NODE", checkpoint)
    assert not list(tmp_path.iterdir())


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _other_epochs(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'\\"epochs\\": 2', b'\\"epochs\\": 3'))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [_cut, _flip, _other_epochs, _empty])
def test_a_damaged_checkpoint_is_told_and_the_training_starts_anew(
    damage: Callable[[Path], None], whole: dict[str, tuple[Model, History]], tmp_path: Path
) -> None:
    checkpoint = Checkpoint(tmp_path / "one", "key", seconds=0)
    interrupt("ANODE", checkpoint, 2 * PER_EPOCH)
    before = checkpoint.path.read_bytes()
    damage(checkpoint.path)
    assert checkpoint.path.read_bytes() != before
    with pytest.warns(UserWarning, match=f"{checkpoint.path} cannot be used"):
        found = begin("ANODE", checkpoint)
    assert_same(found, whole["ANODE"])


def test_a_checkpoint_of_something_else_is_told_and_not_used(
    whole: dict[str, tuple[Model, History]], tmp_path: Path
) -> None:
    interrupt("NODE", Checkpoint(tmp_path / "one", "NODE", seconds=0), 5)
    with pytest.warns(UserWarning, match="of another training, or of other code"):
        found = begin("ANODE", Checkpoint(tmp_path / "one", "ANODE", seconds=0))
    assert_same(found, whole["ANODE"])


def test_a_full_disk_stops_no_training(
    whole: dict[str, tuple[Model, History]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Checkpoint(tmp_path / "one", "key", seconds=0)
    interrupt("ANODE", checkpoint, PER_EPOCH)
    before = checkpoint.path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="no checkpoint could be written.*No space left"):
        found = begin("ANODE", checkpoint)
    assert_same(found, whole["ANODE"])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_nothing_is_pickled_and_the_header_is_json(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "one", "key", seconds=0)
    begin("failing", checkpoint)
    content = checkpoint.path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    head = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["anode"])
    assert head["plain"]["epochs"] == EPOCHS
    assert list(head["plain"]["failures"]) == ["1"]


def test_there_is_no_epoch_where_there_is_no_checkpoint(tmp_path: Path) -> None:
    assert epochs_of(tmp_path / "none") is None
    (tmp_path / "empty").touch()
    assert epochs_of(tmp_path / "empty") is None


PROCESS = """
import signal
import sys
from pathlib import Path
from test_checkpoint import begin
from anode.training import Checkpoint, loop

# A shell starts what runs in its background with this signal ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.argv[2] == "slow":
    import time
    step = loop._step
    loop._step = lambda *a: (time.sleep(0.2), step(*a))[1]
model, history = begin("ANODE", Checkpoint(Path(sys.argv[1]), "key", seconds=0))
print(history.step_loss.tobytes().hex())
print(next(model.parameters()).detach().numpy().tobytes().hex())
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_is_continued_by_another_to_the_same_bits(
    kind: signal.Signals, whole: dict[str, tuple[Model, History]], tmp_path: Path
) -> None:
    def start(speed: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PROCESS, str(tmp_path / "one"), speed]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])
        }
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    first = start("slow")
    until(lambda: epochs_of(tmp_path / "one") is not None, 120)
    first.send_signal(kind)
    assert first.communicate(timeout=60)[0] == ""
    assert 0 < (epochs_of(tmp_path / "one") or 0) < EPOCHS
    losses, weights = start("fast").communicate(timeout=120)[0].split()
    model, history = whole["ANODE"]
    assert losses == history.step_loss.tobytes().hex()
    assert weights == next(model.parameters()).detach().numpy().tobytes().hex()
