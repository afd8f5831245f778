"""The notebooks for Colab: up to date, and they run where nothing but the package is installed."""

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

from publishing.chapters import read_pages
from publishing.colab import export_all
from publishing.inspection import CodeCell, first_incomplete
from publishing.locks import one_at_a_time
from publishing.project import HOME, Project
from tests.book.bare_python import BarePython, copy_source, declared

CHAPTERS = [page.name for page in read_pages(Project()) if page.is_chapter]
FOLDER = HOME / "notebooks"
NOT_DECLARED = (
    *("jupyter_book", "jupytext", "myst_nb", "nbformat", "papermill", "publishing", "pybtex"),
    *("pytest", "sphinx", "tests", "yaml"),
)
# It needs what no other chapter does: the figure's own script, which lies beside its module.
EXECUTED = "augmented-neural-odes"


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The notebooks as they would be exported now."""
    made = export_all(Project(), tmp_path_factory.mktemp("notebooks"))
    return {path.stem: path for path in made}


def test_committed_notebooks_are_those_of_the_chapters(exported: dict[str, Path]) -> None:
    """Fails when `make notebooks` was not run after a change."""
    assert list(exported) == CHAPTERS
    fresh = {path.name: path.read_bytes() for path in exported.values()}
    committed = {path.name: path.read_bytes() for path in FOLDER.glob("*.ipynb")}
    assert sorted(committed) == sorted(fresh), "run `make notebooks`"
    assert [n for n in fresh if committed[n] != fresh[n]] == [], "run `make notebooks`"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_links_within_a_committed_notebook_lead_somewhere(chapter: str) -> None:
    cells = nbformat.read(FOLDER / f"{chapter}.ipynb", 4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    places = re.findall(r'<a id="(.+?)">', text)
    assert set(re.findall(r"\]\(#(.+?)\)", text)) <= set(places)
    assert len(set(places)) == len(places)


@pytest.fixture(scope="session")
def colab(tmp_path_factory: pytest.TempPathFactory) -> BarePython:
    """A Python with the package, what it declares, and a kernel; all test processes share it.

    Also anywidget, which the first cell installs, and skorch, which the chapter that uses it
    installs where it is missing.
    """
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if own.name.startswith("popen-") else own) / "colab"
    done = folder / "done"
    with one_at_a_time(folder / ".lock"):
        python = BarePython(folder / "environment")
        if not done.exists():
            python.install(copy_source(folder / "source"))
            extra = map(Requirement, ("ipykernel", "anywidget", "skorch"))
            python.link([*declared(), *extra])
            done.touch()
    return python


@pytest.mark.slow
def test_only_what_is_declared_can_be_imported(colab: BarePython) -> None:
    expected = {"anode", "ipykernel", "matplotlib", "numpy", "sklearn", "torch", "torchdiffeq"}
    assert colab.can_import([*expected, *NOT_DECLARED]) == expected


def imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """All import statements, those inside of functions too."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))


def modules(tree: ast.AST) -> Iterator[str]:
    """Names of the packages that are imported."""
    for node in imports(tree):
        names = [n.name for n in node.names] if isinstance(node, ast.Import) else [node.module]
        yield from (name.partition(".")[0] for name in names if name)


@pytest.mark.slow
def test_every_import_of_every_notebook_is_provided(
    colab: BarePython, exported: dict[str, Path], tmp_path: Path
) -> None:
    """Each module of the packages and each import of each notebook is really imported.

    A chapter's code is executed for the site (`test_site.py`), and a notebook has the same code
    (`test_code_is_the_chapter_s_own_and_keeps_two_tags`). What an empty environment may lack is
    packages and files; this test shows the packages for all notebooks and that the files beside
    the packages are there, and the notebook `EXECUTED` shows the files inside. To execute all of
    them again showed the same, and took twelve minutes.
    """
    lines = {
        ast.unparse(node)
        for path in exported.values()
        for cell in nbformat.read(path, 4).cells
        if cell.cell_type == "code"
        for node in imports(ast.parse(cell.source))
    }
    walk = """
import importlib, pkgutil
import anode, anode_lab
for package in (anode, anode_lab):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
from anode_lab.runs import results_folder
print(*sorted(path.name for path in results_folder().iterdir()))
"""
    result = subprocess.run(
        [str(colab.python), "-c", "\n".join([walk, *sorted(lines)])],
        env=colab.environment | {"OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.split() == sorted(path.name for path in (HOME / "results").glob("*.json"))
    later = {
        name
        for package in ("anode", "anode_lab")
        for path in (HOME / package).rglob("*.py")
        for name in modules(ast.parse(path.read_text(encoding="utf8")))
    }
    # Dask comes with the extra `cluster`; the command line tells where it is missing.
    assert later - colab.can_import(later) <= {"dask", "distributed"}


@pytest.mark.slow
def test_notebook_runs_in_an_empty_folder(
    colab: BarePython, exported: dict[str, Path], tmp_path: Path
) -> None:
    (empty := tmp_path / "empty").mkdir()
    output = tmp_path / "output.ipynb"
    spec = tmp_path / "jupyter" / "kernels" / "bare" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [str(colab.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "Bare", "language": "python"}))
    command = [sys.executable, "-m", "papermill", str(exported[EXECUTED]), str(output)]
    command += ["--kernel", "bare", "--cwd", str(empty), "--no-progress-bar"]
    environment = colab.environment | {
        "JUPYTER_PATH": str(tmp_path / "jupyter"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    result = subprocess.run(
        [*command, "--execution-timeout", "300", "-r", "profile", "smoke"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    notebook = nbformat.read(output, 4)
    assert first_incomplete(notebook) is None
    for cell, below in pairwise(notebook.cells):
        if re.match(r'(<a id=".+?"></a>)?\*\*Fig\. ', below.source):
            assert CodeCell(0, cell).drew, cell.source
    assert list(empty.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("git") is None, reason="pip needs git to install from a repository"
)
def test_first_cell_really_installs_and_leaves_torch_alone(
    exported: dict[str, Path], tmp_path: Path
) -> None:
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
    cells = nbformat.read(exported[CHAPTERS[0]], 4).cells
    cell = next(cell.source for cell in cells if cell.cell_type == "code")
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
