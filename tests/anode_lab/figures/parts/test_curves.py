"""Curves show every seed; where one failed there is a cross, and the legend counts them all."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib import pyplot as plt

from anode.training import History, TrainingFailure
from anode_lab.figures import augmented_neural_odes, images, what_neural_odes_cannot_represent
from anode_lab.figures.parts.curves import (
    census,
    failures_handle,
    loss_and_nfe,
    mark_failures,
    mean_of,
)

SEEDS, EPOCHS, STEPS = 4, 6, 3


def history(failed: dict[int, int] | None = None) -> History:
    """Falling losses; ``failed``: replica -> the epoch in whose first iteration it failed."""
    loss = np.geomspace(1, 0.1, EPOCHS * STEPS) * np.arange(1, SEEDS + 1)[:, None]
    nfe = np.full(loss.shape, 20.0)
    failures = {}
    for replica, epoch in (failed or {}).items():
        first = (epoch - 1) * STEPS
        loss[replica, first:] = nfe[replica, first:] = np.nan
        failures[replica] = TrainingFailure(replica, epoch, first + 1, "forward", "underflow")
    return History(
        step_loss=loss,
        step_nfe=nfe,
        step_backward_nfe=nfe,
        steps_per_epoch=STEPS,
        validation_loss=None,
        snapshots={},
        failures=failures,
        seconds=1.0,
        seeds=tuple(range(SEEDS)),
    )


def crosses(ax: plt.Axes) -> list[tuple[float, float]]:
    """Where they are, in no order."""
    return sorted(
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in ax.lines
        if line.get_marker() == "x"
    )


@pytest.mark.parametrize("time", ["epoch", "iteration"])
def test_a_cross_is_where_a_seed_failed_at_the_height_of_its_last_number(time: str) -> None:
    failed = history({1: 4, 3: 1})
    values = failed.epoch_loss if time == "epoch" else failed.step_loss
    _, ax = plt.subplots()
    mark_failures(ax, values, failed, "red", time)
    when = {"epoch": [1, 4], "iteration": [1, 10]}[time]
    last = values[1][np.isfinite(values[1])][-1]
    # The one that never had a number is on the axis.
    assert crosses(ax) == [(when[0], 0.0), (when[1], pytest.approx(last))]
    plt.close("all")


def test_without_failures_there_is_nothing_of_it() -> None:
    _, ax = plt.subplots()
    mark_failures(ax, history().epoch_loss, history(), "red")
    assert not ax.lines
    assert failures_handle([history(), history()]) == []
    assert census(history()) == ""
    assert mean_of({"NODE": history()}) == "mean of 4 seeds"
    plt.close("all")


def test_one_entry_counts_all_models() -> None:
    (handle,) = failures_handle([history({0: 2}), history(), history({0: 1, 2: 3})])
    assert handle.get_label() == "training failed (3 of 12)"
    assert census(history({0: 1, 2: 3})) == " (2 of 4 failed)"
    assert "but for those that have failed" in mean_of({"a": history(), "b": history({1: 1})})


def test_every_figure_of_curves_shows_the_failures() -> None:
    histories = {"NODE": history({1: 4, 3: 2}), "ANODE (p = 1)": history()}
    pictures = [
        loss_and_nfe(histories, "g"),
        augmented_neural_odes.losses(histories, "g"),
        what_neural_odes_cannot_represent.losses_by_data({"g": histories}),
        images.loss_nfe_and_both({"p = 0": histories["NODE"], "p = 1": history()}, "images"),
    ]
    for picture in pictures:
        figure = picture.light()
        legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend())]
        texts = [text.get_text() for legend in legends for text in legend.get_texts()]
        assert texts.count("training failed (2 of 8)") == 1
        curve = figure.axes[0]
        assert [x for x, _ in crosses(curve)] == [2, 4]


def test_the_validation_figure_shows_them_too() -> None:
    failed = history({1: 4})
    failed = replace(failed, validation_loss=failed.epoch_loss * 1.1)
    figure = images.validation(
        {"p = 0": failed}, {"p = 0": np.array([0.9, np.nan, 0.8, 0.7])}
    ).light()
    assert len(crosses(figure.axes[0])) == 2, "of training and of validation"
    assert figure.axes[0].get_title() == "p = 0 (1 of 4 failed)"


def test_the_legend_says_what_the_mean_leaves_out() -> None:
    figure = loss_and_nfe({"NODE": history({1: 2})}, "g").light()
    legend = figure.axes[1].get_legend()
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["NODE (1 of 4 failed)", "training failed (1 of 4)"]
    assert legend.get_title().get_text() == (
        "mean of 4 seeds,\nbut for those that have failed (thin: each)"
    )


def test_every_seed_and_the_floor_are_drawn() -> None:
    histories = {"NODE": history(), "ANODE (p = 1)": history()}
    loss, nfe = loss_and_nfe(histories, "g", floor=0.1).light().axes
    assert len(loss.lines) == len(histories) * (SEEDS + 1) + 1
    assert len(nfe.lines) == len(histories) * (SEEDS + 1)
