"""Intervals cover what they should, and a verdict is where an interval lies."""

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from anode_lab.claims import Average, Criterion, Measurement, Verdict, measure
from anode_lab.claims.criterion import MIN_SEEDS, combined

SEEDS = 20


@pytest.mark.parametrize("n", [5, 20])
@pytest.mark.parametrize("average", Average)
def test_intervals_cover_the_truth_about_as_often_as_they_say(n: int, average: Average) -> None:
    """Normal numbers with mean 3, or their exponentials: 300 samples, so give or take 4 %."""
    rng = np.random.default_rng(7)
    samples = rng.normal(3, 2, (300, n))
    truth = 3.0
    if average is Average.GEOMETRIC:
        samples, truth = np.exp(samples), float(np.exp(3))
    measured = [measure(sample, "", average) for sample in samples]
    covered = np.mean([m.low <= truth <= m.high for m in measured])
    assert 0.90 <= covered <= 0.99


def test_interval_is_as_wide_as_students_for_normal_numbers() -> None:
    """The plain percentile interval of 5 numbers is narrower by a third."""
    rng = np.random.default_rng(8)
    for n in (6, 20):
        samples = rng.normal(size=(60, n))
        student = 2 * t.ppf(0.975, n - 1) * samples.std(1, ddof=1) / np.sqrt(n)
        ours = np.array([m.high - m.low for m in (measure(s, "") for s in samples)])
        assert np.mean(ours / student) == pytest.approx(1, abs=0.12)


def test_interval_is_around_the_mean_and_the_same_every_time() -> None:
    values = np.random.default_rng(1).gamma(2, size=SEEDS)
    one, two = measure(values, "m"), measure(values, "m")
    assert one == two
    assert one.value == pytest.approx(values.mean())
    assert values.min() < one.low < one.value < one.high < values.max()
    assert one.unit == "m"


def test_ratio_and_its_inverse_agree() -> None:
    """Why ratios are averaged as logarithms: it does not matter which model is on top."""
    values = np.random.default_rng(2).lognormal(size=SEEDS)
    one, two = (measure(v, "", Average.GEOMETRIC) for v in (values, 1 / values))
    assert one.value == pytest.approx(1 / two.value)
    assert one.low == pytest.approx(1 / two.high, rel=0.02)


def test_failed_seeds_are_counted_and_not_averaged() -> None:
    measured = measure(np.array([1.0, nan, 3.0, nan, 2.0]), "")
    assert (measured.seeds, measured.failed) == (5, 2)
    assert measured.value == 2
    assert measured == replace(measure(np.array([1.0, 3.0, 2.0]), ""), seeds=5, failed=2)


@pytest.mark.parametrize("average", Average)
def test_what_is_known_of_few_or_equal_numbers(average: Average) -> None:
    same = measure(np.full(6, 2.0), "", average)
    assert (same.value, same.low, same.high) == pytest.approx((2, 2, 2))
    single = measure(np.array([2.0, nan]), "", average)
    assert single.value == pytest.approx(2)
    assert single.low <= 0
    assert single.high == inf
    none = measure(np.array([nan, nan]), "", average)
    assert np.isnan(none.value)
    assert none.failed == 2
    assert str(none) == "–"


@pytest.mark.parametrize(
    ("values", "text"),
    [((1.5, 1.5), "1.5 [1.5, 1.5]"), ((1.5, nan), "1.5 (no interval)"), ((nan, nan), "–")],
)
def test_a_number_without_an_interval_says_so(values: tuple[float, ...], text: str) -> None:
    for average in Average:
        assert str(measure(np.array(values), "", average)) == text


def test_geometric_mean_of_what_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="needs positive numbers, got -1"):
        measure(np.array([1.0, -1.0]), "", Average.GEOMETRIC)


def measured(low: float, high: float, *, seeds: int = SEEDS, failed: int = 0) -> Measurement:
    return Measurement((low + high) / 2, low, high, "", seeds, failed)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.7, 2.3, Verdict.SUPPORTED),
        (1.0, 1.5, Verdict.NOT_SUPPORTED),
        (2.5, 9.0, Verdict.NOT_SUPPORTED),
        (1.5, 1.7, Verdict.UNDECIDED),
        (2.3, 2.5, Verdict.UNDECIDED),
        (1.0, 3.0, Verdict.UNDECIDED),
        (1.6, 2.0, Verdict.UNDECIDED),
        (2.4, 2.4, Verdict.UNDECIDED),
    ],
)
def test_verdict_is_where_the_interval_lies(low: float, high: float, verdict: Verdict) -> None:
    assert Criterion("nearly doubles", 1.6, 2.4).verdict(measured(low, high)) is verdict


@given(st.floats(-10, 10), st.floats(0, 5), st.floats(-10, 10), st.sampled_from(["above", "below"]))
def test_supported_and_not_supported_exclude_each_other(
    low: float, width: float, bound: float, side: str
) -> None:
    """Of two opposite criteria, one is supported where the other is not, or both are open."""
    above, below = Criterion("above", low=bound), Criterion("below", high=bound)
    one, other = (above, below) if side == "above" else (below, above)
    verdict = one.verdict(measured(low, low + width))
    opposite = {
        Verdict.SUPPORTED: Verdict.NOT_SUPPORTED,
        Verdict.NOT_SUPPORTED: Verdict.SUPPORTED,
        Verdict.UNDECIDED: Verdict.UNDECIDED,
    }
    assert other.verdict(measured(low, low + width)) is opposite[verdict]


def test_few_seeds_decide_nothing_and_many_failures_leave_it_open() -> None:
    criterion = Criterion("below 1", high=1)
    for seeds, failed, verdict in (
        (MIN_SEEDS - 1, 0, Verdict.NOT_TESTABLE),
        (MIN_SEEDS, 0, Verdict.SUPPORTED),
        (SEEDS, SEEDS - MIN_SEEDS + 1, Verdict.NOT_TESTABLE),
        (SEEDS, 5, Verdict.UNDECIDED),
        (SEEDS, 4, Verdict.SUPPORTED),
    ):
        assert criterion.verdict(measured(0.2, 0.4, seeds=seeds, failed=failed)) is verdict


def test_a_claim_holds_if_all_its_parts_do_and_fails_if_one_does() -> None:
    yes, no, open_, untested = (
        Verdict.SUPPORTED,
        Verdict.NOT_SUPPORTED,
        Verdict.UNDECIDED,
        Verdict.NOT_TESTABLE,
    )
    assert combined([yes, yes]) is yes
    assert combined([yes, open_]) is open_
    assert combined([yes, untested, open_]) is untested
    assert combined([yes, no, untested, open_]) is no
    with pytest.raises(ValueError, match="one part or more"):
        combined([])


@pytest.mark.parametrize("ends", [(-inf, inf), (2.0, 1.0), (1.0, 1.0), (nan, 1.0)])
def test_a_criterion_has_a_range(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="nothing: a range with a bound"):
        Criterion("nothing", *ends)
