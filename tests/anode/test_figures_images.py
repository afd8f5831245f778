"""Figures of images are drawn from results, in both themes, and say which data they show."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from anode import runs
from anode.data.images import class_names
from anode.figures import Picture, images
from anode.runs import Result
from anode.training import accuracy


@pytest.fixture(scope="module")
def result() -> Result:
    return runs.run("images", profile="smoke")


def texts(figure: Figure) -> list[str]:
    """All titles of a figure and its parts."""
    suptitle = [figure.get_suptitle()] + [part.get_suptitle() for part in figure.subfigs]
    return suptitle + [ax.get_title() for ax in figure.axes]


def draws(picture: Picture) -> Figure:
    """The light figure, if both themes give one with axes."""
    assert picture.dark().axes
    figure = picture.light()
    assert figure.axes
    return figure


def test_samples_are_named(result: Result) -> None:
    data = result.runs["p = 0"].data[0]
    figure = draws(images.samples(data, class_names(data)))
    assert data.name in texts(figure)[0]
    assert set(class_names(data)) <= set(texts(figure))


def test_a_class_without_images_leaves_a_gap(result: Result) -> None:
    data = result.runs["p = 0"].data[0]
    rest = data.select(data.y != 3)
    figure = draws(images.samples(rest, class_names(rest), each=2))
    column = [ax for ax in figure.axes if ax.get_subplotspec().colspan.start == 3]
    assert not any(ax.images for ax in column)


def test_curves_have_three_panels_with_every_seed(result: Result) -> None:
    histories = {label: run.history for label, run in result.runs.items()}
    figure = draws(images.loss_nfe_and_both(histories, "some data"))
    assert texts(figure)[0] == "some data"
    assert [len(ax.lines) for ax in figure.axes] == [len(histories) * (len(result.seeds) + 1)] * 3


def test_curves_of_a_model_whose_seeds_all_failed_are_left_out(result: Result) -> None:
    history = result.runs["p = 0"].history
    nothing = np.full_like(history.step_loss, np.nan)
    failed = history.__class__(
        **{**vars(history), "step_loss": nothing, "step_nfe": nothing, "failures": {0: 0, 1: 0}}
    )
    histories = {"p = 0": failed, "p = 5": result.runs["p = 5"].history}
    figure = draws(images.loss_nfe_and_both(histories, "some data"))
    assert len(figure.axes[2].lines) == len(result.seeds) + 1
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[0] == "p = 0 (2 of 2 failed)"


def test_validation_shows_each_seed_and_the_baseline(result: Result) -> None:
    histories = {label: run.history for label, run in result.runs.items()}
    data = result.runs["p = 0"].validation
    assert data is not None
    accuracies = {label: accuracy(run.model, data) for label, run in result.runs.items()}
    baseline = images.Baseline("no flow", loss=1.0, accuracy=0.5)
    *curves, last = draws(images.validation(histories, accuracies, baseline)).axes
    assert [ax.get_title() for ax in curves] == list(histories)
    points = [np.asarray(line.get_ydata()) for line in last.lines[: len(accuracies)]]
    for values, shown in zip(accuracies.values(), points, strict=True):
        np.testing.assert_allclose(shown, 100 * values)
    assert list(np.asarray(last.lines[-1].get_ydata())) == [50, 50]


def test_channels_are_blank_at_the_start() -> None:
    rng = np.random.default_rng(0)
    states = rng.normal(size=(3, 6, 4, 4))
    states[0, 1:] = 0
    node = [images.Trajectory("one", states[:, :1]), images.Trajectory("two", states[:, :1])]
    anode = [images.Trajectory("one", states), images.Trajectory("two", -states)]
    figure = draws(images.through_time(np.linspace(0, 1, 3), node, anode))
    assert [part.get_suptitle() for part in figure.subfigs] == ["one", "two"]
    rows = [np.asarray(ax.images[0].get_array()) for ax in figure.subfigs[1].axes]
    assert [row.shape for row in rows] == [(4, 3 * 4 + 2)] * 7
    for row in rows[2:]:
        assert not row[:, :4].any()
    # The square root keeps the sign.
    last = rows[1][:, -4:]
    np.testing.assert_allclose(np.sign(last) * last**2, -states[2, 0])
