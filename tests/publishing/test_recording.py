"""Records are made as far as time allows, and travel from machine to machine."""

import shutil
import subprocess
from pathlib import Path

import pytest

from anode_lab.experiments.images import GREY, LARGE, OVERFIT
from anode_lab.images import DataError
from anode_lab.images.downloaded import DownloadedSet
from anode_lab.runs import RESULTS_VARIABLE
from anode_lab.runs.store import verify
from publishing import cli, recording
from publishing.project import HOME, Project, ProjectError

SMOKE = ("-p", "profile=smoke")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of records in a repository."""
    folder = tmp_path / "results"
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("*.checkpoint\n*.lock\n")
    monkeypatch.setenv(RESULTS_VARIABLE, str(folder))
    return folder


def test_records_travel_with_their_checkpoints_and_damaged_ones_stay_behind(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = sorted((HOME / "results" / GREY).glob("*.json"))[:3]
    folder = results / GREY
    folder.mkdir()
    for path in known:
        for file in (path, path.with_suffix(".safetensors")):
            shutil.copy(file, folder)
    for name in (f"{known[0].stem}.checkpoint", f"{known[0].stem}.lock", "x.json.damaged-0a"):
        (folder / name).write_text("halfway")
    subprocess.run(["git", "-C", tmp_path, "add", folder / known[0].name], check=True)
    here = Project(tmp_path)
    kept = {path.name for path in recording.keep(here)}
    assert kept == {
        *(known[i].name for i in (1, 2)),
        *(path.with_suffix(".safetensors").name for path in known),
        f"{known[0].stem}.checkpoint",
    }
    (here.build / recording.CARRIED / GREY / known[2].name).write_text("{}")
    (there := tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv(RESULTS_VARIABLE, str(there))
    told: list[str] = []
    assert recording.take(here, told.append) == [there / GREY / known[1].name]
    assert f"not taken: {here.build / recording.CARRIED / GREY / known[2].name}" in told[0]
    assert verify(there) == (1, [])
    assert (there / GREY / f"{known[0].stem}.checkpoint").read_text() == "halfway"
    assert recording.take(here, told.append) == []


def test_a_folder_outside_a_repository_is_no_place_for_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RESULTS_VARIABLE, str(tmp_path))
    with pytest.raises(ProjectError, match="is not in a repository"):
        recording.keep(Project(tmp_path))


def test_the_first_seeds_come_first_and_a_failure_does_not_stop_the_others(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, int]] = []

    def fail(_: float, name: str, profile: str, device: str, seeds: int) -> int | None:
        ran.append((name, seeds))
        return 1 if name == GREY else 0 if len(ran) < 3 else None

    monkeypatch.setattr(recording, "_run_until", fail)
    monkeypatch.setattr(DownloadedSet, "fetch", lambda self, **_: Path(self.name))
    told: list[str] = []
    names = [GREY, OVERFIT]
    assert recording.record(names, "paper", "cpu", 60, told.append) == [GREY]
    assert ran[:3] == [(GREY, 1), (OVERFIT, 1), (OVERFIT, 2)]
    assert told[-2:] == [
        f"{GREY}: 50 trainings are not recorded, it failed",
        f"{OVERFIT}: 10 trainings are not recorded, time was up: run it again to go on",
    ]


@pytest.mark.slow
def test_what_time_does_not_allow_is_recorded_next_time(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["record", OVERFIT, *SMOKE, "--hours", "0"]) == 0
    assert "4 trainings are not recorded, time was up" in capsys.readouterr().out
    assert verify(results) == (0, [])
    assert cli.main(["record", OVERFIT, *SMOKE]) == 0
    assert capsys.readouterr().out.endswith(f"{OVERFIT}: recorded\n")
    assert verify(results) == (4, [])


@pytest.mark.slow
def test_time_ends_a_training_that_runs(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["record", GREY, "-p", "profile=smoke", "--hours", str(1 / 3600)]) == 0
    assert "20 trainings are not recorded, time was up" in capsys.readouterr().out


def test_only_what_is_recorded_is_recorded() -> None:
    with pytest.raises(ProjectError, match=r"images-larg cannot .* valid experiments: images-grey"):
        recording.recorded_at("paper", ["images-larg"])
    assert "images-large" not in recording.recorded_at("laptop")
    assert "images-large" in recording.recorded_at("paper")


def test_data_are_those_of_the_profile_and_one_that_fails_is_named(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(self: DownloadedSet, *, progress: bool) -> Path:
        if self.name == "tiny-imagenet":
            raise DataError("no mirror has it")
        return Path(self.name)

    monkeypatch.setattr(DownloadedSet, "fetch", fetched)
    told: list[str] = []
    assert recording.fetch("paper", told.append) == ["tiny-imagenet"]
    assert len(told) == 3
    assert "no mirror has it" in told
    assert recording.record([LARGE], "paper", "cpu", 60, told.append) == [LARGE]
    assert told[3:] == ["no mirror has it", f"{LARGE}: 15 trainings are not recorded, it failed"]
    del told[3:]
    assert recording.fetch("smoke", told.append) == []
    assert recording.fetch("laptop", told.append) == []
    assert sorted(told[3:]) == ["CIFAR-10 is in cifar-10", "MNIST is in mnist"]
