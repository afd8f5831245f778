"""The scorecard has every claim, and what contributors are told is there."""

import re

from anode_lab.claims import all_claims
from publishing.project import HOME

SCORECARD = (HOME / "book" / "paper" / "scorecard.md").read_text(encoding="utf8")


def test_every_claim_has_its_section_with_figure_and_measurement() -> None:
    sections = re.split(r"^\(claim-(c\d+)\)=\n", SCORECARD, flags=re.MULTILINE)
    names, texts = sections[1::2], sections[2::2]
    assert names == [claim.id.lower() for claim in all_claims()]
    for claim, text in zip(all_claims(), texts, strict=True):
        assert text.startswith(f"### {claim.id} · ")
        assert f'found("{claim.id}")' in text
        assert f"{{ref}}`{claim.chapter.label}`" in text, claim.id
        assert "{numref}`fig-" in text or "Figure: none" in text, claim.id


def test_the_figures_of_the_scorecard_are_drawn_in_the_book() -> None:
    text = "\n".join(page.read_text(encoding="utf8") for page in (HOME / "book").glob("*/*.md"))
    drawn = set(re.findall(r"^(?:    name: |:name: )(fig-[\w-]+)$", text, re.MULTILINE))
    assert set(re.findall(r"\{numref\}`(fig-[\w-]+)`", SCORECARD)) <= drawn


def test_contributors_are_told_of_commands_that_exist() -> None:
    makefile = (HOME / "Makefile").read_text(encoding="utf8")
    text = (HOME / "CONTRIBUTING.md").read_text(encoding="utf8")
    targets = set(re.findall(r"(?:`|^)make ([a-z][a-z-]+)", text, re.MULTILINE))
    assert targets
    assert {target for target in targets if f"\n{target}:" not in makefile} == set()
    files = re.findall(
        r"`((?:anode|anode_lab|tests|book|results)/[\w./-]+|[\w-]+\.(?:md|cff|bib|yml))`", text
    )
    assert files
    placeholders = [name for name in files if "NAME" in name or "CHAPTER" in name]
    assert [n for n in files if n not in placeholders and not (HOME / n).exists()] == []
