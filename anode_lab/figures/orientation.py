"""A grid in the plane and its image under a map, coloured by how the map changes areas."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from anode.arrays import Floats
from anode_lab.figures.style import palette, picture
from anode_lab.theory.flow_jacobian import Orientation
from anode_lab.theory.injectivity import Coincidences

_MAP = "viridis"


@picture
def grids(
    measured: Mapping[str, Orientation],
    pairs: Mapping[str, Coincidences] | None = None,
    replica: int = 0,
) -> Figure:
    """The image of a square grid under each map, with the points where it is turned around.

    Lines are the grid's images; points are coloured by the decimal logarithm of the absolute value
    of the Jacobian determinant. Crosses mark points where the determinant is negative.

    Args:
        measured: name of the map -> its images of the n x n points of a square, rows upwards.
        pairs: name of the map -> two points with one image; a star marks that image.
        replica: which of the R maps.

    Raises:
        ValueError: if the points are no square grid in the plane.
    """
    decimals = {
        name: np.log10(np.maximum(np.abs(each.determinants[replica]), np.finfo(float).tiny))
        for name, each in measured.items()
    }
    together = np.concatenate(list(decimals.values()))
    norm = Normalize(*np.percentile(together, [1, 99]))
    fig, axes = plt.subplots(
        1, len(measured), figsize=(7.6, 7.6 / len(measured)), squeeze=False, layout="constrained"
    )
    for ax, (name, each) in zip(axes[0], measured.items(), strict=True):
        _draw_grid(ax, each.images[replica])
        _draw_points(ax, each, replica, decimals[name], norm)
        if pairs is not None and name in pairs:
            _draw_pair(ax, each, pairs[name], replica)
        lowest = each.lowest()[replica]
        ax.set_title(f"{name}\nsmallest determinant {lowest:.2g}")
        ax.set_aspect("equal", adjustable="datalim")
    bar = fig.colorbar(ScalarMappable(norm, _MAP), ax=axes[0], shrink=0.7)
    bar.set_label("log10 |determinant|")
    if axes[0, -1].get_legend_handles_labels()[1]:
        axes[0, -1].legend(loc="best")
    return fig


def _draw_grid(ax: Axes, images: Floats) -> None:
    n = round(len(images) ** 0.5)
    if n * n != len(images) or images.shape[1:] != (2,):
        raise ValueError(
            f"the points must be a square grid in the plane, n * n points, got {images.shape}"
        )
    rows = images.reshape(n, n, 2)
    lines = [*rows, *rows.swapaxes(0, 1)]
    ax.add_collection(LineCollection(lines, colors=palette.muted, linewidths=0.5))


def _draw_points(
    ax: Axes, each: Orientation, replica: int, decimals: Floats, norm: Normalize
) -> None:
    turned = each.determinants[replica] < 0
    x, y = each.images[replica].T
    kept = ~turned
    ax.scatter(
        x[kept], y[kept], c=decimals[kept], s=7, cmap=_MAP, norm=norm, linewidths=0, zorder=2
    )
    if turned.any():
        ax.plot(
            x[turned], y[turned], "x", color=palette.node, ms=4, mew=0.9, zorder=3,
            label="turned around",
        )  # fmt: skip


def _draw_pair(ax: Axes, each: Orientation, pair: Coincidences, replica: int) -> None:
    """The common image, approximated by that of the grid point next to the first of the pair."""
    if not pair.found[replica]:
        return
    nearest = np.linalg.norm(each.points - pair.first[replica], axis=1).argmin()
    ax.plot(
        *each.images[replica, nearest], "*", color=palette.accent, ms=14, mec=palette.ink(),
        zorder=4, ls="none", label="image of two points",
    )  # fmt: skip
