"""A measurement over seeds: its mean, and an interval for the mean over other seeds.

It is a bootstrap percentile interval, widened for few seeds so that it is about as wide as
Student's would be for normal numbers (Hesterberg 2015, "expanded percentile").
"""

from dataclasses import dataclass
from enum import Enum
from math import inf, sqrt

import numpy as np
from scipy.stats import bootstrap, norm, t

from anode.arrays import Floats

LEVEL = 0.95
"""How often an interval covers the mean over all seeds, approximately."""

_RESAMPLES = 9999
_SEED = 20190402  # any; fixed, so that the same numbers have the same interval


class Average(Enum):
    """What is averaged over the seeds: the numbers, or their logarithms, for ratios."""

    MEAN = "mean"
    GEOMETRIC = "geometric mean"


@dataclass(frozen=True)
class Measurement:
    """One number, measured over seeds.

    Attributes:
        value: Average; NaN if no seed has a number.
        low: Lower end of the interval, which is the whole line without two seeds.
        high: Upper end.
        unit: Unit of all three.
        seeds: Number of seeds that were run.
        failed: Number of those without a number, because their training failed.
    """

    value: float
    low: float
    high: float
    unit: str
    seeds: int
    failed: int

    def __str__(self) -> str:
        if not np.isfinite(self.value):
            return "–"
        known = np.isfinite(self.high)
        ends = f"[{self.low:.3g}, {self.high:.3g}]" if known else "(no interval)"
        return f"{self.value:.3g} {ends}"


def measure(values: Floats, unit: str, average: Average = Average.MEAN) -> Measurement:
    """Compute average and interval of one number for each seed.

    Two models that saw the same data are compared seed by seed: give their ratios or differences.

    Args:
        values: Numbers, shape ``(R,)``; NaN for a seed that failed.
        unit: Unit of the numbers.
        average: Kind of average.

    Raises:
        ValueError: If a geometric mean is asked of a number that is not positive.
    """
    finite = values[np.isfinite(values)]
    failed = len(values) - len(finite)
    if average is Average.GEOMETRIC:
        if np.any(finite <= 0):
            raise ValueError(f"a geometric mean needs positive numbers, got {finite.min():g}")
        finite = np.log(finite)
    value = float(finite.mean()) if len(finite) else np.nan
    low, high = _interval(finite)
    if average is Average.GEOMETRIC:
        value, low, high = (float(np.exp(number)) for number in (value, low, high))
    return Measurement(value, low, high, unit, len(values), failed)


def _interval(values: Floats) -> tuple[float, float]:
    n = len(values)
    if n < 2:
        return -inf, inf
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    expanded = sqrt(n / (n - 1)) * t.ppf((1 + LEVEL) / 2, n - 1)
    result = bootstrap(
        (values,),
        np.mean,
        n_resamples=_RESAMPLES,
        confidence_level=2 * norm.cdf(expanded) - 1,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
