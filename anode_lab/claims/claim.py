"""A claim of the paper: its parts, each with a measurement and a criterion, and their verdicts."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np

from anode.arrays import Floats
from anode.training import History, Loss
from anode_lab.claims.criterion import Criterion, Verdict, combined
from anode_lab.claims.interval import Average, Measurement, measure
from anode_lab.experiments import EXPERIMENTS
from anode_lab.runs import Result, Run, UnpairedError


@dataclass(frozen=True)
class Case:
    """One model of an experiment that was run.

    Attributes:
        result: Result of the experiment.
        label: Label of the model.
    """

    result: Result
    label: str

    @property
    def run(self) -> Run:
        """The trained model."""
        return self.result.runs[self.label]

    @property
    def history(self) -> History:
        """Course of its training."""
        return self.run.history

    @property
    def loss(self) -> Loss:
        """Loss that was minimised."""
        return self.result.experiment.loss

    @property
    def full_size(self) -> bool:
        """Whether it was as large, and trained for as long and on as much data, as in the paper."""
        size, paper = self.result.size, self.result.experiment.sizes["paper"]
        return size.images is paper.images and all(
            getattr(size, what) >= getattr(paper, what)
            for what in ("epochs", "samples", "hidden", "max_side")
        )

    @property
    def testable(self) -> bool:
        """Whether it tests what the paper says: it was trained on the paper's data.

        Fields and solver are always the paper's. Toy data must be of full size; on images the
        filters, pixels, samples and epochs may be fewer, and reports print them.
        """
        size, paper = self.result.size, self.result.experiment.sizes["paper"]
        return self.full_size if paper.images is None else size.images is paper.images


Need = tuple[str, str]
"""Name of an experiment, and label of one of its models."""


@dataclass(frozen=True)
class Check:
    """One part of a claim: a number, and what it must be.

    Attributes:
        subject: Measured quantity, in words.
        needs: Trained models that it is measured on.
        values: Function of these models that gives one number for each seed, shape ``(R,)``.
        criterion: Promise of the claim about the number.
        unit: Unit of the number.
        average: Average over the seeds.
        failures_count: Whether a training that failed has a number, too.
    """

    subject: str
    needs: tuple[Need, ...]
    values: Callable[..., Floats]
    criterion: Criterion
    unit: str
    average: Average = Average.MEAN
    failures_count: bool = False

    def measure(self, results: Mapping[str, Result]) -> Measurement:
        """Measure the number over the seeds.

        A seed whose training failed for any of the models counts as failed.

        Args:
            results: Name of each experiment -> its result. If a model that is needed is in none of
                them, there is no number and no seed.
        """
        return self._measured(self._cases(results))

    def _measured(self, cases: list[Case]) -> Measurement:
        if len(cases) < len(self.needs):
            return measure(np.array([]), self.unit, self.average)
        values = np.array(self.values(*cases), dtype=float)
        if not self.failures_count:
            failed = {replica for case in cases for replica in case.history.failures}
            values[sorted(failed)] = np.nan
        return measure(values, self.unit, self.average)

    def judge(self, results: Mapping[str, Result]) -> "Finding":
        """Measure, and compare the number with the criterion."""
        cases = self._cases(results)
        measured = self._measured(cases)
        at_hand = self.criterion.verdict(measured)
        verdict = at_hand if all(case.testable for case in cases) else Verdict.NOT_TESTABLE
        sizes = dict.fromkeys(case.result.size.in_words for case in cases)
        return Finding(self, measured, verdict, at_hand, "; ".join(filter(None, sizes)))

    def _cases(self, results: Mapping[str, Result]) -> list[Case]:
        """The needed models that the results have, with the seeds that all of them have."""
        labels: dict[str, list[str]] = {}
        for name, label in self.needs:
            if name in results and label in results[name].runs:
                labels.setdefault(name, []).append(label)
        found: dict[str, Result] = {}
        for name, own in labels.items():
            with suppress(UnpairedError):  # then there is nothing to compare
                found[name] = results[name].paired(own)
        return [
            Case(found[name], label)
            for name, label in self.needs
            if name in found and label in found[name].runs
        ]


@dataclass(frozen=True)
class Finding:
    """The measurement of one part of a claim, with its verdict.

    Attributes:
        check: The part.
        measured: The number.
        verdict: Verdict on the paper's claim.
        at_hand: Verdict on the same claim about what was trained, whatever that was. It says
            nothing about the paper unless the two verdicts are the same.
        trained_on: Images and size of what was trained; empty for toy data.
    """

    check: Check
    measured: Measurement
    verdict: Verdict
    at_hand: Verdict
    trained_on: str = ""


@dataclass(frozen=True)
class Chapter:
    """The chapter of the book that shows what a claim is judged by.

    Attributes:
        label: Label of the chapter, such as ``ch:images``.
        title: Its title.
    """

    label: str
    title: str


@dataclass(frozen=True)
class Claim:
    """A claim of Dupont, Doucet and Teh (2019).

    Attributes:
        id: Letter C and a number.
        source: Figures and sections in which they make it.
        statement: The claim in this book's words.
        chapter: Chapter of the book with the figure, or else with the measurements.
        checks: Its parts.
    """

    id: str
    source: str
    statement: str
    chapter: Chapter
    checks: tuple[Check, ...]

    def judge(self, results: Mapping[str, Result]) -> "Judgement":
        """Measure all parts.

        Args:
            results: Name of each experiment -> its result, for those of :func:`needed`.
        """
        return Judgement(self, tuple(check.judge(results) for check in self.checks))

    @property
    def needs(self) -> frozenset[Need]:
        """The models that the claim is measured on."""
        return frozenset(need for check in self.checks for need in check.needs)

    @property
    def recorded(self) -> bool:
        """Whether the claim is measured on recorded trainings, as those about images are."""
        return any(EXPERIMENTS[name].recorded for name, _ in self.needs)


_REGISTERED: dict[str, Claim] = {}


def register(claim: Claim) -> Claim:
    """Add a claim to those that tables, verdicts and the command line go through.

    Returns:
        The claim itself.

    Raises:
        ValueError: If another claim has the same id.
    """
    if _REGISTERED.setdefault(claim.id, claim) is not claim:
        raise ValueError(f"the id of a claim must be its own, {claim.id} is registered already")
    return claim


def all_claims() -> tuple[Claim, ...]:
    """The registered claims, in the order of their numbers."""
    return tuple(sorted(_REGISTERED.values(), key=lambda claim: int(claim.id.removeprefix("C"))))


def find_claim(claim_id: str) -> Claim:
    """The registered claim with this id, such as ``C6``.

    Raises:
        ValueError: If there is none.
    """
    if claim_id not in _REGISTERED:
        known = ", ".join(claim.id for claim in all_claims())
        raise ValueError(f"claims must be of {known}, got {claim_id!r}")
    return _REGISTERED[claim_id]


def claims_of_chapter(label: str) -> list[Claim]:
    """The claims that a chapter shows, by the chapter's label, such as ``ch:images``."""
    return [claim for claim in all_claims() if claim.chapter.label == label]


@dataclass(frozen=True)
class Judgement:
    """A claim with the findings on its parts."""

    claim: Claim
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Verdict on the claim as a whole."""
        return combined([finding.verdict for finding in self.findings])

    @property
    def at_hand(self) -> Verdict:
        """Verdict on the same claim about what was trained, see :class:`Finding`."""
        return combined([finding.at_hand for finding in self.findings])

    def rows(self) -> list[tuple[str, Finding]]:
        """Each part with its name: the claim's id, and a letter if there are several parts."""
        if len(self.findings) == 1:
            return [(self.claim.id, self.findings[0])]
        letters = ascii_lowercase[: len(self.findings)]
        return [
            (self.claim.id + letter, finding)
            for letter, finding in zip(letters, self.findings, strict=True)
        ]


def needed(claims: Iterable[Claim]) -> dict[str, list[str]]:
    """List the experiments to run for some claims, each with the labels of the models to train."""
    needs = {need for claim in claims for need in claim.needs}
    wanted = {
        name: [spec.label for spec in experiment.models if (name, spec.label) in needs]
        for name, experiment in EXPERIMENTS.items()
    }
    return {name: labels for name, labels in wanted.items() if labels}
