"""Every figure of the chapter draws, in both themes, from the smallest inputs it may get."""

from collections.abc import Callable

import numpy as np
import pytest

from anode_lab import runs
from anode_lab.figures import trajectories_do_not_cross as figures
from anode_lab.figures.style import Picture
from tests.helpers.pictures import assert_draws_in_both_themes


def _continuous_and_euler() -> Picture:
    t = np.linspace(0, 1, 5)
    solutions = np.exp(-2 * t)[:, None] * [-1.0, 1.0]
    return figures.continuous_and_euler(
        t, solutions, np.array([0.0, 1.0]), np.array([[-1.0, 1.0], [1.0, -1.0]])
    )


def _trained_fields() -> Picture:
    trained = {
        name: runs.run(name, profile="smoke").runs["NODE"] for name in ("identity-1d", "g1d")
    }
    return figures.trained_fields(trained, replica=1)


def _distance_bounds() -> Picture:
    t = np.linspace(0, 1, 4)
    gentle = figures.Stretch(t, np.exp(-0.5 * t)[:, None], np.exp(-0.5 * t), 1.0)
    strong = figures.Stretch(t, np.exp(-8 * t)[:, None], np.exp(-8 * t), 14.0)
    return figures.distance_bounds({"gentle": gentle, "strong": strong})


def _euler_order() -> Picture:
    fans = {n: np.linspace(-1, 1, 3) * (1 - 3 / n) ** np.arange(n + 1)[:, None] for n in (1, 2, 16)}
    least = np.array([[-2.0, -0.5, 0.8]])
    return figures.euler_order(fans, [1, 2, 16], least, np.array([3.0]))


def _exchange_by_jumps() -> Picture:
    states = np.array([[-1.0, 1.0, 0.0], [-0.5, 0.5, 0.1], [1.0, -1.0, 0.2]])
    x = np.linspace(-1.5, 1.5, 5)
    return figures.exchange_by_jumps(states, x, 0 * x[None], -np.stack([x, x]))


PICTURES: dict[str, Callable[[], Picture]] = {
    "continuous_and_euler": _continuous_and_euler,
    "without_lipschitz": figures.without_lipschitz,
    "trained_fields": _trained_fields,
    "loss_and_floor": lambda: figures.loss_and_floor(np.array([[3.0, 1.5], [4.0, 1.0]])),
    "distance_bounds": _distance_bounds,
    "euler_order": _euler_order,
    "exchange_by_jumps": _exchange_by_jumps,
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_draws_in_both_themes(name: str) -> None:
    assert_draws_in_both_themes(PICTURES[name]())


def test_every_axis_is_labelled() -> None:
    for name, make in PICTURES.items():
        figure = make().light()
        assert all(ax.get_xlabel() for ax in figure.axes), name
        # Panels that share their vertical axis are labelled once.
        assert any(ax.get_ylabel() for ax in figure.axes), name


@pytest.mark.filterwarnings("error")
def test_losses_below_the_floor_and_failed_seeds_are_gaps() -> None:
    # No seed is above the floor in the second epoch, and none is left in the third.
    losses = np.array([[3.0, 0.5, np.nan], [2.0, 1.0, np.nan]])
    figure = figures.loss_and_floor(losses).light()
    (median,) = [line for line in figure.axes[1].lines if line.get_label() == "median"]
    drawn = np.ma.filled(np.ma.asarray(median.get_ydata(), dtype=float), np.nan)
    np.testing.assert_array_equal(drawn, [1.5, np.nan, np.nan])
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts[0] == "mean ± s.d. of 2 seeds, 2 of which failed"


def test_the_crossing_solutions_solve_their_equation() -> None:
    # The right panel of without_lipschitz: h = -sgn(1 - 2t) (2t - 1)^4 goes from -1 to 1.
    t = np.linspace(0, 1, 201)
    h = -np.sign(1 - 2 * t) * (2 * t - 1) ** 4
    slope = -np.sign(1 - 2 * t) * 8 * (2 * t - 1) ** 3
    np.testing.assert_allclose(slope, 8 * (2 * t - 1) * np.sign(h) * np.sqrt(np.abs(h)), atol=1e-12)
    assert h[0] == -1
    assert h[-1] == 1
