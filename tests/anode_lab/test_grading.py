"""What takes too long is interrupted, where otter executes it and nowhere else."""

import signal
import time
from types import SimpleNamespace

import pytest
from IPython.core.interactiveshell import InteractiveShell

from anode_lab.grading import OverTimeError, TimeLimit, limit

LIMIT = 0.3
LOOP = "while True:\n    pass"


@pytest.fixture
def grading():
    """A shell and tests under the limit."""

    def run_doctest(name: str, body: str) -> bool:
        try:
            exec(body)
        except OverTimeError:
            return False
        return True

    shell, tests = InteractiveShell(), SimpleNamespace(run_doctest=run_doctest)
    before = signal.getsignal(signal.SIGALRM)
    limit(shell, tests, LIMIT)
    yield shell, tests
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


CAUGHT = """
try:
    while True:
        pass
except Exception:
    pass
"""


@pytest.mark.parametrize("answer", [LOOP, CAUGHT])
def test_an_endless_answer_is_interrupted_and_the_next_one_runs(grading, answer: str) -> None:
    shell, _ = grading
    started = time.monotonic()
    assert isinstance(shell.run_cell(answer).error_in_exec, OverTimeError)
    assert LIMIT <= time.monotonic() - started < LIMIT + 10
    assert shell.run_cell("1 + 1").result == 2
    time.sleep(1.2 * LIMIT)  # nothing rings between cells


def test_the_tests_of_a_question_have_one_limit_together(grading) -> None:
    _, tests = grading
    assert tests.run_doctest("one 0", "pass")
    assert not tests.run_doctest("one 1", LOOP)
    assert not tests.run_doctest("one 2", LOOP)
    assert tests.run_doctest("one 3", "pass"), "what is fast still passes"
    assert tests.run_doctest("two 0", f"import time\ntime.sleep({LIMIT / 2})")
    time.sleep(1.2 * LIMIT)


def test_the_plugin_starts_with_the_first_code_of_a_notebook() -> None:
    cells = [
        SimpleNamespace(cell_type="markdown", source="# Title"),
        SimpleNamespace(cell_type="code", source="import otter"),
        SimpleNamespace(cell_type="code", source="1"),
    ]
    notebook = TimeLimit("path", {}, {}).before_execution(SimpleNamespace(cells=cells))
    title, first, last = (cell.source for cell in notebook.cells)
    assert (title, last) == ("# Title", "1")
    assert first.endswith("\nimport otter")
    assert "limit(get_ipython(), ok_test)" in first
