"""The diagrams of the annulus argument show what they say, and so do the measured figures."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes

from anode.arrays import Floats
from anode.data import concentric_spheres
from anode.data.toy import RADII
from anode_lab.figures import the_annulus_argument as figures
from anode_lab.figures.style import Picture, palette
from tests.helpers.pictures import assert_draws_in_both_themes

number = st.floats(-3, 3)


def stages() -> Picture:
    sample = concentric_spheres(2, 9, 9)
    x = sample.x.double().numpy()
    return figures.stages({"a": x, "b": 2 * x}, sample.y[:, 0].numpy(), level=0.5)


def regions() -> Picture:
    side = np.linspace(-1, 1, 11)
    classes = (side[:, None] > 0) + 2 * (side[None, :] > 0)
    return figures.regions({"four": (side, side, classes)})


def witnesses() -> Picture:
    pair = figures.Pair(np.array([-1.0, -0.9]), np.array([-1.5, 0.8]))
    return figures.witnesses({"NODE": pair, "ANODE (p = 1)": pair})


def triangles() -> Picture:
    curve = figures.circle(1.0)
    corners = curve[[0, 240, 480]]
    return figures.triangles(
        {"seed 0": figures.EnclosingTriangle(curve, np.zeros(2), corners, 0.5)}
    )


EPOCHS, COUNTS = np.array([0, 1, 5]), np.array([100, 1000, 10_000])

HALF: Floats = np.array([0.0, 0.5, 1.0])

PICTURES: dict[str, Callable[[], Picture]] = {
    "target": figures.target,
    "disk": figures.disk,
    "gaps": figures.gaps,
    "stages": stages,
    "regions": regions,
    "witnesses": witnesses,
    "separable": lambda: figures.separable(EPOCHS, {"NODE": HALF, "ANODE (p = 1)": HALF}),
    "triangles": triangles,
    "sampling": lambda: figures.sampling(COUNTS, {"winding number 1": HALF}, "NODEs"),
    "margins": lambda: figures.margins({"NODE": (HALF + 0.1, HALF / 1e6 + 1e-9)}),
}

DIAGRAMS = {"target", "disk"}  # without axes


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_draws_in_both_themes(name: str) -> None:
    assert_draws_in_both_themes(PICTURES[name]())


@pytest.mark.parametrize("name", sorted(PICTURES.keys() - DIAGRAMS))
def test_every_axis_is_labelled(name: str) -> None:
    axes = PICTURES[name]().light().axes
    assert all(ax.get_xlabel() for ax in axes)
    assert axes[0].get_ylabel()


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


def test_blown_up_flow_separates_ball_and_annulus_exactly() -> None:
    """The chapter's example z / (1 - z), in rational arithmetic at Pythagorean points."""
    turns = [(Fraction(3, 5), Fraction(4, 5)), (Fraction(-5, 13), Fraction(12, 13)), (-1, 0)]
    for radius, side in ((Fraction(1, 2), -1), (Fraction(1), 1), (Fraction(3, 2), 1)):
        for a, b in turns:
            x, y = radius * a, radius * b
            real = (x * (1 - x) - y * y) / ((1 - x) ** 2 + y * y)
            assert side * (-12 * real - 5) >= 1


def test_a_witness_is_a_solid_line() -> None:
    ax = witnesses().light().axes[0]
    assert [line.get_linestyle() for line in ax.lines[:2]] == ["-", ":"]


def test_depth_circle_touches_the_triangle() -> None:
    ax = triangles().light().axes[0]
    around = np.asarray(ax.lines[-1].get_xydata())
    corners = np.asarray(ax.lines[1].get_xydata())
    assert around[:, 0].min() == pytest.approx(corners[:, 0].min(), abs=1e-9)
    assert np.linalg.norm(around, axis=1).max() == pytest.approx(0.5)
