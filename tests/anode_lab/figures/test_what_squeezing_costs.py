"""Figures of what squeezing costs show the numbers that they were given."""

from collections.abc import Callable

import numpy as np
import pytest

from anode_lab.figures import what_squeezing_costs as figures
from anode_lab.figures.style import Picture
from anode_lab.theory.channel import empty_sector, widest_channel
from anode_lab.theory.gronwall import GronwallBounds, stretch_bounds
from tests.helpers.pictures import assert_draws_in_both_themes
from tests.helpers.problems import stretching


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
    return figures.slopes_by_samples(
        figures.Study(np.array([10.0, 100.0]), grid, 3 * grid, 9 * grid, 20 + grid, 30 + grid)
    )


def linear() -> Picture:
    stretch = np.array([10.0, 100.0, 1000.0])
    counted = {1e-3: np.array([20.0, 32.0, 38.0]), 1e-6: np.array([62.0, 110.0, 160.0])}
    return figures.linear_cost(stretch, counted, {k: v - 5 for k, v in counted.items()})


PICTURES: dict[str, Callable[[], Picture]] = {
    "channels": channels,
    "samples": samples,
    "linear": linear,
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
