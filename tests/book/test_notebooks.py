"""The notebooks for Colab: up to date, and they run where nothing but the package is installed."""

import json
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

from publishing.chapters import read_pages
from publishing.colab import export_all
from publishing.inspection import CodeCell, first_incomplete
from publishing.project import HOME, Project
from tests.book.bare_python import BarePython, copy_source, declared

CHAPTERS = [page.name for page in read_pages(Project()) if page.is_chapter]
FOLDER = HOME / "notebooks"
NOT_DECLARED = (
    *("jupyter_book", "jupytext", "myst_nb", "nbformat", "papermill", "publishing", "pybtex"),
    *("pytest", "sphinx", "tests", "yaml"),
)


def test_committed_notebooks_are_those_of_the_chapters(tmp_path: Path) -> None:
    """Fails when `make notebooks` was not run after a change."""
    fresh = {path.name: path.read_bytes() for path in export_all(HOME, tmp_path)}
    committed = {path.name: path.read_bytes() for path in FOLDER.glob("*.ipynb")}
    assert sorted(committed) == sorted(fresh), "run `make notebooks`"
    assert [n for n in fresh if committed[n] != fresh[n]] == [], "run `make notebooks`"


def test_every_chapter_has_a_notebook_named_like_it(tmp_path: Path) -> None:
    assert [path.stem for path in export_all(HOME, tmp_path)] == CHAPTERS


@pytest.fixture(scope="session")
def colab(tmp_path_factory: pytest.TempPathFactory) -> BarePython:
    """A Python with the package, what it declares, and a kernel.

    Also anywidget, which the first cell installs, and skorch, which the chapter that uses it
    installs where it is missing.
    """
    folder = tmp_path_factory.mktemp("colab")
    python = BarePython(folder / "environment")
    python.install(copy_source(folder / "source"))
    extra = map(Requirement, ("ipykernel", "anywidget", "skorch"))
    python.link([*declared(), *extra])
    return python


@pytest.mark.slow
def test_only_what_is_declared_can_be_imported(colab: BarePython) -> None:
    expected = {"anode", "ipykernel", "matplotlib", "numpy", "sklearn", "torch", "torchdiffeq"}
    assert colab.can_import([*expected, *NOT_DECLARED]) == expected


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_notebook_runs_in_an_empty_folder(chapter: str, colab: BarePython, tmp_path: Path) -> None:
    (source,) = (p for p in export_all(HOME, tmp_path / "notebooks") if p.stem == chapter)
    (empty := tmp_path / "empty").mkdir()
    output = tmp_path / "output.ipynb"
    spec = tmp_path / "jupyter" / "kernels" / "bare" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [str(colab.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "Bare", "language": "python"}))
    command = [sys.executable, "-m", "papermill", str(source), str(output), "--kernel", "bare"]
    command += ["--cwd", str(empty), "--no-progress-bar", "--execution-timeout", "300"]
    environment = colab.environment | {
        "JUPYTER_PATH": str(tmp_path / "jupyter"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    result = subprocess.run(
        [*command, "-r", "profile", "smoke"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    notebook = nbformat.read(output, 4)
    assert first_incomplete(notebook) is None
    for cell, below in pairwise(notebook.cells):
        if below.source.startswith("**Fig. "):
            assert CodeCell(0, cell).drew, cell.source
    assert list(empty.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("git") is None, reason="pip needs git to install from a repository"
)
def test_first_cell_really_installs_and_leaves_torch_alone(tmp_path: Path) -> None:
    """The cell runs as it is, pip and all; git is told to take the repository from this machine."""
    python = BarePython(tmp_path / "environment")
    python.link([*declared(), Requirement("pip"), Requirement("anywidget")])
    assert not python.can_import(["anode"])
    source = copy_source(tmp_path / "source")
    git = ["git", "-C", str(source), "-c", "user.name=x", "-c", "user.email=x"]
    repository = Project().repository()
    for step in (["init", "-q", "-b", repository.branch], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *step], check=True)
    before = {path.name for path in python.packages.iterdir()}
    (path,) = (p for p in export_all(HOME, tmp_path / "notebooks") if p.stem == CHAPTERS[0])
    cell = nbformat.read(path, 4).cells[0].source
    environment = python.environment | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{source.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": repository.url,
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # sic: it means that the environment's setuptools builds
    }
    result = subprocess.run(
        [str(python.python), "-c", f"{cell}\nimport anode; print(anode.__file__)"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert Path(result.stdout.strip()).parent == python.packages / "anode"
    new = {path.name for path in python.packages.iterdir()} - before
    assert {name.partition("-")[0] for name in new} == {"anode", "anode_lab"}
