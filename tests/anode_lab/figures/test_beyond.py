"""Positions, densities and dimensions are drawn as they were computed."""

import numpy as np

from anode_lab.figures.beyond import densities, dimensions, positions
from tests.helpers.pictures import assert_draws_in_both_themes

RNG = np.random.default_rng(0)


def test_positions_are_drawn_against_time_and_against_speed() -> None:
    times, y = np.linspace(0, 1, 5), np.array([-1.0, 1.0, 1.0])
    first, second = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3, 2))
    drawn = positions(times, first, second, y)
    assert_draws_in_both_themes(drawn)
    left, middle, right = drawn.light().axes
    for i in range(3):
        np.testing.assert_array_equal(left.lines[i].get_xydata(), np.stack([times, first[:, i]], 1))
        np.testing.assert_array_equal(middle.lines[i].get_ydata(), second[:, i, 0])
        np.testing.assert_array_equal(right.lines[i].get_xydata(), second[:, i])
    np.testing.assert_array_equal(right.lines[3].get_xydata(), second[-1])
    assert len({line.get_linestyle() for line in left.lines}) == 2


def test_all_densities_show_as_many_points_and_say_how_many_are_outside() -> None:
    few, many = RNG.uniform(-1, 1, (50, 2)), RNG.uniform(-1, 1, (120, 2))
    few[3] = 9.0
    drawn = densities({"few": few, "many": many})
    assert_draws_in_both_themes(drawn)
    left, right = drawn.light().axes
    assert [len(ax.lines[0].get_xydata()) for ax in (left, right)] == [50, 50]
    assert left.get_title() == "few\n1 of 50 outside"
    assert right.get_title() == "many"


def test_dimensions_show_each_seed_and_the_mean_of_those_that_did_not_fail() -> None:
    losses = {"NODE": np.array([[0.1, 0.3], [0.2, np.nan]]), "ANODE (p = 1)": np.full((2, 2), 0.01)}
    drawn = dimensions([2, 10], losses, {label: 100 * each for label, each in losses.items()})
    assert_draws_in_both_themes(drawn)
    left, right = drawn.light().axes
    points, mean = left.lines[0], left.lines[1]
    np.testing.assert_array_equal(points.get_ydata(), [0.1, 0.3, 0.2, np.nan])
    np.testing.assert_allclose(mean.get_ydata(), [0.2, 0.2])
    assert left.get_yscale() == "log"
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["2", "10"]
