"""Chapters become the notebooks in ``notebooks/``."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import anode
from publishing import records, times
from publishing.colab.plain import LANGUAGE, Plain, translate
from publishing.project import Project, Repository, read_yaml
from publishing.sphinx_ext.plain import REFERENCES

FOLDER = "notebooks"
"""Where the notebooks are committed, and where the site's Colab buttons lead."""

# What other tags do (hide a cell, remove its source) only the site's builder knows.
_KEPT_TAGS = ("parameters", "raises-exception")
_DOI = re.compile(r"\bdoi:(\S+[^\s.,;])")
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
    subprocess.run([*pip, "anode[lab] @ git+{url}@{ref}", "anywidget", *pins], check=True)"""
_LEAD = """\
*This is {what} of the book [{title}]({site}/). [Read it on the site]({url}), with its results, \
or run it here from top to bottom. The first cell installs what is missing. The second says how \
much is run: `profile` is `"smoke"` (a minute or two, only to see that it works), `"laptop"` \
(minutes) or `"paper"` (the paper's sizes, for a GPU: set `device` to `"cuda"`).{time} Trained \
models are kept in `~/.cache/anode/results`, or in the folder that the environment variable \
`ANODE_STORE` names, so that a second run is quick.*"""
_SECTION = re.compile(r"## (?P<title>.+)\n\n<a id=\"(?P<anchor>[^\"]+)\"></a>")
_SOLUTION = re.compile(
    r'<a id="(?P<anchor>[^"]+)"></a>\n\n<details>\n<summary>(?P<title>Solution to [^\n]+)'
    r"</summary>\n\n(?P<text>(?:(?!<details>).)*)\n\n</details>$",
    re.DOTALL,
)
_LATER = r"[\g<title>](#\g<anchor>), with its code, is at the end of this notebook."
_MOVED = '### {title}\n\n<a id="{anchor}"></a>\n\n{text}'


def export_all(project: Project, folder: Path | None = None) -> list[Path]:
    """Write a notebook for each chapter, and delete those of chapters that are no more.

    The same sources give the same bytes. Nothing is written unless every chapter can be.

    Args:
        project: The book.
        folder: Folder for the notebooks; ``notebooks/`` beside the book by default.

    Returns:
        Paths of the notebooks, in the order of the chapters.

    Raises:
        ExportError: If a chapter has something that cannot be translated, or refers to something
            that is not there; it lists all of them.
        ProjectError: If the book's own files do not fit together.
    """
    folder = folder or project.root / FOLDER
    notebooks = {name: nbformat.writes(n) + "\n" for name, n in assemble_all(project).items()}
    for name, text in notebooks.items():
        records.write(folder / f"{name}.ipynb", text)
    for path in folder.glob("*.ipynb"):
        if path.stem not in notebooks:
            path.unlink()
    return [folder / f"{name}.ipynb" for name in notebooks]


def assemble_all(project: Project) -> dict[str, NotebookNode]:
    """Return the notebook of each chapter, by its name.

    Raises:
        ExportError, ProjectError: As `export_all`.
    """
    return {
        plain.name: _notebook(project, plain)
        for plain in translate(project).values()
        if plain.is_chapter
    }


def install_source(repository: Repository, version: str = anode.__version__) -> str:
    """Return the source of every notebook's first cell.

    Args:
        repository: Repository that the package is installed from.
        version: Version of the package. A release installs its own tag. A version between releases,
            such as 0.2.0.dev0, installs the main branch: a notebook cannot name the commit that it
            will be part of.
    """
    ref = repository.branch if ".dev" in version else f"v{version}"
    return _INSTALL.format(url=repository.url, ref=ref)


def book_title(project: Project) -> str:
    """Return the title of the book."""
    return str(read_yaml(project.root / "_config.yml")["title"])


def references(works: Sequence[str], anchor: str = "") -> str:
    """Return a list of works under its heading and an anchor, in Markdown; empty without works."""
    lines = ["- " + _DOI.sub(r"[\g<0>](https://doi.org/\1)", " ".join(w.split())) for w in works]
    parts = filter(None, ("## References", anchor, "\n".join(lines)))
    return "\n\n".join(parts) if works else ""


def _notebook(project: Project, plain: Plain) -> NotebookNode:
    body, solutions = _cells(plain)
    title, _, rest = body.pop(0).source.partition("\n")
    lead = [title, _lead(project, plain), _contents(body), rest.strip()]
    cells = [
        new_markdown_cell("\n\n".join(filter(None, lead))),
        new_code_cell(install_source(project.repository())),
        *body,
        *solutions,
    ]
    if plain.references:
        cells.append(new_markdown_cell(references(plain.references, f'<a id="{REFERENCES}"></a>')))
    name_cells(cells)
    notebook = new_notebook(cells=cells, metadata={"colab": {"provenance": []}} | LANGUAGE)
    nbformat.validate(notebook)
    return notebook


def _cells(plain: Plain) -> tuple[list[NotebookNode], list[NotebookNode]]:
    """Return the chapter's cells, and apart from them the solutions that compute something.

    Whoever runs all cells would otherwise read answers below questions not yet read.
    """
    body: list[NotebookNode] = []
    solutions: list[NotebookNode] = []
    seen: set[int] = set()
    solution = False
    for index, text in plain.cells:
        source = plain.source.cells[index]
        if source.cell_type == "code" and index not in seen:
            seen.add(index)
            if body and (found := _SOLUTION.search(body[-1].source)):
                solutions.append(new_markdown_cell(_MOVED.format(**found.groupdict())))
                body[-1].source = _SOLUTION.sub(_LATER, body[-1].source)
                solution = True
            (solutions if solution else body).append(_code(source))
        solution = solution and source.cell_type == "code"
        if text:
            (solutions if solution else body).append(new_markdown_cell(text.strip()))
    if solutions:
        solutions.insert(0, new_markdown_cell("## Solutions that compute"))
    return body, solutions


def _contents(cells: Sequence[NotebookNode]) -> str:
    """Return a list of links to the sections."""
    found = filter(None, (_SECTION.match(cell.source) for cell in cells))
    return "\n".join(f"- [{section['title']}](#{section['anchor']})" for section in found)


def _code(source: NotebookNode) -> NotebookNode:
    tags = [tag for tag in source.metadata.get("tags") or [] if tag in _KEPT_TAGS]
    return new_code_cell(source.source.strip("\n"), metadata={"tags": tags} if tags else {})


def _lead(project: Project, plain: Plain) -> str:
    """Say below the title which book and page it is."""
    repository, measured = project.repository(), times.load(project)
    time = measured.words(plain.name) if measured else ""
    return _LEAD.format(
        what=f"chapter {plain.number}" if plain.number else "a page",
        title=book_title(project),
        site=repository.site_url,
        url=plain.url,
        time=f" {time}" if time else "",
    )


def name_cells(cells: Sequence[NotebookNode]) -> None:
    """Name cells by their contents, so that a change shows only where it was made."""
    seen: set[str] = set()
    for cell in cells:
        count = 0
        while count == 0 or cell.id in seen:
            text = f"{count}{cell.cell_type}{cell.source}"
            cell.id = hashlib.sha256(text.encode()).hexdigest()[:12]
            count += 1
        seen.add(cell.id)
