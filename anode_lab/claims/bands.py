"""Bands in which the same measurements must lie on another machine.

With the same seeds another machine draws the same weights and data, but it rounds differently, and
a training amplifies that. In the worst case its networks are like new ones, and the means of two
machines differ as those of two samples do: their difference varies by the square root of 2 times as
much as one mean. A band is twice as wide as the interval of the mean, which leaves room for about
forty numbers that are all to lie in theirs.
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
"""Width of a number's band in units of its interval."""

LEAST = 0.01
"""Least share of the value by which a band reaches to each side.

Where all seeds agree, the interval is a point; a solver that takes one evaluation more is no other
result.
"""

FILE = "claims-laptop.json"


@dataclass(frozen=True)
class Band:
    """The band of one part of a claim.

    Attributes:
        name: Name of the part, such as "C5a".
        subject: Measured quantity, in words.
        value: Value that was measured; None if no seed had a number.
        low: Lower end of the band; None without two seeds that had a number.
        high: Upper end, likewise.
        unit: Unit of these numbers.
        seeds: Number of seeds.
        failed: Number of seeds without a number.
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
        """Whether another machine's measurement lies in the band.

        A measurement without a number lies only in a band without one, and the other way round.
        """
        if self.value is None or isnan(measured.value):
            return (self.value is None) == isnan(measured.value)
        if self.low is None or self.high is None:
            return True
        return self.low <= measured.value <= self.high


@dataclass(frozen=True)
class Bands:
    """The bands of one run.

    Attributes:
        profile: Profile of the run.
        seed: Its first seed.
        provenance: Versions, machine and time of the run.
        bands: One band for each part of a claim.
    """

    profile: str
    seed: int
    provenance: dict[str, Any]
    bands: tuple[Band, ...]

    def save(self, path: Path) -> None:
        """Write the bands as a whole or not at all."""
        write_whole(path, (json.dumps(asdict(self), indent=1) + "\n").encode())

    def compare(self, judgements: Iterable[Judgement]) -> list[tuple[Band, Measurement]]:
        """Pair each band with what was measured now, where both have the part."""
        now = {
            name: finding.measured for judgement in judgements for name, finding in judgement.rows()
        }
        return [(band, now[band.name]) for band in self.bands if band.name in now]


def load_bands(path: Path | None = None) -> Bands:
    """Read kept bands, by default those of the book.

    Raises:
        ValueError: If the file does not hold bands.
        OSError: If it cannot be read.
    """
    return read(path or results_folder() / FILE, "bands", _bands)


def _bands(values: dict[str, Any]) -> Bands:
    return Bands(**values | {"bands": tuple(Band(**band) for band in values["bands"])})


def agreement(judgements: Iterable[Judgement], profile: str, seed: int) -> str:
    """Say in a sentence whether what was just measured agrees with the published numbers.

    Args:
        judgements: Judgements of the claims that were measured.
        profile: Profile of this run.
        seed: Its first seed.
    """
    kept = load_bands()
    compared = kept.compare(judgements)
    outside = [pair for pair in compared if not pair[0].holds(pair[1])]
    if (kept.profile, kept.seed) != (profile, seed):
        return (
            f"The published numbers are of the profile `{kept.profile}` with seed {kept.seed}. "
            f"This run, of `{profile}` with seed {seed}, need not agree with them: "
            f"{len(compared) - len(outside)} of {len(compared)} numbers do."
        )
    if not outside:
        return f"All {len(compared)} numbers above agree with the published ones."
    return (
        f"Of the {len(compared)} numbers above, {len(compared) - len(outside)} agree with the "
        "published ones. The others do not: "
        + "; ".join(
            f"{band.name} is {measured}, published "
            + ("no number" if band.value is None else f"{band.value:.3g}")
            for band, measured in outside
        )
        + "."
    )


def bands(
    judgements: Iterable[Judgement], profile: str, seed: int, provenance: dict[str, Any]
) -> Bands:
    """Compute the bands of what was measured in one run.

    Args:
        judgements: Judgements of the claims.
        profile: Profile of the run.
        seed: Its first seed.
        provenance: Versions, machine and time of the run.
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
