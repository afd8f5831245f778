"""A small book with labels of all kinds, really built: its numbers are those of the notebooks."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from publishing.chapters import Page, read_pages
from publishing.project import HOME, Project
from tests.publishing.printed import differences

BOOK = Path(__file__).parent / "colab_book"
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
_BUILD = "from jupyter_book.cli.main import main; main()"


def with_figures(page: Page) -> nbformat.NotebookNode:
    """The chapter as if it had been executed: a dot for each figure."""
    notebook = page.notebook()
    for cell in notebook.cells:
        if "figure" in cell.metadata.get("mystnb", {}):
            cell.outputs = [nbformat.v4.new_output("display_data", {"image/png": DOT})]
    return notebook


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    source = folder / "source"
    (source / "book").mkdir(parents=True)
    for name in ("_config.yml", "_toc.yml", "references.bib"):
        shutil.copyfile(BOOK / name, source / name)
    for page in read_pages(Project(BOOK)):
        if page.is_chapter:
            nbformat.write(with_figures(page), (source / page.path).with_suffix(".ipynb"))
        else:
            (source / page.path).write_text(page.text, encoding="utf8")
    command = [sys.executable, "-c", _BUILD, "build", str(source), "--path-output", str(folder)]
    result = subprocess.run(
        [*command, "-W", "-n", "--keep-going", "--quiet"],
        env=os.environ | {"PYTHONPATH": str(HOME)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "_build" / "html"


@pytest.mark.slow
def test_every_number_and_reference_is_the_site_s(built: Path) -> None:
    assert differences(Project(BOOK), built) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "change"),
    [
        ("first", lambda text: text.replace("Lemma 1.2", "Lemma 1.3")),
        ("first", lambda text: text.replace('id="equation-eq-case"', 'id="elsewhere"')),
        ("second", lambda text: text.replace("2.2.1. ", "2.2.2. ")),
        ("second", lambda text: text.replace(">Fig. 1.1<", ">Fig. 1.2<")),
        ("plain", lambda text: text.replace("(3.1)", "(3.2)")),
    ],
)
def test_the_comparison_sees_a_difference(
    built: Path, tmp_path: Path, page: str, change: Callable[[str], str]
) -> None:
    changed = shutil.copytree(built, tmp_path / "html")
    path = changed / "book" / f"{page}.html"
    before = path.read_text(encoding="utf8")
    path.write_text(change(before), encoding="utf8")
    assert path.read_text(encoding="utf8") != before
    assert differences(Project(BOOK), changed) != []
