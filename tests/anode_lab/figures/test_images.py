"""Figures of images are drawn from results, in both themes, and say which data they show."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anode.data import Data
from anode.training import TrainingFailure
from anode_lab import runs
from anode_lab.figures import images as figures
from anode_lab.figures.style import Picture
from anode_lab.images import image_set
from anode_lab.measures.time_to_loss import in_parts
from anode_lab.runs import Result
from anode_lab.runs.task import tasks
from tests.helpers.pictures import assert_draws_in_both_themes

MODELS = ("p = 0", "p = 5")
NAMES = image_set("digits").class_names()


@pytest.fixture(scope="module")
def result() -> Result:
    return runs.run("images-grey", profile="smoke", models=MODELS)


@pytest.fixture(scope="module")
def data() -> Data:
    return tasks("images-grey", "smoke")[0].data()[0][0]


def accuracies(result: Result) -> dict[str, np.ndarray]:
    return {label: run.accuracy for label, run in result.runs.items()}


def texts(figure: Figure) -> list[str]:
    """All titles of a figure and its parts."""
    suptitle = [figure.get_suptitle()] + [part.get_suptitle() for part in figure.subfigs]
    return suptitle + [ax.get_title() for ax in figure.axes]


def draws(picture: Picture) -> Figure:
    """The light figure, if both themes give a picture without a warning."""
    assert_draws_in_both_themes(picture)
    figure = picture.light()
    assert figure.axes
    return figure


def cells(figure: Figure) -> dict[tuple[int, int], Axes]:
    """Row and column -> panel."""
    found = {}
    for ax in figure.axes:
        place = ax.get_subplotspec()
        assert place is not None
        found[place.rowspan.start, place.colspan.start] = ax
    return found


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


pytestmark = pytest.mark.filterwarnings("error")


def test_what_is_not_here_is_said_in_a_frame() -> None:
    [ax] = draws(figures.not_here("These images are elsewhere.")).axes
    assert [text.get_text() for text in ax.texts] == ["These images are elsewhere."]


def test_samples_are_named(data: Data) -> None:
    figure = draws(figures.samples(data, NAMES))
    assert data.name in texts(figure)[0]
    assert set(NAMES) <= set(texts(figure))


def test_a_class_without_images_leaves_a_gap(data: Data) -> None:
    rest = data.select(data.y != 3)
    figure = draws(figures.samples(rest, NAMES, each=2))
    empty = [column for (_, column), ax in cells(figure).items() if not ax.images]
    assert empty == [3, 3]


def test_colours_of_samples_are_those_of_the_images() -> None:
    x = torch.rand(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    colour = Data(x, torch.tensor([0, 1, 0, 1]), "colours")
    figure = draws(figures.samples(colour, ("a", "b"), each=2))
    for (row, column), ax in cells(figure).items():
        shown = np.asarray(ax.images[0].get_array())
        np.testing.assert_array_equal(shown, x[column + 2 * row].permute(1, 2, 0))


def test_images_of_two_channels_cannot_be_shown() -> None:
    two = Data(torch.zeros(1, 2, 4, 4), torch.zeros(1, dtype=torch.long), "two")
    with pytest.raises(ValueError, match="1 or 3 channels to be shown, got 2"):
        figures.samples(two, ("a",)).light()


def test_curves_have_three_panels_with_every_seed(result: Result) -> None:
    histories = result.histories
    figure = draws(figures.loss_nfe_and_both(histories, "some data"))
    assert texts(figure)[0] == "some data"
    lines = sum(len(history.seeds) + 1 for history in histories.values())
    assert [len(ax.lines) for ax in figure.axes] == [lines] * 3
    assert legend(figure) == list(histories)


def test_trainings_stand_side_by_side_on_one_scale(result: Result) -> None:
    few = {label: in_parts(history, 4) for label, history in result.histories.items()}
    more = {label: in_parts(history, 6) for label, history in result.histories.items()}
    figure = draws(figures.by_updates({"small": few, "large": more}, 40))
    assert texts(figure)[1:] == ["small", "large", "", ""]
    lines = sum(len(history.seeds) + 1 for history in few.values())
    assert [len(ax.lines) for ax in figure.axes] == [lines] * 4
    loss, larger, nfe, _ = figure.axes
    assert loss.get_ylim() == larger.get_ylim()
    assert loss.get_xlim() == nfe.get_xlim()
    shown = np.asarray(larger.lines[0].get_xydata())
    history = more["p = 0"]
    np.testing.assert_array_equal(shown[:, 1], history.epoch_loss[0])
    assert [text.get_text() for text in nfe.get_xticklabels()] == ["40", "80", "200"]
    assert legend(figure) == list(MODELS)


def test_no_number_of_evaluations_is_cut_off(result: Result) -> None:
    figure = draws(figures.loss_nfe_and_both(result.histories, "some data"))
    _, nfe, both = figure.axes
    assert nfe.get_ylim() == both.get_ylim()
    low, high = nfe.get_ylim()
    assert low == 0
    assert high > max(history.epoch_nfe.max() for history in result.histories.values())


def test_curves_of_a_model_whose_seeds_all_failed_are_left_out(result: Result) -> None:
    history = result.histories["p = 0"]
    nothing = np.full_like(history.step_loss, np.nan)
    failures = {r: TrainingFailure(r, 1, 1, "forward", "made up") for r in history.seeds}
    failed = replace(history, step_loss=nothing, step_nfe=nothing, failures=failures)
    other = result.histories["p = 5"]
    figure = draws(figures.loss_nfe_and_both({"p = 0": failed, "p = 5": other}, "some data"))
    assert len(figure.axes[2].lines) == len(other.seeds) + 1
    assert legend(figure)[0] == "p = 0 (2 of 2 failed)"


def test_the_legend_says_how_many_seeds_each_model_has(result: Result) -> None:
    history = result.histories["p = 0"]
    one = replace(
        history, step_loss=history.step_loss[:1], step_nfe=history.step_nfe[:1], seeds=(0,)
    )
    for histories, said in (
        ({"p = 0": one}, "mean of 1 seed (thin: each)"),
        ({"p = 0": history}, "mean of 2 seeds (thin: each)"),
        ({"p = 0": history, "p = 5": one}, "mean of 1 to 2 seeds (thin: each)"),
    ):
        figure = figures.loss_nfe_and_both(histories, "some data").light()
        assert figure.legends[0].get_title().get_text() == said


def test_validation_shows_each_seed_and_the_baseline(result: Result) -> None:
    baseline = figures.Baseline("no flow", loss=1.0, accuracy=0.5)
    figure = draws(figures.validation(result.histories, accuracies(result), baseline))
    *curves, last = figure.axes
    assert [ax.get_title() for ax in curves] == list(MODELS)
    points = [np.asarray(line.get_ydata()) for line in last.lines[: len(MODELS)]]
    for values, shown in zip(accuracies(result).values(), points, strict=True):
        np.testing.assert_allclose(shown, 100 * values)
    assert list(np.asarray(last.lines[-1].get_ydata())) == [50, 50]
    assert "no flow, validation" in legend(figure)


def test_validation_without_a_baseline_has_no_line_for_it(result: Result) -> None:
    figure = draws(figures.validation(result.histories, accuracies(result)))
    assert legend(figure) == ["training", "validation"]
    assert len(figure.axes[-1].lines) == len(MODELS)


@pytest.mark.parametrize("count", [1, 2, 3, 6, 7])
def test_validation_has_a_panel_a_model_and_one_scale(result: Result, count: int) -> None:
    labels = [f"p = {p}, weight decay" for p in range(count)]
    history = result.histories["p = 0"]
    figure = draws(
        figures.validation(dict.fromkeys(labels, history), dict.fromkeys(labels, np.array([0.5])))
    )
    *curves, _ = figure.axes
    assert [ax.get_title().replace("\n", " ") for ax in curves] == labels
    assert len({ax.get_ylim() for ax in curves}) == 1


def test_validation_needs_validation_losses(result: Result) -> None:
    without = replace(result.histories["p = 0"], validation_loss=None)
    with pytest.raises(ValueError, match=r"got none of \['p = 0'\]"):
        figures.validation({"p = 0": without}, {"p = 0": np.array([0.5])}).light()


def test_channels_are_blank_at_the_start() -> None:
    rng = np.random.default_rng(0)
    states = rng.normal(size=(3, 6, 4, 4))
    states[0, 1:] = 0
    node = [figures.Trajectory("one", states[:, :1]), figures.Trajectory("two", states[:, :1])]
    anode = [figures.Trajectory("one", states), figures.Trajectory("two", -states)]
    figure = draws(figures.through_time(np.linspace(0, 1, 3), node, anode))
    assert [part.get_suptitle() for part in figure.subfigs] == ["one", "two"]
    rows = [np.asarray(ax.images[0].get_array()) for ax in figure.subfigs[1].axes]
    assert [row.shape for row in rows] == [(4, 3 * 4 + 2)] * 7
    for row in rows[2:]:
        assert not row[:, :4].any()
    # The square root keeps the sign.
    last = rows[1][:, -4:]
    np.testing.assert_allclose(np.sign(last) * last**2, -states[2, 0])
