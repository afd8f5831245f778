"""Lectures as slides: they quote the book's statements and show the figures of its own pages.

A deck is a Markdown file in ``book/slides/``. Lines of ``---`` divide it into slides.
Its directives beside those of chapters are in :mod:`publishing.sphinx_ext.decks`.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from publishing import records
from publishing.browser import chromium, served
from publishing.colab.notebooks import references
from publishing.colab.plain import SLIDES, ExportError, translate
from publishing.project import Project, read_text
from publishing.sphinx_ext.decks import RESULTS

MARKER = "% build-slides"
"""Line of a page that stands for links to the decks."""

WIDTH, HEIGHT = 1280, 720
"""Width and height of a slide in pixels."""

FOLDER = "slides"
"""Folder of the decks in the site's ``_static``."""

_TEMPLATE = Path(__file__).with_suffix(".html")
_BREAK = re.compile(r"^---\s*$", re.MULTILINE)
_FIGURE = re.compile(r'(?<=src="../figures/)([\w-]+)(?=")')


@dataclass(frozen=True)
class Deck:
    """One lecture.

    Attributes:
        name: Name of its file, without a suffix.
        title: First heading.
        slides: Sources of the slides.
    """

    name: str
    title: str
    slides: tuple[str, ...]


def read_decks(project: Project) -> tuple[Deck, ...]:
    """Return the lectures, in the order of their names."""
    return tuple(_read(path) for path in sorted((project.root / SLIDES).glob("*.md")))


def _read(path: Path) -> Deck:
    text = read_text(path)
    title = text.partition("\n")[0].removeprefix("# ")
    return Deck(path.stem, title, tuple(_BREAK.split(text)))


def write_decks(project: Project, folder: Path, results: str, made: str) -> tuple[Deck, ...]:
    """Write each deck as ``folder/slides/NAME.html``, with the figures of ``folder/figures``.

    Args:
        project: The book.
        folder: The site's ``_static``, with the figures of all chapters.
        results: The start page's results, in Markdown.
        made: A sentence that says what made the figures, in Markdown.

    Raises:
        ExportError: If a deck refers to what the book does not have.
    """
    decks = read_decks(project)
    if not decks:
        return ()
    markdown = _markdown()
    translated = translate(project)
    template = Template(_TEMPLATE.read_text(encoding="utf8"))
    for deck in decks:
        plain = translated[f"{SLIDES}/{deck.name}"]
        last = f"{references(plain.references)}\n\n## This build\n\n{made}"
        slides = [markdown.render(text.replace(RESULTS, results)) for text in plain.texts()]
        text = template.substitute(
            title=html.escape(deck.title),
            slides="\n".join(
                f"<section>\n{slide}\n</section>" for slide in [*slides, markdown.render(last)]
            ),
            width=WIDTH,
            height=HEIGHT,
        )
        # Seen from the deck, so that a copy of the site links to itself.
        text = text.replace(f'href="{project.repository().site_url}/', 'href="../../')
        text = _with_pictures(text, folder / "figures", f"{SLIDES}/{deck.name}.md")
        records.write(folder / FOLDER / f"{deck.name}.html", text)
    return decks


def _with_pictures(text: str, figures: Path, deck: str) -> str:
    """Complete the names of figures: a chapter's run decides whether one is drawn in lines."""

    def complete(found: re.Match[str]) -> str:
        for path in figures.glob(f"{found[0]}.*"):
            return path.name
        raise ExportError(f"{deck}: {found[0].removesuffix('-light')} is no picture")

    return _FIGURE.sub(complete, text)


def _markdown() -> MarkdownIt:
    math = {"renderer": _formula, "allow_digits": False, "double_inline": True}
    return MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, **math)


def links(decks: Sequence[Deck]) -> str:
    """Return a list of links to the decks, for a page of the site."""
    return "\n".join(
        f'- <a href="../_static/{FOLDER}/{deck.name}.html">{html.escape(deck.title)}</a>, '
        f"{len(deck.slides)} slides"
        for deck in decks
    )


def _formula(tex: str, options: dict[str, bool]) -> str:
    opened, closed = ("\\[", "\\]") if options["display_mode"] else ("\\(", "\\)")
    return opened + html.escape(tex, quote=False) + closed


def print_decks(site: Path, names: Sequence[str], folder: Path) -> list[Path]:
    """Print decks of a site as ``folder/NAME.pdf``, a page a slide.

    Raises:
        BrowserError: If Chromium or Playwright is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    with chromium() as browser, served(site) as address:
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for name in names:
            page.goto(f"{address}_static/{FOLDER}/{name}.html?print-pdf")
            page.wait_for_selector(".reveal.ready", state="attached")
            page.wait_for_selector(".pdf-page", state="attached")
            target = folder / f"{name}.pdf"
            page.pdf(path=target, prefer_css_page_size=True, print_background=True)
            made.append(target)
    return made
