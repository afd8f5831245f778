"""Figures of long, decayed and large trainings show every seed, every spike and every failure."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from anode.arrays import Floats
from anode.training import History, TrainingFailure
from anode_lab import runs
from anode_lab.figures import stability_and_scale as figures
from anode_lab.figures.style import Picture, look_of
from tests.helpers.pictures import assert_draws_in_both_themes

pytestmark = pytest.mark.filterwarnings("error")

SEEDS = 3


def history(
    steps: int = 60, *, seeds: int = SEEDS, failed: Mapping[int, int] | None = None, seed: int = 0
) -> History:
    """Made-up numbers, 5 steps an epoch; ``failed``: replica -> iteration."""
    rng = np.random.default_rng(seed)
    loss = 2 * np.exp(rng.normal(size=(seeds, steps), scale=0.2))
    nfe = rng.choice([20.0, 26.0, 32.0], size=(seeds, steps))
    validation = 1 + rng.uniform(size=(seeds, steps // 5))
    for replica, iteration in (failed or {}).items():
        loss[replica, iteration - 1 :] = nfe[replica, iteration - 1 :] = np.nan
        validation[replica, (iteration - 1) // 5 :] = np.nan
    return History(
        step_loss=loss,
        step_nfe=nfe,
        step_backward_nfe=np.zeros_like(nfe),
        steps_per_epoch=5,
        validation_loss=validation,
        snapshots={},
        failures={
            replica: TrainingFailure(replica, (at - 1) // 5 + 1, at, "forward", "made up")
            for replica, at in (failed or {}).items()
        },
        seconds=0.0,
        seeds=tuple(range(seeds)),
    )


def draws(picture: Picture) -> Figure:
    assert_draws_in_both_themes(picture)
    return picture.light()


def legend(figure: Figure) -> list[str]:
    (box,) = figure.legends
    return [box.get_title().get_text(), *(text.get_text() for text in box.get_texts())]


def thin(ax: Axes) -> list[Line2D]:
    return [line for line in ax.lines if line.get_linewidth() < 1 and line.get_marker() == "None"]


def crosses(ax: Axes) -> list[tuple[float, float]]:
    return [
        (float(np.asarray(line.get_xdata())[0]), float(np.asarray(line.get_ydata())[0]))
        for line in ax.lines
        if line.get_marker() == "x"
    ]


def heights(line: Line2D) -> Floats:
    return np.asarray(line.get_ydata(), dtype=float)


# Instabilities


@given(steps=st.integers(1, 400).map(lambda n: 5 * n), where=st.floats(0, 1, exclude_max=True))
def test_no_spike_is_lost_however_long_a_training_is(steps: int, where: float) -> None:
    spiked, at = history(steps), int(where * steps)
    spiked.step_nfe[1, at] = 900
    figure = figures.instabilities({"p = 0": spiked}, "made up").light()
    curve = thin(figure.axes[1])[1]
    assert heights(curve).max() == 900
    assert len(heights(curve)) <= 250
    place = np.asarray(curve.get_xdata())[heights(curve).argmax()]
    assert abs(place - (at + 1)) <= steps / 250 + 1


def test_a_short_training_is_drawn_step_by_step() -> None:
    short = history(50)
    loss, nfe = draws(figures.instabilities({"p = 5": short}, "made up")).axes
    for ax, values in ((loss, short.step_loss), (nfe, short.step_nfe)):
        for line, one in zip(thin(ax), values, strict=True):
            np.testing.assert_array_equal(np.asarray(line.get_xdata()), np.arange(1, 51))
            np.testing.assert_array_equal(heights(line), one)
        np.testing.assert_allclose(heights(ax.lines[SEEDS]), np.median(values, axis=0))


def test_failures_are_crossed_where_they_happened() -> None:
    failed = history(200, failed={2: 150, 0: 1})
    figure = draws(figures.instabilities({"p = 0": failed, "p = 5": history(200)}, "made up"))
    node_loss, anode_loss, node_nfe, anode_nfe = figure.axes
    # The seed that failed at once has no number; its cross is on the axis.
    assert crosses(node_loss) == [(150, failed.step_loss[2, 148]), (1, 0)]
    assert crosses(node_nfe) == [(150, failed.step_nfe[2, 148]), (1, 0)]
    assert not crosses(anode_loss) + crosses(anode_nfe)
    assert "training failed (2 of 6)" in legend(figure)


def test_without_failures_the_legend_does_not_speak_of_any() -> None:
    figure = draws(figures.instabilities({"p = 0": history()}, "made up"))
    assert not any("failed" in text for text in legend(figure))


def test_a_model_all_of_whose_seeds_failed_at_once_is_drawn() -> None:
    nothing = history(60, failed=dict.fromkeys(range(SEEDS), 1))
    figure = draws(figures.instabilities({"p = 0": nothing, "p = 5": history()}, "made up"))
    assert len(crosses(figure.axes[0])) == SEEDS


def test_a_loss_that_is_rounded_to_zero_does_not_hide_the_others() -> None:
    overfitted = history(200)
    overfitted.step_loss[:, 150:] = 0
    ax = draws(figures.instabilities({"p = 0": overfitted}, "made up")).axes[0]
    low, high = ax.get_ylim()
    positive = overfitted.step_loss[overfitted.step_loss > 0]
    assert 0 < low <= positive.min()
    assert positive.max() <= high < 100 * low


def test_models_share_their_scales_and_are_named() -> None:
    few, many = history(), history(seed=1)
    many.step_nfe[0, 7] = 2000
    figure = draws(figures.instabilities({"p = 0": many, "p = 5": few}, "the data"))
    above, below = figure.axes[:2], figure.axes[2:]
    for row in (above, below):
        assert len({ax.get_ylim() for ax in row}) == 1
    assert [ax.get_title() for ax in above] == ["p = 0", "p = 5"]
    assert figure.get_suptitle() == "the data"
    assert below[0].get_yscale() == "log"
    assert draws(figures.instabilities({"p = 5": few}, "")).axes[1].get_yscale() == "linear"


def test_the_legend_says_what_a_point_stands_for() -> None:
    assert legend(draws(figures.instabilities({"p = 0": history(5000)}, "")))[1:] == [
        "median of 3 seeds and 50 steps",
        "each seed, largest of 20 steps",
    ]
    assert legend(draws(figures.instabilities({"p = 0": history(50)}, "")))[1:] == [
        "median of 3 seeds",
        "each seed",
    ]


# Weight decay


def _decay() -> dict[str, History]:
    labels = ("p = 0", "p = 5", "p = 0, weight decay", "p = 5, weight decay")
    return {label: history(seed=seed) for seed, label in enumerate(labels)}


def test_decayed_models_are_seen_on_top_of_the_others() -> None:
    same = dict.fromkeys(("p = 0", "p = 0, weight decay"), history())
    figure = draws(figures.weight_decay(same, "the data"))
    for ax in figure.axes[:2]:
        without, decayed = (line for line in ax.lines if line.get_linewidth() >= 1)
        np.testing.assert_array_equal(heights(without), heights(decayed))
        assert without.get_linewidth() > 2 * decayed.get_linewidth()
        assert without.get_color() == decayed.get_color() == look_of("p = 0").colour
    without, decayed = figure.axes[2].lines
    assert decayed.get_markerfacecolor() == "none"
    assert without.get_marker() != decayed.get_marker()


def test_weight_decay_shows_each_seed_at_the_end() -> None:
    histories = _decay()
    figure = draws(figures.weight_decay(histories, "the data"))
    loss, nfe, last = figure.axes
    for line, each in zip(last.lines, histories.values(), strict=True):
        np.testing.assert_array_equal(np.asarray(line.get_xdata()), each.epoch_loss[:, -1])
        np.testing.assert_array_equal(heights(line), each.epoch_nfe[:, -1])
    assert len(thin(loss)) == len(thin(nfe)) == 4 * SEEDS
    assert legend(figure) == ["mean of 3 seeds (thin: each)", *histories]
    assert figure.get_suptitle() == "the data"


# Too many channels

COUNTS = {"p = 0": 950, "p = 1": 1_500, "p = 10": 12_345, "p = 100": 1_234_567}


def test_channels_are_in_order_with_their_parameters() -> None:
    histories = {label: history(seed=i) for i, label in enumerate(reversed(COUNTS))}
    figure = draws(figures.too_many(histories, COUNTS, "the data"))
    for ax in figure.axes:
        ticks = [text.get_text() for text in ax.get_xticklabels()]
        assert ticks == ["0\n950", "1\n1.5k", "10\n12k", "100\n1.2M"]
    assert "mean of 3 seeds, 95 % interval" in legend(figure)


def test_every_seed_its_mean_and_an_interval_are_shown() -> None:
    one = history(seeds=5)
    figure = draws(figures.too_many({"p = 5": one}, {"p = 5": 10}, "the data"))
    assert one.validation_loss is not None
    wanted = (one.epoch_loss[:, -1], one.validation_loss.min(axis=1), one.epoch_nfe[:, -1])
    for ax, values in zip(figure.axes, wanted, strict=True):
        points, interval, mean = ax.lines
        np.testing.assert_array_equal(heights(points), values)
        np.testing.assert_allclose(heights(mean), values.mean())
        low, high = heights(interval)
        assert low < values.mean() < high
        below, above = ax.get_ylim()
        assert below < min(low, values.min())
        assert above > max(high, values.max())


def test_a_single_seed_has_no_interval() -> None:
    figure = draws(figures.too_many({"p = 5": history(seeds=1)}, {"p = 5": 10}, ""))
    assert [len(ax.lines) for ax in figure.axes] == [2, 2, 2]


def test_failed_seeds_are_counted_and_left_out_of_the_mean() -> None:
    histories = {"p = 0": history(), "p = 100": history(failed={1: 42})}
    figure = draws(figures.too_many(histories, COUNTS, "the data"))
    assert legend(figure)[0] == "failed, not shown: p = 100: 1 of 3"
    mean = figure.axes[0].lines[-1]
    known = histories["p = 100"].epoch_loss[[0, 2], -1]
    np.testing.assert_allclose(heights(mean), known.mean())


@pytest.mark.parametrize(
    ("histories", "counts", "message"),
    [
        ({"p = 0, weight decay": history()}, {}, "got 'p = 0, weight decay'"),
        ({"p = 2": history()}, {"p = 1": 3}, r"parameter_counts .* got none of \['p = 2'\]"),
    ],
)
def test_labels_must_be_known(
    histories: Mapping[str, History], counts: Mapping[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        figures.too_many(histories, counts, "").light()


# Memory

MEASURED = {
    "direct": [(32, 110e6), (8, 38e6), (20, 74e6)],
    "adjoint": [(8, 30e6), (20, 30e6), (32, 30e6)],
}


def test_memory_grows_in_the_legend_as_it_does_in_the_numbers() -> None:
    figure = draws(figures.memory(MEASURED, "a model"))
    assert legend(figure)[1:] == [
        "direct gradients: +3 MB an evaluation",
        "adjoint gradients: no growth",
    ]
    (ax,) = figure.axes
    points = [line for line in ax.lines if line.get_linestyle() == "None"]
    for line, pairs in zip(points, MEASURED.values(), strict=True):
        shown = list(zip(np.asarray(line.get_xdata()), heights(line) * 1e6, strict=True))
        np.testing.assert_allclose(shown, sorted(pairs))
    assert ax.get_ylim()[0] == ax.get_xlim()[0] == 0
    assert ax.get_ylim()[1] > 110


def test_one_measurement_has_no_slope() -> None:
    figure = draws(figures.memory({"direct": [(8, 38e6)]}, "a model"))
    assert legend(figure)[1:] == ["direct gradients"]


def test_memory_refuses_what_it_cannot_draw() -> None:
    with pytest.raises(ValueError, match=r"got \['both'\]"):
        figures.memory({"both": [(8, 1e6)]}, "").light()
    with pytest.raises(ValueError, match=r"got none of \['adjoint'\]"):
        figures.memory({"adjoint": []}, "").light()


# What the experiments give


def test_recorded_trainings_are_drawn() -> None:
    labels = ["p = 0", "p = 5", "p = 0, weight decay", "p = 5, weight decay"]
    recorded = runs.run("images-grey", profile="smoke", models=labels)
    histories = recorded.histories
    draws(figures.instabilities(histories, recorded.summary()))
    draws(figures.weight_decay(histories, recorded.summary()))
    plain = {label: histories[label] for label in labels[:2]}
    counts = {label: recorded.runs[label].model.parameter_count() for label in plain}
    draws(figures.too_many(plain, counts, recorded.summary()))
