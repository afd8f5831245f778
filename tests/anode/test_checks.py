"""Python's numbers and NumPy's are taken alike; the rest is refused by name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from anode.checks import check_positive, check_seeds, flag, integer, member, number
from anode.solve import Engine
from anode.training import Loss


@pytest.mark.parametrize("three", [3, np.int64(3), np.int8(3), np.uint8(3)])
def test_integers_of_numpy_are_integers(three: Any) -> None:
    assert type(integer("n", three)) is int
    assert number("x", three) == 3.0
    assert check_seeds([three, np.int64(5)]) == (3, 5)
    check_positive(n=three)


@pytest.mark.parametrize("half", [0.5, np.float32(0.5), np.float64(0.5)])
def test_floats_of_numpy_are_numbers(half: Any) -> None:
    assert type(number("x", half)) is float
    assert number("x", half, above=0) == 0.5


def test_flags_are_bools() -> None:
    assert flag("f", np.bool_(True)) is True
    assert flag("f", False) is False


@pytest.mark.parametrize("value", [Loss.MSE, "mse", "MSE", "mean squared error"])
def test_members_have_names_and_values(value: Any) -> None:
    assert member("loss", value, Loss) is Loss.MSE


REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: integer("n", True), "n must be a positive integer, got True"),
    (lambda: integer("n", 2.0), "n must be a positive integer, got 2.0"),
    (lambda: integer("n", "2"), "n must be a positive integer, got '2'"),
    (lambda: integer("n", None), "n must be a positive integer, got None"),
    (lambda: integer("n", np.int64(0)), "n must be a positive integer, got np.int64"),
    (lambda: integer("n", -1, 0), "n must be an integer, 0 or more, got -1"),
    (lambda: number("x", float("nan")), "x must be a finite number, got nan"),
    (lambda: number("x", float("inf"), above=0), "x must be a finite number above 0, got inf"),
    (lambda: number("x", 0, above=0), "x must be a finite number above 0, got 0"),
    (lambda: number("x", True), "x must be a finite number, got True"),
    (lambda: number("x", "1"), "x must be a finite number, got '1'"),
    (lambda: number("x", 1j), "x must be a finite number, got 1j"),
    (lambda: flag("f", "no"), "f must be True or False, got 'no'"),
    (lambda: flag("f", 1), "f must be True or False, got 1"),
    (lambda: member("engine", "numba", Engine), "Engine.STACKED .*'torchdiffeq'.*, got 'numba'"),
    (lambda: member("engine", "", Engine), "engine must be one of .*, got ''"),
    (lambda: member("engine", Loss.MSE, Engine), "engine must be one of .*, got <Loss.MSE"),
    (lambda: check_seeds(3), "seeds must be one or more different integers.*, got 3"),
    (lambda: check_seeds("01"), "seeds must be .*, got \\('0', '1'\\)"),
    (lambda: check_seeds([0, 0]), "seeds must be .* different .*, got \\(0, 0\\)"),
    (lambda: check_seeds([0, True]), "seeds must be .*, got \\(0, True\\)"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_all_else_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
