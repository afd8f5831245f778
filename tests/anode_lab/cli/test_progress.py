"""What ``anode run`` and ``status`` say: a bar for people, lines for logs, JSON for machines."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from anode_lab.cli import main
from anode_lab.experiments.images import OVERFIT
from anode_lab.runs import RESULTS_VARIABLE, STORE_VARIABLE, run
from anode_lab.runs.executors import PlaceError, Processes, WorkersLostError
from anode_lab.runs.task import figure_tasks, tasks
from tests.helpers.recorded import MODULE, Trainer, recordings, shorten

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one experiment the default profile takes a second."""
    shorten(monkeypatch)
    monkeypatch.delenv("CI", raising=False)


def events(text: str) -> list[dict[str, Any]]:
    """A line each."""
    return [json.loads(line) for line in text.splitlines()]


def test_list_says_how_far_each_is_and_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    main(["run", OVERFIT, "--results", str(tmp_path), "--models", "p = 0", "--seeds", "1"])
    capsys.readouterr()
    monkeypatch.setattr(MODULE, "train", pytest.fail)
    assert main(["run", OVERFIT, "--results", str(tmp_path), "--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"4 trainings, of which 1 are recorded in {tmp_path}.",
        f"{OVERFIT}, p = 0, seed 0: done",
        f"{OVERFIT}, p = 0, seed 1: missing",
        f"{OVERFIT}, p = 5, seed 0: missing",
        f"{OVERFIT}, p = 5, seed 1: missing",
    ]


def test_status_answers_while_another_process_trains(tmp_path: Path, capsys: Captured) -> None:
    store, wanted = recordings(tmp_path), tasks(OVERFIT)
    main(["run", OVERFIT, "--results", str(tmp_path), "--models", "p = 0", "--seeds", "1"])
    capsys.readouterr()
    with store.locked(wanted[1].identity):
        assert main(["status", OVERFIT, "--results", str(tmp_path)]) == 0
    output = capsys.readouterr().out.splitlines()
    assert output[1] == f"{OVERFIT}, p = 0, seed 1: running"
    assert output[-1] == f"4 trainings in {tmp_path}: 1 done, 1 running, 2 missing."
    assert main(["status", OVERFIT, "--results", str(tmp_path), "--json"]) == 0
    told = events(capsys.readouterr().out)
    assert [each["stage"] for each in told] == ["done", "missing", "missing", "missing"]
    assert told[0] == {
        "experiment": OVERFIT,
        "model": "p = 0",
        "profile": "laptop",
        "seeds": [0],
        "stage": "done",
        "epoch": None,
        "epochs": 2,
        "failed": 0,
    }


def test_status_of_nothing_makes_nothing(tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "absent"
    assert main(["status", "fig10", "--results", str(folder)]) == 0
    assert capsys.readouterr().out.endswith(" missing.\n")
    assert not folder.exists()


def test_a_figure_names_its_experiments_trainings(tmp_path: Path, capsys: Captured) -> None:
    command = ["run", "fig10", "--profile", "paper", "--seeds", "5", "--list"]
    assert main([*command, "--results", str(tmp_path)]) == 0
    output = capsys.readouterr().out.splitlines()
    wanted = figure_tasks("fig10", "paper", seeds=range(5))
    assert output[0].startswith(f"{len(wanted)} trainings, of which 0 are recorded")
    assert output[1:] == [f"{task}: missing" for task in wanted]
    assert len(wanted) == 5 * 7


def test_a_figure_is_run_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv(RESULTS_VARIABLE, str(tmp_path))
    assert main(["run", "fig12", "--profile", "laptop", "--json"]) == 0
    told = events(capsys.readouterr().out)
    assert [each["event"] for each in told] == ["plan", *["task"] * 4, *["ended"] * 4, "end"]
    assert told[0]["wanted"] == 4
    assert told[0]["recorded"] == 0
    assert told[0]["store"] == str(tmp_path)
    ended = [each for each in told if each["event"] == "ended"]
    assert [each["recorded"] for each in ended] == [1, 2, 3, 4]
    assert all(each["loss"] > 0 and each["evaluations"] > 0 for each in ended)
    assert all(each["failures"] == [] for each in ended)
    assert ended[0]["seconds_left"] > ended[-1]["seconds_left"] == 0
    assert told[-1] | {"time": 0} == {
        "event": "end",
        "time": 0,
        "wanted": 4,
        "recorded": 4,
        "failed": 0,
    }
    times = [each["time"] for each in told]
    assert times == sorted(times)


def test_models_go_with_an_experiment(tmp_path: Path, capsys: Captured) -> None:
    assert main(["run", "fig10", "--models", "p = 0", "--results", str(tmp_path)]) == 1
    assert "--models goes with an experiment, not with 'fig10'" in capsys.readouterr().err


def test_json_tells_of_failed_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(MODULE, "train", Trainer(broken=(0,)))
    assert main(["run", OVERFIT, "--results", str(tmp_path), "--json"]) == 0
    told = events(capsys.readouterr().out)
    ended = [each for each in told if each["event"] == "ended"]
    assert ["seed 0, epoch 1, iteration 1" in str(each["failures"]) for each in ended] == [
        True,
        False,
    ] * 2
    assert ended[0]["loss"] is None
    assert told[-1]["failed"] == 2


def test_processes_say_what_this_process_says(tmp_path: Path, capsys: Captured) -> None:
    """Those of other processes do not know of a test's sizes, so it is the smallest profile."""
    command = ["run", OVERFIT, "--profile", "smoke", "--processes", "2", "--json"]
    assert main([*command, "--results", str(tmp_path)]) == 0
    told = events(capsys.readouterr().out)
    assert [each["event"] for each in told][-5:] == [*["ended"] * 4, "end"]
    assert told[-1]["recorded"] == 4


def test_people_see_one_bar_with_failures_and_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(MODULE, "train", Trainer(broken=(0,)))
    assert main(["run", OVERFIT, "--results", str(tmp_path)]) == 0
    output, error = capsys.readouterr()
    last = error.replace("\n", "\r").rstrip("\r").split("\r")[-1]
    assert re.search(r"100%.* 4/4 .*2 failed, about 0 s left", last)
    assert "epoch" not in error, "a bar a sweep, not one a training"
    assert output.count("\n") == 6
    assert main(["run", OVERFIT, "--results", str(tmp_path)]) == 0
    assert "4/4" in capsys.readouterr().err


def test_in_ci_it_is_quiet_but_for_what_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(MODULE, "train", Trainer(broken=(0,)))
    assert main(["run", OVERFIT, "--results", str(tmp_path)]) == 0
    output, error = capsys.readouterr()
    assert error == ""
    first, *others = output.splitlines()
    assert first.startswith("4 trainings")
    assert len(others) == 2
    assert all("failed: seed 0" in line for line in others)


def test_toy_experiments_are_where_the_book_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))
    command = ["run", "annulus-2d", "--profile", "smoke", "--models", "NODE"]
    assert main(command) == 0
    assert len(list((tmp_path / "store").glob("annulus-2d/*.json"))) == 1
    monkeypatch.setattr(MODULE, "train", pytest.fail)
    assert run("annulus-2d", profile="smoke", models=["NODE"]).runs.keys() == {"NODE"}


# Places


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dask", "tcp://127.0.0.1:9", "--resources", "GPU"], "resources must be as GPU=1"),
        (["--resources", "GPU=1"], "name the scheduler with --dask"),
        (["--dask", "pigeon://roof"], "dask must be an address as tcp://10.0.0.1:8786"),
    ],
)
def test_where_nothing_can_run_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: Captured
) -> None:
    assert main(["run", OVERFIT, *arguments, "--results", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("error", [WorkersLostError("2 processes were lost"), PlaceError("none")])
def test_a_place_that_fails_is_one_line(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Processes, "executor", fail)
    command = ["run", OVERFIT, "--processes", "2", "--results", str(tmp_path)]
    assert main(command) == 1
    assert str(error) in capsys.readouterr().err


def test_one_place_at_a_time(tmp_path: Path, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as end:
        main(["run", OVERFIT, "--processes", "2", "--dask", "tcp://x:1"])
    assert end.value.code == 2
    assert "not allowed with argument" in capsys.readouterr().err
