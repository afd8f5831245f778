"""The diagrams of the annulus argument show what they say."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes

from anode.arrays import Floats
from anode.data.toy import RADII
from anode_lab.figures.parts import annulus_diagrams as figures
from anode_lab.figures.style import Picture, palette
from tests.helpers.pictures import assert_draws_in_both_themes

number = st.floats(-3, 3)

PICTURES: dict[str, Callable[[], Picture]] = {
    "target": figures.target,
    "disk": figures.disk,
    "gaps": figures.gaps,
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_draws_in_both_themes(name: str) -> None:
    assert_draws_in_both_themes(PICTURES[name]())


def test_axes_of_the_gaps_are_labelled() -> None:
    axes = figures.gaps().light().axes
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in axes)


def undo(z: Floats) -> Floats:
    """The inverse of the diagrams' homeomorphism: its shears backwards."""
    first, second = z
    second = second + 0.25 * np.cos(1.3 * first)
    first = first - 0.45 * second**2
    second = second - 0.35 * np.sin(1.7 * first)
    return np.array([first, second])


@given(number, number)
def test_the_diagrams_map_is_a_homeomorphism(first: float, second: float) -> None:
    x = np.array([first, second])
    np.testing.assert_allclose(undo(figures.deform(x)), x, atol=1e-9)


def curves(ax: Axes, marker: str) -> list[Floats]:
    return [np.asarray(each.get_xydata())[0] for each in ax.lines if each.get_marker() == marker]


def test_the_level_through_the_ball_meets_the_annulus_on_both_sides() -> None:
    middle = figures.target().light().axes[1]
    met = curves(middle, "X")
    assert len(met) >= 2
    for point in met:  # halfway between the annulus' edges, so within it
        assert np.linalg.norm(undo(point)) == pytest.approx(sum(RADII[1:]) / 2, abs=1e-3)
    along = np.array(met) - figures.deform(np.zeros(2))
    assert (along[0] @ along[-1]) < 0


def test_chord_and_lowest_level_end_at_the_rim() -> None:
    _, chord, levels = figures.disk().light().axes
    (lowest,) = curves(levels, "D")
    ends = curves(chord, "s")
    assert len(ends) == 2
    for point in [lowest, *ends]:
        assert np.linalg.norm(undo(point)) == pytest.approx(RADII[1], abs=1e-3)


def test_the_exact_augmented_map_of_the_diagram_represents_g() -> None:
    lifted = figures.gaps().light().axes[0]
    height = {line.get_color(): np.asarray(line.get_ydata()) for line in lifted.lines}
    assert set(height[palette.inner]) == {-1}
    assert set(height[palette.outer]) == {1}
