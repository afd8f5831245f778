"""The figures of the annulus argument show what was measured."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from anode.arrays import Floats
from anode.data import concentric_spheres
from anode_lab.figures import the_annulus_argument as figures
from anode_lab.figures.style import Picture
from tests.helpers.pictures import assert_draws_in_both_themes


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


HALF: Floats = np.array([0.0, 0.5, 1.0])

PICTURES: dict[str, Callable[[], Picture]] = {
    "stages": stages,
    "regions": regions,
    "witnesses": witnesses,
    "triangles": triangles,
    "margins": lambda: figures.margins({"NODE": (HALF + 0.1, HALF / 1e6 + 1e-9)}),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_draws_in_both_themes(name: str) -> None:
    assert_draws_in_both_themes(PICTURES[name]())


@pytest.mark.parametrize("name", PICTURES)
def test_every_axis_is_labelled(name: str) -> None:
    axes = PICTURES[name]().light().axes
    assert all(ax.get_xlabel() for ax in axes)
    assert axes[0].get_ylabel()


@pytest.mark.statement("eg-annulus-blowup")
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
