"""The appendix's table of the numbered statements, each with the tests that try it.

A test says which statements it tries by the mark ``statement`` with their labels.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from anode_lab import formatting as report
from publishing.chapters import Page

MARKER = "% build-statements"
"""Line of a page that stands for the table."""

MARK = "pytest.mark.statement"

_STATEMENT = re.compile(r"^`{3,}\{prf:(?!proof)(\w+)\}[^\n]*\n:label: ([\w-]+)$", re.M)


def statements(pages: Iterable[Page]) -> Iterator[tuple[Page, str, str]]:
    """Page, kind (such as theorem) and label of each numbered statement, in the book's order."""
    for page in pages:
        for kind, label in _STATEMENT.findall(page.text):
            yield page, kind, label


def marks(tests: Path) -> dict[str, list[str]]:
    """Labels that tests name -> those tests, as ``module::function``.

    Args:
        tests: Folder of the tests.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        if MARK not in (text := path.read_text(encoding="utf8")):
            continue
        for node in ast.parse(text).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == MARK:
                    for label in map(ast.literal_eval, mark.args):
                        found.setdefault(label, []).append(f"{path.stem}::{node.name}")
    return found


def table(pages: Iterable[Page], tests: Path) -> str:
    """A row for each statement: its page, itself, and what tests it.

    Args:
        pages: Pages of the book.
        tests: Folder of the tests.
    """
    by, rows, before = marks(tests), [], None
    for page, kind, label in statements(pages):
        how = ", ".join(f"`{name}`" for name in by.get(label, ())) or "read only"
        place = "" if page is before else page.link
        rows.append([place, f"{{prf:ref}}`{label}`", "definition" if kind == "definition" else how])
        before = page
    return report.table(["chapter", "statement", "tested by"], rows) if rows else ""
