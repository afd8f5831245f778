"""A claim's verdict follows from its numbers: made-up histories get the verdict that they must."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from math import inf, nan, pi
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anode import History, Loss, NeuralODE
from anode.data import Data, concentric_spheres, g1d
from anode.models import Model
from anode.training import Floats, TrainingFailure
from anode_lab.claims import (
    Case,
    Claim,
    Verdict,
    all_claims,
    claims_of_chapter,
    cost,
    exceptions,
    find_claim,
    fitting,
    flows,
    gather,
    measurement_table,
    needed,
    register,
    to_test,
    verdict_table,
)
from anode_lab.claims import claim as registry
from anode_lab.claims.criterion import combined
from anode_lab.cli import main
from anode_lab.experiments import EXPERIMENTS, Profile
from anode_lab.runs import RESULTS_VARIABLE, Result, Run, Task, run
from anode_lab.runs.provenance import Provenance
from publishing.project import HOME

SEEDS = 20
EPOCHS = 50
BY_ID = {claim.id: claim for claim in all_claims()}


def history(loss: Floats, nfe: Floats, failed: int = 0) -> History:
    """One step an epoch, ``loss`` and ``nfe`` of shape ``(R, E)``; the first seeds failed."""
    loss, nfe = loss.copy(), nfe.copy()
    loss[:failed, 1:] = nfe[:failed, 1:] = nan
    return History(
        step_loss=loss,
        step_nfe=nfe,
        step_backward_nfe=np.zeros_like(nfe),
        steps_per_epoch=1,
        validation_loss=None,
        snapshots={},
        failures={r: TrainingFailure(r, 2, 2, "forward", "made up") for r in range(failed)},
        seconds=0.0,
        seeds=tuple(range(len(loss))),
    )


def case(
    name: str,
    label: str,
    record: History,
    *,
    profile: Profile = Profile.LAPTOP,
    model: Model | None = None,
) -> Case:
    """A model of an experiment with a made-up history, and the data that it would have had."""
    experiment = EXPERIMENTS[name]
    made_up = Run(
        task=Task(experiment, experiment.model(label), profile, record.seeds[:1]),
        model=model or NeuralODE((2,), hidden=1, seeds=record.seeds),
        history=record,
        provenance=(Provenance.now("cpu", datetime.now(UTC), 0.0),),
        data_name=name,
        samples=experiment.size(profile).samples,
        accuracy=np.full(len(record.seeds), np.nan),
    )
    return Case(Result(experiment, profile, "cpu", {label: made_up}), label)


def results(*cases: Case) -> Mapping[str, Result]:
    """As `runs.run` gives them, one an experiment."""
    merged: dict[str, Result] = {}
    for each in cases:
        name = each.result.experiment.name
        known = merged[name].runs if name in merged else {}
        merged[name] = replace(each.result, runs=known | each.result.runs)
    return merged


def evaluations(growth: float, spread: float = 0.05, seed: int = 0) -> Floats:
    """Evaluations that grow by a factor in the mean, with a spread over the seeds."""
    rng = np.random.default_rng(seed)
    factors = growth * np.exp(spread * rng.normal(size=(SEEDS, 1)))
    return 20 * factors ** np.linspace(0, 1, EPOCHS)


def losses(decay: float, start: float = 0.4) -> Floats:
    """Losses that fall to a tenth in ``decay`` epochs, again and again."""
    return np.tile(start * 10 ** (-np.arange(EPOCHS) / decay), (SEEDS, 1))


FLAT = np.full((SEEDS, EPOCHS), 0.1)


@pytest.mark.parametrize(
    ("anode", "node", "verdicts"),
    [
        (1.05, 2.0, (Verdict.SUPPORTED, Verdict.SUPPORTED)),
        (2.0, 1.1, (Verdict.NOT_SUPPORTED, Verdict.NOT_SUPPORTED)),
        (1.25, 2.4, (Verdict.UNDECIDED, Verdict.UNDECIDED)),
        (1.05, 3.5, (Verdict.SUPPORTED, Verdict.NOT_SUPPORTED)),
    ],
)
def test_growth_of_evaluations_is_judged(
    anode: float, node: float, verdicts: tuple[Verdict, ...]
) -> None:
    """C6: ANODE's hardly grow, NODE's nearly double."""
    judgement = BY_ID["C6"].judge(
        results(
            case("annulus-1d", "ANODE (p = 5)", history(FLAT, evaluations(anode))),
            case("annulus-1d", "NODE", history(FLAT, evaluations(node, seed=1))),
        )
    )
    assert tuple(finding.verdict for finding in judgement.findings) == verdicts
    assert judgement.verdict is combined(list(verdicts))
    assert judgement.findings[0].measured.value == pytest.approx(anode, rel=0.05)


def test_fits_are_judged_against_the_best_constant() -> None:
    """C2: a NODE stays at 0.33, of the constant's 5/12; a ResNet goes to 0."""
    stuck, falls = np.full((SEEDS, EPOCHS), 0.33), losses(5)
    claim = BY_ID["C2"]

    def judge(node: Floats, resnet: Floats) -> list[Verdict]:
        return [
            finding.verdict
            for finding in claim.judge(
                results(
                    case("annulus-1d", "NODE", history(node, FLAT)),
                    case("annulus-1d", "ResNet", history(resnet, FLAT)),
                )
            ).findings
        ]

    assert judge(stuck, falls) == [Verdict.SUPPORTED, Verdict.SUPPORTED]
    assert judge(falls, stuck) == [Verdict.NOT_SUPPORTED, Verdict.NOT_SUPPORTED]


def test_speed_is_judged_seed_by_seed() -> None:
    """C16: ANODE a little slower than ResNet, NODE slower than ANODE."""

    def judge(node: float, anode: float, resnet: float) -> list[Verdict]:
        cases = [
            case("annulus-2d", label, history(losses(decay), FLAT))
            for label, decay in (("NODE", node), ("ANODE (p = 5)", anode), ("ResNet", resnet))
        ]
        return [finding.verdict for finding in BY_ID["C16"].judge(results(*cases)).findings]

    assert judge(20, 8, 6) == [Verdict.SUPPORTED, Verdict.SUPPORTED]
    assert judge(8, 20, 6) == [Verdict.NOT_SUPPORTED, Verdict.NOT_SUPPORTED]
    assert judge(20, 5, 6) == [Verdict.NOT_SUPPORTED, Verdict.SUPPORTED]


def test_a_seed_that_failed_in_one_of_two_trainings_is_counted_once() -> None:
    """Both models are needed for a ratio, so neither is left out in silence."""
    check = BY_ID["C16"].checks[1]
    cases = results(
        case("annulus-2d", "NODE", history(losses(20), FLAT, failed=3)),
        case("annulus-2d", "ANODE (p = 5)", history(losses(8), FLAT, failed=1)),
    )
    found = check.judge(cases)
    assert (found.measured.seeds, found.measured.failed) == (SEEDS, 3)
    assert found.verdict is Verdict.SUPPORTED
    many = results(
        case("annulus-2d", "NODE", history(losses(20), FLAT, failed=5)),
        case("annulus-2d", "ANODE (p = 5)", history(losses(8), FLAT)),
    )
    assert check.judge(many).verdict is Verdict.UNDECIDED


def test_a_shorter_training_than_the_papers_tests_nothing() -> None:
    record = history(FLAT[:, :2], FLAT[:, :2])
    small = results(
        case("annulus-1d", "ANODE (p = 5)", record, profile=Profile.SMOKE),
        case("annulus-1d", "NODE", record, profile=Profile.SMOKE),
    )
    judgement = BY_ID["C6"].judge(small)
    assert judgement.verdict is Verdict.NOT_TESTABLE
    assert judgement.findings[0].measured.value == pytest.approx(1)


# What is measured ---------------------------------------------------------------------------------


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
def test_other_data_than_the_papers_test_nothing_of_it(
    node: float, anode: float, at_hand: Verdict
) -> None:
    """C9 on Fashion-MNIST: what the criterion says of them stands beside, and is no verdict."""
    check = BY_ID["C9"].checks[0]
    records = {"p = 0": losses(node), "p = 10": losses(anode)}
    found = check.judge(
        results(
            *(
                case("images-grey", label, history(loss, FLAT), model=still(2))
                for label, loss in records.items()
            )
        )
    )
    assert found.verdict is Verdict.NOT_TESTABLE
    assert found.at_hand is at_hand


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
    check = BY_ID["C12"].checks[0]
    outcome = results(image(FLAT, FLAT, failed=SEEDS // 2))
    measured = check.measure(outcome)
    assert (measured.failed, measured.value) == (0, 0.5)


def test_a_recorded_model_is_judged_like_one_that_was_trained_now() -> None:
    """Its weights and data are there as well as its history."""
    recorded = Case(run("images-overfit", models=["p = 0"]), "p = 0")
    assert recorded.run.model.seeds == recorded.history.seeds
    assert len(recorded.run.data[0]) == recorded.run.samples
    assert np.isfinite(cost.loss_over(recorded, recorded)).all()


# The table ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", all_claims(), ids=lambda claim: claim.id)
def test_every_claim_says_what_where_and_how(claim: Claim) -> None:
    assert re.fullmatch(r"C\d+", claim.id)
    assert re.search(r"Figs? \d|section \d|appendix [A-Z]", claim.source)
    assert claim.statement.endswith(".")
    assert claim.checks
    chapters = [path.read_text(encoding="utf8") for path in (HOME / "book").glob("*.md")]
    heading = f"({claim.chapter.label})=\n# {claim.chapter.title}\n"
    assert any(heading in text for text in chapters)
    for check in claim.checks:
        assert ": " in check.criterion.words, "what is promised, then how it is read"
        assert check.subject
        assert check.unit
        for name, label in check.needs:
            assert EXPERIMENTS[name].model(label).label == label


def test_the_words_of_a_criterion_name_its_bounds() -> None:
    spelled = {
        1.0: "longer|less growth",
        1.1: "tenth",
        1.25: "quarter",
        1.5: "half",
        2.0: "half|twice",
    }
    for claim in all_claims():
        for check in claim.checks:
            for end in (check.criterion.low, check.criterion.high):
                words = rf"{end:g}|{spelled.get(end, 'no other words')}"
                assert end in (-inf, inf) or re.search(words, check.criterion.words)


def test_every_claim_has_its_place() -> None:
    assert [claim.id for claim in all_claims()] == [f"C{i}" for i in range(1, 20)]


def test_needed_is_what_the_checks_measure_and_no_more() -> None:
    wanted = needed(all_claims())
    pairs = {(name, label) for name, labels in wanted.items() for label in labels}
    assert pairs == {
        need for claim in all_claims() for check in claim.checks for need in check.needs
    }
    assert needed([BY_ID["C6"]]) == {"annulus-1d": ["NODE", "ANODE (p = 5)"]}


TOY_CLAIM = """
from anode_lab.claims import Chapter, Check, Claim, Criterion, register

def doubled_loss(case):
    return 2 * case.history.epoch_loss[:, -1]

register(
    Claim(
        "C99",
        "a figure that nobody drew",
        "Twice the loss is small.",
        Chapter("ch:toy", "A chapter that nobody wrote"),
        (
            Check(
                "twice the loss",
                (("annulus-1d", "NODE"),),
                doubled_loss,
                Criterion("small: below 1", high=1),
                "of the loss",
            ),
        ),
    )
)
"""


def test_a_claim_from_outside_the_tree_is_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tables, verdicts and the command line take it once its module is imported."""
    monkeypatch.setattr(registry, "_REGISTERED", dict(registry._REGISTERED))
    (tmp_path / "a_toy_claim.py").write_text(TOY_CLAIM, encoding="utf8")
    monkeypatch.syspath_prepend(tmp_path)
    import_module("a_toy_claim")
    claim = find_claim("C99")
    assert all_claims()[-1] is claims_of_chapter("ch:toy")[0] is claim
    judgement = claim.judge(results(case("annulus-1d", "NODE", history(FLAT, FLAT))))
    assert judgement.verdict is Verdict.SUPPORTED
    assert "A chapter that nobody wrote" in verdict_table([judgement])
    assert main(["claims", "C99", "--profile", "smoke"]) == 0
    assert capsys.readouterr().out.startswith("C99: twice the loss: ")
    with pytest.raises(ValueError, match="C99 is registered already"):
        register(replace(claim, statement="Another one."))
    with pytest.raises(ValueError, match="got 'C100'"):
        find_claim("C100")


@pytest.fixture(scope="module")
def smoke() -> Mapping[str, Result]:
    """All that the claims need, at the smallest size."""
    return gather(all_claims(), profile="smoke")


def test_every_claim_gets_a_verdict_from_a_real_run(smoke: Mapping[str, Result]) -> None:
    judgements = [claim.judge(smoke) for claim in all_claims()]
    for judgement in judgements:
        assert judgement.verdict is Verdict.NOT_TESTABLE  # of two seeds and two epochs
        for finding in judgement.findings:
            assert np.isfinite(finding.measured.value)
            assert finding.measured.low <= finding.measured.value <= finding.measured.high
            assert (finding.measured.seeds, finding.measured.failed) == (2, 0)


def test_tables_have_every_claim_and_every_part(smoke: Mapping[str, Result]) -> None:
    judgements = [claim.judge(smoke) for claim in all_claims()]
    head, _, *rows = verdict_table(judgements).splitlines()
    assert len(rows) == len(all_claims())
    for row, claim in zip(rows, all_claims(), strict=True):
        assert row.count("|") == head.count("|")
        assert claim.statement in row
        assert "**not testable at this size**" in row
        assert claim.chapter.title in row
    head, _, *rows = measurement_table(judgements).splitlines()
    assert len(rows) == sum(len(claim.checks) for claim in all_claims())
    for row, check in zip(rows, (c for claim in all_claims() for c in claim.checks), strict=True):
        assert row.count("|") == head.count("|")
        assert check.criterion.words in row
        assert re.search(r"\[\S+, \S+\]", row)
    assert "C1a" in rows[0]


def test_what_would_test_the_rest_is_told_by_experiment(smoke: Mapping[str, Result]) -> None:
    told = to_test([claim.judge(smoke) for claim in all_claims()])
    _, _, *rows = told.splitlines()
    assert len(rows) == 5  # toy data, and four experiments on images
    assert rows[0].startswith("| C1, C2, C3, ")
    [large] = [row for row in rows if "Tiny ImageNet" in row]
    assert large.startswith("| C13 |")
    assert "`anode run images-large --profile paper --device cuda`" in large


def test_what_is_not_recorded_is_not_run_and_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RESULTS_VARIABLE, str(tmp_path))
    claims = [BY_ID["C12"], BY_ID["C13"]]  # one has no laptop size, one no record in this folder
    found = gather(claims, profile="laptop")
    assert found == {}
    for judgement in (claim.judge(found) for claim in claims):
        assert judgement.verdict is judgement.at_hand is Verdict.NOT_TESTABLE
        assert {finding.measured.seeds for finding in judgement.findings} == {0}
        assert measurement_table([judgement]).count("| not run |") == len(judgement.findings)


def test_exceptions_are_told_with_their_failures() -> None:
    judgement = BY_ID["C6"].judge(
        results(
            case("annulus-1d", "ANODE (p = 5)", history(FLAT, evaluations(2.0), failed=2)),
            case("annulus-1d", "NODE", history(FLAT, evaluations(2.0))),
        )
    )
    told = exceptions([judgement], Verdict.NOT_SUPPORTED)
    assert told.startswith("- C6a, growth of ANODE's evaluations, d = 1: ")
    assert "over 20 (2 failed) seeds. The criterion was: hardly grow" in told
    assert told.count("\n") == 0
    assert exceptions([judgement], Verdict.UNDECIDED) == "–"
