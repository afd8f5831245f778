"""The pages of the book, in the order of ``_toc.yml``."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
from nbformat import NotebookNode

from publishing.project import Project, ProjectError, read_text, read_yaml


@dataclass(frozen=True)
class Page:
    """One page's source.

    Attributes:
        path: File of the page, relative to the project's root.
        text: Content of the file.
    """

    path: Path
    text: str

    @property
    def name(self) -> str:
        """Name of the page, of its notebooks and of its records."""
        return self.path.stem

    @property
    def link(self) -> str:
        """A reference to the page, as written on any other."""
        return f"{{doc}}`/{self.path.with_suffix('').as_posix()}`"

    @property
    def is_chapter(self) -> bool:
        """Whether the page is a notebook, to be executed, rather than plain text."""
        header = self.text.removeprefix("---\n").partition("\n---")[0]
        return self.text.startswith("---\n") and "jupytext:" in header and "kernelspec:" in header

    def notebook(self) -> NotebookNode:
        """The page as a notebook without outputs.

        Raises:
            ProjectError: If the page's header or a cell's options cannot be read.
        """
        return read_notebook(self.path, self.text)

    def source(self) -> str:
        """The code of all cells."""
        return "\n".join(c.source for c in self.notebook().cells if c.cell_type == "code")

    def parameters(self) -> dict[str, Any]:
        """Names and defaults in the cell that is tagged ``parameters``.

        Raises:
            ProjectError: If there is not just one such cell of plain assignments.
        """
        cells = [c for c in self.notebook().cells if "parameters" in c.metadata.get("tags", [])]
        if len(cells) != 1:
            raise ProjectError(
                f"{self.path}: {len(cells)} cells are tagged 'parameters', it must be one"
            )
        found = {}
        try:
            statements = ast.parse(cells[0].source).body
        except SyntaxError as error:
            raise ProjectError(f"{self.path}: the parameters cell is no Python: {error}") from error
        for statement in statements:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                    found[name] = value
                case _:
                    raise ProjectError(
                        f"{self.path}: the parameters cell may only hold lines of NAME = VALUE"
                    )
        return found


def read_notebook(path: Path, text: str) -> NotebookNode:
    """Read a notebook that is written in MyST Markdown.

    Args:
        path: Its file, for the message.
        text: Content of the file.

    Raises:
        ProjectError: If its header or a cell's options cannot be read.
    """
    try:
        return jupytext.reads(text, fmt="md:myst")
    except Exception as error:  # jupytext lets those of several parsers through
        raise ProjectError(f"{path} is no notebook: {' '.join(str(error).split())}") from error


def read_pages(project: Project) -> tuple[Page, ...]:
    """All pages of the table of contents.

    Raises:
        ProjectError: If a page or the table is missing or is no text, or two pages have the same
            file name.
    """
    pages = []
    for entry in _entries(read_yaml(project.root / "_toc.yml")):
        path = Path(f"{entry}.md")
        if not (project.root / path).is_file():
            raise ProjectError(f"_toc.yml names {path}, which does not exist")
        pages.append(Page(path, read_text(project.root / path)))
    names = [page.name for page in pages]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ProjectError(f"_toc.yml has pages of the same name: {', '.join(sorted(twice))}")
    return tuple(pages)


def _entries(node: dict[str, Any]) -> Iterator[str]:
    for key in ("root", "file"):
        if key in node:
            yield node[key]
    for key in ("parts", "chapters", "sections"):
        for child in node.get(key, ()):
            yield from _entries(child)


def select(pages: tuple[Page, ...], names: list[str]) -> tuple[Page, ...]:
    """The chapters among ``pages``, or only those in ``names``.

    Raises:
        ProjectError: If a name is no chapter's.
    """
    chapters = {page.name: page for page in pages if page.is_chapter}
    if unknown := [name for name in names if name not in chapters]:
        raise ProjectError(
            f"no chapter is called {unknown[0]!r}; chapters: {', '.join(chapters) or 'none'}"
        )
    return tuple(page for name, page in chapters.items() if name in names or not names)
