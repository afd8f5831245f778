"""Distributions of straightness and stretch are drawn for every seed that has numbers."""

import numpy as np
import pytest

from anode.training import Floats
from anode_lab.figures import geometry
from anode_lab.theory.trajectories import PathGeometry

LABELS = ("NODE", "ANODE (p = 1)")


def some_paths(failed: bool = False) -> PathGeometry:
    """Straightness from 1 to 1.9 for three seeds and ten points."""
    ratio = 1 + np.tile(np.arange(10) / 10, (3, 1))
    if failed:
        ratio[0] = np.nan
    return PathGeometry(ratio, np.zeros((3, 10)), np.ones((3, 10)), np.zeros((3, 10)))


def some_stretch(failed: bool = False) -> Floats:
    values = np.stack([np.linspace(1, 8, 30), np.linspace(0.1, 1, 30)], axis=-1).reshape(3, 10, 2)
    if failed:
        values[0] = np.nan
    return values


def test_each_seed_and_all_together() -> None:
    picture = geometry.straightness({name: dict.fromkeys(LABELS, some_paths()) for name in "ab"})
    assert picture.dark().axes
    figure = picture.light()
    assert len(figure.axes) == 2
    for ax in figure.axes:
        assert len(ax.lines) == len(LABELS) * (3 + 1)
        x, share = ax.lines[3].get_xdata(), ax.lines[3].get_ydata()
        assert share[-1] == 1
        assert np.max(x) == pytest.approx(0.9)
        assert (np.asarray(x)[1:] > 0).all()  # a straight path has a place on the logarithmic axis


def test_failed_seeds_are_counted() -> None:
    figure = geometry.straightness({"g": {"NODE": some_paths(failed=True)}}).light()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["NODE (1 failed)"]
    assert len(figure.axes[0].lines) == 2 + 1


@pytest.mark.parametrize("failed", [False, True])
def test_stretch_is_a_range_a_seed(failed: bool) -> None:
    values = some_stretch(failed)
    picture = geometry.stretch({"g": dict.fromkeys(LABELS, values)})
    assert picture.dark().axes
    ax = picture.light().axes[0]
    assert [text.get_text() for text in ax.texts] == ["1 of 3 failed"] * 2 * failed
    ranges = ax.collections[0].get_segments()
    assert len(ranges) == (2 if failed else 3)
    ends = np.array([[line[0][0], line[1][0]] for line in ranges])
    finite = values[1:] if failed else values
    assert sorted(ends[:, 0]) == pytest.approx(sorted(finite[..., 1].min(1)))
    assert sorted(ends[:, 1]) == pytest.approx(sorted(finite[..., 0].max(1)))
    assert [label.get_text() for label in ax.get_yticklabels()] == list(LABELS)
