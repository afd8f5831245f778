"""When a loss is reached, and at what cost: checked on histories made by hand."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anode.arrays import Floats
from anode.training import History, TrainingFailure
from anode_lab.measures.time_to_loss import (
    epochs_to_reach,
    in_parts,
    nfe_at_equal_loss,
    nfe_at_loss,
    nfe_growth,
    speed_up,
)


def history(losses: Floats, nfe: Floats) -> History:
    """A training of one step an epoch."""
    return History(
        step_loss=losses,
        step_nfe=nfe,
        step_backward_nfe=np.zeros_like(nfe),
        steps_per_epoch=1,
        validation_loss=None,
        snapshots={},
        failures={},
        seconds=1.0,
        seeds=tuple(range(len(losses))),
    )


FALLING = history(np.array([[8.0, 2.0, 4.0, 1.0]]), np.array([[20.0, 26.0, 32.0, 38.0]]))


def test_parts_have_the_means_of_their_steps() -> None:
    nfe = np.arange(2 * 7).reshape(2, 7).astype(float)
    seven = history(nfe + 1, nfe)
    cut = in_parts(seven, 3)
    np.testing.assert_array_equal(cut.epoch_nfe, [[1, 3.5, 5.5], [8, 10.5, 12.5]])
    np.testing.assert_array_equal(cut.epoch_loss, cut.epoch_nfe + 1)
    assert cut.seeds == seven.seeds
    np.testing.assert_array_equal(in_parts(seven, 7).epoch_loss, seven.epoch_loss)


def test_parts_as_long_as_an_epoch_are_the_epochs() -> None:
    rng = np.random.default_rng(0)
    four = replace(history(rng.random((3, 20)), rng.random((3, 20))), steps_per_epoch=5)
    np.testing.assert_allclose(in_parts(four, 4).epoch_loss, four.epoch_loss, rtol=1e-12)
    np.testing.assert_allclose(in_parts(four, 4).epoch_nfe, four.epoch_nfe, rtol=1e-12)


@pytest.mark.parametrize(("step", "part"), [(1, 1), (3, 1), (4, 2), (5, 2), (6, 3), (7, 3)])
def test_a_failure_is_in_the_part_of_its_step(step: int, part: int) -> None:
    losses = np.ones((1, 7))
    losses[:, step - 1 :] = np.nan
    failures = {0: TrainingFailure(0, step, step, "forward", "made up")}
    cut = in_parts(replace(history(losses, losses), failures=failures), 3)
    assert cut.failures[0].epoch == part
    assert np.isnan(cut.epoch_loss[0]).tolist() == [each >= part for each in (1, 2, 3)]


@pytest.mark.parametrize("count", [0, 5])
def test_more_parts_than_steps_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"count must be from 1 to 4, .*, got {count}"):
        in_parts(FALLING, count)


def test_a_level_of_an_epoch_is_reached_at_that_epoch() -> None:
    np.testing.assert_allclose(epochs_to_reach(FALLING, np.array([8.0, 2.0, 1.0])), [[1, 2, 4]])
    np.testing.assert_allclose(nfe_at_loss(FALLING, np.array([8.0, 2.0, 1.0])), [[20, 26, 38]])


def test_between_epochs_the_logarithm_is_interpolated() -> None:
    np.testing.assert_allclose(epochs_to_reach(FALLING, np.array([4.0])), [[1.5]])
    np.testing.assert_allclose(nfe_at_loss(FALLING, np.array([4.0])), [[23]])


def test_what_is_never_reached_is_not_a_number() -> None:
    assert np.isnan(epochs_to_reach(FALLING, np.array([0.5]))).all()
    assert np.isnan(nfe_at_loss(FALLING, np.array([0.5]))).all()


def test_a_level_above_the_first_loss_counts_as_reached_in_the_first_epoch() -> None:
    assert epochs_to_reach(FALLING, np.array([100.0])) == 1


def test_each_replica_may_have_levels_of_its_own() -> None:
    two = history(np.array([[4.0, 1.0], [4.0, 1.0]]), np.array([[20.0, 26.0], [20.0, 32.0]]))
    np.testing.assert_allclose(epochs_to_reach(two, np.array([[4.0], [1.0]])), [[1], [2]])
    np.testing.assert_allclose(nfe_at_loss(two, np.array([[4.0], [1.0]])), [[20], [32]])


def test_speed_up_is_to_the_lowest_loss_of_the_slow_model_by_then() -> None:
    fast = replace(FALLING, step_loss=np.array([[4.0, 1.0, 0.5, 0.25]]))
    assert speed_up(FALLING, FALLING) == 1
    assert speed_up(FALLING, fast) == 4 / 2
    assert speed_up(FALLING, fast, epochs=3) == 2 / 1.5  # the loss 2 of epoch 2
    assert speed_up(FALLING, fast, epochs=1) == 1


def test_a_model_that_never_gets_there_has_no_speed_up_unless_one_is_given() -> None:
    assert np.isnan(speed_up(replace(FALLING, step_loss=FALLING.step_loss / 2), FALLING))
    assert speed_up(replace(FALLING, step_loss=FALLING.step_loss / 2), FALLING, never=8) == 4 / 8


def test_equal_loss_is_the_lowest_that_both_reach() -> None:
    higher = replace(FALLING, step_loss=2 * FALLING.step_loss)
    for evaluations, nfe in zip(nfe_at_equal_loss(FALLING, higher), (26, 38), strict=True):
        np.testing.assert_allclose(evaluations, [nfe])  # at the loss 2


@pytest.mark.parametrize("measure", [speed_up, nfe_at_equal_loss])
def test_models_are_compared_on_equal_seeds(measure: Callable[[History, History], object]) -> None:
    with pytest.raises(ValueError, match=r"same seeds, got \(0,\) and \(1,\)"):
        measure(FALLING, replace(FALLING, seeds=(1,)))


def test_a_replica_that_failed_reaches_what_it_reached_before() -> None:
    failed = history(np.array([[4.0, 1.0, np.nan]]), np.array([[20.0, 26.0, np.nan]]))
    np.testing.assert_allclose(epochs_to_reach(failed, np.array([1.0, 0.5])), [[2, np.nan]])
    np.testing.assert_allclose(nfe_at_loss(failed, np.array([1.0, 0.5])), [[26, np.nan]])


def test_a_level_that_is_not_a_number_is_not_reached() -> None:
    assert np.isnan(epochs_to_reach(FALLING, np.array([np.nan]))).all()


def test_levels_must_be_positive() -> None:
    with pytest.raises(ValueError, match="levels must be positive"):
        epochs_to_reach(FALLING, np.array([1.0, 0.0]))


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=12), st.floats(0.01, 10))
def test_the_loss_is_above_the_level_until_it_is_reached(losses: list[float], level: float) -> None:
    row = np.array([losses])
    reached = epochs_to_reach(history(row, np.full_like(row, 20)), np.array([level]))[0, 0]
    if np.isnan(reached):
        assert min(losses) > level
    else:
        whole = int(np.ceil(reached))
        assert losses[whole - 1] <= level * (1 + 1e-9)
        assert all(loss > level for loss in losses[: whole - 1])


def test_growth_is_last_over_first_and_undefined_without_evaluations() -> None:
    np.testing.assert_allclose(nfe_growth(FALLING), [1.9])
    assert np.isnan(nfe_growth(history(FALLING.epoch_loss, np.zeros((1, 4))))).all()
