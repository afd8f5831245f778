"""The first cell of a notebook: it installs the package where it is missing, and nothing else."""

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from publishing.colab.notebooks import install_source
from publishing.project import HOME, Project, Repository

REPOSITORY = Repository("https://github.com/owner/name", "trunk")
SOURCE = install_source(REPOSITORY, "0.2.0.dev0")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that the cell starts; none is really started."""
    started: list[list[str]] = []

    def run(command: list[str], *, check: bool) -> None:
        assert check
        started.append(command)

    monkeypatch.setattr(subprocess, "run", run)
    return started


def hide(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in names else find(name)
    )


def test_nothing_happens_where_the_package_is(commands: list[list[str]]) -> None:
    exec(SOURCE, {})
    assert commands == []


def test_a_missing_package_is_installed_quietly_and_torch_stays(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, "anode")
    exec(SOURCE, {})
    pins = [f"{n}=={importlib.metadata.version(n)}" for n in ("numpy", "torch")]
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    package = "anode[lab] @ git+https://github.com/owner/name@trunk"
    assert commands == [[*pip, package, "anywidget", *pins]]


def test_what_is_not_there_is_not_pinned(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, "anode", "torch")
    exec(SOURCE, {})
    pins = [part for part in commands[0] if "==" in part]
    assert [pin.partition("==")[0] for pin in pins] == ["numpy"]


def test_the_address_is_the_project_s() -> None:
    repository = Project().repository()
    assert f'git+{repository.url}@{repository.branch}"' in install_source(repository, "0.2.0.dev0")


def test_a_release_installs_its_own_tag() -> None:
    assert 'git+https://github.com/owner/name@v0.2.0"' in install_source(REPOSITORY, "0.2.0")


@pytest.mark.slow
def test_a_student_s_machine_gets_the_package_and_keeps_its_torch(tmp_path: Path) -> None:
    """A Python with all that is here but the package: its first cell installs it, from git."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    (found := tmp_path / "found").mkdir()
    for path in Path(np.__file__).parents[1].iterdir():
        if not path.name.startswith(("anode", "__editable__")):
            (found / path.name).symlink_to(path)
    [site] = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "found.pth").write_text(f"{found}\n")
    (out := tmp_path / "out").mkdir()
    variables = {"PYTHON": str(tmp_path / "venv" / "bin" / "python"), "NOTEBOOKS": "your-own"}
    environment = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
    result = subprocess.run(
        [HOME / "scripts" / "colab-inside", HOME, "smoke", out],
        cwd=tmp_path,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert (out / "your-own.ipynb").is_file()
    assert (site / "anode" / "__init__.py").is_file()
    shared = tmp_path / "venv" / "share" / "anode" / "results"
    assert {path.name for path in shared.iterdir()} == {
        path.name for path in (HOME / "results").iterdir() if path.suffix != ".lock"
    }
