"""The command ``anode``: what it prints, and how it ends."""

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from anode.data.images import download
from anode.data.images.catalogue import FOLDER_VARIABLE, SOURCES, ImageSet
from anode_lab.cli import main
from publishing.project import HOME
from tests.helpers.image_sets import CONTENT, register, served, write
from tests.helpers.mirrors import mirror

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloaded data, empty, on a machine that has no other and no network."""
    (folder := tmp_path / "data").mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE", 0.001)
    for which in CONTENT:
        register(monkeypatch, which, {}, ())
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
    assert list(before) == [which.value for which in ImageSet]
    for which in ImageSet:
        assert before[which.value].endswith(which.title)
        assert before[which.value].startswith("always here") is (which not in SOURCES)
        assert ("to fetch" in before[which.value]) is (which in SOURCES)
    whole, half = ImageSet.CIFAR10, ImageSet.TINY_IMAGENET
    write(data / SOURCES[whole].place, CONTENT[whole]())
    (data / SOURCES[half].place).mkdir()
    main(["data", "list"])
    after = states(capsys.readouterr().out)
    assert after[whole.value].startswith("here")
    assert after[half.value].startswith("damaged")


def test_fetch_puts_the_set_where_it_is_looked_for(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    which = ImageSet.MNIST
    with mirror(served(which)) as there:
        register(monkeypatch, which, there.files, (there.url,))
        assert main(["data", "fetch", which.value]) == 0
    assert capsys.readouterr() == (f"MNIST is in {data / SOURCES[which].place}\n", "")
    main(["data", "list"])
    assert states(capsys.readouterr().out)[which.value].startswith("here")


def test_fetch_to_another_folder_says_how_to_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    which = ImageSet.CIFAR10
    with mirror(served(which)) as there:
        register(monkeypatch, which, there.files, (there.url,))
        assert main(["data", "fetch", which.value, "--folder", str(tmp_path / "other")]) == 0
    place, advice = capsys.readouterr().out.splitlines()
    assert place.endswith(str(tmp_path / "other" / SOURCES[which].place))
    assert f"{FOLDER_VARIABLE}={tmp_path / 'other'}" in advice


@pytest.mark.parametrize("which", SOURCES)
def test_a_failed_fetch_is_one_line_and_status_1(
    which: ImageSet, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    register(monkeypatch, which, served(which), ("http://127.0.0.1:9/",))
    assert main(["data", "fetch", which.value]) == 1
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith(f"anode: {which.title} could not be fetched")
    assert error.count("\n") == 1


def test_a_wrong_folder_is_one_line_and_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "absent"))
    assert main(["data", "list"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["data"], ["data", "fetch"], ["data", "fetch", "imagenet"], ["data", "fetch", "digits"]],
)
def test_wrong_usage_is_status_2(arguments: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: anode" in capsys.readouterr().err


def test_wrong_names_are_answered_with_the_right_ones(capsys: Captured) -> None:
    with pytest.raises(SystemExit):
        main(["data", "fetch", "cifar"])
    error = capsys.readouterr().err
    assert all(which.value in error for which in SOURCES)


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

    monkeypatch.setattr(download, "fetch", fails)
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
