"""What an executed notebook says about its own run."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from publishing.project import HOME

_BANNER = "papermill-error-cell-tag"
_INJECTED = "injected-parameters"
_START_PAGE = "start-page"
_DRAWN = ("image/png", "image/svg+xml", "text/html", "application/vnd.jupyter.widget-view+json")
_OWN_FOLDERS = (HOME, Path.home(), Path(sys.prefix))
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class CodeCell:
    """A code cell of the chapter's source, as it was executed.

    Attributes:
        number: Number of the cell among the chapter's code cells, from 1.
        cell: The cell in the notebook.
    """

    number: int
    cell: NotebookNode

    @property
    def error(self) -> str | None:
        """Traceback without colours, if the cell raised an error."""
        for output in self.cell.outputs:
            if output.output_type == "error":
                text = "\n".join(output.traceback) or f"{output.ename}: {output.evalue}"
                return _ANSI.sub("", text)
        return None

    @property
    def completed(self) -> bool:
        """Whether the cell was run to its end."""
        # When papermill itself is stopped it marks all cells completed, those too that it never
        # came to: they have no number of execution (empty cells never have one).
        ran = self.cell.execution_count is not None or not self.cell.source.strip()
        completed = self.cell.metadata.get("papermill", {}).get("status") == "completed"
        return ran and completed and self.error is None

    @property
    def text(self) -> str:
        """All text that the cell's outputs show."""
        parts = []
        for output in self.cell.outputs:
            parts += [output.get("text", ""), *output.get("traceback", ())]
            parts += [text for mime, text in output.get("data", {}).items() if "text/" in mime]
        return "\n".join(parts)

    @property
    def stderr(self) -> str:
        """What the cell printed as a warning or an error."""
        return "".join(o.text for o in self.cell.outputs if o.get("name") == "stderr")

    @property
    def unfit(self) -> str | None:
        """What no reader of the site should see of the cell's outputs, in words; else None."""
        if self.stderr:
            return "shows a warning or a progress bar"
        for folder in _OWN_FOLDERS:
            if f"{folder}/" in self.text:
                return f"shows a folder of this machine, {folder}"
        return None

    @property
    def figure(self) -> NotebookNode | None:
        """The figure's caption and name, if the cell is to draw one."""
        return self.cell.metadata.get("mystnb", {}).get("figure")

    @property
    def drew(self) -> bool:
        """Whether the cell's outputs hold something to look at."""
        return any(
            mime in output.get("data", {}) for output in self.cell.outputs for mime in _DRAWN
        )


def code_cells(notebook: NotebookNode) -> Iterator[CodeCell]:
    """The code cells that stand in the chapter's source; papermill's own are left out."""
    number = 0
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "code" and _INJECTED not in tags and _BANNER not in tags:
            number += 1
            yield CodeCell(number, cell)


def for_start_page(notebook: NotebookNode) -> str:
    """The Markdown that cells tagged "start-page" show: the start page repeats it."""
    return "\n\n".join(
        output.data["text/markdown"]
        for cell in code_cells(notebook)
        if _START_PAGE in cell.cell.metadata.get("tags", [])
        for output in cell.cell.outputs
        if "text/markdown" in output.get("data", {})
    )


def count_figures(notebook: NotebookNode) -> int:
    """Number of figures that were drawn."""
    return sum(1 for cell in code_cells(notebook) if cell.figure and cell.drew)


def last_started(notebook: NotebookNode) -> CodeCell | None:
    """The cell at which a run that was cut short stopped."""
    cells = list(code_cells(notebook))
    started = [cell for cell in cells if cell.cell.metadata.get("papermill", {}).get("start_time")]
    return started[-1] if started else None


def first_unfit(notebook: NotebookNode) -> CodeCell | None:
    """The first cell that shows what no reader of the site should see."""
    return next((cell for cell in code_cells(notebook) if cell.unfit), None)


def first_incomplete(notebook: NotebookNode) -> CodeCell | None:
    """The first cell that raised an error, else the first that was not run to its end."""
    cells = [cell for cell in code_cells(notebook) if not cell.completed]
    return next((cell for cell in cells if cell.error), cells[0] if cells else None)
