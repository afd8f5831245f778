"""A claim's verdict follows from its numbers: made-up histories get the verdict that they must."""

import re
from collections.abc import Mapping
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import pytest

from anode.arrays import Floats
from anode_lab.claims import (
    Claim,
    Verdict,
    all_claims,
    beside_the_paper,
    claim_report,
    exceptions,
    find_claim,
    gather,
    measurement_table,
    needed,
    register,
    to_test,
    what_was_run,
)
from anode_lab.claims.criterion import combined
from anode_lab.experiments import EXPERIMENTS
from anode_lab.runs import RESULTS_VARIABLE, Result
from publishing.project import HOME
from tests.helpers.cases import EPOCHS, FLAT, SEEDS, case, evaluations, history, losses, results

BY_ID = {claim.id: claim for claim in all_claims()}


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
        case("annulus-1d", "ANODE (p = 5)", record, profile="smoke"),
        case("annulus-1d", "NODE", record, profile="smoke"),
    )
    judgement = BY_ID["C6"].judge(small)
    assert judgement.verdict is Verdict.NOT_TESTABLE
    assert judgement.findings[0].measured.value == pytest.approx(1)


# The table ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", all_claims(), ids=lambda claim: claim.id)
def test_every_claim_says_what_where_and_how(claim: Claim) -> None:
    assert re.fullmatch(r"C\d+", claim.id)
    assert re.search(r"Figs? \d|section \d|appendix [A-Z]", claim.source)
    assert claim.statement.endswith(".")
    assert claim.checks
    chapters = [path.read_text(encoding="utf8") for path in (HOME / "book").rglob("*.md")]
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


def test_a_claim_has_an_id_of_its_own() -> None:
    with pytest.raises(ValueError, match="C1 is registered already"):
        register(replace(find_claim("C1"), statement="Another one."))
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


def test_each_claim_is_told_with_its_verdict(smoke: Mapping[str, Result]) -> None:
    for claim in all_claims():
        told = claim_report(claim.judge(smoke), "profile smoke", f"anode claims {claim.id}")
        assert told.startswith(f"{claim.statement} *(Paper: {claim.source}.)*")
        assert "Verdict: **not testable here**" in told
        assert told.endswith(f"profile smoke. Repeat with `anode claims {claim.id}`.")


def test_the_table_has_every_part(smoke: Mapping[str, Result]) -> None:
    judgements = [claim.judge(smoke) for claim in all_claims()]
    parts, trained_on = measurement_table(judgements).split("\n\n")
    assert "C9a, C10a" in trained_on, "on which images is told below"
    assert re.search(r"C13a, C13b.*: 96 images of colour patches", trained_on)
    head, _, *rows = parts.splitlines()
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
    [grey] = [row for row in rows if "images-grey" in row]
    assert "`anode run images-grey --profile laptop`" in grey, "it has the paper's data"


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


def test_what_disagrees_with_the_paper_is_told_with_its_number() -> None:
    judgement = BY_ID["C6"].judge(
        results(
            case("annulus-1d", "ANODE (p = 5)", history(FLAT, evaluations(1.05))),
            case("annulus-1d", "NODE", history(FLAT, evaluations(3.5, seed=1))),
        )
    )
    told, _, listed, _, line = beside_the_paper([judgement]).splitlines()
    assert "Of the 2 parts" in told
    assert "1 in agreement with the paper (C6a); 1 in disagreement (C6b)." in told
    assert listed == "Those that disagree:"
    assert re.match(r"- C6b, .*: 3\.\d+ \[\S+, \S+\]\. The paper: ", line)
    alone = beside_the_paper([BY_ID["C13"].judge({})])
    assert alone.endswith("2 not measured on enough seeds (C13a, C13b).")


def test_what_was_run_names_the_data_and_what_of_the_paper_was_not(
    smoke: Mapping[str, Result],
) -> None:
    told = what_was_run([smoke["images-grey"], smoke["images-colour"]])
    assert "digits of scikit-learn, 8 × 8 pixels (96 images, 4 filters, 2 epochs, 2 seeds)" in told
    rest = "At the paper's full size and length MNIST, CIFAR-10 and Tiny ImageNet were **not** run."
    assert told.endswith(rest)
    begun = case("images-grey-begun", "p = 0", history(FLAT, FLAT), profile="laptop").result
    assert what_was_run([begun]).endswith(rest), "it is the first epochs only"
    full = [
        case(name, "p = 5", history(FLAT, FLAT), profile="paper").result
        for name in ("images-colour", "images-grey", "images-large")
    ]
    part = what_was_run(full[:1])
    assert "full size and length MNIST and Tiny ImageNet were **not** run." in part
    assert "not" not in what_was_run(full)
