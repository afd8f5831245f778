"""Chapters become the notebooks in ``notebooks/``."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode

from publishing import records
from publishing.chapters import Page, read_pages
from publishing.colab.blocks import Block, Directive, Prose, parse_page
from publishing.colab.errors import Problems
from publishing.colab.labels import HEADING, Labels, collect
from publishing.colab.literature import Literature
from publishing.colab.markdown import Translator
from publishing.project import Project, Repository
from publishing.times import Times, load

FOLDER = "notebooks"
"""Where the notebooks are committed, and where the site's Colab buttons lead."""

# What other tags do (hide a cell, remove its source) only the site's builder knows.
_KEPT_TAGS = ("parameters", "raises-exception")
_BREAK = "+++"
LANGUAGE = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""Metadata of every notebook."""
# Pinning to what is installed costs nothing where it fits and fails loudly where it does not: pip
# would else be free to replace a running kernel's torch.
_INSTALL = """\
# Installs the book's package where it is missing, and leaves the machine's own torch alone.
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec

if find_spec("anode") is None:
    present = filter(find_spec, ("numpy", "torch"))
    pins = [f"{{name}}=={{version(name)}}" for name in present]
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "anode[lab] @ git+{url}@{branch}", "anywidget", *pins], check=True)"""
_LEAD = """\
*This is {what} of the book [{title}]({site}/). [Read it on the site]({url}), with its results, \
or run it here from top to bottom. The next code cell says how much is run: `profile` is \
`"smoke"` (seconds, only to see that it works), `"laptop"` (minutes) or `"paper"` (the paper's \
sizes, for a GPU: set `device` to `"cuda"`).{time}*"""


@dataclass(frozen=True)
class Book:
    """What the notebooks take from the whole book.

    Attributes:
        title: the book's.
        repository: where the package is installed from; the site's address follows from it.
        labels: names and numbers of all pages.
        literature: what may be cited.
        times: how long chapters take, if it was measured.
    """

    title: str
    repository: Repository
    labels: Labels
    literature: Literature
    times: Times | None


def export_all(root: Path, folder: Path | None = None) -> list[Path]:
    """Write a notebook for each chapter, and delete those of chapters that are no more.

    The same sources give the same bytes. Nothing is written unless every chapter can be.

    Args:
        root: the book's folder.
        folder: gets the notebooks; ``root/notebooks`` unless told.

    Returns:
        The notebooks' paths, in the order of the chapters.

    Raises:
        ExportError: if a chapter has something that cannot be translated, or refers to something
            that is not there; it lists all of them, each with file and line.
        ProjectError: if the book's own files do not fit together.
    """
    project = Project(root)
    folder = folder or project.root / FOLDER
    notebooks = {name: nbformat.writes(n) + "\n" for name, n in assemble_all(project).items()}
    for name, text in notebooks.items():
        records.write(folder / f"{name}.ipynb", text)
    for path in folder.glob("*.ipynb"):
        if path.stem not in notebooks:
            path.unlink()
    return [folder / f"{name}.ipynb" for name in notebooks]


def assemble_all(project: Project) -> dict[str, NotebookNode]:
    """The notebook of each chapter, by its name.

    Raises:
        ExportError, ProjectError: as `export_all`.
    """
    pages, problems = read_pages(project), Problems()
    book = read_book(project, pages, problems)
    notebooks = {
        page.name: _notebook(page, book, problems)
        for page in pages
        if page.is_chapter and page.name in book.labels.pages  # else it is among the problems
    }
    problems.raise_any()
    return notebooks


def read_book(project: Project, pages: Sequence[Page], problems: Problems) -> Book:
    """Read the book's settings, and number its pages; `problems` gets what cannot be numbered."""
    config, toc = (_yaml(project.root / name) for name in ("_config.yml", "_toc.yml"))
    sphinx = config.get("sphinx", {}).get("config", {})
    repository = project.repository()
    return Book(
        config["title"],
        repository,
        collect(pages, toc, sphinx, repository.site_url, problems),
        Literature(project.root / name for name in config.get("bibtex_bibfiles", ())),
        load(project),
    )


def _yaml(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf8"))
    return values


def install_source(repository: Repository) -> str:
    """Source of every notebook's first cell."""
    return _INSTALL.format(url=repository.url, branch=repository.branch)


def _notebook(page: Page, book: Book, problems: Problems) -> NotebookNode:
    translator = Translator(page, book.labels, book.literature, problems)
    cells = [nbformat.v4.new_code_cell(install_source(book.repository))]
    for group in _groups(parse_page(page.text)):
        match group:
            case [Directive(name="code-cell") as cell]:
                cells += _code(cell, translator)
            case _:
                if text := translator.blocks(group):
                    cells.append(nbformat.v4.new_markdown_cell(text))
    _add_lead(cells, page, book)
    if references := book.literature.section(translator.cited):
        cells.append(nbformat.v4.new_markdown_cell(references))
    name_cells(cells)
    notebook = nbformat.v4.new_notebook(
        cells=cells, metadata={"colab": {"provenance": []}} | LANGUAGE
    )
    nbformat.validate(notebook)
    return notebook


def _groups(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Blocks that make one cell: a heading starts a new one, as Colab folds by whole cells."""
    group: list[Block] = []
    for block in chain.from_iterable(map(_pieces, blocks)):
        is_code = isinstance(block, Directive) and block.name == "code-cell"
        is_start = isinstance(block, Prose) and _starts_cell(block.lines[0])
        if group and (is_code or is_start):
            yield group
            group = []
        if is_code:
            yield [block]
        else:
            group.append(block)
    if group:
        yield group


def _pieces(block: Block) -> Iterator[Block]:
    """Prose divided before each line that starts a cell."""
    if not isinstance(block, Prose):
        yield block
        return
    starts = [i for i, line in enumerate(block.lines) if i and _starts_cell(line)]
    for start, end in zip([0, *starts], [*starts, len(block.lines)], strict=True):
        yield replace(block, lines=block.lines[start:end], line=block.line + start)


def _starts_cell(line: str) -> bool:
    return HEADING.match(line) is not None or line.startswith(_BREAK)


def _code(cell: Directive, translator: Translator) -> Iterator[NotebookNode]:
    """The cell, and its caption if it draws a figure."""
    tags = [tag for tag in cell.options.get("tags") or [] if tag in _KEPT_TAGS]
    source = "\n".join(cell.body).strip("\n")
    yield nbformat.v4.new_code_cell(source, metadata={"tags": tags} if tags else {})
    if caption := translator.figure_caption(cell):
        yield nbformat.v4.new_markdown_cell(caption)


def _add_lead(cells: list[NotebookNode], page: Page, book: Book) -> None:
    """Put below the title which book and page it is."""
    label = book.labels.pages[page.name]
    time = book.times.words(page.name) if book.times else ""
    lead = _LEAD.format(
        what=f"chapter {label.number}" if label.number else "a page",
        title=book.title,
        site=book.repository.site_url,
        url=label.url,
        time=f" {time}" if time else "",
    )
    cell = next(c for c in cells if c.cell_type == "markdown" and c.source.startswith("# "))
    title, _, rest = cell.source.partition("\n")
    cell.source = f"{title}\n\n{lead}\n\n{rest.strip()}".strip()


def name_cells(cells: Sequence[NotebookNode]) -> None:
    """Names that follow from the contents, so that a change shows only where it was made."""
    seen: set[str] = set()
    for cell in cells:
        count = 0
        while count == 0 or cell.id in seen:
            cell.id = hashlib.sha256(f"{count}{cell.cell_type}{cell.source}".encode()).hexdigest()[
                :12
            ]
            count += 1
        seen.add(cell.id)
