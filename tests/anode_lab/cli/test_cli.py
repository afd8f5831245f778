"""The command ``anode``: what it prints, and how it ends."""

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pooch
import pytest

from anode_lab.cli import main
from anode_lab.images import IMAGE_SETS, image_set
from anode_lab.images.downloaded import FOLDER_VARIABLE, DownloadedSet
from publishing.project import HOME
from tests.helpers.image_sets import CONTENT, downloaded, register, served, write
from tests.helpers.mirrors import mirror

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloaded data, empty, on a machine that has no other and no network."""
    (folder := tmp_path / "data").mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch.core.time, "sleep", lambda _: None)
    for name in CONTENT:
        register(monkeypatch, name, {}, ())
    return folder


def states(text: str) -> dict[str, str]:
    """What ``anode data list`` says of each set."""
    rows = [line.split("  ", 1) for line in text.splitlines()]
    return {row[0]: row[1].strip() for row in rows if len(row) == 2}


def test_the_list_says_of_each_set_whether_it_is_here(data: Path, capsys: Captured) -> None:
    assert main(["data", "list"]) == 0
    output = capsys.readouterr().out
    before = states(output)
    assert str(data) in output
    assert list(before) == list(IMAGE_SETS)
    for name, state in before.items():
        assert state.endswith(image_set(name).title)
        assert state.startswith("always here") is (name not in CONTENT)
        assert ("to fetch" in state) is (name in CONTENT)
    whole, half = "cifar-10", "tiny-imagenet"
    write(data / downloaded(whole).place, CONTENT[whole]())
    (data / downloaded(half).place).mkdir()
    main(["data", "list"])
    after = states(capsys.readouterr().out)
    assert after[whole].startswith("here")
    assert after[half].startswith("damaged")


def test_fetch_puts_the_set_where_it_is_looked_for(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    with mirror(served("mnist")) as there:
        register(monkeypatch, "mnist", there.files, (there.url,))
        assert main(["data", "fetch", "mnist"]) == 0
    output, error = capsys.readouterr()
    assert output.splitlines()[0] == f"MNIST is in {data / downloaded('mnist').place}"
    assert "Please cite Y. LeCun" in output
    assert error == ""
    main(["data", "list"])
    assert states(capsys.readouterr().out)["mnist"].startswith("here")


def test_fetch_to_another_folder_says_how_to_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    with mirror(served("cifar-10")) as there:
        register(monkeypatch, "cifar-10", there.files, (there.url,))
        assert main(["data", "fetch", "cifar-10", "--folder", str(tmp_path / "other")]) == 0
    place, _, advice = capsys.readouterr().out.splitlines()
    assert place.endswith(str(tmp_path / "other" / downloaded("cifar-10").place))
    assert f"{FOLDER_VARIABLE}={tmp_path / 'other'}" in advice


@pytest.mark.parametrize("name", CONTENT)
def test_a_failed_fetch_is_one_line_and_status_1(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    register(monkeypatch, name, served(name), ("http://127.0.0.1:9/",))
    assert main(["data", "fetch", name]) == 1
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith(f"anode: {image_set(name).title} could not be fetched")
    assert error.count("\n") == 1


def test_help_names_the_subcommands(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as end:
        main(["data", "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "list" in text
    assert "fetch" in text


@pytest.mark.parametrize("error", [KeyError("a mistake of ours"), RuntimeError("another")])
def test_mistakes_of_the_program_are_not_hidden(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(DownloadedSet, "fetch", fails)
    with pytest.raises(type(error)):
        main(["data", "fetch", "mnist"])


def test_python_m_anode_does_the_same_as_the_entry_point(capsys: Captured) -> None:
    scripts = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["scripts"]
    assert EntryPoint("anode", scripts["anode"], "console_scripts").load() is main
    usage = [[sys.executable, "-m", "anode_lab", *rest] for rest in (["data", "fetch"], ["--help"])]
    runs = [
        subprocess.run(command, capture_output=True, text=True, cwd=HOME, check=False)
        for command in usage
    ]
    assert [run.returncode for run in runs] == [2, 0]
    with pytest.raises(SystemExit):
        main(["--help"])
    assert runs[1].stdout == capsys.readouterr().out
