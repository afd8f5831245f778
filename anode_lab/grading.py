"""A time limit for each question, where otter-grader executes students' notebooks.

The book's autograders name :class:`TimeLimit` among otter's plugins. It is here because a grader's
machine has this package, and not what makes the assignments.
"""

import signal
from collections.abc import Callable
from time import monotonic
from typing import Any

LIMIT = 60
"""Seconds for an answer, and as many for all tests of a question together."""

_AGAIN = 5  # seconds after which an answer that has caught the error is interrupted once more

_START = f"""\
from otter.test_files import ok_test
from {__name__} import limit
limit(get_ipython(), ok_test)
"""


class OverTimeError(BaseException):
    """An answer took too long. It is no ``Exception``, so that an answer seldom catches it."""


class TimeLimit:
    """The plugin, as otter makes it from three arguments that it does not need."""

    def __init__(self, *_: object) -> None:
        """Take what otter gives."""

    def before_execution(self, submission: Any) -> Any:
        """Return the notebook with a first cell that limits all later ones."""
        first = next(cell for cell in submission.cells if cell.cell_type == "code")
        first.source = f"{_START}{first.source}"
        return submission


def limit(shell: Any, tests: Any, seconds: float = LIMIT) -> None:
    """Limit the time of each cell of a kernel, and that of the tests of each question.

    Where the system has no timers, as Windows, nothing is limited.

    Args:
        shell: The kernel's shell, of IPython.
        tests: Otter's module with ``run_doctest(name, ...)``, whose names are "QUESTION NUMBER".
        seconds: Limit of each.
    """
    if not hasattr(signal, "setitimer"):
        return
    signal.signal(signal.SIGALRM, _interrupt)
    shell.events.register("pre_run_cell", lambda _: _ring_after(seconds))
    shell.events.register("post_run_cell", lambda _: _ring_after(0))
    tests.run_doctest = _limited(tests.run_doctest, seconds)


def _limited(run: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    left: dict[str, float] = {}

    def limited(name: str, *arguments: Any) -> Any:
        question, started = name.rpartition(" ")[0], monotonic()
        _ring_after(max(left.setdefault(question, seconds), 1))
        try:
            return run(name, *arguments)
        finally:
            _ring_after(0)  # and not while otter itself works
            left[question] -= monotonic() - started

    return limited


def _ring_after(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)


def _interrupt(*_: object) -> None:
    raise OverTimeError("over the time limit of a question")
