"""Signs are drawn seed by seed."""

import numpy as np
import pytest

from anode_lab.figures.when_evaluations_grow import signs
from tests.helpers.pictures import assert_draws_in_both_themes

EPOCHS = [0, 1, 2, 5]


def test_each_sign_has_a_panel_with_all_seeds_and_their_median() -> None:
    rng = np.random.default_rng(0)
    values = {
        "evaluations": rng.uniform(20, 30, (3, 4)),
        "stretch": 10 ** rng.uniform(0, 3, (3, 4)),
    }
    drawn = signs(EPOCHS, values)
    assert_draws_in_both_themes(drawn)
    axes = drawn.light().axes
    assert [ax.get_title(loc="left") for ax in axes] == list(values)
    for ax, each in zip(axes, values.values(), strict=True):
        *seeds, median = (line.get_ydata() for line in ax.lines)
        np.testing.assert_array_equal(seeds, each)
        np.testing.assert_array_equal(median, np.median(each, axis=0))
    assert [ax.get_yscale() for ax in axes] == ["linear", "log"]


@pytest.mark.parametrize("count", [1, 3])
def test_a_panel_too_many_is_left_blank(count: int) -> None:
    figure = signs(EPOCHS, {str(k): np.ones((2, 4)) for k in range(count)}).light()
    assert sum(ax.axison for ax in figure.axes) == count
