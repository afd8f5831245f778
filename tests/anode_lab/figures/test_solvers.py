"""Figures of numerical methods draw, and show the order that is in the numbers."""

import numpy as np
import pytest

from anode_lab.figures import Picture, solvers
from tests.helpers.pictures import assert_draws_in_both_themes

COUNTS = [1, 2, 4, 8]
ERRORS = np.outer([1.0, 3.0], 1 / np.array(COUNTS))


def _euler_paths() -> Picture:
    exact = np.linspace(0, 1, 20)[:, None, None] * np.array([[1.0, 2.0], [-1.0, 0.5]])
    polygons = {n: np.linspace(0, 1.2, n + 1)[:, None, None] * exact[-1] for n in (1, 4, 16)}
    return solvers.euler_paths(exact, polygons)


def _work_precision() -> Picture:
    errors = np.array([[1e-1, 1e-2], [2e-1, 1e-3]])
    return solvers.work_precision([1e-1, 1e-2], 10 + errors, errors, COUNTS, ERRORS)


PICTURES = {
    "euler_paths": _euler_paths,
    "euler_convergence": lambda: solvers.euler_convergence(COUNTS, ERRORS, 10 * ERRORS),
    "work_precision": _work_precision,
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_draws_in_both_themes(name: str) -> None:
    assert_draws_in_both_themes(PICTURES[name]())


def test_every_axis_is_labelled() -> None:
    for name, make in PICTURES.items():
        figure = make().light()
        assert all(ax.get_xlabel() for ax in figure.axes), name
        assert figure.axes[0].get_ylabel(), name


def test_errors_of_order_1_are_drawn_as_order_1() -> None:
    left, right = PICTURES["euler_convergence"]().light().axes
    drawn = [np.asarray(line.get_ydata(), dtype=float) for line in right.lines]
    orders = [values for values in drawn if len(values) == len(COUNTS) - 1]
    assert len(orders) == len(ERRORS)
    np.testing.assert_allclose(orders, 1)
    slope = next(line for line in left.lines if line.get_label() == "slope −1")
    n, error = (np.log(np.asarray(data)) for data in (slope.get_xdata(), slope.get_ydata()))
    np.testing.assert_allclose(np.diff(error) / np.diff(n), -1)


def test_panels_of_paths_have_the_same_limits_and_hold_everything() -> None:
    axes = PICTURES["euler_paths"]().light().axes
    assert len({(*ax.get_xlim(), *ax.get_ylim()) for ax in axes}) == 1
    (x0, x1), (y0, y1) = axes[0].get_xlim(), axes[0].get_ylim()
    for ax in axes:
        for line in ax.lines:
            x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
            assert ((x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)).all()
