"""A book of a few lines for each test, so that no test needs the real one."""

import base64
import io
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from PIL import Image

from anode_lab.figures import DARK_PNG
from publishing.chapters import Page, read_pages
from publishing.execute import Outcome, execute
from publishing.figures import DRAWINGS, LIGHT
from publishing.inspection import code_cells
from publishing.parameters import Parameters
from publishing.project import HOME, Project
from publishing.run import Ending

SMOKE = Parameters(profile="smoke")

_HEADER = """---
jupytext:
  formats: md:myst
  text_representation:
    extension: .md
    format_name: myst
    format_version: 0.13
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

"""
PARAMETERS = ':tags: [parameters, remove-cell]\n\nprofile = "laptop"\nseed = 0\ndevice = "cpu"'


_NO_PAGES = ("index", "assignments", "slides")


@dataclass
class Book:
    """A folder with a table of contents, chapters and pages.

    Attributes:
        project: the folder, built in its own ``_build``.
        told: what `execute` reported, piece by piece.
    """

    project: Project
    told: list[str] = field(default_factory=list)

    def chapter(
        self, name: str, *cells: str, prose: str = "", parameters: str = PARAMETERS
    ) -> None:
        """Write a chapter of a title, the parameters cell, `cells`, and `prose` below them."""
        code = [f"```{{code-cell}} ipython3\n{cell}\n```" for cell in (parameters, *cells)]
        parts = [f"# Chapter {Path(name).name}", *code, prose]
        self.page(name, _HEADER + "\n\n".join(filter(None, parts)) + "\n")

    def page(self, name: str, text: str) -> None:
        """Write a page and bring the table of contents up to date."""
        folder = self.project.root / "book"
        path = folder / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf8")
        found = {path.relative_to(folder).with_suffix("") for path in folder.rglob("*.md")}
        names = sorted(page.as_posix() for page in found if page.parts[0] not in _NO_PAGES)
        toc = ["format: jb-book", "root: book/index", "chapters:" if names else ""]
        toc += [f"- file: book/{name}" for name in names]
        (self.project.root / "_toc.yml").write_text("\n".join(toc) + "\n", encoding="utf8")

    def pages(self) -> tuple[Page, ...]:
        """All pages as they stand now."""
        return read_pages(self.project)

    def __getitem__(self, name: str) -> Page:
        return next(page for page in self.pages() if page.name == name)

    def execute(self, parameters: Parameters = SMOKE, **options: Any) -> dict[str, Outcome]:
        """Execute what changed; outcomes by the chapter's name."""
        self.told.clear()
        outcomes = execute(
            self.project, self.pages(), parameters, report=self.told.append, **options
        )
        return {outcome.record.chapter: outcome for outcome in outcomes}

    def notebook(self, name: str, *, failed: bool = False) -> NotebookNode:
        """What papermill made of a chapter."""
        folder = (self.project.failed if failed else self.project.executed)("smoke")
        return nbformat.read(folder / f"{name}.ipynb", 4)

    def staged(self, name: str) -> NotebookNode:
        """A chapter as the site's builder gets it."""
        return nbformat.read(self.project.stage("smoke") / "book" / f"{name}.ipynb", 4)


def new_book(root: Path) -> Book:
    """A book with a start page, and with the settings of the real one."""
    book = Book(Project(root))
    book.page("index", "# Start\n")
    for name in ("_config.yml", "book/references.bib"):
        shutil.copyfile(HOME / name, root / name)
    return book


def figure(code: str, *, alt: str | None = "A line.", name: str = "fig-line") -> str:
    """The text of a code cell that draws a figure."""
    image = f"  image:\n    alt: {alt}\n" if alt else ""
    return f"---\nmystnb:\n  figure:\n    caption: A caption.\n    name: {name}\n{image}---\n{code}"


def _png(colour: str) -> str:
    buffer = io.BytesIO()
    Image.new("RGBA", (3, 2), colour).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def picture(*, dark: bool = True, drawing: str = "") -> dict[str, Any]:
    """The output of a cell that draws; ``drawing`` is what its SVG contains."""
    data = {LIGHT: _png("white")}
    if dark:
        data[DARK_PNG] = _png("black")
    if drawing:
        data |= dict.fromkeys(DRAWINGS.values(), f"<svg>{drawing}</svg>")
    return {"output_type": "display_data", "data": data, "metadata": {}}


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    """The output of a cell that prints."""
    return {"output_type": "stream", "name": name, "text": text}


def error() -> dict[str, Any]:
    """The output of a cell that fails."""
    return {"output_type": "error", "ename": "E", "evalue": "no", "traceback": ["E: no"]}


@dataclass
class FakePapermill:
    """Stands in for papermill where a test is not about it: every cell ends well.

    Attributes:
        outputs: of a cell, by the chapter's name and the cell's number.
        executed: names of the chapters, in order of their execution.
    """

    outputs: Mapping[tuple[str, int], Sequence[dict[str, Any]]] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)

    def run(self, page: Page, scratch: Path) -> Ending:
        """As `publishing.run.Papermill.run`."""
        self.executed.append(page.name)
        notebook = page.notebook()
        for cell in code_cells(notebook):
            outputs = self.outputs.get((page.name, cell.number), ())
            cell.cell.outputs = [nbformat.from_dict(output) for output in outputs]
            cell.cell.execution_count = cell.number
            cell.cell.metadata["papermill"] = {"status": "completed", "start_time": "now"}
        injected = nbformat.v4.new_code_cell("profile = 'smoke'")
        injected.metadata["tags"] = ["injected-parameters"]
        notebook.cells.insert(2, injected)
        failed = any(cell.error for cell in code_cells(notebook))
        return Ending(nbformat.writes(notebook).encode(), False, int(failed), "")
