"""Histories of single seeds are joined to that of a stack; an epoch may end after a few batches."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anode import History, Model, TrainingSettings, train
from anode_lab.runs.result import joined_history
from tests.anode.training.test_loop import SEEDS, SETTINGS, node, spheres

WATCHED = replace(SETTINGS, snapshot_epochs=(0, 3))
SAMPLES, PER_EPOCH = 90, 3


def trained(model: Model) -> History:
    data = spheres()
    return train(model, data, WATCHED, validation=spheres(seed=9), snapshot_x=data.x[:5])


def broken(seeds: tuple[int, ...], failing: int) -> Model:
    """Seed ``failing`` fails in its first step."""
    model = node(seeds, p=1)
    if failing in seeds:
        with torch.no_grad():
            next(model.parameters())[seeds.index(failing)] = torch.nan
    return model


def assert_same(one: History, two: History, rtol: float = 0.0) -> None:
    for name in ("step_loss", "step_nfe", "step_backward_nfe", "validation_loss"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=rtol)
    assert one.snapshots.keys() == two.snapshots.keys()
    for epoch, features in one.snapshots.items():
        np.testing.assert_allclose(features, two.snapshots[epoch], rtol=rtol, atol=rtol)
    assert (one.seeds, one.failures) == (two.seeds, two.failures)
    assert one.steps_per_epoch == two.steps_per_epoch


@pytest.mark.parametrize("failing", SEEDS)
def test_seeds_trained_one_at_a_time_join_to_the_history_of_the_stack(failing: int) -> None:
    """The one that fails keeps its place, its NaN and its story."""
    together = trained(broken(SEEDS, failing))
    singles = [trained(broken((seed,), failing)) for seed in SEEDS]
    joined = joined_history(singles)
    assert_same(joined, together, rtol=1e-7)
    assert list(joined.failures) == [SEEDS.index(failing)]
    assert joined.seconds == pytest.approx(sum(single.seconds for single in singles))


def test_joining_loses_no_bit_and_may_go_step_by_step() -> None:
    first, second, third = (trained(broken((seed,), 0)) for seed in SEEDS)
    assert_same(joined_history([first]), first)
    whole = joined_history([first, second, third])
    for r, single in enumerate((first, second, third)):
        np.testing.assert_array_equal(whole.step_loss[r], single.step_loss[0])
        np.testing.assert_array_equal(whole.snapshots[3][r], single.snapshots[3][0])
    assert_same(joined_history([joined_history([first, second]), third]), whole)
    assert_same(joined_history([first, joined_history([second, third])]), whole)


def test_what_was_not_measured_is_not_measured_after_joining() -> None:
    joined = joined_history([train(node((seed,)), spheres(), SETTINGS) for seed in (1, 2)])
    assert joined.validation_loss is None
    assert joined.snapshots == {}
    assert joined.step_loss.shape == (2, SETTINGS.epochs * PER_EPOCH)


@settings(max_examples=8)
@given(st.integers(1, PER_EPOCH + 2), st.integers(1, 2))
def test_the_first_batches_of_an_epoch_are_those_of_a_whole_one(batches: int, epochs: int) -> None:
    """With the same bits in the first epoch; then the weights differ, the batches do not."""
    whole = train(node((3,)), spheres(), replace(SETTINGS, epochs=epochs))
    model = node((3,))
    part = train(model, spheres(), replace(SETTINGS, epochs=epochs, batches=batches))
    taken = min(batches, PER_EPOCH)
    assert part.steps_per_epoch == taken
    assert part.step_loss.shape == (1, epochs * taken)
    assert part.epoch_loss.shape == (1, epochs)
    np.testing.assert_array_equal(part.step_loss[:, :taken], whole.step_loss[:, :taken])
    np.testing.assert_array_equal(part.step_nfe[:, :taken], whole.step_nfe[:, :taken])
    if batches >= PER_EPOCH:
        np.testing.assert_array_equal(part.step_loss, whole.step_loss)


@pytest.mark.parametrize("batches", [0, -3])
def test_an_epoch_without_batches_is_refused(batches: int) -> None:
    with pytest.raises(ValueError, match=f"batches must be a positive integer, got {batches}"):
        TrainingSettings(batches=batches)
