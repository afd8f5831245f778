"""The diagram of Neural ODE and residual network shows what its caption says."""

import numpy as np
import pytest

from anode_lab.figures import architecture
from tests.helpers.pictures import assert_draws_in_both_themes


@pytest.mark.filterwarnings("error")
def test_draws_in_both_themes() -> None:
    drawn = architecture.stack_and_flow()
    assert_draws_in_both_themes(drawn)


def test_the_flow_is_the_limit_of_the_steps() -> None:
    """Euler's method has order 1 on the diagram's field, and 400 steps are a flow to the eye."""
    ends = {n: architecture.euler_states(n)[-1] for n in (200, 400, 6400)}
    error = {n: np.abs(ends[n] - ends[6400]).max() for n in (200, 400)}
    assert 1.8 < error[200] / error[400] < 2.3
    assert error[400] < 0.03


def test_the_curves_keep_their_order() -> None:
    assert (np.diff(architecture.euler_states(400), axis=1) > 0).all()


def test_with_few_steps_one_more_input_ends_above_zero() -> None:
    """The figure's caption says so."""
    stack = architecture.euler_states(architecture.BLOCKS)
    flow = architecture.euler_states(6400)
    assert len(stack) == architecture.BLOCKS + 1
    assert (stack[-1] > 0).sum() == (flow[-1] > 0).sum() + 1
