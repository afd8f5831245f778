"""What claims are measured by: shares of losses, ratios of epochs and evaluations, flows."""

from dataclasses import replace
from math import inf, pi
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anode import Loss, NeuralODE
from anode.arrays import Floats
from anode.data import Data, concentric_spheres, g1d
from anode_lab.claims import (
    Case,
    Finding,
    Verdict,
    cost,
    find_claim,
    fitting,
    flows,
)
from anode_lab.experiments import EXPERIMENTS
from anode_lab.experiments.images import OVERFIT
from anode_lab.images import image_set
from anode_lab.runs import run, tasks
from tests.helpers.cases import EPOCHS, FLAT, SEEDS, case, evaluations, history, losses, results
from tests.helpers.recorded import record, shorten


def test_best_constant_is_known_for_the_papers_data() -> None:
    spheres = concentric_spheres(2, 100, 200)
    assert fitting.constant_loss(spheres, Loss.MSE) == pytest.approx(8 / 9)
    assert fitting.constant_loss(spheres, Loss.HUBER) == pytest.approx(5 / 12)
    assert fitting.constant_loss(g1d(4), Loss.MSE) == pytest.approx(1)


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=9), st.floats(-2, 2))
def test_no_constant_is_better_than_the_best(targets: list[float], other: float) -> None:
    y = torch.tensor(targets, dtype=torch.float64)[:, None]
    data = Data(torch.zeros_like(y), y, "made up")
    for loss in (Loss.MSE, Loss.HUBER):
        best = fitting.constant_loss(data, loss)
        assert best <= float(loss(torch.full_like(y, other)[None], y[None])) + 1e-6


def test_epochs_to_fit_count_all_where_it_never_does() -> None:
    stuck = case("annulus-2d", "NODE", history(FLAT, FLAT))
    falls = case("annulus-2d", "ResNet", history(losses(10, start=5 / 12), FLAT))
    np.testing.assert_allclose(fitting.epochs_to_fit(stuck), EPOCHS)
    np.testing.assert_allclose(fitting.epochs_to_fit(falls), 11)
    np.testing.assert_allclose(fitting.slowdown(stuck, falls), EPOCHS / 11)
    against = fitting.slowdown_against(stuck, falls, falls, stuck)
    np.testing.assert_allclose(against, (EPOCHS / 11) ** 2)


def test_gap_is_validation_less_training() -> None:
    record = replace(history(FLAT, FLAT), validation_loss=np.full((SEEDS, EPOCHS), 0.3))
    sliced = case("slice-2d", "NODE", record)
    np.testing.assert_allclose(fitting.final_validation_loss(sliced), 0.3 / (5 / 12), rtol=0.02)
    np.testing.assert_allclose(fitting.generalisation_gap(sliced), 0.2 / (5 / 12), rtol=0.02)
    with pytest.raises(ValueError, match="annulus-2d has no validation data"):
        fitting.final_validation_loss(case("annulus-2d", "NODE", record))


def still(dim: int, *, outputs: int | None = 1, output: float = 0) -> NeuralODE:
    """A model whose field is 0 and whose output is the same everywhere."""
    model = NeuralODE((dim,), outputs, hidden=2, seeds=range(SEEDS))
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        if model.head is not None:
            model.head.bias.fill_(output)
    return model


def test_features_of_a_field_that_does_nothing_are_where_they_start() -> None:
    idle = case("g1d", "NODE", history(FLAT, FLAT), model=still(1, outputs=None))
    np.testing.assert_allclose(fitting.largest_feature(idle), 1)


def test_detour_of_a_straight_line_is_1_and_of_half_a_turn_half_of_pi() -> None:
    model = still(2)
    with torch.no_grad():
        model.field.bias3.fill_(0.7)
    line = case("annulus-2d", "NODE", history(FLAT, FLAT), model=model)
    np.testing.assert_allclose(flows.detour(line), 1, rtol=1e-5)
    turning = case("annulus-2d", "NODE", history(FLAT, FLAT), model=turn())
    np.testing.assert_allclose(flows.detour(turning), pi / 2, rtol=2e-3)
    np.testing.assert_allclose(flows.detour_against(turning, line), pi / 2, rtol=2e-3)
    with pytest.raises(ValueError, match="NODE needs trajectories and probe inputs"):
        flows.detour(case("slice-2d", "NODE", history(FLAT, FLAT)))


def turn() -> NeuralODE:
    """The plane turned by half a turn: h' = pi J h, with ReLUs of h + 10, which are linear here."""
    model = still(2)
    rotation = pi * torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    with torch.no_grad():
        model.field.weight1[:, :2] = torch.eye(2)
        model.field.bias1.fill_(10)
        model.field.weight2[:] = torch.eye(2)
        model.field.weight3[:] = rotation
        model.field.bias3[:, 0] = -10 * rotation.sum(0)
    return model


def test_dense_points_fill_the_disc_evenly() -> None:
    points = flows.dense_disc(5000, 1.5)
    distance = points.norm(dim=1)
    assert distance.max() < 1.5
    assert float((distance < 0.5).double().mean()) == pytest.approx(1 / 9, abs=1e-3)
    half = points[:, 0] > 0
    assert float(half.double().mean()) == pytest.approx(0.5, abs=5e-3)
    gaps = torch.cdist(points, points).fill_diagonal_(inf).min(1).values
    assert float(gaps.max() / gaps.min()) < 3


@pytest.mark.parametrize(("output", "share"), [(0.0, 2 / 3), (1.0, 1 / 9), (-1.0, 5 / 9), (2.0, 1)])
def test_unreasonable_share_of_a_constant_is_known(output: float, share: float) -> None:
    """The ball is a ninth of the disc, the annulus five ninths, what is between a third."""
    constant = case("annulus-2d", "NODE", history(FLAT, FLAT), model=still(2, output=output))
    np.testing.assert_allclose(flows.unreasonable_share(constant), share, atol=2e-3)


# Images -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "anode", "at_hand"),
    [(20.0, 2.0, Verdict.SUPPORTED), (4.0, 8.0, Verdict.NOT_SUPPORTED)],
)
def test_what_tests_the_paper_is_its_data_at_whatever_size(
    node: float, anode: float, at_hand: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C9 on fewer and smaller images of MNIST has a verdict; on other images it has none."""

    def judged() -> Finding:
        records = {"p = 0": losses(node), "p = 10": losses(anode)}
        cases = [
            case("images-grey", label, history(loss, FLAT), model=still(2))
            for label, loss in records.items()
        ]
        return find_claim("C9").checks[0].judge(results(*cases))

    found = judged()
    assert found.verdict is found.at_hand is at_hand
    assert found.trained_on == "20,000 images of MNIST, 14 × 14 pixels, 32 filters, 10 epochs"
    grey = EXPERIMENTS["images-grey"]
    other = replace(grey.size("laptop"), images=image_set("digits"))
    changed = replace(grey, sizes=dict(grey.sizes) | {"laptop": other})
    monkeypatch.setitem(EXPERIMENTS, "images-grey", changed)
    found = judged()
    assert found.verdict is Verdict.NOT_TESTABLE
    assert found.at_hand is at_hand, "what the criterion says of them stands beside"
    assert "digits of scikit-learn" in found.trained_on


def image(loss: Floats, nfe: Floats, failed: int = 0) -> Case:
    """A model on images with a made-up history."""
    return case("images-overfit", "p = 0", history(loss, nfe, failed), model=still(2))


def test_speed_up_is_of_epochs_to_the_slower_ones_lowest_loss() -> None:
    slow, fast = image(losses(20), FLAT), image(losses(5), FLAT)
    # Losses fall to a tenth in 20 and in 5 epochs from the same start: 49 and 49 / 4 epochs later.
    np.testing.assert_allclose(cost.speed_up(slow, fast), 50 / (1 + 49 / 4))
    np.testing.assert_allclose(cost.speed_up(fast, slow), 1)  # not reached: all 50


@given(st.integers(1, 40), st.floats(0.1, 10))
def test_ratios_turn_over_with_their_models(decay: int, factor: float) -> None:
    first = image(losses(decay), FLAT * factor)
    second = image(losses(30), evaluations(2.0))
    for ratio in (cost.loss_over, cost.evaluations_over, cost.evaluations_at_equal_loss):
        np.testing.assert_allclose(ratio(first, second) * ratio(second, first), 1)
    np.testing.assert_allclose(cost.loss_over(first, first), 1)


def test_fewest_evaluations_are_of_the_best_of_the_others() -> None:
    cheap, middle, dear = (image(FLAT, FLAT * n) for n in (1, 2, 6))
    np.testing.assert_allclose(cost.fewest_over(cheap, middle, dear), 2)
    np.testing.assert_allclose(cost.evaluations_over(dear, middle, cheap), 6)


def test_validation_needs_validation_losses() -> None:
    without = image(FLAT, FLAT)
    with pytest.raises(ValueError, match="p = 0 of images-overfit has no validation loss"):
        cost.validation_over(without, without)


def test_what_counts_as_unstable() -> None:
    """Each of the three signs alone; a high loss before anything was learnt is none."""
    loss = np.full((4, EPOCHS), 0.1)
    nfe = np.full((4, EPOCHS), 20.0)
    loss[:, :12] = 5.0
    loss[1, 30], nfe[2, 40] = 2.4, 1001  # log 10 is 2.303
    signs = case(
        "images-overfit", "p = 0", history(loss, nfe), model=NeuralODE((2,), seeds=range(4))
    )
    assert cost.unstable(signs).tolist() == [0, 1, 1, 0]
    failed = history(np.full((4, EPOCHS), 0.1), nfe[:1].repeat(4, 0), failed=1)
    assert cost.unstable(case("images-overfit", "p = 0", failed)).tolist() == [1, 0, 0, 0]


def test_a_training_that_failed_counts_as_unstable_and_not_as_missing() -> None:
    check = find_claim("C12").checks[0]
    outcome = results(image(FLAT, FLAT, failed=SEEDS // 2))
    measured = check.measure(outcome)
    assert (measured.failed, measured.value) == (0, 0.5)


def test_a_recorded_model_is_judged_like_one_that_was_trained_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its weights and data are there as well as its history."""
    shorten(monkeypatch)
    record(tasks(OVERFIT, models=["p = 0"]), tmp_path)
    recorded = Case(run(OVERFIT, models=["p = 0"], store=tmp_path), "p = 0")
    assert recorded.run.model.seeds == recorded.history.seeds
    assert len(recorded.run.data[0]) == recorded.run.samples
    assert np.isfinite(cost.loss_over(recorded, recorded)).all()
