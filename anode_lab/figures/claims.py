"""Every claim's measurement beside its criterion, on one scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from anode_lab.claims import Criterion, Finding, Judgement, Verdict
from anode_lab.figures.style import palette, picture

MARKS = {
    Verdict.SUPPORTED: ("o", palette.anode, palette.anode),
    Verdict.NOT_SUPPORTED: ("X", palette.node, palette.node),
    Verdict.UNDECIDED: ("D", palette.accent, "none"),
    Verdict.NOT_TESTABLE: ("s", palette.muted, "none"),
}
"""Marker, colour of its edge and colour of its face, by verdict."""

_LEFT, _RIGHT = 1 / 20, 20
_ROW = 0.27  # inches
_SHADE = 0.3
_EDGE = 1.12  # how far inside the frame an arrow stands, as a factor


@dataclass(frozen=True)
class Row:
    """A measurement on the common scale, where 1 is the bound of its criterion.

    Attributes:
        value, low, high: of the measurement.
        allowed: where the claim holds.
    """

    value: float
    low: float
    high: float
    allowed: tuple[float, float]


def normalised(finding: Finding) -> Row:
    """A finding divided by its criterion's bound; of two bounds, by their geometric mean."""
    criterion, measured = finding.check.criterion, finding.measured
    unit = bound(criterion)
    return Row(
        measured.value / unit,
        measured.low / unit,
        measured.high / unit,
        (criterion.low / unit, criterion.high / unit),
    )


def bound(criterion: Criterion) -> float:
    """The number that its measurements are divided by.

    Raises:
        ValueError: if it is not positive, so that there is no common scale.
    """
    ends = [end for end in (criterion.low, criterion.high) if isfinite(end)]
    if min(ends) <= 0:
        raise ValueError(f"{criterion.words}: its bounds must be positive to be drawn")
    return sqrt(min(ends) * max(ends))


@picture
def verdicts(judgements: Sequence[Judgement]) -> Figure:
    """Measurements with their intervals, each divided by its criterion's bound, log scale.

    The bars are where a claim holds. What lies beyond the axis is an arrow at its end.
    """
    rows = [row for judgement in judgements for row in judgement.rows()]
    fig, ax = plt.subplots(figsize=(7.6, _ROW * len(rows) + 1.1), layout="constrained")
    for y, (_, finding) in enumerate(rows):
        _draw(ax, y, finding)
    for y in _starts(judgements)[1:]:
        ax.axhline(y - 0.5, color=palette.muted, linewidth=0.4)
    ax.axvline(1, color=palette.ink(), linewidth=1, linestyle=(0, (1, 1)))
    ax.set_yticks(range(len(rows)), [f"{f.check.subject}  {name}" for name, f in rows], fontsize=8)
    ax.tick_params(axis="y", length=0)
    ax.set(
        xscale="log",
        xlim=(_LEFT, _RIGHT),
        ylim=(len(rows) - 0.5, -0.5),
        xlabel="measured, divided by the bound of its criterion",
    )
    ax.xaxis.set_major_formatter("{x:g}")
    _legend(fig, {finding.verdict for _, finding in rows})
    return fig


def _starts(judgements: Sequence[Judgement]) -> list[int]:
    """The first row of each claim."""
    starts = [0]
    for judgement in judgements[:-1]:
        starts.append(starts[-1] + len(judgement.findings))
    return starts


def _draw(ax: Axes, y: int, finding: Finding) -> None:
    row = normalised(finding)
    left, right = (min(max(end, _LEFT), _RIGHT) for end in row.allowed)
    ax.barh(
        y, right - left, left=left, height=0.62, color=palette.resnet, alpha=_SHADE, linewidth=0
    )
    if not isfinite(row.value):
        why = "no seed was trained to the end" if finding.measured.seeds else "not run"
        ax.annotate(why, (1.1, y), va="center", fontsize=8)
        return
    marker, edge, face = MARKS[finding.verdict]
    low, high = (min(max(end, _LEFT), _RIGHT) for end in (row.low, row.high))
    ax.plot([low, high], [y, y], color=edge, linewidth=1.8, solid_capstyle="butt")
    style: dict[str, Any] = {"color": edge, "markerfacecolor": face, "markersize": 5.5}
    if row.value <= _LEFT:
        ax.plot(_LEFT * _EDGE, y, marker="<", **style)
    elif row.value >= _RIGHT:
        ax.plot(_RIGHT / _EDGE, y, marker=">", **style)
    else:
        ax.plot(row.value, y, marker=marker, **style)


def _legend(fig: Figure, found: set[Verdict]) -> None:
    handles: list[Any] = [Patch(color=palette.resnet, alpha=_SHADE, label="where the claim holds")]
    for verdict, (marker, edge, face) in MARKS.items():
        if verdict in found:
            style: dict[str, Any] = {"marker": marker, "color": edge, "markerfacecolor": face}
            handles.append(Line2D([], [], label=verdict.value, linewidth=1.8, **style))
    fig.legend(handles=handles, loc="outside upper center", ncols=len(handles))
