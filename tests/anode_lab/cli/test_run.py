"""``anode run``, ``check``, ``doctor`` and ``store verify``: what they do and say."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from anode_lab.cli import main
from anode_lab.experiments.images import OVERFIT
from anode_lab.images.downloaded import FOLDER_VARIABLE
from anode_lab.runs import (
    RESULTS_VARIABLE,
    STORE_VARIABLE,
    Dask,
    ExecutorError,
    Store,
    figure_tasks,
    run,
    tasks,
)
from anode_lab.runs.record import load_record, save_record
from tests.helpers.image_sets import register
from tests.helpers.recorded import MODULE, Trainer, missing, record, shorten

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one experiment the default profile takes a second."""
    shorten(monkeypatch)


def refused(arguments: list[str], capsys: Captured) -> str:
    """The line on stderr with which a command ends."""
    assert main(arguments) == 1
    *begun, error = capsys.readouterr().err.splitlines()
    assert all(line.endswith(": begins") for line in begun)
    assert error.startswith("anode: ")
    return error


# Run


def test_run_records_everything_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    command = ["run", OVERFIT, "--results", str(tmp_path)]
    assert main(command) == 0
    output, error = capsys.readouterr()
    first, *ended, summary = output.splitlines()
    assert first == f"4 trainings, of which 0 are recorded in {tmp_path}."
    assert len(ended) == 4
    pattern = rf"{OVERFIT}, p = [05], seed [01]: [0-9.]+ s, loss [0-9.]+, [0-9]+ evaluations$"
    assert all(re.match(pattern, line) for line in ended)
    assert "2 seeds (0 to 1), profile laptop recorded on CPU" in summary
    begun = [f"{task}: begins" for task in tasks(OVERFIT)]
    assert error.splitlines() == begun, "a bar is for a terminal"
    assert missing(tasks(OVERFIT), tmp_path) == []
    assert list(run(OVERFIT, store=tmp_path).runs) == ["p = 0", "p = 5"]
    monkeypatch.setattr(MODULE, "train", pytest.fail)
    assert main(command) == 0
    first, again = capsys.readouterr().out.splitlines()
    assert first == f"4 trainings, of which 4 are recorded in {tmp_path}."
    assert again == summary


def test_the_smallest_profile_some_models_and_some_seeds_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv(RESULTS_VARIABLE, str(tmp_path))
    chosen = ["--profile", "smoke", "--models", "p = 5", "--seeds", "2", "--seed", "3"]
    assert main(["run", OVERFIT, *chosen]) == 0
    output, error = capsys.readouterr()
    assert output.startswith(f"2 trainings, of which 0 are recorded in {tmp_path}.")
    assert "2/2" in error, "a bar for all"
    assert missing(tasks(OVERFIT, "smoke", models=["p = 5"], seeds=[3, 4])) == []
    assert len(list(tmp_path.glob("*/*.json"))) == 2


def test_an_interrupted_run_is_one_line_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(MODULE, "train", Trainer(fail_at=1, error=KeyboardInterrupt()))
    assert main(["run", OVERFIT, "--results", str(tmp_path)]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "anode: interrupted"
    assert len(missing(tasks(OVERFIT), tmp_path)) == 3
    monkeypatch.undo()
    shorten(monkeypatch)
    assert main(["run", OVERFIT, "--results", str(tmp_path)]) == 0
    assert f"4 trainings, of which 1 are recorded in {tmp_path}." in capsys.readouterr().out
    assert missing(tasks(OVERFIT), tmp_path) == []


def test_a_failed_training_is_told_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(MODULE, "train", Trainer(broken=(0,)))
    assert main(["run", OVERFIT, "--results", str(tmp_path)]) == 0
    ended = capsys.readouterr().out.splitlines()[1:5]
    assert ["failed: seed 0, epoch 1, iteration 1" in line for line in ended] == [True, False] * 2
    assert missing(tasks(OVERFIT), tmp_path) == []


def test_too_little_memory_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    error = torch.OutOfMemoryError("CUDA out of memory")
    monkeypatch.setattr(MODULE, "train", Trainer(fail_at=1, error=error))
    line = refused(["run", OVERFIT, "--results", str(tmp_path)], capsys)
    assert "lower batch_size=32" in line
    assert len(missing(tasks(OVERFIT), tmp_path)) == 3


def test_list_says_how_far_each_is_and_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    wanted = tasks(OVERFIT)
    main(["run", OVERFIT, "--results", str(tmp_path), "--models", "p = 0", "--seeds", "1"])
    capsys.readouterr()
    monkeypatch.setattr(MODULE, "train", pytest.fail)
    with Store(tmp_path).locked(wanted[1].identity):
        assert main(["run", OVERFIT, "--results", str(tmp_path), "--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"4 trainings, of which 1 are recorded in {tmp_path}.",
        f"{OVERFIT}, p = 0, seed 0: recorded",
        f"{OVERFIT}, p = 0, seed 1: running",
        f"{OVERFIT}, p = 5, seed 0: missing",
        f"{OVERFIT}, p = 5, seed 1: missing",
    ]


def test_list_of_nothing_makes_nothing(tmp_path: Path, capsys: Captured) -> None:
    command = ["run", "fig10", "--profile", "paper", "--seeds", "5", "--list"]
    assert main([*command, "--results", str(tmp_path / "absent")]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    wanted = figure_tasks("fig10", "paper", seeds=range(5))
    assert first.startswith(f"{len(wanted)} trainings, of which 0 are recorded")
    assert others == [f"{task}: missing" for task in wanted]
    assert len(wanted) == 5 * 7
    assert not list(tmp_path.iterdir())


def test_a_figure_is_run_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv(RESULTS_VARIABLE, str(tmp_path))
    assert main(["run", "fig12", "--profile", "smoke"]) == 0
    wanted = figure_tasks("fig12", "smoke")
    output = capsys.readouterr().out.splitlines()
    ended = [line for line in output if " evaluations" in line]
    assert sorted(line.partition(": ")[0] for line in ended) == sorted(map(str, wanted))
    assert len({task.experiment.name for task in wanted}) == 2
    assert missing(wanted) == []


def test_toy_experiments_are_where_the_book_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))
    assert main(["run", "annulus-2d", "--profile", "smoke", "--models", "NODE"]) == 0
    assert len(list((tmp_path / "store").glob("annulus-2d/*.json"))) == 1
    monkeypatch.setattr(MODULE, "train", pytest.fail)
    assert run("annulus-2d", profile="smoke", models=["NODE"]).runs.keys() == {"NODE"}


# Elsewhere


def test_processes_do_what_this_process_does(tmp_path: Path, capsys: Captured) -> None:
    """Other processes do not know of a test's sizes, so it is the smallest profile."""
    command = ["run", OVERFIT, "--profile", "smoke", "--processes", "2", "--models", "p = 0"]
    assert main([*command, "--results", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count(" evaluations") == 2
    assert missing(tasks(OVERFIT, "smoke", models=["p = 0"]), tmp_path) == []


@pytest.mark.parametrize("error", [ExecutorError("workers were lost")])
def test_workers_that_fail_are_one_line(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Dask, "open", fail)
    command = ["run", OVERFIT, "--processes", "2", "--results", str(tmp_path)]
    assert str(error) in refused(command, capsys)


# Check


def test_check_says_of_each_seed_whether_its_numbers_are_the_same(
    tmp_path: Path, capsys: Captured
) -> None:
    record(tasks(OVERFIT, seeds=[0]), folder=tmp_path)
    (task,) = tasks(OVERFIT, models=["p = 5"], seeds=[0])
    store = Store(tmp_path)
    found = load_record(store, task.identity)
    assert found is not None
    loss = found.history.step_loss.copy()
    loss[0, 1] *= 2
    changed = replace(found, history=replace(found.history, step_loss=loss))
    save_record(store, task.identity, changed)
    assert main(["check", OVERFIT, "--results", str(tmp_path), "--steps", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{OVERFIT}, p = 0, seed 0: 2 steps give the same numbers",
        f"{OVERFIT}, p = 0, seed 1: not recorded",
        f"{OVERFIT}, p = 5, seed 0: 2 steps give losses within 5.0e-01 of theirs, "
        "evaluations within 0",
        f"{OVERFIT}, p = 5, seed 1: not recorded",
    ]


# What is not here


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_is_asked_for_in_vain_where_there_is_none(capsys: Captured) -> None:
    line = refused(["run", OVERFIT, "--device", "cuda"], capsys)
    assert line == "anode: device must be one of cpu here, got 'cuda'"


def test_data_that_are_not_here_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    register(monkeypatch, "cifar-10", {})
    command = ["run", "images-colour", "--profile", "paper", "--results", str(tmp_path / "results")]
    assert "'anode data fetch cifar-10'" in refused(command, capsys)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "absent"))
    assert f"{FOLDER_VARIABLE} must name a folder" in refused(command, capsys)


@pytest.mark.parametrize("error", [ValueError("a mistake of ours"), KeyError("x"), TypeError("y")])
def test_mistakes_of_the_program_are_not_hidden(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "train", Trainer(fail_at=0, error=error))
    with pytest.raises(type(error)):
        main(["run", OVERFIT, "--results", str(tmp_path)])


# Doctor, and store verify


def test_doctor_says_in_what_this_machine_differs(tmp_path: Path, capsys: Captured) -> None:
    record(wanted := tasks(OVERFIT, models=["p = 0"]), folder=tmp_path)
    command = ["doctor", "--results", str(tmp_path)]
    assert main(command) == 0
    assert capsys.readouterr().out == "2 records: made as here.\n"
    found = load_record(Store(tmp_path), wanted[0].identity)
    assert found is not None
    made = replace(found.provenance, processor="Z80, DEFAULT")
    save_record(Store(tmp_path), wanted[0].identity, replace(found, provenance=made))
    assert main([*command, OVERFIT]) == 0
    output = capsys.readouterr().out
    assert "1 record: made as here.\n" in output
    assert "1 record, numbers may differ:\n  processor: Z80, DEFAULT there, " in output


def test_verify_says_how_many_are_sound_and_ends_with_1_if_one_is_not(
    tmp_path: Path, capsys: Captured
) -> None:
    record(tasks(OVERFIT, models=["p = 0"]), folder=tmp_path)
    assert main(["store", "verify", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"2 sound records in {tmp_path}.\n"
    path = next(tmp_path.glob("*/*.json"))
    path.write_bytes(path.read_bytes()[:-30])
    assert main(["store", "verify", str(tmp_path)]) == 1
    output, error = capsys.readouterr()
    assert output.splitlines()[0] == f"1 sound records in {tmp_path}."
    assert str(path) in output.splitlines()[1]
    assert error.startswith("anode: 1 of 2 are bad.")
