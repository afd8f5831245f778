"""What a claim promises, as a range of numbers, and what a measurement says about it."""

from dataclasses import dataclass
from enum import Enum
from math import inf

from anode_lab.claims.interval import Measurement

MIN_SEEDS = 5
"""Fewer seeds that finished decide nothing."""

MAX_FAILED = 0.2
"""If a larger share of the seeds failed, the others may not stand for them."""


class Verdict(Enum):
    """What became of a claim."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not supported"
    UNDECIDED = "undecided"
    NOT_TESTABLE = "not testable at this size"


@dataclass(frozen=True)
class Criterion:
    """The range that a number must lie in for a claim to hold.

    Attributes:
        words: what is promised and how it is read, for people.
        low, high: ends of the range; an end that is infinite is no bound.

    Raises:
        ValueError: if the range is empty or the whole line.
    """

    words: str
    low: float = -inf
    high: float = inf

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.low, self.high) == (-inf, inf):
            raise ValueError(f"{self.words}: a range with a bound, got {self.low} to {self.high}")

    def verdict(self, measured: Measurement) -> Verdict:
        """Supported if the whole interval is in the range, not supported if none of it is.

        It is undecided if the interval reaches across an end of the range, or if more than
        :data:`MAX_FAILED` of the seeds failed; with fewer than :data:`MIN_SEEDS` that finished it
        cannot be tested.
        """
        if measured.seeds - measured.failed < MIN_SEEDS:
            return Verdict.NOT_TESTABLE
        if measured.failed > MAX_FAILED * measured.seeds:
            return Verdict.UNDECIDED
        if self.low < measured.low and measured.high < self.high:
            return Verdict.SUPPORTED
        if measured.high < self.low or self.high < measured.low:
            return Verdict.NOT_SUPPORTED
        return Verdict.UNDECIDED


def combined(verdicts: list[Verdict]) -> Verdict:
    """The verdict on a claim of several parts: it holds if all of them do, and fails if one does.

    Raises:
        ValueError: if there is none.
    """
    for verdict in (Verdict.NOT_SUPPORTED, Verdict.NOT_TESTABLE, Verdict.UNDECIDED):
        if verdict in verdicts:
            return verdict
    if not verdicts:
        raise ValueError("a claim needs one part or more")
    return Verdict.SUPPORTED
