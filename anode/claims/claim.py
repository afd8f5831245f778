"""A claim of the paper: its parts, each with a measurement and a criterion, and their verdicts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np

from anode.claims.criterion import Criterion, Verdict, combined
from anode.claims.interval import Average, Measurement, measure
from anode.experiments import EXPERIMENTS, Profile
from anode.runs import Result, Run
from anode.training import Floats, History, Loss


@dataclass(frozen=True)
class Case:
    """A model of an experiment that was run.

    Attributes:
        result: the experiment's.
        label: the model's.
    """

    result: Result
    label: str

    @property
    def run(self) -> Run:
        """The trained model, with its data."""
        return self.result.runs[self.label]

    @property
    def history(self) -> History:
        """Of its training."""
        return self.run.history

    @property
    def loss(self) -> Loss:
        """What was minimised."""
        return self.result.experiment.loss

    @property
    def full_size(self) -> bool:
        """Whether it was trained for as long, and on as much data, as in the paper."""
        size, paper = self.result.size, self.result.experiment.sizes[Profile.PAPER]
        return size.epochs >= paper.epochs and size.samples >= paper.samples


Need = tuple[str, str]
"""An experiment's name and the label of one of its models."""


@dataclass(frozen=True)
class Check:
    """One part of a claim: a number, and what it must be.

    Attributes:
        subject: what is measured, in words.
        needs: the trained models that it is measured on.
        values: those models -> one number a seed, shape ``(R,)``.
        criterion: what the claim promises of the number.
        unit: of the number.
        average: over the seeds.
    """

    subject: str
    needs: tuple[Need, ...]
    values: Callable[..., Floats]
    criterion: Criterion
    unit: str
    average: Average = Average.MEAN

    def measure(self, results: Mapping[str, Result]) -> Measurement:
        """The number over the seeds; one that failed in any of the trainings counts as failed.

        Args:
            results: experiment's name -> result, with the models of ``needs``.
        """
        cases = self._cases(results)
        values = np.array(self.values(*cases), dtype=float)
        values[sorted({replica for case in cases for replica in case.history.failures})] = np.nan
        return measure(values, self.unit, self.average)

    def judge(self, results: Mapping[str, Result]) -> "Finding":
        """Measure, and hold the number against the criterion."""
        measured = self.measure(results)
        full = all(case.full_size for case in self._cases(results))
        verdict = self.criterion.verdict(measured) if full else Verdict.NOT_TESTABLE
        return Finding(self, measured, verdict)

    def _cases(self, results: Mapping[str, Result]) -> list[Case]:
        return [Case(results[name], label) for name, label in self.needs]


@dataclass(frozen=True)
class Finding:
    """What was found for one part of a claim."""

    check: Check
    measured: Measurement
    verdict: Verdict


@dataclass(frozen=True)
class Claim:
    """A claim of Dupont, Doucet and Teh (2019).

    Attributes:
        id: C and a number.
        source: where they make it: figures and sections.
        statement: what they claim, in this book's words.
        chapter: label of the book's chapter that has the figure, or else the measurements.
        checks: its parts.
    """

    id: str
    source: str
    statement: str
    chapter: str
    checks: tuple[Check, ...]

    def judge(self, results: Mapping[str, Result]) -> "Judgement":
        """Measure all parts.

        Args:
            results: experiment's name -> result; those of :func:`needed`.
        """
        return Judgement(self, tuple(check.judge(results) for check in self.checks))


@dataclass(frozen=True)
class Judgement:
    """A claim with what was found."""

    claim: Claim
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """On the claim as a whole."""
        return combined([finding.verdict for finding in self.findings])

    def rows(self) -> list[tuple[str, Finding]]:
        """Each part with its name: the claim's, and a letter if it has several."""
        if len(self.findings) == 1:
            return [(self.claim.id, self.findings[0])]
        letters = ascii_lowercase[: len(self.findings)]
        return [
            (self.claim.id + letter, finding)
            for letter, finding in zip(letters, self.findings, strict=True)
        ]


def needed(claims: Iterable[Claim]) -> dict[str, list[str]]:
    """The experiments to run for these claims, each with the labels of the models to train."""
    needs = {need for claim in claims for check in claim.checks for need in check.needs}
    wanted = {
        name: [spec.label for spec in experiment.models if (name, spec.label) in needs]
        for name, experiment in EXPERIMENTS.items()
    }
    return {name: labels for name, labels in wanted.items() if labels}
