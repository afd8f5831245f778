"""Graphs of maps of the line show where each is defined and what it reaches."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import Collection

from anode.training import Floats
from anode_lab.figures import Picture, homeomorphisms
from anode_lab.figures.homeomorphisms import LineMap

X = np.linspace(-2, 2, 81)
"""Points that are drawn."""


def drawn() -> Picture:
    with np.errstate(divide="ignore"):
        runaway = np.where(X < 1, X / (1 - X), np.nan)
    maps = [
        LineMap("-h", "a homeomorphism", X / np.e),
        LineMap("-h³", "not onto", X / np.sqrt(1 + 2 * X**2), bounds=(-(0.5**0.5), 0.5**0.5)),
        LineMap("h²", "not everywhere", runaway),
    ]
    return homeomorphisms.line_maps(X, maps)


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
        homeomorphisms.line_maps(X, [LineMap("-h", "", X[1:])]).light()
