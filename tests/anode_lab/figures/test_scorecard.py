"""The figure of verdicts shows every part of every claim where its numbers put it."""

from math import inf, nan, sqrt

import numpy as np
import pytest

from anode_lab.claims import Check, Claim, Criterion, Finding, Judgement, Measurement, Verdict
from anode_lab.figures import scorecard as figures


def finding(
    value: float, low: float, high: float, criterion: Criterion, verdict: Verdict
) -> Finding:
    check = Check("a number", (), lambda: np.zeros(0), criterion, "m")
    return Finding(check, Measurement(value, low, high, "m", 20, 0), verdict, verdict)


BELOW = Criterion("small: below 2", high=2)
ABOVE = Criterion("large: above 0.5", low=0.5)
BETWEEN = Criterion("near: between 1.6 and 2.4", 1.6, 2.4)


def judgement(name: str, *findings: Finding) -> Judgement:
    checks = tuple(f.check for f in findings)
    return Judgement(Claim(name, "Fig. 1", "It is so.", "ch:anode", checks), findings)


JUDGEMENTS = [
    judgement(
        "C1",
        finding(1, 0.8, 1.2, BELOW, Verdict.SUPPORTED),
        finding(0.1, 0.05, 0.2, ABOVE, Verdict.NOT_SUPPORTED),
    ),
    judgement("C2", finding(1.5, 1.4, 1.7, BETWEEN, Verdict.UNDECIDED)),
    judgement(
        "C3",
        finding(0, 0, 0, BELOW, Verdict.SUPPORTED),
        finding(1e6, 1e5, 1e7, ABOVE, Verdict.SUPPORTED),
        finding(nan, -inf, inf, ABOVE, Verdict.NOT_TESTABLE),
    ),
]


def test_one_is_the_bound() -> None:
    row = figures.normalised(JUDGEMENTS[0].findings[0])
    assert (row.value, row.low, row.high) == (0.5, 0.4, 0.6)
    assert row.allowed == (-inf, 1)
    low, high = figures.normalised(JUDGEMENTS[1].findings[0]).allowed
    assert low * high == pytest.approx(1)
    assert high / low == pytest.approx(1.5)
    assert figures.bound(BETWEEN) == pytest.approx(sqrt(1.6 * 2.4))
    with pytest.raises(ValueError, match="its bounds must be positive"):
        figures.bound(Criterion("a gain: above 0", low=0))


def test_every_part_has_a_row_and_a_name() -> None:
    picture = figures.verdicts(JUDGEMENTS)
    for figure in (picture.light(), picture.dark()):
        (ax,) = figure.axes
        names = [label.get_text().split()[-1] for label in ax.get_yticklabels()]
        assert names == ["C1a", "C1b", "C2", "C3a", "C3b", "C3c"]
        assert len(ax.patches) == 6  # where each holds
        assert [text.get_text() for text in ax.texts] == ["no seed was trained to the end"]


def test_marks_tell_verdicts_apart_without_colour_and_arrows_say_beyond() -> None:
    assert len({marker for marker, *_ in figures.MARKS.values()}) == len(Verdict)
    (ax,) = figures.verdicts(JUDGEMENTS).light().axes
    at = {
        line.get_marker(): line.get_xydata()[0] for line in ax.lines if line.get_marker() != "None"
    }
    assert tuple(at["o"]) == pytest.approx((0.5, 0))
    assert tuple(at["X"]) == pytest.approx((0.2, 1))
    assert at["<"][1] == 3
    assert at[">"][1] == 4
    left, right = ax.get_xlim()
    assert left < at["<"][0] < at[">"][0] < right


def test_legend_names_the_verdicts_that_were_given() -> None:
    (legend,) = figures.verdicts(JUDGEMENTS[:2]).light().legends
    shown = [text.get_text() for text in legend.get_texts()]
    assert shown == ["where the claim holds", "supported", "not supported", "undecided"]
