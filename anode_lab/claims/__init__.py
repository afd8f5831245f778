"""The paper's claims, each measured, held against a criterion, and given a verdict."""

import anode_lab.claims.paper  # noqa: F401  registers the claims
from anode_lab.claims.bands import agreement
from anode_lab.claims.claim import (
    Case,
    Chapter,
    Check,
    Claim,
    Finding,
    Judgement,
    all_claims,
    claims_of_chapter,
    find_claim,
    needed,
    register,
)
from anode_lab.claims.criterion import Criterion, Verdict
from anode_lab.claims.gather import gather
from anode_lab.claims.interval import Average, Measurement, measure
from anode_lab.claims.report import (
    beside_the_paper,
    claim_report,
    exceptions,
    measurement_table,
    summary_table,
    to_test,
    what_was_run,
)

__all__ = [
    "Average",
    "Case",
    "Chapter",
    "Check",
    "Claim",
    "Criterion",
    "Finding",
    "Judgement",
    "Measurement",
    "Verdict",
    "agreement",
    "all_claims",
    "beside_the_paper",
    "claim_report",
    "claims_of_chapter",
    "exceptions",
    "find_claim",
    "gather",
    "measure",
    "measurement_table",
    "needed",
    "register",
    "summary_table",
    "to_test",
    "what_was_run",
]
