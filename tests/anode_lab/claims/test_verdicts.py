"""A verdict that is news is refused until a person has said why; one near its bound is no news."""

import json
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from anode_lab.claims import (
    Claim,
    Finding,
    Judgement,
    Measurement,
    Verdict,
    all_claims,
    find_claim,
    gather,
    to_test,
)
from anode_lab.claims.verdicts import (
    FILE,
    KeptVerdict,
    VerdictChangedError,
    Verdicts,
    load_verdicts,
)
from anode_lab.cli import main
from anode_lab.runs import RESULTS_VARIABLE

Captured = pytest.CaptureFixture[str]
VALUES = [verdict.value for verdict in Verdict]
GROWTH = find_claim("C6")


def judged(*values: float, claim: Claim = GROWTH, tested: bool = True) -> Judgement:
    """A claim with made-up numbers, one a part, on which all of 20 seeds agree."""
    findings = []
    for check, value in zip(claim.checks, values, strict=True):
        measured = Measurement(value, value - 0.01, value + 0.01, check.unit, 20, 0)
        at_hand = check.criterion.verdict(measured)
        verdict = at_hand if tested else Verdict.NOT_TESTABLE
        findings.append(Finding(check, measured, verdict, at_hand))
    return Judgement(claim, tuple(findings))


SAID = judged(1.1, 2.0)  # both supported
KEPT = Verdicts("laptop", 0, {}).accept([SAID], "as first measured", "2026-01-02")


def test_the_same_verdicts_are_no_news_whatever_the_numbers() -> None:
    KEPT.check([SAID])
    KEPT.check([judged(1.0, 1.9)])
    assert KEPT.changed([judged(0.5, 2.3)]) == []


def test_a_verdict_that_is_news_is_named_with_both_and_the_remedy() -> None:
    with pytest.raises(VerdictChangedError) as caught:
        KEPT.check([judged(1.1, 3.0)])
    message = str(caught.value)
    assert "C6b (growth of NODE's evaluations, d = 1): not supported, measured 3" in message
    assert "kept was supported, since 2026-01-02" in message
    assert 'anode claims --profile laptop --seed 0 --accept "…"' in message
    assert "C6a" not in message


def test_a_part_that_nobody_has_judged_yet_is_news() -> None:
    with pytest.raises(VerdictChangedError, match=r"C6a .*none was kept"):
        Verdicts("laptop", 0, {}).check([SAID])


def test_accepting_leaves_day_and_reason_of_what_has_not_changed() -> None:
    now = KEPT.accept([judged(1.1, 3.0)], "the solver was wrong", "2026-03-04")
    assert now.parts["C6a"] == KEPT.parts["C6a"]
    assert now.parts["C6b"] == KeptVerdict(
        "not supported", "not supported", "2026-03-04", "the solver was wrong"
    )
    now.check([judged(1.1, 3.0)])


def test_what_another_machine_may_find_near_a_bound_is_no_news() -> None:
    across = judged(1.1, 2.4)
    assert across.findings[1].verdict is Verdict.UNDECIDED
    with pytest.raises(VerdictChangedError):
        KEPT.check([across])
    parts = dict(KEPT.parts) | {"C6b": replace(KEPT.parts["C6b"], also=("undecided",))}
    lenient = replace(KEPT, parts=parts)
    lenient.check([across])
    with pytest.raises(VerdictChangedError):
        lenient.check([judged(1.1, 3.0)])
    with pytest.raises(VerdictChangedError, match="not testable here, undecided of what"):
        lenient.check([judged(1.1, 2.4, tested=False)])


def test_what_was_not_tested_is_judged_by_what_was_trained() -> None:
    small = Verdicts("laptop", 0, {}).accept(
        [judged(1.1, 2.0, tested=False)], "small", "2026-01-02"
    )
    small.check([judged(1.2, 2.0, tested=False)])
    with pytest.raises(VerdictChangedError, match="C6a"):
        small.check([judged(1.5, 2.0, tested=False)])
    with pytest.raises(VerdictChangedError, match="C6a"):
        small.check([SAID])  # it has become testable, and that is news too


def test_kept_verdicts_are_read_as_they_were(tmp_path: Path) -> None:
    KEPT.save(path := tmp_path / "verdicts.json")
    assert load_verdicts(path) == KEPT
    for text in ("[]", "{", '{"profile": "laptop", "seed": 0, "parts": {"C1": {}}}'):
        path.write_text(text, encoding="utf8")
        with pytest.raises(ValueError, match=r"verdicts\.json is no file of verdicts"):
            load_verdicts(path)


def test_the_books_verdicts_are_of_every_part_with_a_day_and_a_reason() -> None:
    kept = load_verdicts()
    assert (kept.profile, kept.seed) == ("laptop", 0)
    # Nothing is trained: without results every part of every claim is there, not run.
    names = [name for claim in all_claims() for name, _ in claim.judge({}).rows()]
    assert sorted(kept.parts) == sorted(names)
    for name, part in kept.parts.items():
        assert part.verdict in VALUES, name
        assert part.at_hand in VALUES, name
        assert set(part.also) <= set(VALUES) - {part.at_hand}, name
        assert len(part.since) == 10, name
        assert len(part.why.split()) > 2, name


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results' folder of one who has judged nothing yet, at the smallest size."""
    Verdicts("smoke", 0, {}).save(tmp_path / FILE)
    monkeypatch.setenv(RESULTS_VARIABLE, str(tmp_path))
    return tmp_path / FILE


def test_command_accepts_what_has_changed_and_nothing_twice(
    results: Path, capsys: Captured
) -> None:
    command = ["claims", "C6", "--profile", "smoke", "--accept"]
    assert main([*command, "first look"]) == 0
    assert capsys.readouterr().out.endswith("accepted: C6a, C6b\n")
    kept = load_verdicts(results)
    assert {part.why for part in kept.parts.values()} == {"first look"}
    kept.check([GROWTH.judge(gather([GROWTH], profile="smoke"))])
    assert main([*command, "second look"]) == 0
    assert capsys.readouterr().out.endswith("accepted: nothing had changed\n")
    assert load_verdicts(results) == kept
    assert json.loads(results.read_text(encoding="utf8"))["profile"] == "smoke"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile", "smoke", "--accept", " "], "accept must say why, got no words"),
        (["--accept", "it is right"], "the kept verdicts are of profile smoke and seed 0"),
    ],
)
def test_what_does_not_fit_is_one_line(
    arguments: list[str], message: str, results: Path, capsys: Captured
) -> None:
    before = results.read_bytes()
    assert main(["claims", "C6", *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert results.read_bytes() == before


def test_a_number_that_is_none_is_not_taken_for_one() -> None:
    """Not run at all: not testable, and the same the next time."""
    nothing = GROWTH.judge({})
    assert {finding.measured.high for finding in nothing.findings} == {inf}
    kept = Verdicts("laptop", 0, {}).accept([nothing], "not run", "2026-01-02")
    kept.check([nothing])


def test_where_everything_was_tested_nothing_is_left_to_run() -> None:
    assert to_test([SAID]) == "Every claim could be tested."
    assert "make book PROFILE=paper" in to_test([judged(1.1, 2.0, tested=False)])
