"""Training, flow and hidden states are drawn from results, in both themes."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from anode_lab.figures import Picture, resnets
from tests.helpers.pictures import assert_draws_in_both_themes


def _journey(times: int = 6, weight: tuple[float, float] = (1.0, 2.0)) -> resnets.Journey:
    rng = np.random.default_rng(0)
    start = rng.uniform(-1, 1, (30, 2))
    growth = np.linspace(1, 3, times)[:, None, None]
    y = np.where(np.arange(30) % 2, 1.0, -1.0)
    return resnets.Journey(growth * start, y, np.array(weight), 0.5)


def _inputs_flow_features() -> Picture:
    grid = np.linspace(-2, 2, 9)
    return resnets.inputs_flow_features(_journey(), grid, grid[:, None] + grid)


LOSSES = np.geomspace(1, 1e-2, 12)
PICTURES = {
    "losses_and_evaluations": lambda: resnets.losses_and_evaluations(LOSSES, 20 + 0 * LOSSES, 4),
    "same_training": lambda: resnets.same_training(LOSSES, LOSSES * (1 + 1e-6)),
    "identical training": lambda: resnets.same_training(LOSSES, LOSSES),
    "inputs_flow_features": _inputs_flow_features,
    "hidden_states": lambda: resnets.hidden_states(_journey(), _journey(weight=(0.0, -1.0))),
    "flow_frame": lambda: resnets.flow_frame(_journey(), 3),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_draws_in_both_themes(name: str) -> None:
    assert_draws_in_both_themes(PICTURES[name]())


def test_every_axis_is_labelled() -> None:
    for name, make in PICTURES.items():
        figure = make().light()
        assert all(ax.get_xlabel() for ax in figure.axes), name
        assert figure.axes[0].get_ylabel(), name


def test_a_model_that_decides_nothing_has_no_boundary_in_the_inputs() -> None:
    grid = np.linspace(-2, 2, 9)
    figure = resnets.inputs_flow_features(_journey(), grid, np.ones((9, 9))).light()
    assert len(figure.axes[0].collections) == 2  # the two classes of points


@pytest.mark.parametrize(
    ("weight", "bias"), [((1.0, 2.0), 0.5), ((0.0, -3.0), 1.0), ((1e-3, 0), 0.0)]
)
def test_the_boundary_is_where_the_head_gives_0(weight: tuple[float, float], bias: float) -> None:
    journey = _journey()
    journey = resnets.Journey(journey.states, journey.y, np.array(weight), bias)
    _, ax = plt.subplots()
    ax.set(xlim=(-2, 2), ylim=(-3, 1))
    resnets.draw_boundary(ax, journey)
    ends = np.asarray(ax.lines[0].get_xydata(), dtype=float)
    plt.close()
    np.testing.assert_allclose(ends @ journey.weight + bias, 0, atol=1e-9)
    assert np.linalg.norm(ends[1] - ends[0]) > np.hypot(4, 4), "shorter than the panel's diagonal"
    assert ax.get_xlim() == (-2, 2)
    assert ax.get_ylim() == (-3, 1)


def test_a_frame_shows_one_moment_and_the_past() -> None:
    journey = _journey(times=11)
    for step in (0, 4, 10):
        ax = resnets.flow_frame(journey, step).light().axes[0]
        assert f"{step / 10:.2f}" in ax.get_title()
        points = np.concatenate([np.asarray(dots.get_offsets()) for dots in ax.collections])
        expected = journey.states[step]
        np.testing.assert_allclose(np.sort(points, axis=0), np.sort(expected, axis=0))
        paths = [line for line in ax.lines if line.get_linestyle() == "-"]
        assert {len(np.asarray(line.get_xdata())) for line in paths} == {step + 1}


def test_all_frames_have_the_same_limits() -> None:
    journey = _journey()
    limits = {
        (*ax.get_xlim(), *ax.get_ylim())
        for ax in (resnets.flow_frame(journey, step).light().axes[0] for step in range(6))
    }
    assert len(limits) == 1
