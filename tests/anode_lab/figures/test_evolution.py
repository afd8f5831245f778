"""Features through training and states along the flow are the ones that were kept."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from anode.training import Floats
from anode_lab import runs
from anode_lab.figures import evolution, flows
from anode_lab.runs import Result

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
    picture = evolution.features_through_training(run)
    assert picture.dark().axes
    figure = picture.light()
    kept = run.history.snapshots
    assert len(figure.axes) == len(kept) == result.size.epochs + 1
    replica = flows.median_replica(run)
    for panel, epoch in enumerate(sorted(kept)):
        assert figure.axes[panel].get_title(loc="left").startswith(f"epoch {epoch}")
        expected = kept[epoch][replica]  # the probe has the class -1 first, as it is drawn
        np.testing.assert_allclose(drawn(figure, panel), expected)


def test_all_panels_have_the_same_axes(result: Result) -> None:
    figure = evolution.features_through_training(result.runs[LABEL]).light()
    limits = {(*ax.get_xlim(), *ax.get_ylim()) for ax in figure.axes}
    assert len(limits) == 1


def test_in_space_nothing_is_magnified_more_than_twice(result: Result) -> None:
    """Two epochs hardly lift anything; on an axis of its own that would look like a lot."""
    figure = evolution.features_through_training(result.runs[LABEL]).light()
    for ax in figure.axes:
        limits = [ax.get_xlim(), ax.get_ylim(), *([ax.get_zlim()] if ax.name == "3d" else [])]
        extents = [high - low for low, high in limits]
        assert min(extents) >= max(extents) * (0.5 if ax.name == "3d" else 1) * (1 - 1e-9)


def test_before_training_the_features_are_those_of_the_first_weights(result: Result) -> None:
    """The first snapshot is of the untrained flow: of a model of the same seeds, not trained."""
    run = result.runs[LABEL]
    spec = result.experiment.model(LABEL)
    fresh = spec.build(run.model.input_shape, 1, result.size.hidden, result.seeds)
    assert run.probe is not None
    features = fresh.run(run.probe.x[None].expand(fresh.replicas, -1, -1)).features
    found, _ = evolution.snapshots(run)
    expected = features[flows.median_replica(run)].detach().numpy()
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 5, 13, 20])
def test_epochs_are_spread_from_the_first_to_the_last(count: int) -> None:
    epochs = [0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 30, 40, 50]
    chosen = evolution.spread_out(epochs, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(epochs))
    assert chosen == sorted(chosen)
    assert chosen[0] == 0
    assert count == 1 or chosen[-1] == 50


def test_states_of_other_dimensions_are_refused(result: Result) -> None:
    with pytest.raises(ValueError, match="states of 2 or 3 coordinates are drawn"):
        evolution.features_through_training(result.runs["ANODE (p = 5)"]).light()


def test_a_training_without_snapshots_is_refused(result: Result) -> None:
    run = result.runs[LABEL]
    bare = replace(run, history=replace(run.history, snapshots={}))
    with pytest.raises(ValueError, match="kept no snapshots"):
        evolution.features_through_training(bare).light()
