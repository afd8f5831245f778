"""Images of circles: what is known of simple maps, and what refinement promises."""

from math import pi

import numpy as np
import pytest
import torch

from anode import NeuralODE, ResNet, in_double
from anode_lab.theory.circle_image import circle_points, even_circle, refined_circle
from anode_lab.theory.solvers import FIXED_STEPS
from tests.helpers.problems import stretching


def test_flow_at_rest_keeps_the_circle() -> None:
    ring = even_circle(stretching(0.0), 12, 2.0, (1.0, -1.0))
    away = np.linalg.norm(ring.features - [1.0, -1.0], axis=2)
    np.testing.assert_allclose(away, 2.0)
    np.testing.assert_allclose(ring.stretch(), 1.0)
    np.testing.assert_allclose(ring.features[:, 0], ring.features[:, -1], atol=1e-12)


def test_stretch_of_a_stretching_is_its_matrix_s_norm() -> None:
    ring = refined_circle(stretching(2.0), 1.0, gap=0.01)
    # The largest stretch is at the top of the circle, along the first axis.
    np.testing.assert_allclose(ring.stretch(), np.exp(2), rtol=1e-3)


def test_share_and_crossings_of_a_half() -> None:
    ring = even_circle(stretching(1.0), 1000, 1.0)
    np.testing.assert_allclose(ring.share_below(1.0), 0.5, atol=1e-3)  # the output is 2 h1 + 1
    assert ring.crossings().tolist() == [2]
    angle, value = ring.lowest()
    np.testing.assert_allclose(angle, pi, atol=2 * pi / 1000)
    np.testing.assert_allclose(value, 1 - 2 * np.e, rtol=1e-5)


def test_share_of_an_arc_is_its_angle() -> None:
    # Below cos(a) the first coordinate of the unit circle lies on all but the arc from -a to a.
    ring = refined_circle(stretching(0.0), 1.0, gap=1e-3, start=10, batch=1000)
    np.testing.assert_allclose(ring.share_below(2 * np.cos(0.3) + 1), 1 - 0.3 / pi, atol=1e-3)


@pytest.mark.parametrize("model", [NeuralODE((2,), seeds=range(3)), ResNet((2,), seeds=range(3))])
def test_refinement_reaches_its_gap_and_keeps_order(model: NeuralODE | ResNet) -> None:
    ring = refined_circle(model, 1.0, gap=0.02, start=20, batch=20)
    assert ring.gaps.max() <= 0.02
    assert (ring.widths > 0).all()
    np.testing.assert_allclose(ring.widths.sum(1), 2 * pi)


def test_points_added_lie_where_a_single_solve_puts_them() -> None:
    """Steps of one size: the batch that a point is solved in does not matter."""
    model = stretching(3.0)
    ring = refined_circle(model, 1.0, gap=0.1, start=20, batch=5)
    x = circle_points(torch.from_numpy(ring.angles), 1.0).numpy()
    np.testing.assert_allclose(ring.features[..., 0], np.exp(3) * x[..., 0], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(ring.features[..., 1], x[..., 1], atol=1e-12)


def test_many_points_are_mapped_in_parts_and_lie_where_one_solve_puts_them() -> None:
    model = NeuralODE((2,), augment_dim=1, seeds=(0, 1))
    ring = even_circle(model, 300, 0.7)
    whole = in_double(model, FIXED_STEPS).run(circle_points(torch.from_numpy(ring.angles), 0.7))
    np.testing.assert_allclose(ring.features, whole.features.detach().numpy(), rtol=1e-14)
    np.testing.assert_allclose(ring.outputs, whole.prediction[..., 0].detach().numpy(), rtol=1e-14)


def test_refined_stretch_is_never_below_the_even_one() -> None:
    model = stretching(4.0)
    coarse = even_circle(model, 20, 1.0).stretch()
    assert (refined_circle(model, 1.0, start=20, batch=5).stretch() >= coarse).all()


def test_a_replica_whose_solve_fails_is_not_a_number_and_stops_nobody() -> None:
    model = stretching(3.0, seeds=range(2))
    with torch.no_grad():
        model.field.weight1[1] = torch.nan
    ring = refined_circle(model, 1.0, gap=0.2, start=20)
    assert np.isnan(ring.stretch()).tolist() == [False, True]
    assert np.isnan(ring.share_below()).tolist() == [False, True]
    assert ring.gaps[0].max() <= 0.2


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match=r"inputs are \(1,\)"):
        even_circle(NeuralODE((1,)), 10, 1.0)
    with pytest.raises(ValueError, match="3 or more points, got 2"):
        even_circle(stretching(1.0), 2, 1.0)
    with pytest.raises(ValueError, match="gap must be positive, got 0"):
        refined_circle(stretching(1.0), 1.0, gap=0)
