"""Maps, escape curves and the slice are drawn from results, in both themes, every seed shown."""

from dataclasses import replace
from math import pi

import numpy as np
import pytest
from matplotlib.figure import Figure

from anode.training import TrainingFailure
from anode_lab import runs
from anode_lab.figures import generalisation as figures
from anode_lab.figures.generalisation import PlaneMap
from anode_lab.figures.style import Picture
from anode_lab.runs import Result
from anode_lab.theory.escape_curve import escape_curve
from anode_lab.theory.output_maps import square_grid

pytestmark = pytest.mark.filterwarnings("error::UserWarning")
SECTOR = pi / 5


@pytest.fixture(scope="module")
def full() -> Result:
    return runs.run("annulus-2d", profile="smoke")


@pytest.fixture(scope="module")
def cut() -> Result:
    return runs.run("slice-2d", profile="smoke")


def draws(picture: Picture) -> Figure:
    """The light figure, if both themes give one, and different ones."""
    assert picture.png() != picture.png(dark=True)
    return picture.light()


def cone(seed: int, centre: tuple[float, float] = (0.0, 0.0)) -> PlaneMap:
    """The output ||x|| - 3/4 on a small grid, with an escape curve and samples."""
    output = square_grid(2.0, 9).norm(dim=1).numpy().reshape(9, 9) - 0.75
    line = np.array([[0.0, 0.0], [3.0, 0.0]])
    return PlaneMap(seed, output, 2.0, centre, escape=line, samples=np.array([[1.0, 0.5]]))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_maps_name_every_seed(count: int) -> None:
    found = [cone(seed) for seed in range(10, 10 + count)]
    figure = draws(figures.maps({"NODE": found, "ResNet": found}, SECTOR))
    maps = [ax for ax in figure.axes if ax.images]
    assert len(maps) == 2 * count
    titles = [ax.get_title() for ax in maps]
    assert titles[0] == "NODE\nseed 10"
    assert titles[1:count] == [str(seed) for seed in range(11, 10 + count)]


def test_maps_show_the_grid_as_it_is() -> None:
    figure = figures.maps({"NODE": [cone(0)]}).light()
    image = figure.axes[0].images[0]
    np.testing.assert_array_equal(image.get_array(), cone(0).output)
    assert list(image.get_extent()) == [-2, 2, -2, 2]
    assert image.origin == "lower"
    assert image.get_clim() == (-figures.OUTPUT_LIMIT, figures.OUTPUT_LIMIT)


def test_a_map_of_a_failed_seed_or_of_one_sign_draws() -> None:
    nothing = replace(cone(1), output=np.full((9, 9), np.nan))
    positive = replace(cone(2), output=np.ones((9, 9)))
    draws(figures.maps({"NODE": [nothing, positive]}))


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_channels_have_a_panel_each(count: int) -> None:
    figure = draws(figures.channels([cone(seed, (1.0, seed)) for seed in range(count)]))
    panels = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in panels] == [f"seed {seed}, 4 wide" for seed in range(count)]
    assert [ax.get_ylim() for ax in panels] == [(seed - 2, seed + 2) for seed in range(count)]


def test_escape_curves_of_every_seed(full: Result) -> None:
    node = escape_curve(full.runs["NODE"].model)
    anode = escape_curve(full.runs["ANODE (p = 1)"].model)
    left, right = draws(figures.escape_curves(node, anode)).axes
    assert len(left.lines) == len(full.seeds)
    # Two segments for the regions and the line of the inputs are there besides.
    assert len(right.lines) == len(full.seeds) + 3
    np.testing.assert_array_equal(left.lines[1].get_xydata(), node.states[1])


def test_slice_losses_show_every_seed_mean_and_median(cut: Result) -> None:
    histories = {label: run.history for label, run in cut.runs.items()}
    figure = draws(figures.slice_losses(histories))
    assert [ax.get_title() for ax in figure.axes] == list(histories)
    for ax, history in zip(figure.axes, histories.values(), strict=True):
        *seeds, _, mean, median = [np.asarray(line.get_ydata()) for line in ax.lines]
        assert history.validation_loss is not None
        np.testing.assert_array_equal(seeds, history.validation_loss)
        np.testing.assert_allclose(mean, history.validation_loss.mean(0))
        np.testing.assert_allclose(median, np.median(history.validation_loss, axis=0))


def test_slice_losses_count_failures(cut: Result) -> None:
    history = cut.runs["NODE"].history
    assert history.validation_loss is not None
    losses = history.validation_loss.copy()
    losses[1] = np.nan
    failures = {1: TrainingFailure(1, 1, 1, "forward", "made up")}
    broken = replace(history, validation_loss=losses, failures=failures)
    figure = draws(figures.slice_losses({"NODE": broken}))
    (ax,) = figure.axes
    assert ax.get_title() == "NODE\n(1 of 2 failed)"
    curves = [line for line in ax.lines if line.get_marker() != "x"]
    np.testing.assert_array_equal(np.asarray(curves[-2].get_ydata()), losses[0])
    assert len(ax.lines) - len(curves) == 2, "of the training loss and of the slice's"
    (legend,) = figure.legends
    assert legend.get_texts()[-1].get_text() == "training failed (1 of 2)"


def test_slice_gaps_show_every_seed_and_survive_infinite_intervals() -> None:
    gaps = {"NODE": np.array([0.3, -1e-3]), "ANODE (p = 5)": np.array([1e-4, np.nan])}
    means = {"NODE": (0.15, -np.inf, np.inf), "ANODE (p = 5)": (1e-4, 0.0, 2e-4)}
    angles = np.array([0.3, np.nan])
    left, right = draws(figures.slice_gaps(gaps, means, angles, SECTOR)).axes
    joined = [np.asarray(line.get_ydata()) for line in left.lines[:2]]
    np.testing.assert_array_equal(joined, np.array(list(gaps.values())).T)
    (points,) = [line for line in right.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(points.get_xdata(), np.degrees(angles))
