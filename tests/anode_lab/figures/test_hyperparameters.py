"""Figures of a search show every setting, mark the best and the paper's, and count failures."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from anode_lab.figures import hyperparameters as figures
from anode_lab.figures.style import Picture
from anode_lab.search import PAPER_BEST, PAPER_GRIDS, Part, SearchResult, run

Results = dict[str, SearchResult]
SETTINGS = sum(len(grid.settings()) for grid in PAPER_GRIDS.values())


@pytest.fixture(scope="module")
def results() -> Results:
    """All three searches, with one fold of NODE's first setting failed."""
    found = {name: run(name, 2, profile="smoke", seed=3) for name in PAPER_GRIDS}
    first, *rest = found["NODE"].trials
    lost = {part: np.where([True, False, False], np.nan, v) for part, v in first.loss.items()}
    broken = replace(first, loss=lost, failures={0: "a cause"})
    found["NODE"] = replace(found["NODE"], trials=(broken, *rest))
    return found


def draws(picture: Picture) -> Figure:
    """The light figure, if both themes give the same number of panels."""
    figure = picture.light()
    assert len(figure.axes) == len(picture.dark().axes) > 0
    return figure


def test_a_heat_map_has_a_cell_a_setting_and_counts_failures(results: Results) -> None:
    figure = draws(figures.heat_maps(results, PAPER_BEST))
    panels = {ax.get_title(): ax for ax in figure.axes if ax.get_title()}
    assert set(panels) == set(results)
    for kind, ax in panels.items():
        cells = [text.get_text() for text in ax.texts]
        assert len(cells) == len(results[kind].trials)
        assert sum("failed" in cell for cell in cells) == (kind == "NODE")
        assert len(ax.lines) == 1, "one star"
    assert "1 of 3\nfailed" in [text.get_text() for text in panels["NODE"].texts]


def test_frames_are_around_the_best_and_its_ties(results: Results) -> None:
    figure = draws(figures.heat_maps(results, PAPER_BEST))
    for ax in figure.axes:
        if kind := ax.get_title():
            frames = [patch for patch in ax.patches if not patch.get_fill()]
            assert len(frames) == len(results[kind].ties())
            assert sum(frame.get_linestyle() == "-" for frame in frames) == 1


def test_the_star_is_on_the_papers_setting(results: Results) -> None:
    figure = draws(figures.heat_maps(results, PAPER_BEST))
    for ax in figure.axes:
        if kind := ax.get_title():
            (x,), (y,) = ax.lines[0].get_data()
            column = ax.get_xticklabels()[round(float(x))].get_text()
            assert round(float(y)) == 0, "the row of learning rate 1e-3 and batch size 64"
            assert column.startswith("32")
            model = PAPER_BEST[kind].model.label
            assert column.partition("\n")[2] in model


def test_every_fold_is_drawn(results: Results) -> None:
    figure = draws(figures.fold_losses([results, results]))
    assert len(figure.axes) == 6
    for ax, (kind, found) in zip(figure.axes, results.items(), strict=False):
        assert kind in ax.get_title()
        dots = [line for line in ax.lines if line.get_marker() == "."]
        drawn = np.concatenate([np.asarray(line.get_ydata()) for line in dots])
        expected = np.concatenate([trial.loss[Part.VALIDATION] for trial in found.ranking()])
        np.testing.assert_array_equal(drawn, expected)
        means = [line for line in ax.lines if line.get_marker() == "_"]
        assert len(means) == len(found.trials) - (kind == "NODE")


def test_pairs_are_of_settings_without_failures(results: Results) -> None:
    figure = draws(figures.predictions([results]))
    for ax in figure.axes:
        points = [line for line in ax.lines if line.get_linestyle() == "None"]
        assert sum(len(np.asarray(line.get_xdata())) for line in points) == SETTINGS - 1


def test_a_grid_in_which_all_failed_is_drawn(results: Results) -> None:
    none = {
        kind: replace(
            found,
            trials=tuple(
                replace(trial, loss={part: np.full(3, np.nan) for part in Part})
                for trial in found.trials
            ),
        )
        for kind, found in results.items()
    }
    draws(figures.heat_maps(none, PAPER_BEST))
    draws(figures.fold_losses([none]))
    draws(figures.predictions([none]))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.333, "0.33"), (1.5, "1.5"), (0.01, "0.010"), (1e-3, "1.0e-3"), (4.13e-5, "4.1e-5")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert figures.short(value) == text
