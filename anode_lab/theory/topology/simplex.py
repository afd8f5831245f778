"""A linear program for a few points, solved in rational numbers: no rounding, no tolerance.

This is the first phase of the simplex method (Dantzig 1951) with Bland's rule (1977), under which
it ends. It is meant for tens of columns; a floating-point solver finds which ones matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from anode_lab.theory.topology.rationals import Rationals


@dataclass(frozen=True)
class Feasible:
    """A solution x >= 0 of M x = r, zero in all but a few places.

    Attributes:
        solution: Column -> its value, for those that are not 0; there are no more of them than
            rows.
    """

    solution: dict[int, Fraction]


@dataclass(frozen=True)
class Infeasible:
    """A proof that M x = r has no solution x >= 0 (Farkas).

    Attributes:
        multipliers: Vector y with ``y.M_j <= 0`` for every column and ``y.r > 0``.
    """

    multipliers: Rationals


def solve(columns: Sequence[Rationals], right: Rationals) -> Feasible | Infeasible:
    """Find x >= 0 with ``sum_j x_j columns[j] = right``, or the proof that there is none.

    Args:
        columns: Columns, each as long as ``right``.
        right: Right side, without a negative entry.
    """
    rows, count = len(right), len(columns)
    table: Any = np.full((rows + 1, count + rows + 1), Fraction(0), dtype=object)
    for j, column in enumerate(columns):
        table[:rows, j] = column
    for i in range(rows):  # an artificial column for each row: the first basis
        table[i, count + i] = Fraction(1)
    table[:rows, -1] = right
    # The last row has the reduced costs for "the artificial columns sum to as little as can be",
    # and at its end minus that sum.
    table[rows] = -table[:rows].sum(axis=0)
    table[rows, count:-1] += Fraction(1)
    basis = list(range(count, count + rows))
    while (entering := _first_negative(table[rows, :-1])) is not None:
        leaving = _leaving(table[:rows], entering, basis)
        _pivot(table, leaving, entering)
        basis[leaving] = entering
    if table[rows, -1] < 0:
        return Infeasible(tuple(1 - cost for cost in table[rows, count:-1]))
    values = zip(basis, table[:rows, -1], strict=True)
    return Feasible({j: value for j, value in values if value > 0})


def inverse(matrix: Sequence[Rationals]) -> list[Rationals] | None:
    """Compute the rows of the inverse of a square matrix, given by its rows; None if singular."""
    size = len(matrix)
    table: Any = np.full((size, 2 * size), Fraction(0), dtype=object)
    for i, row in enumerate(matrix):
        table[i, :size] = row
        table[i, size + i] = Fraction(1)
    for column in range(size):
        pivot = next((i for i in range(column, size) if table[i, column] != 0), None)
        if pivot is None:
            return None
        table[[column, pivot]] = table[[pivot, column]]
        _pivot(table, column, column)
    return [tuple(row[size:]) for row in table]


def _first_negative(costs: Any) -> int | None:
    return next((j for j, cost in enumerate(costs) if cost < 0), None)


def _leaving(table: Any, entering: int, basis: list[int]) -> int:
    """The row whose value is the first to fall to 0; of several, the one of the first column.

    There is one, because the sum that is minimised cannot fall below 0.
    """
    ratios = [
        (table[i, -1] / table[i, entering], basis[i], i)
        for i in range(len(basis))
        if table[i, entering] > 0
    ]
    return min(ratios)[2]


def _pivot(table: Any, row: int, column: int) -> None:
    table[row] = table[row] / table[row, column]
    for i in range(len(table)):
        if i != row and table[i, column] != 0:
            table[i] = table[i] - table[i, column] * table[row]
