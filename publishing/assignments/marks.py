"""The points that answers get, by otter's own tests, without a notebook."""

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
    """Which tests of each code question the answers pass; where there is none, the solution.

    Args:
        assignment: whose.
        answers: question -> code.
        seed: of the class.
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
    """Whether a test passes, given the names that an answer leaves behind."""
    code = ast.unparse(ast.parse(question.parts[part].text))  # as otter does: one line a statement
    body = "\n".join(str_to_doctest(code.split("\n"), []))
    passed, _ = run_doctest(question.name, body, dict(names))
    return passed


def with_seed(parameters: str, seed: int) -> str:
    """The cell of parameters with the class's seed in the line ``seed = 0``."""
    return parameters.replace("seed = 0", f"seed = {seed}")


@cache
def _after(sources: tuple[str, ...]) -> dict[str, Any]:
    """The names that these cells leave behind."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for source in sources:
        exec(compile(source, "<setup>", "exec"), names)
    return names


def _execute(source: str, names: dict[str, Any]) -> None:
    """As a notebook would, where a cell that fails does not end the grading."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
        exec(compile(source, "<answer>", "exec"), names)
