"""Flows and curves are drawn from results, in both themes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from anode.training import Floats, TrainingFailure
from anode_lab import runs
from anode_lab.figures import Picture, curves, flows
from anode_lab.runs import Result, Run
from anode_lab.theory.trajectories import path_geometry


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
    picture = flows.flows_1d(line.runs["NODE"], line.runs["ANODE (p = 1)"])
    assert draws(picture)
    assert len(picture.light().axes) == 6


@pytest.mark.parametrize("draw", [flows.flows_2d, flows.learned_flows])
def test_flows_in_the_plane(plane: Result, draw: Callable[..., Picture]) -> None:
    assert draws(draw(plane.runs["NODE"], plane.runs["ANODE (p = 1)"]))


def test_flows_by_data_says_how_straight_each_is(plane: Result) -> None:
    pair = (plane.runs["NODE"], plane.runs["ANODE (p = 1)"])
    picture = flows.flows_by_data({"easy": pair, "g": pair})
    assert draws(picture)
    titles = [ax.get_title(loc="left") for ax in picture.light().axes]
    assert [title.split("\n")[0] for title in titles] == [
        f"{run.label}, {name}" for name in ("easy", "g") for run in pair
    ]
    drawn = path_geometry(flows.trajectories(pair[0]).path)
    assert f"{np.median(drawn.straightness):.3f}" in titles[0]


def test_drawn_paths_end_at_the_features(plane: Result) -> None:
    """The flow panel shows the model's own trajectories, from its inputs to its features."""
    run = plane.runs["NODE"]
    replica = flows.median_replica(run)
    flow = flows.trajectories(run)
    output = flow.features @ flow.weight + flow.bias
    inner = run.data[replica].x[run.data[replica].y[:, 0] < 0][: (flow.y < 0).sum()]
    expected = run.model(inner[None])[replica, :, 0].detach().numpy()
    np.testing.assert_allclose(output[flow.y < 0], expected, atol=1e-3)
    np.testing.assert_allclose(flow.inputs[flow.y < 0], inner.numpy(), atol=1e-6)


def test_median_replica_is_neither_best_nor_worst(line: Result) -> None:
    run = line.runs["NODE"]
    last = run.history.epoch_loss[:, -1]
    assert last[flows.median_replica(run)] == sorted(last)[len(last) // 2]


FAILURE = TrainingFailure(1, 1, 1, "forward", "made up")


def test_curves_count_failures_in_the_legend(plane: Result) -> None:
    history = plane.runs["NODE"].history
    broken = replace(history, failures={1: FAILURE})
    figure = curves.loss_and_nfe({"NODE": broken}, "g").light()
    legend = figure.axes[1].get_legend()
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["NODE (1 of 2 failed)", "training failed (1 of 2)"]
    assert legend.get_title().get_text() == (
        "mean of 2 seeds,\nbut for those that have failed (thin: each)"
    )


def test_curves_show_every_seed_and_the_floor(plane: Result) -> None:
    histories = {label: run.history for label, run in plane.runs.items()}
    figure = curves.loss_and_nfe(histories, "g", floor=0.1).light()
    seeds = len(plane.seeds)
    assert len(figure.axes[0].lines) == len(histories) * (seeds + 1) + 1
    assert len(figure.axes[1].lines) == len(histories) * (seeds + 1)


def test_losses_are_shown_as_mean_and_as_median(plane: Result) -> None:
    """Each with its band; a failed seed is counted and left out."""
    history = plane.runs["NODE"].history
    step_loss = history.step_loss.copy()
    step_loss[0] = np.nan
    broken = replace(history, step_loss=step_loss, failures={0: FAILURE})
    picture = curves.losses({"ResNet": plane.runs["ResNet"].history, "NODE": broken}, "g")
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


def test_median_replica_is_one_that_was_trained_to_the_end(line: Result) -> None:
    run = line.runs["NODE"]
    losses = run.history.step_loss.copy()
    losses[0] = np.nan
    assert flows.median_replica(with_losses(run, losses)) == 1
    with pytest.raises(ValueError, match="NODE: no replica was trained to the end, all 2 failed"):
        flows.median_replica(with_losses(run, losses * np.nan))


def with_losses(run: Run, losses: Floats) -> Run:
    return replace(run, history=replace(run.history, step_loss=losses))
