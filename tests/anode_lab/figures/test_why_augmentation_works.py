"""Figures of augmentation draw what they are given, in both themes, with every axis named."""

import numpy as np
import pytest

from anode.arrays import Floats
from anode_lab.figures import why_augmentation_works as figures
from anode_lab.figures.style import Picture
from tests.helpers.pictures import assert_draws_in_both_themes

ANGLE = np.linspace(0, 2 * np.pi, 41)
FIRST: Floats = np.stack([np.cos(ANGLE), np.sin(ANGLE), 0 * ANGLE], axis=1)
SECOND: Floats = np.stack([1 + np.cos(ANGLE), 0 * ANGLE, np.sin(ANGLE)], axis=1)


def graph() -> Picture:
    side = np.linspace(-2, 2, 41)
    x, y = np.meshgrid(side, side)
    output = np.clip(4 * np.maximum(abs(x), abs(y)) - 3, -1, 1)
    states = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 1.0]])
    return figures.graph(output, 2.0, states, np.array([-1.0, 1.0]))


def links() -> Picture:
    turned = figures.seen_from_head(FIRST, SECOND, np.array([1.0, 2.0, 0.5]), 0.3)
    return figures.links({"inputs": figures.Curves(FIRST, SECOND), "features": turned})


PICTURES = {
    "graph": graph,
    "links": links,
    "squares": lambda: figures.squares(
        {0: np.array([0.1, 0.2]), 1: np.array([0.01])}, {0: np.array([1.0, 2.0]), 1: np.ones(1)}
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_draws_in_both_themes(name: str) -> None:
    assert_draws_in_both_themes(PICTURES[name]())


@pytest.mark.parametrize("name", PICTURES)
def test_every_axis_is_labelled(name: str) -> None:
    for ax in PICTURES[name]().light().axes:
        assert ax.get_xlabel()
        assert ax.get_ylabel()


def test_head_s_view_has_the_output_as_height_and_keeps_lengths_across() -> None:
    weight, bias = np.array([1.0, 2.0, 0.5]), 0.3
    seen = figures.seen_from_head(FIRST, SECOND, weight, bias)
    np.testing.assert_allclose(seen.first[:, 2], FIRST @ weight + bias)
    np.testing.assert_allclose(seen.second[:, 2], SECOND @ weight + bias)
    unit = weight / np.linalg.norm(weight)
    across = FIRST - np.outer(FIRST @ unit, unit)
    expected = np.linalg.norm(np.diff(across, axis=0), axis=1)
    np.testing.assert_allclose(np.linalg.norm(np.diff(seen.first[:, :2], axis=0), axis=1), expected)


def test_head_s_view_in_space_is_no_mirror_image() -> None:
    weight = np.array([0.3, -1.0, 2.0])
    points = np.vstack([np.zeros(3), np.diag([3.0, 2.0, 1.0])])
    seen = figures.seen_from_head(points, points, weight, 0.0)
    assert np.linalg.det(np.diff(seen.first, axis=0)) * np.linalg.det(np.diff(points, axis=0)) > 0


@pytest.mark.parametrize(
    ("features", "weight"), [(np.ones((4, 2)), np.ones(2)), (np.ones((4, 3)), np.zeros(3))]
)
def test_head_s_view_needs_space_and_a_weight(features: Floats, weight: Floats) -> None:
    with pytest.raises(ValueError, match="3 or more coordinates and a weight"):
        figures.seen_from_head(features, features, weight, 0.0)
