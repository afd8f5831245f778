"""A benchmark compares like with like: the same losses at the same cost in evaluations."""

import numpy as np
import pytest
import torch

from anode import NeuralODE, TrainingSettings, train
from anode.data import concentric_spheres
from anode.training import Batches
from benchmarks.plain import PlainNeuralODE, train_plain
from benchmarks.training_step import MODELS, PEER, measure, report


@pytest.mark.parametrize("augment_dim", MODELS.values())
def test_the_peer_trains_as_the_package_does(augment_dim: int) -> None:
    data = concentric_spheres(2, 320, 640, seed=3)
    model = NeuralODE((2,), augment_dim=augment_dim, seeds=(3,))
    peer = PlainNeuralODE(2, augment_dim)
    peer.copy_from(model)
    batches = [(x[0], y[0]) for x, y in Batches((3,), data, 64, torch.device("cpu")).epoch()]
    losses, nfe = train_plain(peer, batches)
    history = train(model, data, TrainingSettings(epochs=1))
    np.testing.assert_allclose(history.step_loss[0], losses, rtol=1e-3)
    # Rounding may tip the acceptance of a step that is exactly at the tolerance.
    assert np.mean(history.step_nfe[0] != nfe) <= 0.1


def test_the_table_has_a_row_for_each_contestant() -> None:
    table = report(measure(steps=2, rounds=1)).splitlines()
    assert len(table) == 2 + 3 * len(MODELS)
    assert sum(f"| {PEER} |" in row for row in table) == len(MODELS)
