"""Coefficients satisfy the order conditions; a tableau with a slip is refused."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations_with_replacement
from math import prod

import numpy as np
import pytest

from anode import Method, Tableau
from anode.arrays import Floats
from anode.solve import METHODS

Tree = tuple["Tree", ...]
"""A rooted tree, as the trees at its root."""


def trees(order: int) -> Iterator[Tree]:
    """The rooted trees with so many nodes."""
    smaller = [tree for size in range(1, order) for tree in trees(size)]
    for count in range(order):
        for tree in combinations_with_replacement(smaller, count):
            if size(tree) == order:
                yield tree


def size(tree: Tree) -> int:
    return 1 + sum(map(size, tree))


def density(tree: Tree) -> int:
    return size(tree) * prod(map(density, tree))


def weight(tree: Tree, a: Floats) -> Floats:
    """The elementary weight of each slope."""
    return np.prod([a @ weight(each, a) for each in tree] or [np.ones(len(a))], axis=0)


def errors(tableau: Tableau, row: Floats, order: int, x: float = 1.0) -> float:
    """Largest error of the conditions up to an order of the state after x steps."""
    a = np.vstack([np.zeros(len(row)), tableau.matrix[:-2]])
    return max(
        abs(row @ weight(tree, a) - x**p / density(tree))
        for p in range(1, order + 1)
        for tree in trees(p)
    )


@pytest.mark.parametrize("tableau", METHODS.values(), ids=METHODS)
def test_each_method_has_its_order_and_not_more(tableau: Tableau) -> None:
    """So do the embedded method and the interpolation, of one order less."""
    solution = tableau.matrix[-2]
    assert errors(tableau, solution, tableau.order) < 1e-13
    assert errors(tableau, solution, tableau.order + 1) > 1e-6
    if tableau.adaptive:
        embedded = solution - tableau.matrix[-1]
        assert errors(tableau, embedded, tableau.order - 1) < 1e-13
        assert errors(tableau, embedded, tableau.order) > 1e-6
        for x in (0.25, 0.5, 0.8):
            row = np.array([x, x**2, x**3, x**4]) @ tableau.interpolation
            assert errors(tableau, row, max(tableau.order - 1, 3), x) < 1e-9


@pytest.mark.parametrize("tableau", METHODS.values(), ids=METHODS)
def test_rows_sum_to_their_nodes(tableau: Tableau) -> None:
    np.testing.assert_allclose(tableau.matrix[:-2].sum(1), tableau.nodes, atol=1e-14)
    if tableau.adaptive:  # the interpolation ends where the step does
        np.testing.assert_allclose(tableau.interpolation.sum(0), tableau.matrix[-2], atol=1e-14)


def test_methods_are_found_by_their_names() -> None:
    assert METHODS["tsit5"] is Method.TSIT5
    assert all(getattr(Method, name.upper()) is tableau for name, tableau in METHODS.items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nodes": (0.5, 0.75)}, "bosh3: stages must have one row for each of the 2 nodes, got 3"),
        ({"nodes": (0.5, 0.7, 1.0)}, r"bosh3: stages\[1\] must be 2 numbers with the sum 0.7"),
        ({"error": (0.1, -0.1)}, "bosh3: error must be 4 numbers with the sum 0.0"),
        ({"solution": (1.0, 0.5, 0.0, 0.0)}, "solution must be 4 numbers with the sum 1.0"),
        ({"midpoint": (0.0, 0.0, 0.0, 1.0)}, "midpoint must be 4 numbers with the sum 0.5"),
    ],
)
def test_slips_are_refused(change: dict[str, tuple[float, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(Method.BOSH3, **change)  # type: ignore[arg-type]
