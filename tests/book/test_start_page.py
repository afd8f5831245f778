"""The start page's map leads somewhere, and a chapter has the living figure that it repeats."""

import re

from anode_lab.claims import all_claims
from anode_lab.experiments import EXPERIMENTS
from publishing import living
from publishing.chapters import read_pages
from publishing.inspection import code_cells
from publishing.paper_map import FIGURES, SECTIONS, figure_places, figures_of, sections_of
from publishing.project import Project

PAGES = read_pages(Project())
TEXT = "\n".join(page.text for page in PAGES)


def test_every_label_of_the_map_is_in_the_book() -> None:
    named = [label for _, labels in SECTIONS.values() for label in labels]
    named += [f"claim-{claim.id.lower()}" for claim in all_claims()]
    found = re.findall(r"^(?:\(|:label: )([\w:-]+)(?:\)=)?$", TEXT, re.MULTILINE)
    assert set(named) - set(found) == set()


def test_a_caption_of_the_book_names_each_figure_of_the_paper() -> None:
    assert set(figure_places(PAGES)) == set(range(1, len(FIGURES) + 1))


def test_every_claim_has_a_place_in_the_map() -> None:
    homeless = [c.id for c in all_claims() if not figures_of(c) and not sections_of(c)]
    assert homeless == []


def test_experiments_name_figures_of_the_map() -> None:
    named = {int(name.removeprefix("fig")) for e in EXPERIMENTS.values() for name in e.figures}
    assert named <= set(range(1, len(FIGURES) + 1))


def test_one_chapter_has_the_living_figure_and_its_picture() -> None:
    tagged = [
        (page.name, cell.figure is not None)
        for page in PAGES
        if page.is_chapter
        for cell in code_cells(page.notebook())
        if living.TAG in cell.cell.metadata.get("tags", [])
    ]
    assert len({name for name, _ in tagged}) == 1
    assert sorted(drawn for _, drawn in tagged) == [False, True]
