"""Figures of features through training show what was measured, failures included."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from anode.training import Floats, History, TrainingFailure
from anode_lab import runs
from anode_lab.figures import Picture, curves, features
from anode_lab.figures.trajectories import median_replica
from anode_lab.runs import Run
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


def breaking(**changes: Floats) -> features.Breaking:
    """Two seeds, three epochs, measured at two of them."""
    grid = np.array([[1.0, 10.0], [2.0, 40.0]])
    epochs = np.array([[0.3, 0.2, 0.1], [0.5, 0.4, 0.3]])
    measured = features.Breaking(
        epochs, 50 * epochs, np.array([0.0, 3.0]), grid, grid / 2, 9, grid / 50
    )
    return replace(measured, **changes)


PICTURES: dict[str, Callable[[dict[str, Run]], Picture]] = {
    "data_sets": lambda both: features.data_sets(
        runs.run("annulus-1d", profile="smoke", models=["NODE"]).runs["NODE"].data[0],
        both["g"].data[0],
        both["separable"].data[0],
    ),
    "features_and_nfe": features.features_and_nfe,
    "training_frame": lambda both: features.training_frame(both, 1),
    "breaking": lambda both: features.breaking(breaking()),
    "losses_by_data": lambda both: curves.losses_by_data(
        {title: {"NODE": run.history} for title, run in both.items()}
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_draws_in_both_themes(name: str, both: dict[str, Run]) -> None:
    drawn = PICTURES[name](both)
    assert_draws_in_both_themes(drawn)


def test_rows_show_the_median_replica_s_features(both: dict[str, Run]) -> None:
    axes = features.features_and_nfe(both, panels=2).light().axes
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
    axes = features.features_and_nfe(both, panels=5).light().axes
    assert [ax.axison for ax in axes[:6]] == [True] * 3 + [False] * 2 + [True]


def test_frames_of_a_slider_match(both: dict[str, Run]) -> None:
    first, last = (features.training_frame(both, epoch).light() for epoch in (0, 2))
    for a, b in zip(first.axes, last.axes, strict=True):
        assert (a.get_xlim(), a.get_ylim()) == (b.get_xlim(), b.get_ylim())
    assert first.axes[-1].get_title() == "epoch 0"


@pytest.mark.filterwarnings("error")
def test_a_failed_seed_is_left_out(both: dict[str, Run]) -> None:
    broken = {title: replace(run, history=failed(run.history, 0)) for title, run in both.items()}
    assert median_replica(broken["g"]) == 1
    assert features.features_and_nfe(broken).png()
    assert features.training_frame(broken, 1).png()
    panels = {title: {"NODE": run.history} for title, run in broken.items()}
    figure = curves.losses_by_data(panels).light()
    assert [ax.get_title() for ax in figure.axes] == [
        "g\nNODE (1 of 2 failed)",
        "separable\nNODE (1 of 2 failed)",
    ]


def test_losses_have_every_seed_and_the_median(both: dict[str, Run]) -> None:
    history = both["g"].history
    (ax,) = curves.losses_by_data({"g": {"NODE": history}}).light().axes
    assert ax.get_yscale() == "log"
    *seeds, middle = ax.lines
    assert len(seeds) == len(history.epoch_loss)
    np.testing.assert_allclose(middle.get_ydata(), np.median(history.epoch_loss, axis=0))


@pytest.mark.filterwarnings("error")
def test_shares_of_zero_and_failed_seeds_are_gaps() -> None:
    share = np.array([[0.5, 0.0], [np.nan, np.nan]])
    figure = features.breaking(breaking(share=share)).light()
    first, second, middle = figure.axes[1].lines
    drawn = [
        np.ma.filled(np.ma.asarray(line.get_ydata(), float), np.nan) for line in (first, second)
    ]
    np.testing.assert_array_equal(drawn, [[0.5, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal(
        np.ma.filled(np.ma.asarray(middle.get_ydata(), float), np.nan), [0.5, np.nan]
    )


def test_every_panel_of_the_breaking_is_labelled() -> None:
    axes = features.breaking(breaking()).light().axes
    assert all(ax.get_ylabel() and ax.get_title() for ax in axes)
    assert [ax.get_yscale() for ax in axes] == ["log", "log", "log", "linear"]
