"""Bounds and measured stretch are drawn in both themes, each where it was measured."""

import numpy as np
import pytest

from anode_lab.figures import gronwall as figures
from anode_lab.theory.gronwall import GronwallBounds, stretch_bounds
from tests.helpers.problems import stretching


@pytest.fixture(scope="module")
def found() -> GronwallBounds:
    return stretch_bounds(stretching(0.5), n=4, intervals=3, pieces=4)


def test_bounds_around_the_measured_stretch(found: GronwallBounds) -> None:
    picture = figures.bounds({"NODE": found, "ANODE (p = 1)": found})
    assert picture.dark().axes
    figure = picture.light()
    assert len(figure.axes) == 2
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:4] == [f"bound: {kind}" for kind in found.bounds()]
    assert set(labels[4:]) == {"derivative", "pairs of inputs"}
    ax = figure.axes[0]
    upper = np.asarray(ax.lines[1].get_ydata())
    np.testing.assert_allclose(upper, found.product.upper[0] / np.log(10))
    dashes = {str(line.get_linestyle()) + str(line.get_color()) for line in ax.lines[:8]}
    assert len(dashes) == 4
