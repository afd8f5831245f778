"""Figure of the chapter on many trainings: what was measured, and where workers cease to help."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anode_lab.figures.style import palette, panels, picture
from anode_lab.measures.sweep_cost import Scaling, most_workers, wall

_DASHES = ("-", "--", ":", "-.")
_MOST = 1e5  # workers


@picture
def places_and_workers(
    measured: Scaling, count: int, seconds: Mapping[str, float], overhead: float, mark: int
) -> Figure:
    """Draw sweeps by place (left), and hours of ``count`` trainings by the number of workers.

    Args:
        measured: Sweeps on one machine.
        count: Number of trainings, for the right panel.
        seconds: Name -> seconds of one such training; up to four.
        overhead: Seconds that the leader spends on one.
        mark: Number of workers to point out.
    """
    fig, (left, right) = panels(2, 3.4, width=8.4, gridspec_kw={"width_ratios": (4, 5)})
    _draw_places(left, measured)
    workers = np.geomspace(1, _MOST, 200)
    colours = (palette.node, palette.anode, palette.resnet, palette.accent)
    for (name, each), dashes, colour in zip(seconds.items(), _DASHES, colours, strict=False):
        hours = wall(count, each, workers, overhead) / 3600
        right.plot(workers, hours, dashes, color=colour, label=name)
        limit = most_workers(each, overhead)
        if 1 < limit < _MOST:
            at = float(wall(count, each, np.array(limit), overhead)) / 3600
            right.plot(limit, at, "o", color=colour, markersize=5)
    right.axvline(mark, color=palette.muted, lw=1, label=f"{mark} workers")
    right.set(xscale="log", xlabel="workers")
    right.set(yscale="log", ylabel=f"hours for {count:,} trainings")
    right.grid(visible=True)
    right.legend(loc="upper right", fontsize=8, title="a training takes", title_fontsize=8)
    return fig


def _draw_places(ax: Axes, measured: Scaling) -> None:
    speed = measured.speed()
    for row, (median, least, most) in enumerate(reversed(speed.values())):
        ax.plot([least, most], [row, row], color=palette.anode, lw=1.5)
        ax.plot(median, row, "o", color=palette.anode)
        ax.annotate(
            f"{median:.2f}", (median, row), (0, 7), textcoords="offset points", ha="center",
            fontsize=8,
        )  # fmt: skip
    for ideal in (1, 2):
        ax.axvline(ideal, color=palette.muted, lw=1, ls=":")
    ax.set_yticks(range(len(speed)), list(reversed(speed)))
    ax.set(xlabel="times as fast as this process", ylim=(-0.6, len(speed) - 0.3))
    ax.set_xlim(0, max(2.3, 1.15 * max(most for _, _, most in speed.values())))
