"""Measured numbers as text: means with their spread, and tables; failures are always counted."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from anode.arrays import Floats
from anode.training import History


def mean_sd(values: Floats, digits: int = 2) -> str:
    """Format ``mean ± standard deviation`` over the finite numbers, and how many are not finite.

    A single number has no deviation: it is printed alone, with a word that it is one.

    Args:
        values: One number for each seed, shape ``(R,)``; NaN for a seed that failed.
        digits: Number of significant digits.
    """
    finite = values[np.isfinite(values)]
    failed = len(values) - len(finite)
    census = f" ({failed} of {len(values)} failed)" if failed else ""
    if not len(finite):
        return "–" + census
    mean = f"{finite.mean():.{digits}g}"
    if len(finite) == 1:
        return mean + (census or " (one seed)")
    return f"{mean} ± {finite.std(ddof=1):.{digits}g}{census}"


def number(value: float, digits: int = 3) -> str:
    """Format a number with significant digits; thousands are written in full, up to a million."""
    rounded = float(f"{value:.{digits}g}")
    text = f"{rounded:,.0f}" if 1000 <= abs(rounded) < 1e6 else f"{rounded:.{digits}g}"
    return text.replace("-", "−")


def spread(values: Floats, digits: int = 3) -> str:
    """Format ``median (lowest to highest)`` of the finite numbers, and how many if not all.

    A single number is printed alone, as by :func:`mean_sd`.

    Args:
        values: One number for each seed, shape ``(R,)``.
        digits: Number of significant digits.
    """
    found = values[np.isfinite(values)]
    if not len(found):
        return f"none of {len(values)}"
    middle, low, high = (number(v, digits) for v in (np.median(found), found.min(), found.max()))
    if len(values) == 1:
        return f"{middle} (one seed)"
    census = f", {len(found)} of {len(values)}" if len(found) < len(values) else ""
    return f"{middle} ({low} to {high}){census}"


def count_seeds(histories: Mapping[str, History]) -> str:
    """Return the number of seeds: "1 seed", "5 seeds", or "3 to 5 seeds" if models differ."""
    counts = sorted({len(history.step_loss) for history in histories.values()})
    numbers = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    return f"{numbers} seed" + ("s" if counts[-1] > 1 else "")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Make a Markdown table.

    Raises:
        ValueError: If a row does not have one cell for each column.
    """
    lines = [list(header), ["---"] * len(header), *([str(cell) for cell in row] for row in rows)]
    if bad := [line for line in lines if len(line) != len(header)]:
        raise ValueError(f"each row must have {len(header)} cells, got {bad[0]}")
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def training_table(histories: Mapping[str, History]) -> str:
    """Make a Markdown table of final losses, evaluations in the first and last epoch, and failures.

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
