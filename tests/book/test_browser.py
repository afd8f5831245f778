"""Every page of the site in Chromium: light and dark, wide and as narrow as a telephone.

Each test gathers what a reader would stumble over and fails with the list of it.
"""

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from publishing.assets import axe_script
from publishing.browser import THEMES, WIDTHS, Visit, served, visit
from publishing.chapters import read_pages
from publishing.project import Project

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# The start, the index and the search are the builder's own pages.
PAGES = [
    *(page.path.with_suffix(".html").as_posix() for page in read_pages(Project())),
    "search.html",
]
INDICES = ["genindex.html", "index.html", "prf-prf.html", "py-modindex.html"]

_MATH = """() => {
    const article = document.querySelector('article') || document.body;
    const walk = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    const raw = [];
    while (walk.nextNode()) {
        const text = walk.currentNode.textContent;
        const where = walk.currentNode.parentElement;
        if (/\\$[^$]+\\$|\\\\[([]|\\\\begin\\{|\\|[ :]*---/.test(text)
            && !where.closest('pre, code, script, style, mjx-container')) raw.push(text.trim());
    }
    return {
        wanted: article.querySelectorAll('.math').length,
        drawn: article.querySelectorAll('mjx-container').length,
        errors: [...article.querySelectorAll('mjx-merror')].map(error => error.textContent),
        raw,
    };
}"""
_IMAGES = """() => {
    function ground(element) {  // brightness of what lies behind it, from 0 to 1
        const colour = getComputedStyle(element).backgroundColor.match(/[\\d.]+/g).map(Number);
        if (colour[3] === 0 && element.parentElement) return ground(element.parentElement);
        return (colour[0] + colour[1] + colour[2]) / (3 * 255);
    }
    return [...document.images].map(image => ({
        name: image.getAttribute('src').slice(-80),
        alt: image.alt.trim(),
        hidden: !image.checkVisibility(),
        decorative: image.getAttribute('role') === 'presentation' || image.ariaHidden === 'true',
        loaded: image.complete && image.naturalWidth > 0,
        theme: ['light', 'dark'].find(theme => image.classList.contains(`only-${theme}`)) || null,
        ground: ground(image),
    }));
}"""
_WIDGETS = """() => ({
    wanted: document.querySelectorAll('script[type*="jupyter.widget-view"]').length,
    drawn: document.querySelectorAll('.widget-subarea').length,
    empty: [...document.querySelectorAll('.jupyter-widgets')].filter(
        widget => widget.checkVisibility() && !widget.getBoundingClientRect().height).length,
})"""
_TOO_WIDE = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width + 1) return [];
    const scrolls = element => element && element !== document.body
        && (getComputedStyle(element).overflowX !== 'visible' || scrolls(element.parentElement));
    return [...document.querySelectorAll('body *')]
        .filter(element => element.getBoundingClientRect().right > width + 1
            && !scrolls(element.parentElement))
        .map(element => `<${element.tagName.toLowerCase()} class="${element.className}"> `
            + `ends at ${Math.round(element.getBoundingClientRect().right)} of ${width} px`)
        .concat('the page scrolls sideways');
}"""
# Without `preload` axe asks for style sheets at addresses where they are not.
_AXE = """async (rules) => (await axe.run({resultTypes: ['violations'], preload: false, ...rules}))
    .violations
    .flatMap(violation => violation.nodes.map(node => [
        violation.id, node.html.slice(0, 160), ...node.any.map(check => check.message),
    ].join(' – ')))"""

# Contrast is looked at word by word; words of code that have one colour need it once a page.
_ONE_OF_EACH_COLOUR = """() => {
    const seen = new Set();
    for (const word of document.querySelectorAll('pre span'))
        if (seen.size === seen.add(word.className).size) word.replaceWith(word.textContent);
}"""


def _loading(seen: Visit) -> list[str]:
    return [
        *(f"asks another host: {url}" for url in seen.requests),
        *(f"asks in vain: {url}" for url in seen.failures),
        *(f"error in the console: {text}" for text in seen.errors),
    ]


def _math(seen: Visit) -> list[str]:
    found = seen.page.evaluate(_MATH)
    complaints = [f"math that failed: {text}" for text in found["errors"]]
    complaints += [f"math that was left as it was: {text}" for text in found["raw"]]
    if found["drawn"] < found["wanted"]:
        complaints.append(f"{found['drawn']} of {found['wanted']} formulas drawn")
    return complaints


def _widgets(seen: Visit) -> list[str]:
    found = seen.page.evaluate(_WIDGETS)
    if found["drawn"] < found["wanted"] or found["empty"]:
        return [f"widgets: {found}"]
    return []


def _images(seen: Visit, theme: str) -> list[str]:
    complaints = []
    for image in seen.page.evaluate(_IMAGES):
        if image["theme"] and image["hidden"] != (image["theme"] != theme):
            what = "hidden" if image["hidden"] else "shown"
            complaints.append(f"{image['name']} is {what} in the {theme} theme")
        if image["theme"] == theme and (image["ground"] < 0.5) != (theme == "dark"):
            complaints.append(f"{image['name']} lies on a wrong ground: {image['ground']:.2f}")
        if not image["alt"] and not image["decorative"]:
            complaints.append(f"{image['name']} has no alternative text")
        if not image["hidden"] and not image["loaded"]:
            complaints.append(f"{image['name']} did not load")
    return complaints


# Contrast depends on the theme and takes axe as long as all the rest, which depends on the width.
_CONTRAST = "color-contrast"
_RULES = {
    ("light", "wide"): {},
    ("dark", "wide"): {"runOnly": [_CONTRAST]},
    ("light", "narrow"): {"rules": {_CONTRAST: {"enabled": False}}},
}


def _accessibility(seen: Visit, theme: str, width: str) -> list[str]:
    rules = _RULES.get((theme, width))
    if rules is None:
        return []
    if not seen.page.evaluate("'axe' in window"):
        seen.page.add_script_tag(path=axe_script())
        seen.page.evaluate(_ONE_OF_EACH_COLOUR)
    return [f"axe: {violation}" for violation in seen.page.evaluate(_AXE, rules)]


@pytest.mark.parametrize("page", PAGES)
def test_page_is_sound(browser: Any, address: str, page: str) -> None:
    """It is loaded once: what a page asks for does not depend on the window and the theme."""
    complaints: list[str] = []
    with visit(browser, address + page, "light", WIDTHS["wide"]) as seen:
        for theme, width in product(THEMES, WIDTHS):
            seen.show(theme, WIDTHS[width])
            assert seen.page.evaluate("document.documentElement.dataset.theme") == theme
            found = [
                *_math(seen),
                *_widgets(seen),
                *_images(seen, theme),
                *seen.page.evaluate(_TOO_WIDE),
                *_accessibility(seen, theme, width),
            ]
            complaints += [f"{theme}, {width}: {complaint}" for complaint in found]
        complaints += _loading(seen)  # last: it has what came late
    assert not complaints, "\n".join(complaints)


def test_no_page_of_the_site_was_left_out(site: Path) -> None:
    built = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert {path for path in built if not path.startswith("_static/")} == {*PAGES, *INDICES}


def test_start_leads_to_the_first_page(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    page.wait_for_url(f"{address}{PAGES[0]}")
    page.close()


def test_theme_switch_changes_the_figures(browser: Any, address: str) -> None:
    chapter = next(page for page in PAGES if "augmented" in page)
    with visit(browser, address + chapter, "light", WIDTHS["wide"]) as seen:
        seen.page.evaluate("localStorage.setItem('mode', 'dark')")
        seen.page.reload()
        assert not _images(seen, "dark")


PLANTED = """<!doctype html><html lang="en" data-theme="light"><title>Flaws</title><article>
<script>console.error('planted')</script><script src="gone.js"></script>
<img src="http://elsewhere.invalid/picture.png" alt="elsewhere">
<img src="gone.png"><img class="only-dark" src="gone.png" alt="dark">
<p class="math">left $x^2$ raw</p><p style="color: #ddd; background: #fff">pale</p>
<div style="width: 2000px">wide</div><script type="x/jupyter.widget-view"></script>
</article></html>"""


def test_each_flaw_is_found(browser: Any, tmp_path: Path) -> None:
    """Else a page would be called sound because a check no longer looks where it should."""
    (tmp_path / "index.html").write_text(PLANTED)
    with served(tmp_path) as address, visit(browser, address, "light", WIDTHS["wide"]) as seen:
        checks = {
            "math": _math(seen),
            "widgets": _widgets(seen),
            "images": _images(seen, "light"),
            "width": seen.page.evaluate(_TOO_WIDE),
            "axe": _accessibility(seen, "light", "wide"),
            "loading": _loading(seen),
        }
    found = {name: "\n".join(complaints) for name, complaints in checks.items()}
    assert "left $x^2$ raw" in found["math"]
    assert "0 of 1 formulas" in found["math"]
    assert "widgets" in found["widgets"]
    assert "gone.png has no alternative text" in found["images"]
    assert "gone.png did not load" in found["images"]
    assert "gone.png is shown in the light theme" in found["images"]
    assert "scrolls sideways" in found["width"]
    assert "color-contrast" in found["axe"]
    assert "image-alt" in found["axe"]
    assert "asks another host: http://elsewhere.invalid/picture.png" in found["loading"]
    assert "gone.js" in found["loading"]
    assert "error in the console: planted" in found["loading"]
