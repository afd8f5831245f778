"""The network that is followed is the trained one, at each epoch that was kept."""

import numpy as np
import pytest
import torch

from anode.models import NeuralODE
from anode_lab import runs
from anode_lab.measures.toy_flows import median_replica
from anode_lab.measures.weights_by_epoch import NetworkByEpoch, follow
from anode_lab.runs import Result

LABELS = ("NODE", "ANODE (p = 1)")


@pytest.fixture(scope="module")
def plane() -> Result:
    return runs.run("annulus-2d", profile="smoke", models=[*LABELS, "ResNet"])


@pytest.fixture(scope="module")
def networks(plane: Result) -> list[NetworkByEpoch]:
    return [follow(plane, label) for label in LABELS]


def test_the_seed_that_is_followed_is_the_median_one_to_the_last_bit(
    plane: Result, networks: list[NetworkByEpoch]
) -> None:
    for label, network in zip(LABELS, networks, strict=True):
        run = plane.runs[label]
        replica = median_replica(run)
        trained, kept = run.model.state_dict(), network.at(len(network.epochs) - 1).state_dict()
        assert all(torch.equal(kept[name][0], trained[name][replica]) for name in trained)
        np.testing.assert_array_equal(network.loss[1:], run.history.epoch_loss[replica])
        assert np.isnan(network.loss[0])


def test_before_training_it_has_its_first_weights(
    plane: Result, networks: list[NetworkByEpoch]
) -> None:
    seed = plane.seeds[median_replica(plane.runs["NODE"])]
    fresh = NeuralODE((2,), seeds=[seed]).state_dict()
    first = networks[0].at(0).state_dict()
    assert networks[0].epochs[0] == 0
    assert all(torch.equal(first[name], fresh[name]) for name in fresh)


def test_the_answer_leaves_the_weights_as_they_were(networks: list[NetworkByEpoch]) -> None:
    before = networks[0].at(1).state_dict()
    kept = {name: value.clone() for name, value in before.items()}
    networks[0].solve(1, (0.1, 0.2))
    assert all(torch.equal(networks[0].model.state_dict()[name], kept[name]) for name in kept)


def test_residual_networks_are_refused(plane: Result) -> None:
    with pytest.raises(ValueError, match="Neural ODEs with one output, got ResNet"):
        follow(plane, "ResNet")
