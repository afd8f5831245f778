"""The paper's claims, each measured, held against a criterion, and given a verdict."""

from anode_lab.claims.claim import Case, Check, Claim, Finding, Judgement, needed
from anode_lab.claims.criterion import Criterion, Verdict
from anode_lab.claims.gather import gather
from anode_lab.claims.images import IMAGE_CLAIMS
from anode_lab.claims.interval import Average, Measurement, measure
from anode_lab.claims.report import (
    claim_report,
    exceptions,
    measurement_table,
    summary_table,
    to_test,
    verdict_table,
)
from anode_lab.claims.table import CHAPTERS, CLAIMS
from anode_lab.claims.toy import TOY_CLAIMS

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
