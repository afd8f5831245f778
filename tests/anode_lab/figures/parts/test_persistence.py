"""Persistence diagrams show every class that was found, and those that never die as such."""

import numpy as np
import pytest

from anode_lab.figures.parts import persistence
from anode_lab.theory.topology.homology import PersistenceDiagram
from tests.helpers.pictures import assert_draws_in_both_themes


def a_diagram(scale: float = 1.0) -> PersistenceDiagram:
    """Three components, one of which never dies, and one loop."""
    return PersistenceDiagram(
        births=(np.zeros(3), scale * np.array([0.2])),
        deaths=(scale * np.array([0.1, 0.15, np.inf]), scale * np.array([0.9])),
        spacing=0.0,
        scale=scale,
    )


@pytest.mark.filterwarnings("error")
def test_draws_in_both_themes() -> None:
    drawn = persistence.diagrams({"data": a_diagram(), "NODE": a_diagram(30.0)})
    assert_draws_in_both_themes(drawn)


def test_each_class_is_a_point_and_those_that_never_die_are_at_the_top() -> None:
    ax = persistence.diagrams({"data": a_diagram()}).light().axes[0]
    finite0, never0, finite1, never1 = (
        np.asarray(each.get_offsets()) for each in ax.collections[:4]
    )
    np.testing.assert_allclose(finite0, [[0, 0.1], [0, 0.15]])
    np.testing.assert_allclose(finite1, [[0.2, 0.9]])
    assert len(never0) == 1
    assert not len(never1)
    labels = dict(zip(ax.get_yticks(), ax.get_yticklabels(), strict=True))
    assert labels[never0[0, 1]].get_text() == "∞"
    assert ax.get_ylim()[1] > never0[0, 1] > 0.9


def test_each_set_has_a_scale_of_its_own_and_the_legend_tells_dimensions_apart() -> None:
    figure = persistence.diagrams({"data": a_diagram(), "NODE": a_diagram(30.0)}).light()
    assert figure.axes[1].get_xlim()[1] == pytest.approx(30 * figure.axes[0].get_xlim()[1])
    assert [ax.get_title() for ax in figure.axes] == ["data", "NODE"]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["components, $H_0$", "loops, $H_1$", "never dies"]


def test_a_single_point_has_a_diagram_too() -> None:
    empty = PersistenceDiagram(
        (np.zeros(1), np.zeros(0)), (np.array([np.inf]), np.zeros(0)), 0.0, 0.0
    )
    assert persistence.diagrams({"a point": empty}).png()


def test_nothing_to_draw_is_named() -> None:
    with pytest.raises(ValueError, match="one or more diagrams"):
        persistence.diagrams({}).light()
