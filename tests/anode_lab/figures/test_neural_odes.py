"""The diagram, the training and the numerical methods of the chapter are drawn as computed."""

from collections.abc import Callable

import numpy as np
import pytest

from anode_lab.figures import neural_odes as figures
from anode_lab.figures.style import Picture
from tests.helpers.pictures import assert_draws_in_both_themes


def test_the_flow_is_the_limit_of_the_steps() -> None:
    """Euler's method has order 1 on the diagram's field, and 400 steps are a flow to the eye."""
    ends = {n: figures.euler_states(n)[-1] for n in (200, 400, 6400)}
    error = {n: np.abs(ends[n] - ends[6400]).max() for n in (200, 400)}
    assert 1.8 < error[200] / error[400] < 2.3
    assert error[400] < 0.03


def test_the_curves_keep_their_order() -> None:
    assert (np.diff(figures.euler_states(400), axis=1) > 0).all()


def test_with_few_steps_one_more_input_ends_above_zero() -> None:
    """The figure's caption says so."""
    stack = figures.euler_states(figures.BLOCKS)
    flow = figures.euler_states(6400)
    assert len(stack) == figures.BLOCKS + 1
    assert (stack[-1] > 0).sum() == (flow[-1] > 0).sum() + 1


def _journey(times: int = 6, weight: tuple[float, float] = (1.0, 2.0)) -> figures.Journey:
    rng = np.random.default_rng(0)
    start = rng.uniform(-1, 1, (30, 2))
    growth = np.linspace(1, 3, times)[:, None, None]
    y = np.where(np.arange(30) % 2, 1.0, -1.0)
    return figures.Journey(growth * start, y, np.array(weight), 0.5)


def _inputs_flow_features() -> Picture:
    grid = np.linspace(-2, 2, 9)
    return figures.inputs_flow_features(_journey(), grid, grid[:, None] + grid)


LOSSES = np.geomspace(1, 1e-2, 12)

PICTURES: dict[str, Callable[[], Picture]] = {
    "stack_and_flow": figures.stack_and_flow,
    "losses_and_evaluations": lambda: figures.losses_and_evaluations(LOSSES, 20 + 0 * LOSSES, 4),
    "inputs_flow_features": _inputs_flow_features,
    "hidden_states": lambda: figures.hidden_states(_journey(), _journey(weight=(0.0, -1.0))),
    "flow_frame": lambda: figures.flow_frame(_journey(), 3),
}


def test_a_model_that_decides_nothing_has_no_boundary_in_the_inputs() -> None:
    grid = np.linspace(-2, 2, 9)
    figure = figures.inputs_flow_features(_journey(), grid, np.ones((9, 9))).light()
    assert len(figure.axes[0].collections) == 2  # the two classes of points


def test_a_frame_shows_one_moment_and_the_past() -> None:
    journey = _journey(times=11)
    for step in (0, 4, 10):
        ax = figures.flow_frame(journey, step).light().axes[0]
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
        for ax in (figures.flow_frame(journey, step).light().axes[0] for step in range(6))
    }
    assert len(limits) == 1


COUNTS = [1, 2, 4, 8]

ERRORS = np.outer([1.0, 3.0], 1 / np.array(COUNTS))


def _euler_paths() -> Picture:
    exact = np.linspace(0, 1, 20)[:, None, None] * np.array([[1.0, 2.0], [-1.0, 0.5]])
    polygons = {n: np.linspace(0, 1.2, n + 1)[:, None, None] * exact[-1] for n in (1, 4, 16)}
    return figures.euler_paths(exact, polygons)


def _work_precision() -> Picture:
    errors = np.array([[1e-1, 1e-2], [2e-1, 1e-3]])
    return figures.work_precision([1e-1, 1e-2], 10 + errors, errors, COUNTS, ERRORS)


PICTURES |= {
    "euler_paths": _euler_paths,
    "euler_convergence": lambda: figures.euler_convergence(COUNTS, ERRORS, 10 * ERRORS),
    "work_precision": _work_precision,
}


def test_errors_of_order_1_are_drawn_as_order_1() -> None:
    left, right = PICTURES["euler_convergence"]().light().axes
    drawn = [np.asarray(line.get_ydata(), dtype=float) for line in right.lines]
    orders = [values for values in drawn if len(values) == len(COUNTS) - 1]
    assert len(orders) == len(ERRORS)
    np.testing.assert_allclose(orders, 1)
    slope = next(line for line in left.lines if line.get_label() == "slope −1")
    n, error = (np.log(np.asarray(data)) for data in (slope.get_xdata(), slope.get_ydata()))
    np.testing.assert_allclose(np.diff(error) / np.diff(n), -1)


def test_panels_of_paths_have_the_same_limits_and_hold_everything() -> None:
    axes = PICTURES["euler_paths"]().light().axes
    assert len({(*ax.get_xlim(), *ax.get_ylim()) for ax in axes}) == 1
    (x0, x1), (y0, y1) = axes[0].get_xlim(), axes[0].get_ylim()
    for ax in axes:
        for line in ax.lines:
            x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
            assert ((x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_draws_in_both_themes(name: str) -> None:
    assert_draws_in_both_themes(PICTURES[name]())


@pytest.mark.parametrize("name", sorted(PICTURES.keys() - {"stack_and_flow"}))
def test_every_axis_is_labelled(name: str) -> None:
    axes = PICTURES[name]().light().axes
    assert all(ax.get_xlabel() for ax in axes)
    assert axes[0].get_ylabel()
