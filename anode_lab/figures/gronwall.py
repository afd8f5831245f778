"""Gronwall's bounds over time, with the measured stretch of the flow between them."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anode_lab.figures.style import palette, picture
from anode_lab.theory.gronwall import GronwallBounds

_LINES = {  # colour and dashes: no kind is told by its colour alone
    "product": (palette.muted, (0, (1, 1))),
    "hull": (palette.resnet, (0, (6, 2))),
    "one-sided": (palette.anode, "-."),
    "along": (palette.accent, "-"),
}
_TEN = np.log(10)


@picture
def bounds(measured: Mapping[str, GronwallBounds], replica: int = 0) -> Figure:
    """The four kinds of bounds and the measured stretch over time, one panel a model.

    The vertical axis is the decimal logarithm of the stretch: a coarse bound may be too large for
    a number.

    Args:
        measured: model's label -> bounds and measurements of R flows.
        replica: which of them.
    """
    fig, axes = plt.subplots(
        1, len(measured), figsize=(7.6, 3.6), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, (label, each) in zip(axes[0], measured.items(), strict=True):
        for kind, band in each.bounds().items():
            colour, dashes = _LINES[kind]
            for k, side in enumerate((band.lower, band.upper)):
                ax.plot(each.times, side[replica] / _TEN, color=colour, ls=dashes, lw=1.4,
                        label=None if k else f"bound: {kind}")  # fmt: skip
        _draw_measured(ax, each, replica, palette.model(label))
        ax.axhline(0, color=palette.ink(), lw=0.6)
        ax.set(title=label, xlabel="time t", xlim=(0, each.times[-1]))
        ax.grid(True)
    axes[0, 0].set_ylabel("log10 of the stretch")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3)
    return fig


def _draw_measured(ax: Axes, each: GronwallBounds, replica: int, colour: str) -> None:
    """Bands from the least to the largest: of derivatives light, of pairs darker."""
    singular = (each.singular.lower[replica] / _TEN, each.singular.upper[replica] / _TEN)
    pairs = (each.pairs.lower[replica] / _TEN, each.pairs.upper[replica] / _TEN)
    ax.fill_between(each.times, *singular, color=colour, alpha=0.35, lw=0, label="derivative")
    ax.fill_between(each.times, *pairs, color=colour, alpha=0.7, lw=0, label="pairs of inputs")
