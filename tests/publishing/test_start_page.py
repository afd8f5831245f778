"""What the start page shows of the chapters: the living figure, and where the paper's parts are."""

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from anode_lab.claims import Chapter, Claim, all_claims
from anode_lab.claims.verdicts import KeptVerdict, Verdicts
from publishing import living
from publishing.chapters import Page
from publishing.paper_map import (
    figure_places,
    figures_of,
    paper_map,
    sections_of,
    verdicts_sentence,
    what_was_run,
)
from tests.publishing.fixture_book import Book, FakePapermill, figure

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
UNTESTED = "not testable here"
STILL = (
    '<div class="themed-figure">\n<img class="only-light" src="../../_static/figures/a-light.svg" '
    'alt="A &lt; 2." width="3" loading="lazy"><img class="only-dark" src="../../_static/figures/'
    'a-dark.svg" alt="A &lt; 2." width="3" loading="lazy"></div>'
)
MODELS = {
    "one": {"state": {"layout": "IPY_MODEL_two", "code": "</script>"}},
    "two": {"state": {}},
    "else": {"state": {}},
}


def a_chapter(*tags: str) -> NotebookNode:
    """A chapter with a picture and a widget, both with these tags."""
    view = {"model_id": "one", "version_major": 2}
    cells = [
        new_code_cell(outputs=[new_output("display_data", data=data)], metadata={"tags": [*tags]})
        for data in ({"text/html": STILL}, {VIEW: view, "text/plain": "LivingFlows()"})
    ]
    state = {STATE: {"version_major": 2, "state": MODELS}}
    return new_notebook(cells=cells, metadata={"widgets": state})


@pytest.fixture
def page() -> Tag:
    """What the start page gets of it, without the fence around it."""
    text = living.for_start_page(a_chapter(living.TAG), ["first.js", "second.js"])
    first, *lines, last = text.splitlines()
    assert (first, last) == ("````{raw} html", "````")
    return BeautifulSoup("\n".join(lines), "html.parser")


def test_the_start_page_gets_the_widget_with_its_own_models_only(page: Tag) -> None:
    state, view, *scripts = page.find_all("script")
    assert state["type"] == STATE
    assert json.loads(state.text)["state"] == {name: MODELS[name] for name in ("one", "two")}
    assert view["type"] == VIEW
    assert json.loads(view.text)["model_id"] == "one"
    assert [script["src"] for script in scripts] == ["../_static/first.js", "../_static/second.js"]


def test_without_scripts_there_is_the_picture_and_a_sentence(page: Tag) -> None:
    (still,) = page.select("noscript img")
    assert still["src"] == "../_static/figures/a-light.svg"
    assert still["alt"] == "A < 2."
    assert living.WITHOUT_SCRIPTS in page.select("noscript")[0].text


def test_a_chapter_without_a_living_figure_gives_nothing() -> None:
    assert living.for_start_page(a_chapter("start-page"), ["first.js"]) == ""
    assert living.for_start_page(new_notebook(), ["first.js"]) == ""


def test_captions_say_which_figures_of_the_paper_they_show(
    book: Book, papermill: FakePapermill
) -> None:
    captions = {
        "fig-a": "Losses, after the paper's Figs 5a and 7 (left), of 20 seeds.",
        "fig-b": "As Fig. 19, over 20 seeds, and {numref}`fig-a`. Figure 12 (right) of the paper.",
        "fig-c": "A caption.",
    }
    cells = [
        figure("draw()", name=name).replace("A caption.", caption)
        for name, caption in captions.items()
    ]
    book.chapter("a", *cells, prose="(ch:a)=\n## Label")
    assert figure_places(book.pages()) == {
        5: {"ch:a": ["fig-a"]},
        7: {"ch:a": ["fig-a"]},
        12: {"ch:a": ["fig-b"]},
        19: {"ch:a": ["fig-b"]},
    }


def test_claims_say_where_the_paper_makes_them() -> None:
    chapter = Chapter("ch:a", "A")
    for source, numbers, sections in (
        ("section 4.1, Figs 5b and 5c", {5}, {"Section 4.1"}),
        ("appendix G.5, Figs 7 (right) and 19", {7, 19}, {"Appendix G"}),
        ("section 5.2, appendix G.3, Fig. 17", {17}, {"Section 5.2", "Appendix G"}),
        ("section 6", set(), {"Section 6"}),
        ("Fig. 99", {99}, set()),
    ):
        claim = Claim("C0", source, "", chapter, ())
        assert (figures_of(claim), sections_of(claim)) == (numbers, sections)


def test_what_was_run_is_that_of_the_profile() -> None:
    assert what_was_run(5, "laptop").endswith(": 50 epochs, 20 seeds, the paper's size")
    assert what_was_run(5, "smoke").endswith(": 2 epochs, 2 seeds")
    assert "Tiny ImageNet" in what_was_run(12, "laptop")
    assert what_was_run(12, "laptop").endswith(": not run")
    assert "100,000 images" in what_was_run(12, "paper")
    assert what_was_run(13, "laptop") == "–"


def kept(**words: str) -> Verdicts:
    """Kept verdicts on parts, each "verdict" or "verdict/verdict at hand"."""
    return Verdicts(
        "laptop",
        0,
        {
            name: KeptVerdict(both.partition("/")[0], both.rpartition("/")[2], "", "")
            for name, both in words.items()
        },
    )


def test_a_sentence_counts_the_claims_of_each_verdict() -> None:
    toy = [claim.id for claim in all_claims() if not claim.recorded]
    images = [claim.id for claim in all_claims() if claim.recorded]
    words = dict.fromkeys((f"{name}a" for name in toy), "supported")
    words |= {f"{toy[0]}b": "not supported", toy[1]: "undecided"}
    words |= dict.fromkeys(images, UNTESTED)
    del words[f"{toy[1]}a"]
    assert verdicts_sentence(kept(**words)) == (
        f"Of the paper's {len(toy)} claims about toy data, {len(toy) - 2} are supported, "
        f"1 is not supported and 1 is undecided; of its {len(images)} about images, "
        f"{len(images)} are {UNTESTED}."
    )


def test_the_map_has_a_row_for_each_figure_with_the_kept_verdicts() -> None:
    found = kept(
        C1a="supported",
        C1b="supported",
        C9a=f"{UNTESTED}/supported",
        C9b=f"{UNTESTED}/not supported",
    )
    page = Page(Path("book/a.md"), "")
    rows = paper_map([page], found).splitlines()
    assert len([row for row in rows if row.startswith("| Figure ")]) == 19
    (third,) = [row for row in rows if row.startswith("| Figure 3,")]
    assert third.endswith("| {ref}`C1 <claim-c1>` supported |")
    (tenth,) = [row for row in rows if row.startswith("| Figure 10,")]
    assert f"`C9 <claim-c9>` {UNTESTED} (here: not supported)" in tenth
    assert tenth.endswith(f"; {{ref}}`C10 <claim-c10>` {UNTESTED} |")
