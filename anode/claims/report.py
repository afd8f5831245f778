"""Verdicts as Markdown tables."""

from collections.abc import Sequence

from anode.claims.claim import Finding, Judgement
from anode.claims.criterion import Verdict
from anode.claims.table import CHAPTERS
from anode.report import table


def verdict_table(judgements: Sequence[Judgement]) -> str:
    """One row a claim: what is claimed, the verdict, the chapter with the figure."""
    rows = [
        [
            judgement.claim.id,
            judgement.claim.statement,
            judgement.claim.source,
            f"**{judgement.verdict.value}**",
            CHAPTERS[judgement.claim.chapter],
        ]
        for judgement in judgements
    ]
    return table(["", "claim", "in the paper", "verdict", "chapter"], rows)


def measurement_table(judgements: Sequence[Judgement]) -> str:
    """One row a part of a claim: criterion, measurement with its interval, seeds, verdict.

    The criterion's words say what the unit is.
    """
    rows = [
        [
            name,
            finding.check.subject.replace("d = ", "d\u00a0=\u00a0"),  # no line ends within it
            finding.check.criterion.words,
            finding.measured,
            seeds(finding),
            finding.verdict.value,
        ]
        for judgement in judgements
        for name, finding in judgement.rows()
    ]
    return table(["", "what is measured", "criterion", "measured", "seeds", "verdict"], rows)


def seeds(finding: Finding) -> str:
    """How many seeds were measured, and how many failed if any did."""
    measured = finding.measured
    failed = f" ({measured.failed} failed)" if measured.failed else ""
    return f"{measured.seeds}{failed}"


def exceptions(judgements: Sequence[Judgement], verdict: Verdict) -> str:
    """A list of the parts with that verdict, each with its numbers; a dash if there is none."""
    lines = [
        f"- {name}, {finding.check.subject}: {finding.measured} {finding.measured.unit}, over "
        f"{seeds(finding)} seeds. The criterion was: {finding.check.criterion.words}."
        for judgement in judgements
        for name, finding in judgement.rows()
        if finding.verdict is verdict
    ]
    return "\n".join(lines) or "–"
