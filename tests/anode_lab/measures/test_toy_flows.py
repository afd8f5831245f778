"""Sampled trajectories and kept features are those of the trained model."""

from dataclasses import replace

import numpy as np
import pytest

from anode.arrays import Floats
from anode_lab import runs
from anode_lab.measures.toy_flows import median_replica, snapshots, spread_out, trajectories
from anode_lab.runs import Result, Run

LABEL = "ANODE (p = 1)"


@pytest.fixture(scope="module")
def plane() -> Result:
    return runs.run("annulus-2d", profile="smoke", models=["NODE", LABEL])


def test_trajectories_go_from_inputs_to_features(plane: Result) -> None:
    run = plane.runs["NODE"]
    replica = median_replica(run)
    flow = trajectories(run)
    output = flow.features @ flow.weight + flow.bias
    inner = run.data[replica].x[run.data[replica].y[:, 0] < 0][: (flow.y < 0).sum()]
    expected = run.model(inner[None])[replica, :, 0].detach().numpy()
    np.testing.assert_allclose(output[flow.y < 0], expected, atol=1e-3)
    np.testing.assert_allclose(flow.inputs[flow.y < 0], inner.numpy(), atol=1e-6)


def test_median_replica_is_neither_best_nor_worst(plane: Result) -> None:
    run = plane.runs["NODE"]
    last = run.history.epoch_loss[:, -1]
    assert last[median_replica(run)] == sorted(last)[len(last) // 2]


def test_median_replica_is_one_that_was_trained_to_the_end(plane: Result) -> None:
    run = plane.runs["NODE"]
    losses = run.history.step_loss.copy()
    losses[0] = np.nan
    assert median_replica(with_losses(run, losses)) == 1
    with pytest.raises(ValueError, match="NODE: no replica was trained to the end, all 2 failed"):
        median_replica(with_losses(run, losses * np.nan))


def with_losses(run: Run, losses: Floats) -> Run:
    return replace(run, history=replace(run.history, step_loss=losses))


def test_before_training_the_features_are_those_of_the_first_weights(plane: Result) -> None:
    """The first snapshot is of the untrained flow: of a model of the same seeds, not trained."""
    run = plane.runs[LABEL]
    spec = plane.experiment.model(LABEL)
    fresh = spec.build(run.model.input_shape, 1, plane.size.hidden, plane.seeds)
    assert run.probe is not None
    features = fresh.run(run.probe.x[None].expand(fresh.replicas, -1, -1)).features
    found, _ = snapshots(run)
    expected = features[median_replica(run)].detach().numpy()
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 5, 13, 20])
def test_epochs_are_spread_from_the_first_to_the_last(count: int) -> None:
    epochs = [0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 30, 40, 50]
    chosen = spread_out(epochs, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(epochs))
    assert chosen == sorted(chosen)
    assert chosen[0] == 0
    assert count == 1 or chosen[-1] == 50
