"""Kept verdicts: a change is noticed, and a person writes down the reason.

The numbers move within bands from machine to machine (:mod:`anode_lab.claims.bands`), and most
verdicts do not move with them. A verdict may change where the interval of a part ends near a bound
of its criterion; such a part names the other verdicts that are no news.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from anode.atomic_write import write_whole
from anode_lab.claims.claim import Finding, Judgement
from anode_lab.claims.kept import read
from anode_lab.runs import results_folder

FILE = "verdicts.json"


class VerdictChangedError(RuntimeError):
    """A verdict differs from the kept one; the message says which, and what to do."""


@dataclass(frozen=True)
class KeptVerdict:
    """The verdict on one part of a claim.

    Attributes:
        verdict: Verdict on the paper's claim.
        at_hand: Verdict on the same claim about what was trained, see
            :class:`anode_lab.claims.Finding`.
        since: Day on which it was accepted.
        why: The reason, in a person's words.
        also: Other verdicts at hand that another machine may reach, because the interval ends near
            a bound.
    """

    verdict: str
    at_hand: str
    since: str
    why: str
    also: tuple[str, ...] = ()

    def allows(self, finding: Finding) -> bool:
        """Whether a verdict is the kept one, or one that needs no report.

        Whether the paper's own size was trained does not depend on the machine, so it must agree.
        """
        same_size = (finding.verdict is finding.at_hand) == (self.verdict == self.at_hand)
        return same_size and finding.at_hand.value in (self.at_hand, *self.also)


@dataclass(frozen=True)
class Verdicts:
    """The kept verdicts of one profile and seed.

    Attributes:
        profile: Profile of the run.
        seed: Its first seed.
        parts: Name of a part, such as "C5a" -> its verdict.
    """

    profile: str
    seed: int
    parts: Mapping[str, KeptVerdict]

    def changed(
        self, judgements: Iterable[Judgement]
    ) -> list[tuple[str, Finding, KeptVerdict | None]]:
        """List the parts whose verdict is not allowed, or that have none yet."""
        return [
            (name, finding, kept)
            for judgement in judgements
            for name, finding in judgement.rows()
            if not ((kept := self.parts.get(name)) and kept.allows(finding))
        ]

    def check(self, judgements: Iterable[Judgement]) -> None:
        """Refuse verdicts that are news.

        Raises:
            VerdictChangedError: If there are any.
        """
        if changed := self.changed(judgements):
            lines = [
                f"{name} ({finding.check.subject}): {_words(finding)}, measured "
                f"{finding.measured}; "
                + (f"kept was {kept.verdict}, since {kept.since}" if kept else "none was kept")
                for name, finding, kept in changed
            ]
            raise VerdictChangedError(
                "\n".join(lines)
                + "\nIf this is right, write down why: "
                + f'anode claims --profile {self.profile} --seed {self.seed} --accept "…"'
            )

    def accept(self, judgements: Iterable[Judgement], why: str, day: str) -> "Verdicts":
        """Take the present verdicts where they are news; all others keep their day and reason."""
        parts = dict(self.parts)
        for name, finding, _ in self.changed(judgements):
            parts[name] = KeptVerdict(finding.verdict.value, finding.at_hand.value, day, why)
        return Verdicts(self.profile, self.seed, parts)

    def save(self, path: Path) -> None:
        """Write the verdicts as a whole or not at all."""
        write_whole(path, (json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n").encode())


def load_verdicts(path: Path | None = None) -> Verdicts:
    """Read kept verdicts, by default those of the book.

    Raises:
        ValueError: If the file does not hold verdicts.
        OSError: If it cannot be read.
    """
    return read(path or results_folder() / FILE, "verdicts", _verdicts)


def _verdicts(values: dict[str, Any]) -> Verdicts:
    parts = {
        name: KeptVerdict(**kept | {"also": tuple(kept["also"])})
        for name, kept in values["parts"].items()
    }
    return Verdicts(values["profile"], values["seed"], parts)


def _words(finding: Finding) -> str:
    verdict, at_hand = finding.verdict.value, finding.at_hand.value
    return verdict if verdict == at_hand else f"{verdict}, {at_hand} of what was trained"
