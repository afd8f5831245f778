"""Bands in which the same measurements must lie on another machine.

With the same seeds another machine draws the same weights and data, but rounds differently, and a
training amplifies that. In the worst case its networks are as good as new ones, and then the means
of two machines differ as those of two samples do: their difference varies the square root of 2
times as much as one mean. A band is twice as wide as the interval of the mean, which leaves room
for there being some forty numbers, all of which are to lie in theirs.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import exp, isfinite, isnan, log
from pathlib import Path
from typing import Any

from anode.atomic_write import write_whole
from anode_lab.claims.claim import Judgement
from anode_lab.claims.interval import Average, Measurement
from anode_lab.claims.kept import read
from anode_lab.runs import results_folder

WIDENING = 2.0
"""How many times as wide as its interval a number's band is."""

LEAST = 0.01
"""Share of the value that a band reaches to each side at least: where all seeds agree, the interval
is a point, and a solver that takes one evaluation more is no other result."""

FILE = "claims-laptop.json"


@dataclass(frozen=True)
class Band:
    """Of one part of a claim.

    Attributes:
        name: as "C5a".
        subject: what was measured, in words.
        value: that it was measured to be; None if no seed had a number.
        low, high: ends of the band; None without two seeds that had one.
        unit: of these.
        seeds, failed: that it was measured over.
    """

    name: str
    subject: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    seeds: int
    failed: int

    def holds(self, measured: Measurement) -> bool:
        """Whether another machine's measurement lies in it; one without a number only lies in one
        without."""
        if self.value is None or isnan(measured.value):
            return (self.value is None) == isnan(measured.value)
        if self.low is None or self.high is None:
            return True
        return self.low <= measured.value <= self.high


@dataclass(frozen=True)
class Bands:
    """All of one run.

    Attributes:
        profile, seed: of the run.
        provenance: what made it.
        bands: one a part of a claim.
    """

    profile: str
    seed: int
    provenance: dict[str, Any]
    bands: tuple[Band, ...]

    def save(self, path: Path) -> None:
        """Write them as a whole or not at all."""
        write_whole(path, (json.dumps(asdict(self), indent=1) + "\n").encode())

    def compare(self, judgements: Iterable[Judgement]) -> list[tuple[Band, Measurement]]:
        """Each band with what was measured now; parts that one of the two lacks are left out."""
        now = {
            name: finding.measured for judgement in judgements for name, finding in judgement.rows()
        }
        return [(band, now[band.name]) for band in self.bands if band.name in now]


def load_bands(path: Path | None = None) -> Bands:
    """KeptVerdict bands; those of the book if no file is named.

    Raises:
        ValueError: if the file is none of bands.
        OSError: if it cannot be read.
    """
    return read(path or results_folder() / FILE, "bands", _bands)


def _bands(values: dict[str, Any]) -> Bands:
    return Bands(**values | {"bands": tuple(Band(**band) for band in values["bands"])})


def bands(
    judgements: Iterable[Judgement], profile: str, seed: int, provenance: dict[str, Any]
) -> Bands:
    """The bands of what was measured in one run.

    Args:
        judgements: of the claims.
        profile, seed, provenance: of the run.
    """
    found = [
        _band(name, finding.check.subject, finding.measured, finding.check.average)
        for judgement in judgements
        for name, finding in judgement.rows()
    ]
    return Bands(profile, seed, provenance, tuple(found))


def _band(name: str, subject: str, measured: Measurement, average: Average) -> Band:
    about = (measured.unit, measured.seeds, measured.failed)
    if isnan(measured.value):
        return Band(name, subject, None, None, None, *about)
    if not (isfinite(measured.low) and isfinite(measured.high)):
        return Band(name, subject, measured.value, None, None, *about)
    ends = (measured.low, measured.value, measured.high)
    if average is Average.GEOMETRIC:  # whose interval is one of logarithms
        low, value, high = map(log, ends)
        least = log(1 + LEAST)
    else:
        low, value, high = ends
        least = LEAST * abs(value)
    below, above = (max(WIDENING * one, least) for one in (value - low, high - value))
    low, high = value - below, value + above
    if average is Average.GEOMETRIC:
        low, high = exp(low), exp(high)
    return Band(name, subject, measured.value, low, high, *about)
