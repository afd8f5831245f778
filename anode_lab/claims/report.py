"""Verdicts as Markdown tables."""

from collections.abc import Iterable, Sequence

from anode_lab.claims.claim import Case, Claim, Finding, Judgement, needed
from anode_lab.claims.criterion import MIN_SEEDS, Verdict
from anode_lab.experiments import EXPERIMENTS, Experiment
from anode_lab.formatting import count_seeds, table
from anode_lab.runs import Result


def measurement_table(judgements: Sequence[Judgement]) -> str:
    """Make a table with one row for each part: criterion, measurement, interval, seeds, verdict.

    The criterion's words say what the unit is. Below it stands on which images, and of which size,
    the parts were measured.
    """
    trained_on: dict[str, list[str]] = {}
    for name, finding in (row for judgement in judgements for row in judgement.rows()):
        if finding.trained_on:
            trained_on.setdefault(finding.trained_on, []).append(name)
    rows = [
        [
            name,
            unbroken(finding.check.subject),
            finding.check.criterion.words,
            finding.measured,
            seeds(finding),
            finding.verdict.value + _at_hand(finding),
        ]
        for judgement in judgements
        for name, finding in judgement.rows()
    ]
    header = ["part", "what is measured", "criterion", "measured", "seeds", "verdict"]
    sizes = [f"- {', '.join(names)}: {size}." for size, names in trained_on.items()]
    return "\n\n".join([table(header, rows)] + (["\n".join(sizes)] if sizes else []))


def claim_report(judgement: Judgement, made: str, command: str) -> str:
    """Report on one claim: its place in the paper, the findings, and how to repeat them.

    Args:
        judgement: Judgement of the claim.
        made: What was run, such as "profile laptop, first seed 0, cpu".
        command: Shell command that repeats it.
    """
    claim = judgement.claim
    return "\n\n".join(
        (
            f"{claim.statement} *(Paper: {claim.source}.)*",
            f"Verdict: **{judgement.verdict.value}**{_at_hand(judgement)}.",
            measurement_table([judgement]),
            f"Measured on {_what_was_trained(claim)}; {made}. Repeat with `{command}`.",
        )
    )


def _what_was_trained(claim: Claim) -> str:
    return "; ".join(f"`{name}` ({', '.join(labels)})" for name, labels in needed([claim]).items())


def summary_table(judgements: Sequence[Judgement]) -> str:
    """Make a table with one row for each verdict: the number of claims, and their ids."""
    rows = []
    for verdict in Verdict:
        ids = [judgement.claim.id for judgement in judgements if judgement.verdict is verdict]
        if ids:
            rows.append([verdict.value, len(ids), ", ".join(ids)])
    return table(["verdict", "claims", "which"], rows)


def unbroken(text: str) -> str:
    """Keep lines from breaking within a dimension such as d = 2."""
    return text.replace("d = ", "d\u00a0=\u00a0")


def _at_hand(found: Finding | Judgement) -> str:
    """The verdict on what was trained, where that does not test the paper's claim."""
    if found.verdict is not Verdict.NOT_TESTABLE or found.at_hand is Verdict.NOT_TESTABLE:
        return ""
    return f" (here: {found.at_hand.value})"


def seeds(finding: Finding) -> str:
    """The number of seeds that were measured, and of those that failed, if any did."""
    measured = finding.measured
    if not measured.seeds:
        return "not run"
    failed = f" ({measured.failed} failed)" if measured.failed else ""
    return f"{measured.seeds}{failed}"


def beside_the_paper(judgements: Sequence[Judgement]) -> str:
    """Say which parts come out as the paper says and which do not, on what was trained here.

    Each part that does not has a line with its number and its criterion.
    """
    rows = [row for judgement in judgements for row in judgement.rows()]
    words = {
        Verdict.SUPPORTED: "in agreement with the paper",
        Verdict.NOT_SUPPORTED: "in disagreement",
        Verdict.UNDECIDED: "undecided",
        Verdict.NOT_TESTABLE: "not measured on enough seeds",
    }
    told = []
    for verdict, word in words.items():
        if names := [name for name, finding in rows if finding.at_hand is verdict]:
            told.append(f"{len(names)} {word} ({', '.join(names)})")
    lines = [
        f"- {name}, {unbroken(finding.check.subject)}: {finding.measured}. "
        f"The paper: {finding.check.criterion.words}."
        for name, finding in rows
        if finding.at_hand is Verdict.NOT_SUPPORTED
    ]
    text = f"Of the {len(rows)} parts, on what was trained here: {'; '.join(told)}."
    return text + ("\n\nThose that disagree:\n\n" + "\n".join(lines) if lines else "")


def what_was_run(results: Iterable[Result]) -> str:
    """Say on which images models were trained, and which of the paper's were not run at its size.

    Args:
        results: Results of experiments on images.
    """
    sets: dict[str, list[bool]] = {}  # the paper's image sets, and whether each result is full size
    for experiment in EXPERIMENTS.values():
        paper = experiment.sizes.get("paper")
        if paper is not None and paper.images is not None:
            sets.setdefault(paper.images.title, [])
    told = []
    for result in results:
        run, size = next(iter(result.runs.values())), result.size
        paper = result.experiment.sizes.get("paper")
        if paper is not None:  # a training that the paper has, not only its first epochs
            assert paper.images is not None, "an experiment on images"
            full = all(Case(result, label).full_size for label in result.runs)
            sets[paper.images.title].append(full)
        settings = f"{run.samples:,} images, {size.hidden} filters, {size.epochs:,} epochs"
        told.append(f"{run.data_name} ({settings}, {count_seeds(result.histories)})")
    missing = [title for title, full in sets.items() if not (full and all(full))]
    line = f"**What was run:** {'; '.join(told)}."
    if missing:
        verb = "was" if len(missing) == 1 else "were"
        line += f" At the paper's full size and length {_and(missing)} {verb} **not** run."
    return line


def _and(names: Sequence[str]) -> str:
    *some, last = names
    return f"{', '.join(some)} and {last}" if some else last


def exceptions(judgements: Sequence[Judgement], verdict: Verdict) -> str:
    """List the parts with a verdict, each with its numbers; a dash if there is none."""
    lines = [
        f"- {name}, {finding.check.subject}: {finding.measured} {finding.measured.unit}, over "
        f"{seeds(finding)} seeds. The criterion was: {finding.check.criterion.words}."
        for judgement in judgements
        for name, finding in judgement.rows()
        if finding.verdict is verdict
    ]
    return "\n".join(lines) or "–"


def to_test(judgements: Sequence[Judgement]) -> str:
    """Make a table of what would test the claims that could not be tested, and how to run it.

    On images it is the first profile that has the paper's data and seeds enough.
    """
    untested = [j.claim for j in judgements if j.verdict is Verdict.NOT_TESTABLE]
    if not untested:
        return "Every claim could be tested."
    claims: dict[tuple[str, str], list[str]] = {}
    for name in needed(untested):
        ids = [claim.id for claim in untested if name in needed([claim])]
        known = claims.setdefault(_to_run(EXPERIMENTS[name]), [])
        known += [each for each in ids if each not in known]
    rows = [
        [", ".join(sorted(ids, key=lambda each: int(each[1:]))), what, f"`{command}`"]
        for (what, command), ids in claims.items()
    ]
    return table(["claims", "what would test them", "command"], rows)


def _to_run(experiment: Experiment) -> tuple[str, str]:
    """What tests claims on an experiment, and the command that runs it."""
    if not experiment.recorded:
        return "toy data, as many and for as long as in the paper", "make book PROFILE=paper"
    paper = experiment.size("paper")
    profile, size = next(
        (profile, size)
        for profile, size in experiment.sizes.items()
        if size.images is paper.images and size.seeds >= MIN_SEEDS
    )
    device = " --device cuda" if size == paper else ""
    return (
        f"{size.in_words}, {size.seeds} seeds",
        f"anode run {experiment.name} --profile {profile}{device}",
    )
