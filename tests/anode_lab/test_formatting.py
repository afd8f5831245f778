"""Numbers in text carry their spread and their failures."""

import numpy as np
import pytest

from anode import NeuralODE, ResNet, TrainingSettings, train
from anode.data import concentric_spheres
from anode_lab.formatting import mean_sd, spread, table, training_table


def test_mean_and_sample_standard_deviation() -> None:
    assert mean_sd(np.array([1.0, 2.0, 3.0])) == "2 ± 1"


def test_one_seed_has_no_spread() -> None:
    assert mean_sd(np.array([0.25])) == "0.25 (one seed)"
    assert mean_sd(np.array([0.25, np.nan])) == "0.25 (1 of 2 failed)"


def test_failed_seeds_are_counted_not_averaged() -> None:
    assert mean_sd(np.array([1.0, np.nan, 3.0])) == "2 ± 1.4 (1 of 3 failed)"
    assert mean_sd(np.array([np.nan])) == "– (1 of 1 failed)"


def test_table_has_a_row_for_each_model() -> None:
    histories = {
        label: train(
            NeuralODE((1,), augment_dim=p, seeds=(0, 1)),
            concentric_spheres(1, 10, 20),
            TrainingSettings(epochs=2),
        )
        for label, p in (("NODE", 0), ("ANODE", 1))
    }
    rows = training_table(histories).splitlines()
    assert [row.split("|")[1].strip() for row in rows[2:]] == ["NODE", "ANODE"]
    assert all(row.endswith("| 0 of 2 |") for row in rows[2:])


def test_a_model_without_a_field_has_no_evaluations() -> None:
    resnet = train(ResNet((1,)), concentric_spheres(1, 10, 20), TrainingSettings(epochs=1))
    [row] = training_table({"ResNet": resnet}).splitlines()[2:]
    assert [cell.strip() for cell in row.split("|")[3:5]] == ["–", "–"]


def test_a_table_is_markdown() -> None:
    assert table(["N", "loss"], [(1, "2 ± 1"), (2, 0.5)]) == (
        "| N | loss |\n| --- | --- |\n| 1 | 2 ± 1 |\n| 2 | 0.5 |"
    )


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="2 cells"):
        table(["N", "loss"], [(1,)])


def test_spread_is_the_median_between_the_extremes() -> None:
    assert spread(np.array([3.0, 1.0, 2000.0])) == "3 (1 to 2,000)"
    assert spread(np.array([-0.5, np.nan, 1.5])) == "0.5 (−0.5 to 1.5), 2 of 3"
    assert spread(np.array([np.nan, np.inf])) == "none of 2"
    assert spread(np.array([0.5])) == "0.5 (one seed)"
