"""The slides of the site in Chromium: they fit, ask nobody, and print one page each."""

import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from publishing.assets import axe_script
from publishing.browser import visit
from publishing.project import Project
from publishing.slides import HEIGHT, WIDTH, print_decks, read_decks

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DECKS = {deck.name: deck for deck in read_decks(Project())}
_READY = "() => document.querySelector('.reveal.ready') && Reveal.isReady()"
_SLIDE = """() => {
    const slide = Reveal.getCurrentSlide();
    // What is for screen readers alone has no place.
    const hidden = 'mjx-assistive-mml';
    const tall = [...slide.querySelectorAll('*')].filter(part => !part.closest(hidden))
        .map(part => part.getBoundingClientRect());
    const frame = document.querySelector('.reveal .slides').getBoundingClientRect();
    return {
        bottom: Math.max(...tall.map(part => part.bottom)) - frame.bottom,
        right: Math.max(...tall.map(part => part.right)) - frame.right,
        text: slide.innerText,
        errors: slide.querySelectorAll('mjx-merror').length,
        pictures: [...slide.querySelectorAll('img')].map(
            image => image.complete && image.naturalWidth > 0 && image.alt.length > 0),
    };
}"""


@pytest.mark.parametrize("name", DECKS)
def test_every_slide_fits_and_shows_what_it_should(browser: Any, address: str, name: str) -> None:
    with visit(browser, f"{address}_static/slides/{name}.html", "light", WIDTH) as seen:
        seen.page.wait_for_function(_READY)
        complaints = [*seen.requests, *seen.failures, *seen.errors]
        count = seen.page.evaluate("Reveal.getTotalSlides()")
        assert count == len(DECKS[name].slides) + 1
        for number in range(count):
            seen.page.evaluate(f"Reveal.slide({number})")
            slide = seen.page.evaluate(_SLIDE)
            if max(slide["bottom"], slide["right"]) > 1:
                complaints.append(f"slide {number + 1} runs off by {slide['bottom']:.0f} px")
            if slide["errors"] or not all(slide["pictures"]):
                complaints.append(f"slide {number + 1}: {slide}")
            if re.search(r"\\[(\[]|\{(prf:)?(ref|quote|show|notes)\}|\$", slide["text"]):
                complaints.append(f"slide {number + 1} shows markup: {slide['text']}")
        assert complaints == []


@pytest.mark.parametrize("name", DECKS)
def test_slides_break_no_rule_of_accessibility(browser: Any, address: str, name: str) -> None:
    with visit(browser, f"{address}_static/slides/{name}.html", "light", WIDTH) as seen:
        seen.page.wait_for_function(_READY)
        seen.page.add_script_tag(path=axe_script())
        rules = {"resultTypes": ["violations"], "preload": False}
        found = seen.page.evaluate("async rules => (await axe.run(rules)).violations", rules)
        assert [
            (each["id"], [node["html"][:160] for node in each["nodes"]]) for each in found
        ] == []


def test_print_has_a_page_a_slide(site: Path, browser: Any, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:  # this thread drives a browser already
        made = pool.submit(print_decks, site, list(DECKS), tmp_path).result()
    assert [path.stem for path in made] == list(DECKS)
    for path in made:
        pages = PdfReader(path).pages
        assert len(pages) == len(DECKS[path.stem].slides) + 1
        box = pages[0].mediabox
        assert float(box.width) / float(box.height) == pytest.approx(WIDTH / HEIGHT, rel=0.02)
        text = unicodedata.normalize("NFKC", pages[0].extract_text())  # ligatures
        assert DECKS[path.stem].title in " ".join(text.split())
