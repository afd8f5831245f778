"""Figures of what squeezing costs show the numbers that they were given."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from anode_lab.figures import what_squeezing_costs as figures
from anode_lab.figures.style import Picture
from anode_lab.theory.channel import empty_sector, widest_channel
from anode_lab.theory.gronwall import GronwallBounds, stretch_bounds
from anode_lab.theory.switching import Switches, TriedSteps
from tests.helpers.pictures import assert_draws_in_both_themes
from tests.helpers.problems import stretching

LABELS = ("NODE", "ANODE (p = 5)")


def channels() -> Picture:
    rng = np.random.default_rng(0)
    panels = {}
    for n in (40, 600):
        angles = rng.uniform(0, 2 * np.pi, n)
        outer = rng.uniform(1, 1.5, (n, 1)) * np.column_stack([np.cos(angles), np.sin(angles)])
        inner = rng.uniform(-0.3, 0.3, (n // 2, 2))
        panels[f"{n}"] = figures.Sample(inner, outer, widest_channel(outer), empty_sector(outer))
    return figures.channels(panels)


def samples() -> Picture:
    grid = np.outer([1.0, 2.0, 3.0], [1.0, 10.0])  # (R, N)
    return figures.price_of_samples(
        figures.Study(np.array([10.0, 100.0]), grid, 3 * grid, 9 * grid, 20 + grid, 30 + grid)
    )


def linear() -> Picture:
    stretch = np.array([10.0, 100.0, 1000.0])
    counted = {1e-3: np.array([20.0, 32.0, 38.0]), 1e-6: np.array([62.0, 110.0, 160.0])}
    return figures.linear_cost(stretch, counted, {k: v - 5 for k, v in counted.items()})


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
    return figures.cost_and_stretch(np.arange(1.0, 4.0), values, values)


PICTURES: dict[str, Callable[[], Picture]] = {
    "channels": channels,
    "samples": samples,
    "linear": linear,
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


def test_the_thick_edge_is_the_longest_of_the_loop() -> None:
    for ax in channels().light().axes:
        loop, edge = (np.array(line.get_xydata()) for line in ax.lines)
        lengths = np.linalg.norm(np.diff(loop, axis=0), axis=1)
        assert np.linalg.norm(np.diff(edge, axis=0)) == pytest.approx(lengths.max())
        assert loop[0] == pytest.approx(loop[-1])


def test_medians_over_the_seeds() -> None:
    left, right = samples().light().axes
    middle = {line.get_label(): line.get_ydata() for line in (*left.lines, *right.lines)}
    assert middle["needed by every NODE"] == pytest.approx([2, 20])
    assert middle["trained, at least"] == pytest.approx([18, 180])
    assert middle["by hand"] == pytest.approx([32, 50])


def test_every_step_and_kink_is_drawn() -> None:
    first, second, third = steps().light().axes
    groups = [lines for lines in first.collections if isinstance(lines, LineCollection)]
    bars = [np.asarray(bar) for lines in groups for bar in lines.get_segments()]
    ends = sorted((float(bar[0, 0]), float(bar[1, 0])) for bar in bars)
    np.testing.assert_allclose(ends, [(0.0, 0.1), (0.1, 0.4), (0.1, 1.0)])
    vertical = {float(np.asarray(line.get_xdata())[0]): line for line in first.lines[:2]}
    assert vertical[0.7].get_linewidth() > vertical[0.2].get_linewidth()
    assert not second.lines
    assert not third.lines


@pytest.fixture(scope="module")
def bounded() -> GronwallBounds:
    return stretch_bounds(stretching(0.5), n=4, intervals=3, pieces=4)


def test_bounds_around_the_measured_stretch(bounded: GronwallBounds) -> None:
    picture = figures.gronwall_bounds({"NODE": bounded, "ANODE (p = 1)": bounded})
    assert picture.dark().axes
    figure = picture.light()
    assert len(figure.axes) == 2
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:4] == [f"bound: {kind}" for kind in bounded.bounds()]
    assert set(labels[4:]) == {"derivative", "pairs of inputs"}
    ax = figure.axes[0]
    upper = np.asarray(ax.lines[1].get_ydata())
    np.testing.assert_allclose(upper, bounded.product.upper[0] / np.log(10))
    dashes = {str(line.get_linestyle()) + str(line.get_color()) for line in ax.lines[:8]}
    assert len(dashes) == 4
