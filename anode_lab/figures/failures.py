"""Seeds whose training failed: how many, and where their curves end."""

from collections.abc import Iterable
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from anode.training import Floats, History
from anode_lab.figures.style import palette

_SIZE, _WIDTH = 7, 1.8


def census(history: History) -> str:
    """How many seeds failed, as the end of a label; nothing if none did."""
    failed = len(history.failures)
    return f" ({failed} of {len(history.step_loss)} failed)" if failed else ""


def mark_failures(
    ax: Axes,
    values: Floats,
    history: History,
    colour: str,
    time: Literal["epoch", "iteration"] = "epoch",
) -> None:
    """A cross for each seed that failed: when it did, at the height of its last number.

    Args:
        ax: where the curves are drawn, from epoch or iteration 1 on.
        values: the curves ``(R, E)``, not finite from a failure on.
        history: of the training.
        colour: of the crosses.
        time: what is on the horizontal axis.
    """
    for replica, failure in history.failures.items():
        known = values[replica][np.isfinite(values[replica])]
        # A seed that failed before it had a number has its cross on the axis.
        height, where = (known[-1], ax.transData) if len(known) else (0, ax.get_xaxis_transform())
        ax.plot(
            getattr(failure, time), height, "x", color=colour, markersize=_SIZE,
            markeredgewidth=_WIDTH, zorder=4, clip_on=False, transform=where,
        )  # fmt: skip


def failures_handle(histories: Iterable[History]) -> list[Line2D]:
    """The one entry of a legend for all crosses, with their number; none if no seed failed."""
    all_of_them = list(histories)
    failed = sum(len(history.failures) for history in all_of_them)
    if not failed:
        return []
    trained = sum(len(history.step_loss) for history in all_of_them)
    return [
        Line2D(
            [], [], color=palette.ink(), marker="x", linestyle="none", markersize=_SIZE,
            markeredgewidth=_WIDTH, label=f"training failed ({failed} of {trained})",
        )
    ]  # fmt: skip


def mean_of(count: str, histories: Iterable[History]) -> str:
    """What a mean curve is a mean of, as "mean of 5 seeds"; it says so if some are left out."""
    left_out = any(history.failures for history in histories)
    return f"mean of {count}" + (", but for those that have failed" if left_out else "")
