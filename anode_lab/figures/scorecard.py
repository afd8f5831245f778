"""Figure of the scorecard: every measurement beside its criterion, on one scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from anode_lab.claims import Criterion, Finding, Judgement, Verdict
from anode_lab.figures.style import Style, entry, palette, panels, picture

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
_EDGE = 1.12  # an arrow's distance from the frame, as a factor


@dataclass(frozen=True)
class Row:
    """A measurement on the common scale, where 1 is the bound of its criterion.

    Attributes:
        value, low, high: Measured value and the ends of its interval.
        allowed: Interval in which the claim holds.
    """

    value: float
    low: float
    high: float
    allowed: tuple[float, float]


def normalised(finding: Finding) -> Row:
    """Divide a finding by its criterion's bound; of two bounds, by their geometric mean."""
    criterion, measured = finding.check.criterion, finding.measured
    unit = bound(criterion)
    return Row(
        measured.value / unit,
        measured.low / unit,
        measured.high / unit,
        (criterion.low / unit, criterion.high / unit),
    )


def bound(criterion: Criterion) -> float:
    """Return the number by which a criterion's measurements are divided.

    Raises:
        ValueError: If it is not positive, so that there is no common scale.
    """
    ends = [end for end in (criterion.low, criterion.high) if isfinite(end)]
    if min(ends) <= 0:
        raise ValueError(f"{criterion.words}: its bounds must be positive to be drawn")
    return sqrt(min(ends) * max(ends))


@picture
def verdicts(judgements: Sequence[Judgement]) -> Figure:
    """Draw measurements with their intervals, each divided by its criterion's bound, log scale.

    The bars are where a claim holds. What lies beyond the axis is an arrow at its end.

    Args:
        judgements: Judged claims, with a row for each finding.
    """
    rows = [row for judgement in judgements for row in judgement.rows()]
    fig, (ax,) = panels(1, _ROW * len(rows) + 1.1)
    for y, (_, finding) in enumerate(rows):
        _draw_row(ax, y, finding)
    first = 0
    for judgement in judgements[:-1]:
        first += len(judgement.findings)
        ax.axhline(first - 0.5, color=palette.muted, linewidth=0.4)
    ax.axvline(1, color=palette.ink(), linewidth=1, linestyle=(0, (1, 1)))
    ax.set_yticks(range(len(rows)), [f"{f.check.subject}  {name}" for name, f in rows], fontsize=8)
    ax.tick_params(axis="y", length=0)
    ax.set(xscale="log", xlim=(_LEFT, _RIGHT), ylim=(len(rows) - 0.5, -0.5))
    ax.set_xlabel("measured, divided by the bound of its criterion")
    ax.xaxis.set_major_formatter("{x:g}")
    _draw_legend(fig, {finding.verdict for _, finding in rows})
    return fig


def _draw_row(ax: Axes, y: int, finding: Finding) -> None:
    row = normalised(finding)
    left, right = (min(max(end, _LEFT), _RIGHT) for end in row.allowed)
    bar: Style = {"height": 0.62, "color": palette.resnet, "alpha": _SHADE, "linewidth": 0}
    ax.barh(y, right - left, left=left, **bar)
    if not isfinite(row.value):
        why = "no seed was trained to the end" if finding.measured.seeds else "not run"
        ax.annotate(why, (1.1, y), va="center", fontsize=8)
        return
    marker, edge, face = MARKS[finding.verdict]
    low, high = (min(max(end, _LEFT), _RIGHT) for end in (row.low, row.high))
    ax.plot([low, high], [y, y], color=edge, linewidth=1.8, solid_capstyle="butt")
    style: Style = {"color": edge, "markerfacecolor": face, "markersize": 5.5}
    if row.value <= _LEFT:
        ax.plot(_LEFT * _EDGE, y, marker="<", **style)
    elif row.value >= _RIGHT:
        ax.plot(_RIGHT / _EDGE, y, marker=">", **style)
    else:
        ax.plot(row.value, y, marker=marker, **style)


def _draw_legend(fig: Figure, found: set[Verdict]) -> None:
    handles: list[Any] = [Patch(color=palette.resnet, alpha=_SHADE, label="where the claim holds")]
    for verdict, (marker, edge, face) in MARKS.items():
        if verdict in found:
            style: Style = {"marker": marker, "color": edge, "markerfacecolor": face}
            handles.append(entry(verdict.value, linewidth=1.8, **style))
    fig.legend(handles=handles, loc="outside upper center", ncols=len(handles))
