"""The sources in ``book/assignments/``: questions with answers, tests, rubrics and wrong answers.

A file is a notebook in MyST Markdown like a chapter. Text whose cell starts with
``+++ {"question": NAME}`` states a question, ``"manual": true`` one that a person grades; what
follows up to the next belongs to it:

- a code cell with the tag ``solution``, with otter's own marks for what students do not get;
- code cells with the tag ``test``, with ``points`` and perhaps ``hidden: true``; they may call
  ``same(found, expected, rtol, atol)``, which compares numbers of any type, single or in a list, a
  tuple, an array or a tensor;
- code cells with the tag ``wrong``, answers that lose the points of the tests whose numbers are in
  ``loses``;
- for a manual question text with ``{"part": "solution"}``, ``{"part": "rubric"}`` (a list of
  ``- POINTS: what for``) and ``{"part": "wrong", "loses": [...]}``, numbers of the rubric's lines;
- code cells without a tag, which students get as they are.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from publishing.chapters import read_notebook
from publishing.colab.plain import ASSIGNMENTS
from publishing.project import Project, ProjectError, read_text

LEAST_WRONG = 3
"""Least number of wrong answers of a question."""

_SAME = '''\
def same(found, expected, rtol=1e-5, atol=1e-6):
    """Whether two numbers agree, or two lists, tuples, arrays or tensors of them."""
    import numpy as np

    def plain(values):
        if hasattr(values, "detach"):
            values = values.detach().cpu()
        if isinstance(values, (list, tuple)):
            values = [plain(each) for each in values]
        return np.asarray(values, dtype=float)

    one, two = plain(found), plain(expected)
    return one.shape == two.shape and np.allclose(one, two, rtol, atol)


'''
_ITEM = re.compile(r"^- (?P<points>\d+(?:\.\d+)?): (?P<text>.+)$")


class AssignmentError(ProjectError):
    """An assignment's source, or a request of the instructor, is wrong; the message says how."""


@dataclass(frozen=True)
class Part:
    """A test or a line of a rubric, for which points are given.

    Attributes:
        points: Points for passing it.
        text: Code of the test, or what the grader looks for.
        hidden: Whether students do not see it; they never see a rubric.
    """

    points: float
    text: str
    hidden: bool = True


@dataclass(frozen=True)
class Wrong:
    """An answer that loses points.

    Attributes:
        answer: Code in place of the solution, or text.
        loses: Numbers of the parts whose points it loses, from 1 on.
    """

    answer: str
    loses: tuple[int, ...]


@dataclass
class Question:
    """One question.

    Attributes:
        name: Name, unique in its assignment.
        manual: Whether a person grades it.
        statement: Statement in Markdown.
        given: Code that students get before their answer.
        solution: Code with otter's marks, or Markdown.
        parts: Tests, or lines of the rubric.
        wrong: Answers that lose points.
    """

    name: str
    manual: bool
    statement: str
    given: list[str] = field(default_factory=list)
    solution: str = ""
    parts: list[Part] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)

    @property
    def points(self) -> float:
        """Points of all parts together."""
        return sum(part.points for part in self.parts)


@dataclass(frozen=True)
class Assignment:
    """The assignment of a chapter.

    Attributes:
        chapter: Name of the chapter.
        title: First heading.
        lead: Markdown between the heading and the first code.
        setup: Code before all questions; the first cell holds the parameters.
        questions: The questions in their order.
    """

    chapter: str
    title: str
    lead: str
    setup: tuple[str, ...]
    questions: tuple[Question, ...]

    @property
    def points(self) -> float:
        """Points of all questions together."""
        return sum(question.points for question in self.questions)


def read_assignments(project: Project, chapters: Sequence[str] = ()) -> tuple[Assignment, ...]:
    """Return the assignments of some chapters, or all of them in the order of their names.

    Raises:
        AssignmentError: If a chapter has none, or a source is wrong.
    """
    found = {path.stem: path for path in sorted((project.root / ASSIGNMENTS).glob("*.md"))}
    if unknown := [name for name in chapters if name not in found]:
        raise AssignmentError(
            f"{unknown[0]!r} has no assignment; chapters with one: {', '.join(found) or 'none'}"
        )
    return tuple(read(found[name]) for name in dict.fromkeys(chapters or found))


def read(path: Path) -> Assignment:
    """Read one source.

    Raises:
        AssignmentError: If it is wrong; the message names the file and the question.
    """
    return parse(path, read_notebook(path, read_text(path)).cells)


def parse(path: Path, cells: Sequence[NotebookNode]) -> Assignment:
    """Read the cells of one source.

    Raises:
        AssignmentError: As `read`; the message names ``path``.
    """
    first = next((i for i, c in enumerate(cells) if "question" in c.metadata), len(cells))
    heading, _, lead = cells[0].source.partition("\n")
    if not heading.startswith("# ") or cells[0].cell_type != "markdown":
        raise AssignmentError(f"{path}: the first cell must start with '# ' and a title")
    setup = tuple(c.source for c in cells[:first] if c.cell_type == "code")
    if not setup or not any("parameters" in _tags(c) for c in cells[:first]):
        raise AssignmentError(f"{path}: no cell before the questions has the tag 'parameters'")
    questions: list[Question] = []
    for cell in cells[first:]:
        if "question" in cell.metadata:
            name = str(cell.metadata["question"])
            questions.append(Question(name, bool(cell.metadata.get("manual")), cell.source))
        else:
            _add(questions[-1], cell, path)
    for problem in _problems(questions):
        raise AssignmentError(f"{path}: {problem}")
    return Assignment(path.stem, heading[2:], lead.strip(), setup, tuple(questions))


def _tags(cell: NotebookNode) -> list[str]:
    tags: list[str] = cell.metadata.get("tags", [])
    return tags


def _add(question: Question, cell: NotebookNode, path: Path) -> None:
    """Add the content of a cell to its question."""
    kind = cell.metadata.get("part") if cell.cell_type == "markdown" else None
    options: dict[str, Any] = cell.metadata
    for tag in _tags(cell):
        kind = tag
    match kind:
        case "solution":
            question.solution = cell.source
        case "test":
            points = float(options.get("points", 0))
            text = _SAME + cell.source if "same(" in cell.source else cell.source
            question.parts.append(Part(points, text, bool(options.get("hidden"))))
        case "wrong":
            loses = tuple(int(number) for number in options.get("loses", ()))
            question.wrong.append(Wrong(cell.source, loses))
        case "rubric":
            for line in cell.source.splitlines():
                if not (item := _ITEM.match(line)):
                    raise AssignmentError(
                        f"{path}: {question.name}: a rubric's lines are '- POINTS: what for', "
                        f"got {line!r}"
                    )
                question.parts.append(Part(float(item["points"]), item["text"]))
        case None if cell.cell_type == "code":
            question.given.append(cell.source)
        case _:
            raise AssignmentError(f"{path}: {question.name}: what is a cell with {kind!r}?")


def _problems(questions: Sequence[Question]) -> Iterator[str]:
    names = [question.name for question in questions]
    if not questions:
        yield "there is no question"
    if len(set(names)) < len(names):
        yield f"two questions have one name: {', '.join(names)}"
    for question in questions:
        if not question.solution:
            yield f"{question.name}: there is no solution"
        if len(question.wrong) < LEAST_WRONG:
            yield f"{question.name}: {len(question.wrong)} wrong answers, not {LEAST_WRONG} or more"
        if any(part.points <= 0 for part in question.parts):
            yield f"{question.name}: a part is worth nothing"
        for wrong in question.wrong:
            if not wrong.loses or not all(1 <= n <= len(question.parts) for n in wrong.loses):
                yield f"{question.name}: a wrong answer loses {list(wrong.loses)}, of " + (
                    f"parts 1 to {len(question.parts)}"
                )
        if not question.manual and {part.hidden for part in question.parts} != {True, False}:
            yield f"{question.name}: it needs tests that students see, and hidden ones"
        if question.manual and not question.parts:
            yield f"{question.name}: there is no rubric"
