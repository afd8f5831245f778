"""The picture of the packages shows every import, all of them downwards."""

from anode_lab.figures.architecture import import_matrix
from anode_lab.measures.module_imports import imports, in_order


def test_a_square_for_each_import_and_all_below_the_diagonal() -> None:
    found = imports()
    picture = import_matrix(found)
    assert picture.dark().axes
    [ax] = picture.light().axes
    points = ax.collections[0].get_offsets()
    assert len(points) == sum(map(len, found.values()))
    assert (points[:, 0] < points[:, 1]).all()
    assert [label.get_text() for label in ax.get_yticklabels()] == in_order(found)
