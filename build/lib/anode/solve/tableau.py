"""The Dormand-Prince 5(4) pair: coefficients, interpolation, constants of the step control.

References: Dormand and Prince (1980); Shampine (1986), for the interpolation; the constants of the
step control are torchdiffeq's.
"""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

NODES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
ERROR = (
    35 / 384 - 1951 / 21600,
    0.0,
    500 / 1113 - 22642 / 50085,
    125 / 192 - 451 / 720,
    -2187 / 6784 + 12231 / 42400,
    11 / 84 - 649 / 6300,
    -1 / 60,
)
MIDPOINT = (
    6025192743 / 30085553152 / 2,
    0.0,
    51252292925 / 65400821598 / 2,
    -2691868925 / 45128329728 / 2,
    187940372067 / 1594534317056 / 2,
    -1776094331 / 19743644256 / 2,
    11237099 / 235043384 / 2,
)
ORDER = 5
SAFETY, LARGEST_FACTOR, SMALLEST_FACTOR = 0.9, 10.0, 0.2


def _interpolation() -> Doubles:
    """Rows i = 1..4: the part of x^i in the weights of the stages, at x = (t - t0) / dt.

    The quartic through both ends' values and slopes and the midpoint's value, written in the
    stages: h(x) = h(0) + dt * sum_j w_j(x) k_j.
    """
    end = np.array((*STAGES[-1], 0.0))
    middle = np.array(MIDPOINT)
    first, last = np.eye(7)[[0, 6]]
    return np.stack(
        [
            first,
            last - 4 * first - 5 * end + 16 * middle,
            5 * first - 3 * last + 14 * end - 32 * middle,
            2 * (last - first) - 8 * end + 16 * middle,
        ]
    )


INTERPOLATION = _interpolation()


def _tableau() -> Doubles:
    """Rows: the weights of the slopes in each stage's state, then in the error, ``(7, 7)``."""
    rows = [[*row, *[0.0] * (7 - len(row))] for row in STAGES]
    return np.array([*rows, list(ERROR)])


TABLEAU = _tableau()
