"""The paper's claims, each measured, held against a criterion, and given a verdict."""

from anode.claims.claim import Case, Check, Claim, Finding, Judgement, Outcome, needed
from anode.claims.criterion import Criterion, Verdict
from anode.claims.gather import gather
from anode.claims.images import IMAGE_CLAIMS
from anode.claims.interval import Average, Measurement, measure
from anode.claims.report import (
    claim_report,
    exceptions,
    measurement_table,
    summary_table,
    to_test,
    verdict_table,
)
from anode.claims.table import CHAPTERS, CLAIMS
from anode.claims.toy import TOY_CLAIMS

__all__ = [
    "CHAPTERS",
    "CLAIMS",
    "IMAGE_CLAIMS",
    "TOY_CLAIMS",
    "Average",
    "Case",
    "Check",
    "Claim",
    "Criterion",
    "Finding",
    "Judgement",
    "Measurement",
    "Outcome",
    "Verdict",
    "claim_report",
    "exceptions",
    "gather",
    "measure",
    "measurement_table",
    "needed",
    "summary_table",
    "to_test",
    "verdict_table",
]
