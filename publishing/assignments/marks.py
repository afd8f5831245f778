"""The points of answers, by otter's own tests and without a notebook."""

import ast
import contextlib
import io
from collections.abc import Mapping
from functools import cache
from typing import Any

from otter.assign.utils import str_to_doctest
from otter.test_files.ok_test import run_doctest

from publishing.assignments.source import Assignment, Question


def marks(
    assignment: Assignment, answers: Mapping[str, str] | None = None, seed: int = 0
) -> dict[str, list[bool]]:
    """Run the tests of each code question.

    Args:
        assignment: The assignment.
        answers: Code by question; a question without an answer gets the solution.
        seed: Seed of the class.

    Returns:
        For each question, whether each of its tests passed.
    """
    answers = answers or {}
    parameters, *setup = assignment.setup
    names = dict(_after((with_seed(parameters, seed), *setup)))
    found = {}
    for question in assignment.questions:
        if question.manual:
            continue
        for source in (*question.given, answers.get(question.name, question.solution)):
            _execute(source, names)
        found[question.name] = [passes(question, n, names) for n in range(len(question.parts))]
    return found


def passes(question: Question, part: int, names: dict[str, Any]) -> bool:
    """Return whether a test passes, given the names that an answer defines."""
    code = ast.unparse(ast.parse(question.parts[part].text))  # as otter does: one line a statement
    body = "\n".join(str_to_doctest(code.split("\n"), []))
    passed, _ = run_doctest(question.name, body, dict(names))
    return passed


def with_seed(parameters: str, seed: int) -> str:
    """Return the parameters cell with the class's seed in the line ``seed = 0``."""
    return parameters.replace("seed = 0", f"seed = {seed}")


@cache
def _after(sources: tuple[str, ...]) -> dict[str, Any]:
    """Return the names that these cells define."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for source in sources:
        exec(compile(source, "<setup>", "exec"), names)
    return names


def _execute(source: str, names: dict[str, Any]) -> None:
    """Execute a cell as a notebook does: a failure does not end the grading."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
        exec(compile(source, "<answer>", "exec"), names)
