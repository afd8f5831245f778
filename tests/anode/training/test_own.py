"""What each replica may have of its own in training: learning rate, weight decay, validation."""

from dataclasses import replace

import numpy as np
import torch

from anode import train
from tests.anode.training.test_loop import SEEDS, SETTINGS, node, spheres


def test_each_replica_may_have_its_own_learning_rate_and_decay() -> None:
    """A stack of settings is the trainings with each of them, one after the other."""
    rates, decays = (1e-3, 2e-2, 1e-4), (0.0, 0.5, 0.1)
    data = spheres()
    stack = node(p=1)
    settings = replace(SETTINGS, learning_rate=rates, weight_decay=decays)
    together = train(stack, data, settings)
    for r, seed in enumerate(SEEDS):
        single = node((seed,), p=1)
        own = replace(SETTINGS, learning_rate=rates[r], weight_decay=decays[r])
        alone = train(single, data, own)
        np.testing.assert_allclose(alone.step_loss[0], together.step_loss[r], rtol=1e-8)
        for ours, theirs in zip(stack.parameters(), single.parameters(), strict=True):
            torch.testing.assert_close(ours[r], theirs[0], rtol=1e-7, atol=1e-9)
    usual = train(node(p=1), data, SETTINGS)
    assert not np.allclose(usual.step_loss[1], together.step_loss[1], rtol=1e-3)


def test_validation_may_be_of_each_replica() -> None:
    held_out = [spheres(seed=100 + seed) for seed in SEEDS]
    own = train(node(), spheres(), SETTINGS, validation=held_out).validation_loss
    assert own is not None
    for r, data in enumerate(held_out):
        shared = train(node(), spheres(), SETTINGS, validation=data).validation_loss
        assert shared is not None
        np.testing.assert_allclose(own[r], shared[r], rtol=1e-10)


def test_training_trains_also_where_gradients_are_off() -> None:
    models = [node(p=1) for _ in range(2)]
    train(models[0], spheres(), SETTINGS)
    with torch.no_grad():
        train(models[1], spheres(), SETTINGS)
    for ours, theirs in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(ours, theirs)
