"""The range of numbers that a claim promises, and the verdict on a measurement."""

from dataclasses import dataclass
from enum import Enum
from math import inf

from anode_lab.claims.interval import Measurement

MIN_SEEDS = 5
"""Least number of finished seeds that decide anything."""

MAX_FAILED = 0.2
"""Share of failed seeds above which the others may not stand for them."""


class Verdict(Enum):
    """The verdict on a claim."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not supported"
    UNDECIDED = "undecided"
    NOT_TESTABLE = "not testable here"


@dataclass(frozen=True)
class Criterion:
    """The range in which a number must lie for a claim to hold.

    Attributes:
        words: The promise and its reading, for people.
        low: Lower end of the range; without a bound if infinite.
        high: Upper end, likewise.

    Raises:
        ValueError: If the range is empty or the whole line.
    """

    words: str
    low: float = -inf
    high: float = inf

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.low, self.high) == (-inf, inf):
            raise ValueError(f"{self.words}: a range with a bound, got {self.low} to {self.high}")

    def verdict(self, measured: Measurement) -> Verdict:
        """Supported if the whole interval is in the range, not supported if none of it is.

        The verdict is undecided if the interval reaches across an end of the range, or if more than
        :data:`MAX_FAILED` of the seeds failed. The claim cannot be tested if fewer than
        :data:`MIN_SEEDS` finished.
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
    """Combine the verdicts on parts: a claim holds if all parts do, and fails if one does.

    Raises:
        ValueError: If there is no part.
    """
    for verdict in (Verdict.NOT_SUPPORTED, Verdict.NOT_TESTABLE, Verdict.UNDECIDED):
        if verdict in verdicts:
            return verdict
    if not verdicts:
        raise ValueError("a claim needs one part or more")
    return Verdict.SUPPORTED
