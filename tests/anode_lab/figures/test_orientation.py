"""A grid and its image are drawn in both themes; folds are marked and square grids asked for."""

import pytest
import torch

from anode_lab.figures import orientation as figures
from anode_lab.theory.flow_jacobian import Orientation, as_map, orientation
from anode_lab.theory.injectivity import coincidences
from tests.helpers.theorems import bump

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
