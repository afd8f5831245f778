"""Experiments are run as the table says, or read from a store that has them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from anode_lab import runs
from anode_lab.experiments import EXPERIMENTS
from anode_lab.experiments.images import OVERFIT
from anode_lab.runs import STORE_VARIABLE, Result, Run, Store, StoreError, check_device
from anode_lab.runs import store as stores
from anode_lab.runs import task as tasks_module

SMOKE_SECONDS = 60


@pytest.fixture(autouse=True)
def no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """What whoever runs the tests has in a store is none of theirs."""
    monkeypatch.delenv(STORE_VARIABLE, raising=False)


RUN = [name for name, experiment in EXPERIMENTS.items() if not experiment.recorded] + [OVERFIT]
"""One on images stands for all: ``test_recordings.py`` trains every one that is recorded."""


@pytest.fixture(scope="module", params=RUN)
def result(request: pytest.FixtureRequest) -> Result:
    """Experiments at their smallest size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(STORE_VARIABLE, raising=False)
        return runs.run(request.param, profile="smoke", seed=3)


def test_every_experiment_runs_at_the_smallest_size(result: Result) -> None:
    """All models, without a failure, in time for a test."""
    assert set(result.runs) == {spec.label for spec in result.experiment.models}
    assert result.seeds == tuple(range(3, 3 + result.size.seeds))
    for label, run in result.runs.items():
        assert run.label == label
        assert run.model.seeds == run.history.seeds == result.seeds
        assert run.history.epoch_loss.shape == (result.size.seeds, result.size.epochs)
        assert np.isfinite(run.history.step_loss).all()
        assert not run.history.failures
        assert run.history.seconds < SMOKE_SECONDS


def test_data_are_one_set_a_seed_or_one_for_all(result: Result) -> None:
    sets = result.size.seeds if result.experiment.data_per_seed else 1
    for run in result.runs.values():
        assert len(run.data) == sets
        assert run.data[0].input_shape == run.model.input_shape
        assert run.validation is None or len(run.validation) == sets
        assert (run.validation is None) == (run.history.validation_loss is None)
    first, *others = result.runs.values()
    for other in others:
        assert all(torch.equal(a.x, b.x) for a, b in zip(first.data, other.data, strict=True))


def test_snapshots_are_of_the_probe(result: Result) -> None:
    for run in result.runs.values():
        assert (run.probe is None) == (not run.history.snapshots)
        for features in run.history.snapshots.values():
            assert run.probe is not None
            assert features.shape[:2] == (result.size.seeds, len(run.probe))


def test_the_summary_says_what_was_run(result: Result) -> None:
    text = result.summary()
    size = result.size
    for part in (
        next(iter(result.runs.values())).data[0].name,
        f"{size.epochs} epochs of batches of {size.batch_size}",
        result.experiment.loss.value,
        f"{size.seeds} seeds (3 to {2 + size.seeds})",
        "profile smoke recorded on CPU" if result.experiment.recorded else "profile smoke on cpu",
        f"0 of {size.seeds * len(result.runs)} trainings failed.",
    ):
        assert part in text


def test_a_seed_gives_the_same_run_twice() -> None:
    one, two = (runs.run("annulus-2d", profile="smoke", seed=1) for _ in range(2))
    for label, run in one.runs.items():
        assert_same(run, two.runs[label])


def test_a_seed_is_one_seed_whichever_is_the_first() -> None:
    """Seed 2 has the same data, and trains alike, as first of its stack and as second."""
    first = runs.run("annulus-1d", profile="smoke", seed=2)
    second = runs.run("annulus-1d", profile="smoke", seed=1)
    for label, run in first.runs.items():
        other = second.runs[label]
        assert torch.equal(run.data[0].x, other.data[1].x)
        np.testing.assert_allclose(run.history.step_loss[0], other.history.step_loss[1], rtol=1e-2)


def test_what_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(ValueError, match=r"experiment must be one of .*annulus-2d.*, got 'moons'"):
        runs.run("moons")
    with pytest.raises(ValueError, match="profile must be one of smoke, laptop, paper, got 'big'"):
        runs.run("g1d", profile="big")
    with pytest.raises(ValueError, match="images-large has the profiles smoke, paper, got 'lapto"):
        runs.run("images-large")
    with pytest.raises(ValueError, match=r"device must be one of cpu.* here, got 'tpu'"):
        runs.run("g1d", profile="smoke", device="tpu")
    with pytest.raises(ValueError, match=r"seeds must be .* got \(-1, 0\)"):
        runs.run("g1d", profile="smoke", seed=-1)
    with pytest.raises(ValueError, match="g1d has the models 'NODE', 'ResNet', got 'RNN'"):
        runs.run("g1d", profile="smoke", models=["NODE", "RNN"])


def test_devices_that_are_here_are_accepted() -> None:
    assert check_device("cpu") == "cpu"


def assert_same(one: Run, two: Run) -> None:
    """The same numbers, from the first weight to the last snapshot."""
    assert one.label == two.label
    for ours, theirs in zip(one.model.parameters(), two.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    for name in ("step_loss", "step_nfe", "step_backward_nfe"):
        np.testing.assert_array_equal(getattr(one.history, name), getattr(two.history, name))
    assert one.history.snapshots.keys() == two.history.snapshots.keys()
    for epoch, features in one.history.snapshots.items():
        np.testing.assert_array_equal(features, two.history.snapshots[epoch])
    np.testing.assert_array_equal(one.history.validation_loss, two.history.validation_loss)
    for ours, theirs in zip(one.data, two.data, strict=True):
        assert torch.equal(ours.x, theirs.x)
    assert (one.probe is None) == (two.probe is None)
    assert one.probe is None or torch.equal(one.probe.x, two.probe.x)


def no_training(*_: object, **__: object) -> None:
    pytest.fail("trained, although the store has it")


def trains(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that gets an entry whenever something is trained."""
    told: list[int] = []
    train = tasks_module.train

    def counted(model: object, *args: object, **options: object) -> object:
        told.append(len(told))
        return train(model, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(tasks_module, "train", counted)
    return told


@pytest.mark.parametrize("name", ["annulus-1d", "slice-2d", "g1d"])
def test_what_is_stored_is_read_and_not_trained_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With snapshots, with validation, with neither."""
    trained = runs.run(name, profile="smoke", store=tmp_path)
    monkeypatch.setattr(tasks_module, "train", no_training)
    read = runs.run(name, profile="smoke", store=tmp_path)
    assert list(read.runs) == list(trained.runs)
    for label, run in trained.runs.items():
        assert_same(run, read.runs[label])
        assert read.runs[label].provenance == run.provenance
    assert read.summary() == trained.summary()


def test_only_what_is_missing_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = trains(monkeypatch)
    first = runs.run("g1d", profile="smoke", models=["ResNet"], store=tmp_path)
    assert list(first.runs) == ["ResNet"]
    assert len(told) == 1
    both = runs.run("g1d", profile="smoke", store=tmp_path)
    assert len(told) == 2
    assert_same(first.runs["ResNet"], both.runs["ResNet"])


def test_a_model_is_the_same_with_and_without_the_others_and_a_store(tmp_path: Path) -> None:
    alone = runs.run("annulus-1d", profile="smoke", models=["ANODE (p = 1)"], store=tmp_path)
    all_of_them = runs.run("annulus-1d", profile="smoke")
    assert_same(alone.runs["ANODE (p = 1)"], all_of_them.runs["ANODE (p = 1)"])


@pytest.mark.parametrize(
    "change", [{"seed": 1}, pytest.param({"profile": "laptop"}, marks=pytest.mark.slow)]
)
def test_another_run_has_another_record(
    change: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual: dict[str, object] = {"profile": "smoke", "models": ["ResNet"], "store": tmp_path}
    runs.run("g1d", **usual)  # type: ignore[arg-type]
    told = trains(monkeypatch)
    runs.run("g1d", **usual | change)  # type: ignore[arg-type]
    assert len(told) == 1
    assert len(list(tmp_path.glob("*/*.json"))) == 2


def test_the_environment_names_a_store_and_the_argument_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "one"))
    runs.run("g1d", profile="smoke", models=["ResNet"])
    assert len(list((tmp_path / "one").glob("*/*.json"))) == 1
    runs.run("g1d", profile="smoke", models=["ResNet"], store=str(tmp_path / "two"))
    assert len(list((tmp_path / "two").glob("*/*.json"))) == 1
    monkeypatch.setattr(tasks_module, "train", no_training)
    runs.run("g1d", profile="smoke", models=["ResNet"])


def test_without_a_store_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs.run("g1d", profile="smoke", models=["ResNet"])
    monkeypatch.setenv(STORE_VARIABLE, "")
    runs.run("g1d", profile="smoke", models=["ResNet"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["json", "safetensors"])
def test_a_damaged_record_is_set_aside_and_trained_again(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = runs.run("g1d", profile="smoke", models=["NODE"], store=tmp_path)
    (record,) = tmp_path.glob(f"*/*.{kind}")
    record.write_bytes(damaged := record.read_bytes()[:-30])
    told = trains(monkeypatch)
    with pytest.warns(
        UserWarning, match=f"{record.stem}.*set aside as .*damaged-.*, and made again"
    ):
        second = runs.run("g1d", profile="smoke", models=["NODE"], store=tmp_path)
    [aside] = tmp_path.glob(f"*/{record.name}.damaged-*")
    assert aside.read_bytes() == damaged
    third = runs.run("g1d", profile="smoke", models=["NODE"], store=tmp_path)
    assert len(told) == 1
    assert_same(first.runs["NODE"], second.runs["NODE"])
    assert_same(first.runs["NODE"], third.runs["NODE"])


def test_a_folder_that_cannot_be_is_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(tasks_module, "train", no_training)
    with pytest.raises(StoreError, match=f"cannot be kept in {tmp_path / 'file' / 'store'}"):
        runs.run("g1d", profile="smoke", store=tmp_path / "file" / "store")


def test_a_disk_that_fills_up_ends_it_with_a_checkpoint_to_go_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"profile": "smoke", "models": ["NODE"], "store": tmp_path}
    written = stores.write_whole

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stores, "write_whole", full)
    with pytest.raises(StoreError, match=f"results cannot be kept in {tmp_path}: No space"):
        runs.run("g1d", checkpoint_seconds=0, **wanted)  # type: ignore[arg-type]
    monkeypatch.setattr(stores, "write_whole", written)
    assert len(list(tmp_path.glob("*/*.checkpoint"))) == 1
    result = runs.run("g1d", **wanted)  # type: ignore[arg-type]
    assert np.isfinite(result.runs["NODE"].history.step_loss).all()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_records_of_a_folder_that_is_only_read_are_used(tmp_path: Path) -> None:
    runs.run("g1d", profile="smoke", models=["ResNet"], store=tmp_path)
    folders = [tmp_path, tmp_path / "g1d"]
    for folder in folders:
        folder.chmod(0o555)
    try:
        runs.run("g1d", profile="smoke", models=["ResNet"], store=tmp_path)
        with pytest.raises(StoreError, match=str(tmp_path)):
            runs.run("g1d", profile="smoke", models=["NODE"], store=tmp_path)
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_record_is_read_without_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a folder of results may be one that nobody writes in."""
    runs.run("g1d", profile="smoke", models=["ResNet"], store=tmp_path)

    def refused(*_: object) -> None:
        raise StoreError("read-only")

    monkeypatch.setattr(Store, "locked", refused)
    runs.run("g1d", profile="smoke", models=["ResNet"], store=tmp_path)


PROCESS = """
import sys, time
from pathlib import Path
from anode_lab import runs
from anode_lab.runs import task as tasks

train = tasks.train

def counted(*args, **options):
    with open(sys.argv[2], "a") as file:
        file.write("trained\\n")
    time.sleep(1)
    return train(*args, **options)

tasks.train = counted
Path(sys.argv[3]).touch()
while len(list(Path(sys.argv[3]).parent.glob("ready-*"))) < 2:
    time.sleep(0.01)
run = runs.run("g1d", profile="smoke", models=["NODE"], store=sys.argv[1]).runs["NODE"]
print(run.history.step_loss.tobytes().hex())
"""


@pytest.mark.slow
def test_two_processes_that_want_the_same_train_it_once(tmp_path: Path) -> None:
    def start(number: int) -> subprocess.Popen[str]:
        files = (tmp_path / "store", tmp_path / "told", tmp_path / f"ready-{number}")
        command = [sys.executable, "-c", PROCESS, *map(str, files)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    both = [start(number) for number in range(2)]
    printed = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert (tmp_path / "told").read_text() == "trained\n"
    assert printed[0] == printed[1] != ""


def test_a_failed_replica_is_read_back_as_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = tasks_module.train

    def breaking(model: torch.nn.Module, *args: object, **options: object) -> object:
        with torch.no_grad():
            next(model.parameters())[1] = torch.nan
        return train(model, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(tasks_module, "train", breaking)
    trained = runs.run("annulus-2d", profile="smoke", models=["NODE"], store=tmp_path)
    monkeypatch.setattr(tasks_module, "train", no_training)
    read = runs.run("annulus-2d", profile="smoke", models=["NODE"], store=tmp_path)
    history = read.runs["NODE"].history
    assert list(history.failures) == [1]
    assert history.failures == trained.runs["NODE"].history.failures
    np.testing.assert_array_equal(history.step_loss, trained.runs["NODE"].history.step_loss)
    assert np.isnan(history.step_loss[1]).all()
    assert "1 of 2 trainings failed" in read.summary()
