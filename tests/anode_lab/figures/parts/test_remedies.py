"""Remedies stand where they were measured."""

import numpy as np

from anode_lab.claims import Average, Measurement, measure
from anode_lab.figures.parts.remedies import Remedy, remedies
from tests.helpers.pictures import assert_draws_in_both_themes


def test_remedies_stand_at_their_factors() -> None:
    seeds = np.random.default_rng(0).uniform(0.4, 0.6, 10)
    half = measure(seeds, "times", Average.GEOMETRIC)
    nothing = Measurement(np.nan, -np.inf, np.inf, "times", 5, 5)
    found = [Remedy("half", half, half), Remedy("failed", nothing, nothing)]
    drawn = remedies(found)
    assert_draws_in_both_themes(drawn)
    left, right = drawn.light().axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["half", "failed"]
    for ax in (left, right):
        _, interval, point = ax.lines
        np.testing.assert_allclose(interval.get_xdata(), [half.low, half.high])
        np.testing.assert_allclose(point.get_xdata(), [half.value])
        assert "no seed was trained to the end" in [text.get_text() for text in ax.texts]
