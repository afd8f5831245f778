"""The paper's printed numbers stand beside those of this package."""

from anode_lab.claims import all_claims
from anode_lab.claims.numbers import (
    PRINTED_COUNTS,
    PRINTED_RESULTS,
    SETTINGS,
    counts_table,
    results_table,
    settings_table,
)


def test_the_printed_numbers_of_weights_are_of_fields_without_time_under_ten_outputs() -> None:
    """All six, to the last weight (appendix F.2.2); none of the model that the text describes."""
    assert len(PRINTED_COUNTS) == 6
    assert all(each.as_counted() == each.printed for each in PRINTED_COUNTS)
    assert not any(each.as_described() == each.printed for each in PRINTED_COUNTS)


def test_tables_have_a_row_a_number() -> None:
    assert counts_table().count("\n") == 1 + len(PRINTED_COUNTS)
    assert settings_table().count("\n") == 1 + len(SETTINGS)


def test_every_printed_result_is_measured_by_a_part_of_a_claim() -> None:
    judgements = [claim.judge({}) for claim in all_claims()]
    names = {name for judgement in judgements for name, _ in judgement.rows()}
    assert {each.part for each in PRINTED_RESULTS} <= names
    assert results_table(judgements).count("\n") == 1 + len(PRINTED_RESULTS)
    assert "not run" in results_table(judgements)
    [only] = [judgement for judgement in judgements if judgement.claim.id == "C6"]
    assert results_table([only]).count("\n") == 1 + 2
