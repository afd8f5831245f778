"""Maps of the line and of the plane show where they are defined, what they reach, and folds."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.collections import Collection

from anode.arrays import Floats
from anode_lab.figures import flows_are_homeomorphisms as figures
from anode_lab.figures.style import Picture
from anode_lab.theory.flow_jacobian import Orientation, as_map, orientation
from anode_lab.theory.injectivity import coincidences
from tests.helpers.theorems import bump

X = np.linspace(-2, 2, 81)

"""Points that are drawn."""


def drawn() -> Picture:
    with np.errstate(divide="ignore"):
        runaway = np.where(X < 1, X / (1 - X), np.nan)
    maps = [
        figures.LineMap("-h", "a homeomorphism", X / np.e),
        figures.LineMap(
            "-h³", "not onto", X / np.sqrt(1 + 2 * X**2), bounds=(-(0.5**0.5), 0.5**0.5)
        ),
        figures.LineMap("h²", "not everywhere", runaway),
    ]
    return figures.line_maps(X, maps)


@pytest.mark.filterwarnings("error")
def test_draws_in_both_themes() -> None:
    assert drawn().png() != drawn().png(dark=True)
    assert not plt.get_fignums(), "the figure stays open and would be shown twice"


def test_every_axis_is_labelled() -> None:
    axes = drawn().light().axes
    assert all(ax.get_xlabel() for ax in axes)
    assert axes[0].get_ylabel()


def test_bars_cover_the_domain_and_the_range() -> None:
    cube, runaway = drawn().light().axes[1:]
    domain, reached = (_vertices(each) for each in cube.collections)
    assert domain[:, 0].min() == -2
    assert domain[:, 0].max() == 2
    assert -(0.5**0.5) < reached[:, 1].min() < reached[:, 1].max() < 0.5**0.5
    assert _vertices(runaway.collections[0])[:, 0].max() < 1


def _vertices(bar: Collection) -> Floats:
    return np.asarray(bar.get_paths()[0].vertices, dtype=np.float64)


def test_images_must_belong_to_the_points() -> None:
    with pytest.raises(ValueError, match="must have the shape of x"):
        figures.line_maps(X, [figures.LineMap("-h", "", X[1:])]).light()


GRID = torch.cartesian_prod(*[torch.linspace(-1.5, 1.5, 15, dtype=torch.float64)] * 2)

STEP = as_map(bump(4.0, 2))


def test_folds_are_marked() -> None:
    folded, kept = orientation(STEP, GRID), orientation(as_map(bump(0.5, 2)), GRID)
    pair = coincidences(STEP, GRID)
    picture = figures.grids({"kept": kept, "folded": folded}, {"folded": pair})
    assert picture.dark().axes
    left, right, _ = picture.light().axes
    assert not left.lines
    crosses, star = right.lines
    assert len(crosses.get_xdata()) == (folded.determinants < 0).sum() > 0
    assert star.get_marker() == "*"
    assert "smallest determinant -3" in right.get_title()


def test_points_must_be_a_square() -> None:
    found = orientation(STEP, GRID[:-1])
    assert isinstance(found, Orientation)
    with pytest.raises(ValueError, match="n \\* n points"):
        figures.grids({"folded": found}).light()
