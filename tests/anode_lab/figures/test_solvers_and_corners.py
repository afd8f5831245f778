"""Figures of solvers and corners show the numbers that they were given."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from anode_lab.figures import solvers_and_corners as figures
from anode_lab.figures.style import Picture
from anode_lab.theory.switching import Switches, TriedSteps
from tests.helpers.pictures import assert_draws_in_both_themes

LABELS = ("NODE", "ANODE (p = 5)")


def orders() -> Picture:
    steps, tolerances = [4, 8, 16], [1e-2, 1e-3, 1e-4]
    found = {
        name: figures.Orders(
            np.outer([1.0, 2.0], np.power(steps, -float(order))),
            np.outer([20.0, 26.0], [1.0, 2.0, 3.0]),
            np.outer([15.0, 20.0], [1.0, 2.0, 3.0]),
        )
        for name, order in (("ReLU", 2), ("softplus", 4))
    }
    return figures.orders(steps, tolerances, found, 64)


def steps() -> Picture:
    tried = TriedSteps(
        np.array([0.0, 0.1, 0.1]), np.array([0.1, 0.9, 0.3]), np.array([True, False, True])
    )
    bends = Switches(np.array([0.2, 0.7]), np.array([1.0, 4.0]))
    none = Switches(np.empty(0), np.empty(0))
    return figures.steps_at_switches({"a": (tried, bends), "b": (tried, None), "c": (tried, none)})


def training() -> Picture:
    values = {label: np.outer([1.0, 5.0, 9.0], [1.0, 2.0]) for label in LABELS}
    return figures.evaluations_and_stretch(np.arange(1.0, 4.0), values, values)


PICTURES: dict[str, Callable[[], Picture]] = {
    "orders": orders,
    "steps": steps,
    "training": training,
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_draws_in_both_themes(name: str) -> None:
    assert_draws_in_both_themes(PICTURES[name]())


@pytest.mark.parametrize("name", PICTURES)
def test_axes_are_labelled(name: str) -> None:
    axes = PICTURES[name]().light().axes
    assert axes[0].get_ylabel()
    assert axes[-1].get_xlabel()


def test_every_step_and_switching_time_is_drawn() -> None:
    first, second, third = steps().light().axes
    groups = [lines for lines in first.collections if isinstance(lines, LineCollection)]
    bars = [np.asarray(bar) for lines in groups for bar in lines.get_segments()]
    ends = sorted((float(bar[0, 0]), float(bar[1, 0])) for bar in bars)
    np.testing.assert_allclose(ends, [(0.0, 0.1), (0.1, 0.4), (0.1, 1.0)])
    vertical = {float(np.asarray(line.get_xdata())[0]): line for line in first.lines[:2]}
    assert vertical[0.7].get_linewidth() > vertical[0.2].get_linewidth()
    assert not second.lines
    assert not third.lines
