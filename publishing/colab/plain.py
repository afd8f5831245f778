"""The book in plain Markdown, with every reference resolved and every number from Sphinx.

Chapters, assignments and lectures are staged as notebooks that were not executed, and one run of
Sphinx (:mod:`publishing.sphinx_ext.plain`) translates them all. The result is kept in
``_build/plain`` until a source changes.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import yaml
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat import NotebookNode

from publishing import records
from publishing.chapters import read_pages
from publishing.jupyter_book import STRICT, jupyter_book
from publishing.locks import one_at_a_time
from publishing.project import HOME, Project, ProjectError, read_text, read_yaml
from publishing.sphinx_ext.plain import BESIDE

ASSIGNMENTS, SLIDES = "book/assignments", "book/slides"
"""Folders of the texts that quote the book."""

_EXTENSION = "publishing.sphinx_ext.plain"
_SLIDE_BREAK = re.compile(r"^---\s*$", re.MULTILINE)
_PROBLEM = re.compile(r"^(?:([^\s:]+):(\d*):? ?)?(?:WARNING|ERROR|CRITICAL): (.*)$")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
LANGUAGE = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""Metadata of every notebook."""
# A figure has a number only if its cell has drawn something.
_DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


class ExportError(ProjectError):
    """The texts cannot be translated; each problem is a line ``file:line: what`` of the message."""


@dataclass(frozen=True)
class Plain:
    """A document in plain Markdown.

    Attributes:
        name: Name of its file, without a suffix.
        title: Its first heading, without marks.
        number: Number of the chapter; empty if it has none.
        url: Address on the site.
        is_chapter: Whether it is a chapter, and not a text that quotes the book.
        source: The document as a notebook that was not executed.
        cells: Pairs of a source cell's index and Markdown, in their order; a code cell's index
            comes with its figure's caption, and a heading starts a new pair.
        references: The works that it cites, in the order of the bibliography.
    """

    name: str
    title: str
    number: str
    url: str
    is_chapter: bool
    source: NotebookNode
    cells: tuple[tuple[int, str], ...]
    references: tuple[str, ...]

    def texts(self) -> list[str]:
        """Return the Markdown of each source cell."""
        found = [""] * len(self.source.cells)
        for index, text in self.cells:
            found[index] = f"{found[index]}\n\n{text}".strip("\n")
        return found


def translate(project: Project) -> dict[str, Plain]:
    """Translate all chapters, assignments and lectures.

    Returns:
        Each document under its path in the project, without a suffix.

    Raises:
        ExportError: If a text has something that cannot be translated, or refers to something
            that is not there; it lists all of them.
        ProjectError: If the book's own files do not fit together.
    """
    sources = dict(_sources(project))
    with one_at_a_time(project.build / ".plain.lock"):
        made = _translated(project, sources)
    found = {}
    for name, source in sources.items():
        values = made[name]
        found[name] = Plain(
            Path(name).name,
            values["title"],
            values["number"],
            values["url"],
            is_chapter=_place(name) == name,
            source=source,
            cells=tuple((index, text) for index, text in values["cells"]),
            references=tuple(values["references"]),
        )
    return found


def _sources(project: Project) -> Iterator[tuple[str, NotebookNode]]:
    for page in read_pages(project):
        if page.is_chapter:
            yield page.path.with_suffix("").as_posix(), _notebook(page.text)
    for path in sorted((project.root / ASSIGNMENTS).glob("*.md")):
        yield f"{ASSIGNMENTS}/{path.stem}", _notebook(read_text(path))
    for path in sorted((project.root / SLIDES).glob("*.md")):
        text = _SLIDE_BREAK.sub("+++", read_text(path))
        yield f"{SLIDES}/{path.stem}", _notebook(text)


def _notebook(text: str) -> NotebookNode:
    notebook, lines = read_myst_markdown_notebook(text, add_source_map=True), text.splitlines()
    starts = notebook.metadata["source_map"]
    for index, start in enumerate(starts):  # the reader drops blank lines without counting them
        starts[index] = next(n for n in range(start, len(lines)) if lines[n].strip())
    return notebook


def _translated(project: Project, sources: Mapping[str, NotebookNode]) -> dict[str, Any]:
    folder = project.build / "plain"
    stage, kept = folder / "stage", folder / "made.json"
    shutil.rmtree(stage, ignore_errors=True)
    _stage(project, sources, stage)
    key = _key(stage)
    if kept.is_file() and (found := json.loads(kept.read_text(encoding="utf8")))["key"] == key:
        return dict(found["documents"])
    options = ("--builder", "custom", "--custom-builder", "plain")
    result = jupyter_book(stage, folder / "output", *options, *STRICT)
    if result.returncode:
        raise ExportError(_problems(stage, result.stderr, result.stdout))
    output = folder / "output" / "_build" / "plain"
    documents = {
        name: json.loads((output / f"{_place(name)}.json").read_text(encoding="utf8"))
        for name in sources
    }
    records.write(kept, json.dumps({"key": key, "documents": documents}, ensure_ascii=False))
    return documents


def _place(name: str) -> str:
    is_beside = name.rpartition("/")[0] in (ASSIGNMENTS, SLIDES)
    return f"{BESIDE}/{name}" if is_beside else name


def _stage(project: Project, sources: Mapping[str, NotebookNode], folder: Path) -> None:
    """Write what Sphinx reads."""
    pages = {page.path.with_suffix("").as_posix(): page for page in read_pages(project)}
    for name, page in pages.items():
        if name not in sources:
            _write(folder / page.path, page.text)
    for name, source in sources.items():
        _write(folder / f"{_place(name)}.ipynb", nbformat.writes(_unexecuted(source)))
    config, toc = (read_yaml(project.root / name) for name in ("_config.yml", "_toc.yml"))
    config.pop("html", None)  # it names files of the site
    config["sphinx"]["config"].pop("html_static_path", None)
    config["sphinx"]["extra_extensions"].append(_EXTENSION)
    last = toc.get("parts", [toc])[-1]
    beside = [{"file": _place(name)} for name in sources if name not in pages]
    last["chapters"] = [*last.get("chapters", ()), *beside]
    _write(folder / "_config.yml", yaml.safe_dump(config))
    _write(folder / "_toc.yml", yaml.safe_dump(toc))
    for name in config.get("bibtex_bibfiles", ()):
        _write(folder / name, read_text(project.root / name))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf8")


def _unexecuted(source: NotebookNode) -> NotebookNode:
    """The notebook as Sphinx gets it: each cell says its index, and figures are there."""
    lines = [*source.metadata["source_map"]]
    cells = []
    for index, cell in enumerate(source.cells):
        if cell.cell_type == "code":
            staged = nbformat.v4.new_code_cell(str(index))
            if "mystnb" in cell.metadata:
                staged.metadata["mystnb"] = cell.metadata["mystnb"]
            if "figure" in cell.metadata.get("mystnb", {}):
                staged.outputs = [nbformat.v4.new_output("display_data", {"image/png": _DOT})]
        else:
            staged = nbformat.v4.new_markdown_cell(f"+++ {index}\n{cell.source}")
            lines[index] -= 2  # the line above, and MyST-NB counts one too many
        cells.append(staged)
    for index, cell in enumerate(cells):
        cell.id = str(index)
    return nbformat.v4.new_notebook(cells=cells, metadata={"source_map": lines, **LANGUAGE})


def _key(stage: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in stage.rglob("*") if path.is_file()):
        digest.update(f"\0{path.relative_to(stage)}\0".encode() + path.read_bytes())
    for path in sorted((HOME / "publishing" / "sphinx_ext").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _problems(stage: Path, warnings: str, said: str) -> str:
    found = []
    plain = _COLOUR.sub("", warnings).replace(f"{stage}/", "").replace(f"{BESIDE}/", "")
    for problem in filter(None, map(_PROBLEM.match, plain.splitlines())):
        place, line, text = problem.groups()
        path = [f"{place.partition('.')[0]}.md"] if place else []
        found.append(": ".join([":".join([*path, *filter(None, [line])]), text]))
    return "the texts cannot be translated:\n" + "\n".join(found or [warnings, said])
