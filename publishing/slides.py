"""Lectures as slides: they quote the book's statements and show the figures of its own pages.

A deck is a Markdown file in ``slides/``. Lines of ``---`` divide it into slides. Beside the
directives of chapters it knows:

- ``{quote} LABEL``: a statement of the book;
- ``{show} NAME``: a chapter's figure, as that chapter's run drew it; ``:width:`` in percent;
- ``{results}``: the table of verdicts that the start page shows;
- ``{notes}``: what the lecturer says, for the speaker's view alone.
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
from publishing.colab.blocks import Block, BlockError, Directive, parse
from publishing.colab.errors import Problems
from publishing.colab.markdown import Translator
from publishing.colab.quotes import Quoter
from publishing.project import Project

FOLDER = "slides"
"""Of the sources, and of the decks in the site's ``_static``."""

MARKER = "% build-slides"
"""Line of a page that stands for links to the decks."""

WIDTH, HEIGHT = 1280, 720
"""Of a slide in pixels."""

_TEMPLATE = Path(__file__).with_suffix(".html")
_BREAK = re.compile(r"^---\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Deck:
    """One lecture.

    Attributes:
        name: of its file.
        title: its first heading.
        slides: sources, with the numbers of their first lines.
    """

    name: str
    title: str
    slides: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class _Figure:
    """Where a chapter has it, and what it says to those who do not see it."""

    page: str
    alt: str


def read_decks(project: Project) -> tuple[Deck, ...]:
    """The lectures, in the order of their names."""
    return tuple(_read(path) for path in sorted((project.root / FOLDER).glob("*.md")))


def _read(path: Path) -> Deck:
    text = path.read_text(encoding="utf8")
    slides, line = [], 1
    for part in _BREAK.split(text):
        slides.append((part, line))
        line += part.count("\n")
    title = text.partition("\n")[0].removeprefix("# ")
    return Deck(path.stem, title, tuple(slides))


def write_decks(project: Project, folder: Path, results: str, made: str) -> tuple[Deck, ...]:
    """Write each deck as ``folder/slides/NAME.html``, with the figures of ``folder/figures``.

    Args:
        project: the book.
        folder: the site's ``_static``, with the figures of all chapters.
        results: the start page's, Markdown.
        made: what made the figures, Markdown.

    Raises:
        ExportError: if a deck refers to what the book does not have; each with file and line.
    """
    decks = read_decks(project)
    if not decks:
        return ()
    problems = Problems()
    writer = _Writer(project, folder, results, made, problems)
    pages = {deck.name: writer.page(deck) for deck in decks}
    problems.raise_any()
    for name, text in pages.items():
        records.write(folder / FOLDER / f"{name}.html", text)
    return decks


def links(decks: Sequence[Deck]) -> str:
    """A list of the decks, for a page of the site."""
    return "\n".join(
        f'- <a href="../_static/{FOLDER}/{deck.name}.html">{html.escape(deck.title)}</a>, '
        f"{len(deck.slides)} slides"
        for deck in decks
    )


class _Writer:
    def __init__(
        self, project: Project, folder: Path, results: str, made: str, problems: Problems
    ) -> None:
        self._quoter = Quoter(project, problems)
        self._figures = _figures(self._quoter)
        self._folder = folder
        self._results = results
        self._made = made
        self._problems = problems
        math = {"renderer": _formula, "allow_digits": False, "double_inline": True}
        self._markdown = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, **math)
        self._template = Template(_TEMPLATE.read_text(encoding="utf8"))

    def page(self, deck: Deck) -> str:
        """The whole deck."""
        translator = self._quoter.translator(f"{FOLDER}/{deck.name}.md")
        slides = []
        for text, line in deck.slides:
            try:
                slides.append(self._part(text, line, translator))
            except BlockError as error:
                self._problems.add(translator.page, str(error))
        references = self._quoter.book.literature.section(translator.cited)
        slides.append(self._html(f"{references}\n\n## This build\n\n{self._made}"))
        text = self._template.substitute(
            title=html.escape(deck.title),
            slides="\n".join(f"<section>\n{slide}\n</section>" for slide in slides),
            width=WIDTH,
            height=HEIGHT,
        )
        # Seen from the deck, so that a copy of the site links to itself.
        return text.replace(f'href="{self._quoter.book.repository.site_url}/', 'href="../../')

    def _part(self, text: str, line: int, translator: Translator) -> str:
        parts = []
        for block in parse(text.split("\n"), line):
            made = self._block(block, translator)
            if made is None:
                made = self._html(self._quoter.markdown([block], translator))
            parts.append(made)
        return "\n".join(parts)

    def _block(self, block: Block, translator: Translator) -> str | None:
        """What only slides have; None for everything else."""
        if not isinstance(block, Directive):
            return None
        body = "\n".join(block.body)
        match block.name:
            case "show":
                return self._show(block, translator)
            case "results":
                return self._html(self._results)
            case "notes":
                return (
                    f'<aside class="notes">{self._part(body, block.body_line, translator)}</aside>'
                )
        return None

    def _show(self, block: Directive, translator: Translator) -> str:
        name = block.argument
        label, figure = self._quoter.book.labels.by_name.get(name), self._figures.get(name)
        if label is None or figure is None:
            self._problems.add(translator.page, f"{block.line}: no chapter has the figure {name!r}")
            return ""
        files = [*(self._folder / "figures").glob(f"{figure.page}-{name}-light.*")]
        if not files:
            self._problems.add(translator.page, f"{block.line}: {name!r} is no picture")
            return ""
        width = html.escape(str(block.options.get("width", "100%")))
        chapter = self._quoter.book.labels.pages[figure.page].title
        return (
            f'<figure style="width: {width}">'
            f'<img src="../figures/{files[0].name}" alt="{html.escape(figure.alt)}">'
            f'<figcaption><a href="{label.url}">Figure {label.number}</a>, {chapter}</figcaption>'
            "</figure>"
        )

    def _html(self, markdown: str) -> str:
        rendered: str = self._markdown.render(markdown)
        return rendered


def _figures(quoter: Quoter) -> dict[str, _Figure]:
    found = {}
    for page, cell in quoter.directives:
        options = cell.options.get("mystnb", {})
        if name := options.get("figure", {}).get("name"):
            found[name] = _Figure(page.name, options.get("image", {}).get("alt", ""))
    return found


def _formula(tex: str, options: dict[str, bool]) -> str:
    opened, closed = ("\\[", "\\]") if options["display_mode"] else ("\\(", "\\)")
    return opened + html.escape(tex, quote=False) + closed


def print_decks(site: Path, names: Sequence[str], folder: Path) -> list[Path]:
    """Print decks of a site as ``folder/NAME.pdf``, a page a slide.

    Raises:
        BrowserError: if Chromium is missing, or what drives it.
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
