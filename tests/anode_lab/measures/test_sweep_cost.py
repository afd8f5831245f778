"""The law of many workers, and that what was measured can be read."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anode_lab.figures import at_scale as figures
from anode_lab.measures.sweep_cost import Scaling, Sweep, load, most_workers, wall
from tests.helpers.pictures import assert_draws_in_both_themes

positive = st.floats(1e-3, 1e4)


def measured() -> Scaling:
    """Two places, two rounds; the second trains two at once at no cost but 10 ms a task."""
    long = tuple(
        Sweep(place, workers, 8, seconds)
        for one, two in ((16.0, 8.0), (18.0, 10.0))
        for place, workers, seconds in (("this process", 1, one), ("2 processes", 2, two))
    )
    short = (Sweep("this process", 1, 100, 1.1), Sweep("2 processes", 2, 100, 1.5))
    return Scaling(long, short, 0.01, 0.001, {})


@given(st.integers(1, 10**6), positive, st.integers(1, 10**5), positive)
def test_neither_the_workers_nor_the_leader_are_faster_than_they_are(
    count: int, seconds: float, workers: int, overhead: float
) -> None:
    found = float(wall(count, seconds, np.array(workers), overhead))
    assert found >= count * seconds / workers * (1 - 1e-12)
    assert found >= count * overhead
    assert found <= (count / workers + 1) * seconds + count * overhead


@given(positive, positive)
def test_more_workers_than_the_limit_do_not_help(seconds: float, overhead: float) -> None:
    limit, count = most_workers(seconds, overhead), 10**6
    few, many = wall(count, seconds, np.array([max(1.0, limit), 1e9]), overhead)
    assert many >= count * overhead
    assert many <= few


def test_speed_is_beside_this_process_and_overhead_is_what_is_not_training() -> None:
    speed = measured().speed()
    assert list(speed) == ["this process", "2 processes"]
    assert speed["this process"] == pytest.approx((1.0, 17 / 18, 17 / 16))
    assert speed["2 processes"] == pytest.approx((17 / 9, 1.7, 17 / 8))
    assert measured().overhead() == pytest.approx({"this process": 0.001, "2 processes": 0.01})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    measured().save(tmp_path / "scaling.json")
    assert load(tmp_path) == measured()
    with pytest.raises(FileNotFoundError, match=r"scaling\.json"):
        load(tmp_path / "absent")


def test_the_books_measurement_is_there_and_of_one_machine() -> None:
    found = load()
    assert {each.workers for each in found.long} == {1, 2}
    assert found.provenance["processor"] or found.provenance["machine"]
    assert all(value >= 0 for value in found.overhead().values())


def test_the_figure_is_drawn() -> None:
    assert_draws_in_both_themes(
        figures.places_and_workers(
            measured(), 100_000, {"a moment": 0.01, "five minutes": 300.0}, 0.01, 64
        )
    )
