"""The sources in ``assignments/``: questions with answers, tests, rubrics and wrong answers.

A file is a notebook in MyST Markdown like a chapter. Text whose cell starts with
``+++ {"question": NAME}`` states a question, ``"manual": true`` one that a person grades; what
follows up to the next belongs to it:

- a code cell with the tag ``solution``, with otter's own marks for what students do not get;
- code cells with the tag ``test``, with ``points`` and perhaps ``hidden: true``;
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

import jupytext
from nbformat import NotebookNode

from publishing.colab.plain import ASSIGNMENTS
from publishing.project import Project, ProjectError

LEAST_WRONG = 3
"""Wrong answers that each question has at least."""

_ITEM = re.compile(r"^- (?P<points>\d+(?:\.\d+)?): (?P<text>.+)$")


class AssignmentError(ProjectError):
    """An assignment's source, or what an instructor asks of it, is not right; it names what."""


@dataclass(frozen=True)
class Part:
    """What points are given for: a test, or a line of a rubric.

    Attributes:
        points: for passing it.
        text: the test's code, or what the grader looks for.
        hidden: whether students do not see it; of a rubric they see nothing.
    """

    points: float
    text: str
    hidden: bool = True


@dataclass(frozen=True)
class Wrong:
    """An answer that loses points.

    Attributes:
        answer: code in the solution's place, or text.
        loses: numbers of the parts that it does not get, from 1 on.
    """

    answer: str
    loses: tuple[int, ...]


@dataclass
class Question:
    """One question.

    Attributes:
        name: unique in its assignment.
        manual: whether a person grades it.
        statement: Markdown.
        given: code that students get before their answer.
        solution: code with otter's marks, or Markdown.
        parts: what points are given for.
        wrong: answers that lose some of them.
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
        """Of all parts together."""
        return sum(part.points for part in self.parts)


@dataclass(frozen=True)
class Assignment:
    """The assignment of a chapter.

    Attributes:
        chapter: its name.
        title: its first heading.
        lead: Markdown between the heading and the first code.
        setup: code that comes before all questions; the first cell holds the parameters.
        questions: in their order.
    """

    chapter: str
    title: str
    lead: str
    setup: tuple[str, ...]
    questions: tuple[Question, ...]

    @property
    def points(self) -> float:
        """Of all questions together."""
        return sum(question.points for question in self.questions)


def read_assignments(project: Project, chapters: Sequence[str] = ()) -> tuple[Assignment, ...]:
    """The assignments of those chapters, or of all that have one, in the order of their names.

    Raises:
        AssignmentError: if a chapter has none, or a source is not right.
    """
    found = {path.stem: path for path in sorted((project.root / ASSIGNMENTS).glob("*.md"))}
    if unknown := [name for name in chapters if name not in found]:
        raise AssignmentError(
            f"{unknown[0]!r} has no assignment; chapters with one: {', '.join(found) or 'none'}"
        )
    return tuple(read(found[name]) for name in chapters or found)


def read(path: Path) -> Assignment:
    """Read one source.

    Raises:
        AssignmentError: if it is not right; the message names the file and the question.
    """
    return parse(path, jupytext.reads(path.read_text(encoding="utf8"), fmt="md:myst").cells)


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
    """What a cell says about the question that it belongs to."""
    kind = cell.metadata.get("part") if cell.cell_type == "markdown" else None
    options: dict[str, Any] = cell.metadata
    for tag in _tags(cell):
        kind = tag
    match kind:
        case "solution":
            question.solution = cell.source
        case "test":
            points = float(options.get("points", 0))
            question.parts.append(Part(points, cell.source, bool(options.get("hidden"))))
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
