"""What is wrong with the sources, collected so that one run shows it all."""

from publishing.chapters import Page
from publishing.project import ProjectError


class ExportError(ProjectError):
    """The chapters cannot be exported; each problem is a line `file:line: what` of the message."""


class Problems:
    """A list of problems to be raised together."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, page: Page, text: str) -> None:
        """Note a problem of a page; `text` starts with the line's number."""
        self.add_text(f"{page.path.as_posix()}:{text}")

    def add_text(self, text: str) -> None:
        """Note a problem that is no page's."""
        if text not in self.lines:
            self.lines.append(text)

    def raise_any(self) -> None:
        """Raise what was found.

        Raises:
            ExportError: if anything was.
        """
        if self.lines:
            raise ExportError("the notebooks cannot be exported:\n" + "\n".join(self.lines))
