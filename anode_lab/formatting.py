"""Measured numbers as text: means with their spread, tables, never without the failures."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from anode.training import Floats, History


def mean_sd(values: Floats, digits: int = 2) -> str:
    """``mean ± standard deviation`` over the seeds that are finite, and how many are not.

    Args:
        values: one number a seed, shape ``(R,)``; NaN for a seed that failed.
        digits: significant digits.
    """
    finite = values[np.isfinite(values)]
    failed = len(values) - len(finite)
    census = f" ({failed} of {len(values)} failed)" if failed else ""
    if not len(finite):
        return "–" + census
    spread = finite.std(ddof=1) if len(finite) > 1 else 0.0
    return f"{finite.mean():.{digits}g} ± {spread:.{digits}g}" + census


def number(value: float, digits: int = 3) -> str:
    """Significant digits; thousands in full, up to a million."""
    rounded = float(f"{value:.{digits}g}")
    text = f"{rounded:,.0f}" if 1000 <= abs(rounded) < 1e6 else f"{rounded:.{digits}g}"
    return text.replace("-", "−")


def spread(values: Floats, digits: int = 3) -> str:
    """``median (lowest to highest)`` of the numbers that are finite, and how many if not all.

    Args:
        values: one number a seed, shape ``(R,)``.
        digits: significant digits.
    """
    found = values[np.isfinite(values)]
    if not len(found):
        return f"none of {len(values)}"
    middle, low, high = (number(v, digits) for v in (np.median(found), found.min(), found.max()))
    census = f", {len(found)} of {len(values)}" if len(found) < len(values) else ""
    return f"{middle} ({low} to {high}){census}"


def growth(history: History) -> Floats:
    """Function evaluations of the last epoch over those of the first, one a seed, ``(R,)``.

    NaN for a model that evaluates no field, such as a ResNet.
    """
    first, last = history.epoch_nfe[:, 0], history.epoch_nfe[:, -1]
    return np.divide(last, first, out=np.full(len(first), np.nan), where=first > 0)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table.

    Raises:
        ValueError: if a row has not one cell for each column.
    """
    lines = [list(header), ["---"] * len(header), *([str(cell) for cell in row] for row in rows)]
    if bad := [line for line in lines if len(line) != len(header)]:
        raise ValueError(f"each row must have {len(header)} cells, got {bad[0]}")
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def training_table(histories: Mapping[str, History]) -> str:
    """A Markdown table: final loss, evaluations in the first and the last epoch, failures.

    A model that evaluates no field, such as a ResNet, has a dash for its evaluations.
    """
    header = ["model", "training loss, last epoch", "NFE, first epoch", "NFE, last epoch", "failed"]
    rows = [
        [
            label,
            mean_sd(history.epoch_loss[:, -1]),
            *(mean_sd(nfe, 3) if nfe.any() else "–" for nfe in history.epoch_nfe[:, [0, -1]].T),
            f"{len(history.failures)} of {len(history.step_loss)}",
        ]
        for label, history in histories.items()
    ]
    return table(header, rows)
