"""Features through training and what lies between the samples are drawn as measured."""

from collections.abc import Callable
from dataclasses import replace
from math import pi

import numpy as np
import pytest

from anode import NeuralODE
from anode.arrays import Floats
from anode.data import concentric_spheres
from anode.training import History, TrainingFailure
from anode_lab import runs
from anode_lab.figures import what_neural_odes_cannot_represent as figures
from anode_lab.figures.style import Picture
from anode_lab.measures.toy_flows import median_replica
from anode_lab.runs import Run
from anode_lab.theory.circle_image import CircleImage, even_circle, refined_circle
from tests.helpers.pictures import assert_draws_in_both_themes


@pytest.fixture(scope="module")
def both() -> dict[str, Run]:
    names = {"g": "annulus-2d", "separable": "separable-2d"}
    return {
        title: runs.run(name, profile="smoke", models=["NODE"]).runs["NODE"]
        for title, name in names.items()
    }


def failure(replica: int) -> TrainingFailure:
    return TrainingFailure(replica, 1, 1, "forward", "made up")


def failed(history: History, replica: int) -> History:
    """The same history with one replica's training failed at the start."""
    losses, nfe = history.step_loss.copy(), history.step_nfe.copy()
    losses[replica] = nfe[replica] = np.nan
    return replace(history, step_loss=losses, step_nfe=nfe, failures={replica: failure(replica)})


def breaking(**changes: Floats) -> figures.Breaking:
    """Two seeds, three epochs, measured at two of them."""
    grid = np.array([[1.0, 10.0], [2.0, 40.0]])
    epochs = np.array([[0.3, 0.2, 0.1], [0.5, 0.4, 0.3]])
    measured = figures.Breaking(
        epochs, 50 * epochs, np.array([0.0, 3.0]), grid, grid / 2, 9, grid / 50
    )
    return replace(measured, **changes)


TRAINED: dict[str, Callable[[dict[str, Run]], Picture]] = {
    "data_sets": lambda both: figures.data_sets(
        runs.run("annulus-1d", profile="smoke", models=["NODE"]).runs["NODE"].data[0],
        both["g"].data[0],
        both["separable"].data[0],
    ),
    "features_and_nfe": figures.features_and_nfe,
    "training_frame": lambda both: figures.training_frame(both, 1),
    "breaking": lambda both: figures.breaking(breaking()),
    "losses_by_data": lambda both: figures.losses_by_data(
        {title: {"NODE": run.history} for title, run in both.items()}
    ),
}


def test_rows_show_the_median_replica_s_features(both: dict[str, Run]) -> None:
    axes = figures.features_and_nfe(both, count=2).light().axes
    assert len(axes) == len(both) * 3
    for row, run in enumerate(both.values()):
        kept = run.history.snapshots
        shown = [min(kept), max(kept)]
        for ax, epoch in zip(axes[3 * row : 3 * row + 2], shown, strict=True):
            drawn = np.concatenate([np.asarray(each.get_offsets()) for each in ax.collections])
            expected = kept[epoch][median_replica(run)]
            np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(expected, axis=0))
    assert axes[2].get_ylim() == axes[5].get_ylim(), "one scale for all data sets"


def test_more_panels_than_epochs_stay_empty(both: dict[str, Run]) -> None:
    axes = figures.features_and_nfe(both, count=5).light().axes
    assert [ax.axison for ax in axes[:6]] == [True] * 3 + [False] * 2 + [True]


def test_frames_of_training_match(both: dict[str, Run]) -> None:
    first, last = (figures.training_frame(both, epoch).light() for epoch in (0, 2))
    for a, b in zip(first.axes, last.axes, strict=True):
        assert (a.get_xlim(), a.get_ylim()) == (b.get_xlim(), b.get_ylim())
    assert first.axes[-1].get_title() == "epoch 0"


@pytest.mark.filterwarnings("error")
def test_a_failed_seed_is_left_out(both: dict[str, Run]) -> None:
    broken = {title: replace(run, history=failed(run.history, 0)) for title, run in both.items()}
    assert median_replica(broken["g"]) == 1
    assert figures.features_and_nfe(broken).png()
    assert figures.training_frame(broken, 1).png()
    panels = {title: {"NODE": run.history} for title, run in broken.items()}
    figure = figures.losses_by_data(panels).light()
    assert [ax.get_title() for ax in figure.axes[:2]] == [
        "g\nNODE (1 of 2 failed)",
        "separable\nNODE (1 of 2 failed)",
    ]


def test_losses_are_drawn_as_in_the_paper_and_by_their_quantiles(both: dict[str, Run]) -> None:
    history = both["g"].history
    linear, logarithmic = figures.losses_by_data({"g": {"NODE": history}}).light().axes
    assert (linear.get_yscale(), logarithmic.get_yscale()) == ("linear", "log")
    (mean,) = linear.lines
    np.testing.assert_allclose(mean.get_ydata(), history.epoch_loss.mean(0))
    low, high = linear.collections[0].get_datalim(linear.transData).intervaly
    edges = [history.epoch_loss.mean(0) + s * history.epoch_loss.std(0, ddof=1) for s in (-1, 1)]
    np.testing.assert_allclose([low, high], [edges[0].min(), edges[1].max()])
    *seeds, middle = logarithmic.lines
    assert len(seeds) == len(history.epoch_loss)
    np.testing.assert_allclose(middle.get_ydata(), np.median(history.epoch_loss, axis=0))


@pytest.mark.filterwarnings("error")
def test_shares_of_zero_and_failed_seeds_are_gaps() -> None:
    share = np.array([[0.5, 0.0], [np.nan, np.nan]])
    figure = figures.breaking(breaking(share=share)).light()
    first, second, middle = figure.axes[1].lines
    drawn = [
        np.ma.filled(np.ma.asarray(line.get_ydata(), float), np.nan) for line in (first, second)
    ]
    np.testing.assert_array_equal(drawn, [[0.5, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal(
        np.ma.filled(np.ma.asarray(middle.get_ydata(), float), np.nan), [0.5, np.nan]
    )


def test_every_panel_of_the_breaking_is_labelled() -> None:
    axes = figures.breaking(breaking()).light().axes
    assert all(ax.get_ylabel() and ax.get_title() for ax in axes)
    assert [ax.get_yscale() for ax in axes] == ["log", "log", "log", "linear"]


def ring(outputs: list[float]) -> CircleImage:
    """The unit circle at rest, closed, with given outputs."""
    angles = np.linspace(0, 2 * pi, len(outputs))
    features = np.column_stack([np.cos(angles), np.sin(angles)])
    return CircleImage((0.0, 0.0), 1.0, angles[None], features[None], np.array([outputs]))


def ring_images() -> Picture:
    shown = {"coarse": ring([1, -1, -1, 1]), "fine": ring([1, 1, -1, -1, 1, 1, 1])}
    return figures.ring_images(shown, np.zeros(2), np.array([1.0, 0.5]), 0.2)


def carried() -> figures.Carried:
    grow = np.array([1.0, 2.0])[:, None, None]
    points: Floats = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    return figures.Carried(np.array([0.0, 1.0]), grow * points, grow * points, np.array([-1, 1, 1]))


WINDOWS = [
    figures.Window((0.0, 0.5), half, np.add.outer(np.arange(21.0), np.arange(21.0)) - 20)
    for half in (1.5, 0.5)
]
PICTURES: dict[str, Callable[[], Picture]] = {
    "between_samples": lambda: figures.between_samples(WINDOWS, concentric_spheres(2, 9, 9)),
    "ring_images": ring_images,
    "flow_frame": lambda: figures.flow_frame(carried(), 1),
}


def test_closer_view_lies_in_the_square_drawn() -> None:
    far, near = figures.between_samples(WINDOWS, concentric_spheres(2, 9, 9)).light().axes
    square = np.asarray(far.lines[-1].get_xydata())
    assert tuple(square.min(0)) == (near.get_xlim()[0], near.get_ylim()[0])
    assert tuple(square.max(0)) == (near.get_xlim()[1], near.get_ylim()[1])


def test_negative_outputs_are_crosses_and_the_others_are_not() -> None:
    outputs = [1.0, 1.0, -1.0, -1.0, 1.0]
    shown = ring(outputs)
    picture = figures.ring_images({"": shown}, np.zeros(2), np.array([1.0, 0.0]), 0.0)
    right, wrong = picture.light().axes[0].lines[:2]
    assert wrong.get_marker() == "x"
    for line, expected in ((right, [0, 1, 4]), (wrong, [2, 3])):
        drawn = np.asarray(line.get_xydata(), dtype=float)
        assert np.flatnonzero(np.isfinite(drawn[:, 0])).tolist() == expected
        np.testing.assert_allclose(drawn[expected], shown.features[0][expected])


def test_dashed_line_is_where_the_head_gives_zero() -> None:
    weight, bias = np.array([2.0, 1.0]), -0.5
    axes = figures.ring_images({"": ring([1, 1, 1])}, np.zeros(2), weight, bias).light().axes
    (line,) = [each for each in axes[0].lines if each.get_linestyle() == "--"]
    foot, along = line.get_xy1(), line.get_xy2()
    assert weight @ foot + bias == pytest.approx(0)
    assert weight @ along + bias == pytest.approx(0)
    assert not np.allclose(foot, along)


def test_frames_of_a_slider_match() -> None:
    first, last = (figures.flow_frame(carried(), step).light().axes[0] for step in (0, 1))
    assert (first.get_xlim(), first.get_ylim()) == (last.get_xlim(), last.get_ylim())


def test_rings_of_a_model_are_drawn() -> None:
    model = NeuralODE((2,))
    shown = {"even": even_circle(model, 12, 1.0), "refined": refined_circle(model, 1.0, start=12)}
    assert figures.ring_images(shown, np.zeros(2), np.array([1.0, 0.0]), 0.0).png()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", TRAINED)
def test_draws_trainings_in_both_themes(name: str, both: dict[str, Run]) -> None:
    assert_draws_in_both_themes(TRAINED[name](both))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_draws_in_both_themes(name: str) -> None:
    assert_draws_in_both_themes(PICTURES[name]())


@pytest.mark.parametrize("name", PICTURES)
def test_every_axis_is_labelled(name: str) -> None:
    axes = PICTURES[name]().light().axes
    assert all(ax.get_xlabel() for ax in axes)
    assert axes[0].get_ylabel()


def test_the_grid_of_a_window_is_around_its_centre() -> None:
    shown = figures.Window((0.5, -1.0), 0.25, np.zeros((5, 5)))
    np.testing.assert_allclose(shown.sides[0], np.linspace(0.25, 0.75, 5))
    np.testing.assert_allclose(shown.sides[1], np.linspace(-1.25, -0.75, 5))
