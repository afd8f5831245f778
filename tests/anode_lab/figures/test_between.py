"""Figures of what lies between the samples agree with the model they were drawn from."""

from math import pi

import numpy as np
import pytest
import torch

from anode import NeuralODE
from anode.data import concentric_spheres
from anode.training import Floats
from anode_lab.figures import Picture, between
from anode_lab.theory.circle_image import CircleImage, even_circle, refined_circle
from tests.helpers.pictures import assert_draws_in_both_themes


def ring(outputs: list[float]) -> CircleImage:
    """The unit circle at rest, closed, with given outputs."""
    angles = np.linspace(0, 2 * pi, len(outputs))
    features = np.column_stack([np.cos(angles), np.sin(angles)])
    return CircleImage((0.0, 0.0), 1.0, angles[None], features[None], np.array([outputs]))


def windows() -> tuple[between.Window, ...]:
    model = NeuralODE((2,))
    return tuple(between.window(model, (0.0, 0.0), half, n=21) for half in (1.5, 0.5))


def ring_images() -> Picture:
    shown = {"coarse": ring([1, -1, -1, 1]), "fine": ring([1, 1, -1, -1, 1, 1, 1])}
    return between.ring_images(shown, np.zeros(2), np.array([1.0, 0.5]), 0.2)


def carried() -> between.Carried:
    grow = np.array([1.0, 2.0])[:, None, None]
    points: Floats = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    return between.Carried(np.array([0.0, 1.0]), grow * points, grow * points, np.array([-1, 1, 1]))


PICTURES = {
    "between_samples": lambda: between.between_samples(windows(), concentric_spheres(2, 9, 9)),
    "ring_images": ring_images,
    "flow_frame": lambda: between.flow_frame(carried(), 1),
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


def test_window_has_the_model_s_outputs() -> None:
    model = NeuralODE((2,), seeds=[3])
    shown = between.window(model, (0.5, -1.0), 0.25, n=5)
    np.testing.assert_allclose(shown.x1, np.linspace(0.25, 0.75, 5))
    np.testing.assert_allclose(shown.x2, np.linspace(-1.25, -0.75, 5))
    at = torch.tensor([[[shown.x1[4], shown.x2[1]]]], dtype=torch.float32)
    assert shown.outputs[1, 4] == pytest.approx(model(at).item(), abs=1e-3)


def test_closer_view_lies_in_the_square_drawn() -> None:
    far, near = between.between_samples(windows(), concentric_spheres(2, 9, 9)).light().axes
    square = np.asarray(far.lines[-1].get_xydata())
    assert tuple(square.min(0)) == (near.get_xlim()[0], near.get_ylim()[0])
    assert tuple(square.max(0)) == (near.get_xlim()[1], near.get_ylim()[1])


def test_negative_outputs_are_crosses_and_the_others_are_not() -> None:
    outputs = [1.0, 1.0, -1.0, -1.0, 1.0]
    shown = ring(outputs)
    picture = between.ring_images({"": shown}, np.zeros(2), np.array([1.0, 0.0]), 0.0)
    right, wrong = picture.light().axes[0].lines[:2]
    assert wrong.get_marker() == "x"
    for line, expected in ((right, [0, 1, 4]), (wrong, [2, 3])):
        drawn = np.asarray(line.get_xydata(), dtype=float)
        assert np.flatnonzero(np.isfinite(drawn[:, 0])).tolist() == expected
        np.testing.assert_allclose(drawn[expected], shown.features[0][expected])


def test_dashed_line_is_where_the_head_gives_zero() -> None:
    weight, bias = np.array([2.0, 1.0]), -0.5
    axes = between.ring_images({"": ring([1, 1, 1])}, np.zeros(2), weight, bias).light().axes
    (line,) = [each for each in axes[0].lines if each.get_linestyle() == "--"]
    foot, along = line.get_xy1(), line.get_xy2()
    assert weight @ foot + bias == pytest.approx(0)
    assert weight @ along + bias == pytest.approx(0)
    assert not np.allclose(foot, along)


def test_frames_of_a_slider_match() -> None:
    first, last = (between.flow_frame(carried(), step).light().axes[0] for step in (0, 1))
    assert (first.get_xlim(), first.get_ylim()) == (last.get_xlim(), last.get_ylim())


def test_rings_of_a_model_are_drawn() -> None:
    model = NeuralODE((2,))
    shown = {"even": even_circle(model, 12, 1.0), "refined": refined_circle(model, 1.0, start=12)}
    assert between.ring_images(shown, np.zeros(2), np.array([1.0, 0.0]), 0.0).png()
