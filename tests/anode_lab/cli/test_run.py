"""``anode run`` and ``anode check``: what they record, what they print, and how they end."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from anode.data.images.downloaded import FOLDER_VARIABLE
from anode_lab.cli import main
from anode_lab.cli.progress import Forecast, duration
from anode_lab.experiments.images import OVERFIT
from anode_lab.runs import RESULTS_VARIABLE, run
from anode_lab.runs.task import tasks
from tests.helpers.image_sets import register
from tests.helpers.recorded import MODULE, Trainer, missing, record, recordings, shorten

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one experiment the default profile takes a second."""
    shorten(monkeypatch)
    monkeypatch.delenv("CI", raising=False)


def refused(arguments: list[str], capsys: Captured) -> str:
    """The line on stderr with which a command ends."""
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("anode: ")
    assert error.count("\n") == 1
    return error


# Run


def test_run_records_everything_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    command = ["run", OVERFIT, "--results", str(tmp_path)]
    assert main(command) == 0
    output, error = capsys.readouterr()
    first, forecast, *ended = output.splitlines()
    assert first == f"4 trainings, of which 0 are recorded in {tmp_path}."
    assert "p = 0: " in forecast
    assert len(ended) == 4
    assert all(
        re.match(rf"{OVERFIT}, p = [05], seed [01]: .* loss .* evaluations\. Left", s)
        for s in ended
    )
    assert ended[-1].endswith("Left: about 0 s.")
    assert error == "", "without --progress"
    assert missing(tasks(OVERFIT), tmp_path) == []
    assert list(run(OVERFIT, store=tmp_path).runs) == ["p = 0", "p = 5"]
    monkeypatch.setattr(MODULE, "train", pytest.fail)
    assert main(command) == 0
    assert capsys.readouterr().out == f"4 trainings, of which 4 are recorded in {tmp_path}.\n"


def test_the_smallest_profile_some_models_and_some_seeds_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv(RESULTS_VARIABLE, str(tmp_path))
    chosen = ["--profile", "smoke", "--models", "p = 5", "--seeds", "2", "--seed", "3"]
    assert main(["run", OVERFIT, *chosen, "--progress"]) == 0
    output, error = capsys.readouterr()
    assert output.startswith(f"2 trainings, of which 0 are recorded in {tmp_path}.")
    assert "epoch" in error
    assert missing(tasks(OVERFIT, "smoke", models=["p = 5"], seeds=[3, 4])) == []
    assert len(list(tmp_path.glob("*/*.json"))) == 2


def test_an_interrupted_run_is_one_line_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    # Each model is begun twice to foresee how long it takes, before anything is recorded.
    monkeypatch.setattr(MODULE, "train", Trainer(fail_at=5, error=KeyboardInterrupt()))
    assert main(["run", OVERFIT, "--results", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "anode: interrupted\n"
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
    ended = capsys.readouterr().out.splitlines()[2:]
    assert ["failed: seed 0, epoch 1, iteration 1" in line for line in ended] == [True, False] * 2
    assert missing(tasks(OVERFIT), tmp_path) == []


def test_too_little_memory_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    error = torch.OutOfMemoryError("CUDA out of memory")
    monkeypatch.setattr(MODULE, "train", Trainer(fail_at=5, error=error))
    line = refused(["run", OVERFIT, "--results", str(tmp_path)], capsys)
    assert "lower batch_size=32" in line
    assert len(missing(tasks(OVERFIT), tmp_path)) == 3


# Check


def test_check_says_of_each_seed_whether_its_numbers_are_the_same(
    tmp_path: Path, capsys: Captured
) -> None:
    record(tasks(OVERFIT, seeds=[0]), folder=tmp_path)
    (task,) = tasks(OVERFIT, models=["p = 5"], seeds=[0])
    store = recordings(tmp_path)
    found = store.read(task.identity)
    assert found is not None
    loss = found.history.step_loss.copy()
    loss[0, 1] *= 2
    store.save(task.identity, replace(found, history=replace(found.history, step_loss=loss)))
    assert main(["check", OVERFIT, "--results", str(tmp_path), "--steps", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{OVERFIT}, p = 0, seed 0: 2 steps give the same numbers",
        f"{OVERFIT}, p = 0, seed 1: not recorded",
        f"{OVERFIT}, p = 5, seed 0: 2 steps give losses within 5.0e-01 of theirs, "
        "evaluations within 0",
        f"{OVERFIT}, p = 5, seed 1: not recorded",
    ]


def test_a_check_of_nothing_is_no_success(tmp_path: Path, capsys: Captured) -> None:
    line = refused(["check", OVERFIT, "--results", str(tmp_path)], capsys)
    assert str(tmp_path) in line
    assert f"'anode run {OVERFIT} --profile laptop'" in line


# Wrong arguments


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "NAME"),
        (["images"], "images-grey"),
        ([OVERFIT, "--profile", "big"], "'smoke', 'laptop', 'paper'|smoke, laptop, paper"),
        ([OVERFIT, "--seeds", "x"], "invalid positive value: 'x'"),
        ([OVERFIT, "--seeds", "0"], "invalid positive value: '0'"),
        ([OVERFIT, "--seed", "x"], "invalid int value: 'x'"),
    ],
)
def test_wrong_usage_is_status_2_and_names_what_is_right(
    command: str, arguments: list[str], message: str, capsys: Captured
) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, *arguments])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: anode")
    assert re.search(message, error)


@pytest.mark.parametrize("steps", ["0", "-1", "many"])
def test_steps_are_counted_from_one(steps: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as end:
        main(["check", OVERFIT, "--steps", steps])
    assert end.value.code == 2
    assert f"invalid positive value: '{steps}'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([OVERFIT, "--models", "p = 5", "p = 7"], "has the models 'p = 0', 'p = 5', got 'p = 7'"),
        (["images-large"], "images-large has the profiles smoke, paper, got 'laptop'"),
        ([OVERFIT, "--seed", "-1"], "seeds must be"),
    ],
)
def test_what_an_experiment_has_not_is_one_line_with_what_it_has(
    command: str, arguments: list[str], message: str, tmp_path: Path, capsys: Captured
) -> None:
    assert message in refused([command, *arguments, "--results", str(tmp_path)], capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("device", ["cuda:99", "tpu"])
def test_a_device_that_is_not_here_is_one_line(
    device: str, tmp_path: Path, capsys: Captured
) -> None:
    command = ["run", OVERFIT, "--device", device, "--results", str(tmp_path)]
    line = refused(command, capsys)
    assert "device must be one of cpu" in line
    assert device in line


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_is_asked_for_in_vain_where_there_is_none(capsys: Captured) -> None:
    line = refused(["run", OVERFIT, "--device", "cuda"], capsys)
    assert line == "anode: device must be one of cpu here, got 'cuda'\n"


def test_data_that_are_not_here_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    register(monkeypatch, "cifar-10", {})
    command = ["run", "images-colour", "--profile", "paper", "--results", str(tmp_path / "results")]
    assert "'anode data fetch cifar-10'" in refused(command, capsys)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "absent"))
    assert f"{FOLDER_VARIABLE} must name a folder" in refused(command, capsys)


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "results"
    assert f"cannot be kept in {folder}" in refused(
        ["run", OVERFIT, "--results", str(folder)], capsys
    )


@pytest.mark.parametrize("error", [ValueError("a mistake of ours"), KeyError("x"), TypeError("y")])
def test_mistakes_of_the_program_are_not_hidden(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "train", Trainer(fail_at=0, error=error))
    with pytest.raises(type(error)):
        main(["run", OVERFIT, "--results", str(tmp_path)])


# The forecast


def test_a_forecast_is_corrected_by_what_trainings_took() -> None:
    """It counts what is not recorded, also when another process records some of it."""
    wanted = tasks(OVERFIT)
    left = list(wanted)
    seconds = {(OVERFIT, "p = 0"): 100.0, (OVERFIT, "p = 5"): 300.0}
    forecast = Forecast(wanted, seconds, lambda some: [task for task in some if task in left])
    assert forecast.factor == 1
    assert forecast.remaining == 800
    assert Forecast(wanted, seconds, list, workers=4).remaining == 200
    assert "p = 0: 100 s, p = 5: 5 min" in str(forecast)
    assert duration(800) in str(forecast)
    left.remove(wanted[0])
    forecast.ended(wanted[0], 150.0)
    assert forecast.factor == 1.5
    assert forecast.remaining == 1.5 * 700
    left.remove(wanted[1])  # by another process
    left.remove(wanted[2])
    forecast.ended(wanted[2], 650.0)
    assert forecast.factor == 2
    assert forecast.remaining == 2 * 300


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.25 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (9000, "2.5 h")],
)
def test_durations_are_in_the_unit_that_people_use(seconds: float, text: str) -> None:
    assert duration(seconds) == text
