"""Flows, features, losses and the geometry of flows are drawn from results, in both themes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from anode import NeuralODE, ResNet
from anode.arrays import Floats
from anode.data import concentric_spheres
from anode.training import TrainingFailure
from anode_lab import runs
from anode_lab.figures import augmented_neural_odes as figures
from anode_lab.figures.style import Picture
from anode_lab.measures.toy_flows import median_replica, trajectories
from anode_lab.runs import Result
from anode_lab.theory.trajectories import PathGeometry, path_geometry


@pytest.fixture(scope="module")
def line() -> Result:
    return runs.run("annulus-1d", profile="smoke")


@pytest.fixture(scope="module")
def plane() -> Result:
    return runs.run("annulus-2d", profile="smoke")


def draws(picture: Picture) -> bool:
    """Whether both themes give a figure with axes."""
    return bool(picture.light().axes) and bool(picture.dark().axes)


def test_flows_on_the_line(line: Result) -> None:
    picture = figures.flows_1d(line.runs["NODE"], line.runs["ANODE (p = 1)"])
    assert draws(picture)
    assert len(picture.light().axes) == 6


@pytest.mark.parametrize("draw", [figures.flows_2d, figures.learned_flows])
def test_flows_in_the_plane(plane: Result, draw: Callable[..., Picture]) -> None:
    assert draws(draw(plane.runs["NODE"], plane.runs["ANODE (p = 1)"]))


@pytest.mark.parametrize("p", [0, 1])
def test_a_model_of_one_s_own_is_drawn_with_its_targets(p: int) -> None:
    data = concentric_spheres(2, n_inner=20, n_outer=40)
    picture = figures.stages(NeuralODE((2,), augment_dim=p), data)
    assert draws(picture)
    texts = [text.get_text() for text in picture.light().legends[0].get_texts()]
    assert texts == ["target −1", "target +1"]
    with pytest.raises(ValueError, match="Neural ODEs of points with a linear layer, got ResNet"):
        figures.stages(ResNet((2,)), data).light()


def test_flows_by_data_says_how_straight_each_is(plane: Result) -> None:
    pair = (plane.runs["NODE"], plane.runs["ANODE (p = 1)"])
    picture = figures.flows_by_data({"easy": pair, "g": pair})
    assert draws(picture)
    titles = [ax.get_title(loc="left") for ax in picture.light().axes]
    assert [title.split("\n")[0] for title in titles] == [
        f"{run.label}, {name}" for name in ("easy", "g") for run in pair
    ]
    drawn = path_geometry(trajectories(pair[0]).path)
    assert f"{np.median(drawn.straightness):.3f}" in titles[0]


FAILURE = TrainingFailure(1, 1, 1, "forward", "made up")


def test_losses_are_shown_as_mean_and_as_median(plane: Result) -> None:
    """Each with its band; a failed seed is counted and left out."""
    history = plane.runs["NODE"].history
    step_loss = history.step_loss.copy()
    step_loss[0] = np.nan
    broken = replace(history, step_loss=step_loss, failures={0: FAILURE})
    picture = figures.losses({"ResNet": plane.runs["ResNet"].history, "NODE": broken}, "g")
    assert draws(picture)
    left, right = picture.light().axes
    named = [line.get_label() for line in left.lines if line.get_marker() != "x"]
    assert named == ["ResNet", "NODE (1 of 2 failed)"]
    both = plane.runs["ResNet"].history.epoch_loss
    np.testing.assert_allclose(left.lines[0].get_ydata(), both.mean(0))
    np.testing.assert_allclose(right.lines[0].get_ydata(), np.median(both, axis=0))
    for ax in (left, right):
        np.testing.assert_allclose(ax.lines[1].get_ydata(), history.epoch_loss[1])
        assert len(ax.collections) == 2


LABEL = "ANODE (p = 1)"


@pytest.fixture(scope="module", params=["annulus-1d", "annulus-2d"])
def result(request: pytest.FixtureRequest) -> Result:
    return runs.run(request.param, profile="smoke", models=["NODE", LABEL, "ANODE (p = 5)"])


def drawn(figure: Figure, panel: int) -> Floats:
    """All points of a panel, ``(n, dim)``."""
    return np.concatenate(
        [np.ma.getdata(np.stack(c._offsets3d, 1)) if hasattr(c, "_offsets3d") else c.get_offsets()
         for c in figure.axes[panel].collections]
    )  # fmt: skip


def test_each_panel_shows_its_epoch(result: Result) -> None:
    run = result.runs[LABEL]
    picture = figures.features_through_training(run)
    assert picture.dark().axes
    figure = picture.light()
    kept = run.history.snapshots
    assert len(figure.axes) == len(kept) == result.size.epochs + 1
    replica = median_replica(run)
    for panel, epoch in enumerate(sorted(kept)):
        assert figure.axes[panel].get_title(loc="left").startswith(f"epoch {epoch}")
        expected = kept[epoch][replica]  # the probe has the class -1 first, as it is drawn
        np.testing.assert_allclose(drawn(figure, panel), expected)


def test_all_panels_have_the_same_axes(result: Result) -> None:
    figure = figures.features_through_training(result.runs[LABEL]).light()
    limits = {(*ax.get_xlim(), *ax.get_ylim()) for ax in figure.axes}
    assert len(limits) == 1


def test_in_space_nothing_is_magnified_more_than_twice(result: Result) -> None:
    """Two epochs hardly lift anything; on an axis of its own that would look like a lot."""
    figure = figures.features_through_training(result.runs[LABEL]).light()
    for ax in figure.axes:
        limits = [ax.get_xlim(), ax.get_ylim(), *([ax.get_zlim()] if ax.name == "3d" else [])]
        extents = [high - low for low, high in limits]
        assert min(extents) >= max(extents) * (0.5 if ax.name == "3d" else 1) * (1 - 1e-9)


def test_states_of_other_dimensions_are_refused(result: Result) -> None:
    with pytest.raises(ValueError, match="states of 2 or 3 coordinates are drawn"):
        figures.features_through_training(result.runs["ANODE (p = 5)"]).light()


def test_a_training_without_snapshots_is_refused(result: Result) -> None:
    run = result.runs[LABEL]
    bare = replace(run, history=replace(run.history, snapshots={}))
    with pytest.raises(ValueError, match="kept no snapshots"):
        figures.features_through_training(bare).light()


LABELS = ("NODE", "ANODE (p = 1)")


def some_paths(failed: bool = False) -> PathGeometry:
    """Straightness from 1 to 1.9 for three seeds and ten points."""
    ratio = 1 + np.tile(np.arange(10) / 10, (3, 1))
    if failed:
        ratio[0] = np.nan
    return PathGeometry(ratio, np.zeros((3, 10)), np.ones((3, 10)))


def some_stretch(failed: bool = False) -> Floats:
    values = np.stack([np.linspace(1, 8, 30), np.linspace(0.1, 1, 30)], axis=-1).reshape(3, 10, 2)
    if failed:
        values[0] = np.nan
    return values


def test_each_seed_and_all_together() -> None:
    picture = figures.straightness({name: dict.fromkeys(LABELS, some_paths()) for name in "ab"})
    assert picture.dark().axes
    figure = picture.light()
    assert len(figure.axes) == 2
    for ax in figure.axes:
        assert len(ax.lines) == len(LABELS) * (3 + 1)
        x, share = ax.lines[3].get_xdata(), ax.lines[3].get_ydata()
        assert share[-1] == 1
        assert np.max(x) == pytest.approx(0.9)
        assert (np.asarray(x)[1:] > 0).all()  # a straight path has a place on the logarithmic axis


def test_failed_seeds_are_counted() -> None:
    figure = figures.straightness({"g": {"NODE": some_paths(failed=True)}}).light()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["NODE (1 failed)"]
    assert len(figure.axes[0].lines) == 2 + 1


@pytest.mark.parametrize("failed", [False, True])
def test_stretch_is_a_range_a_seed(failed: bool) -> None:
    values = some_stretch(failed)
    picture = figures.stretch({"g": dict.fromkeys(LABELS, values)})
    assert picture.dark().axes
    ax = picture.light().axes[0]
    assert [text.get_text() for text in ax.texts] == ["1 of 3 failed"] * 2 * failed
    ranges = ax.collections[0].get_segments()
    assert len(ranges) == (2 if failed else 3)
    ends = np.array([[line[0][0], line[1][0]] for line in ranges])
    finite = values[1:] if failed else values
    assert sorted(ends[:, 0]) == pytest.approx(sorted(finite[..., 1].min(1)))
    assert sorted(ends[:, 1]) == pytest.approx(sorted(finite[..., 0].max(1)))
    assert [label.get_text() for label in ax.get_yticklabels()] == list(LABELS)
