"""What a built site prints where something has a number, beside what the notebooks have."""

import re
from collections.abc import Iterator, Sequence
from html import unescape
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from nbformat import NotebookNode

from publishing.chapters import Page, read_pages
from publishing.colab.errors import Problems
from publishing.colab.labels import Label
from publishing.colab.notebooks import Book, assemble_all, read_book
from publishing.project import Project

_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")
_NUMBERED = "span.section-number, span.caption-number, span.eqno"


def differences(project: Project, html: Path) -> list[str]:
    """Everything that the site in the folder `html` and the notebooks say differently.

    Compared are the numbers of each page in their order, the number at each label's address, the
    texts and targets of all references, and the titles of solutions.
    """
    pages = read_pages(project)
    book = read_book(project, pages, Problems())
    notebooks = assemble_all(project)
    articles = {page.name: _article(html, page) for page in pages}
    found = [*_labels(book, articles)]
    for page in pages:
        article = articles[page.name]
        computed = [
            number
            for (name, _), number in sorted(book.labels.numbers.items())
            if name == page.name and number
        ]
        found += _unequal(page, "numbers", _numbers(article), computed)
        if page.name in notebooks:
            notebook = notebooks[page.name]
            references = [*_notebook_references(notebook, book)]
            found += _unequal(page, "references", [*_site_references(article, page)], references)
            titles = [*_notebook_titles(notebook)]
            found += _unequal(page, "solutions", [*_site_titles(article)], titles)
    return found


def _unequal(
    page: Page, what: str, site: Sequence[object], ours: Sequence[object]
) -> Iterator[str]:
    if site != ours:
        yield f"{page.path}: {what}\n  on the site: {site}\n  computed:    {ours}"


def _article(html: Path, page: Page) -> Tag:
    text = (html / page.path.with_suffix(".html")).read_text(encoding="utf8")
    article = BeautifulSoup(text, "html.parser").select_one("article.bd-article")
    assert article is not None, f"{page.path} has no article on the site"
    return article


def _numbers(article: Tag) -> list[str]:
    found = [re.search(r"\d+(\.\d+)*", tag.get_text()) for tag in article.select(_NUMBERED)]
    return [match[0] for match in found if match]


def _labels(book: Book, articles: dict[str, Tag]) -> Iterator[str]:
    for name, label in book.labels.by_name.items():
        page, anchor = _target(label.url)
        place = articles[page].find(id=anchor)
        if place is None:
            yield f"{name}: nothing is at {page}.html#{anchor}"
        elif (printed := _printed(place, label)) != (expected := _expected(label)):
            yield f"{name}: the site prints {printed!r}, not {expected!r}"


def _expected(label: Label) -> str:
    forms = {"section": f"{label.number}.", "equation": f"({label.number})", "place": ""}
    forms |= {"figure": f"Fig. {label.number}", "solution": "Solution"}
    form = forms.get(label.kind, f"{label.kind.capitalize()} {label.number}".strip())
    return form if label.number or label.kind != "section" else ""


def _printed(place: Tag, label: Label) -> str:
    if label.kind == "place":
        return ""
    if label.kind == "section":
        section = place if place.name == "section" else place.find_parent("section")
        assert section is not None
        heading = section.find(re.compile("^h[1-6]$"))
        number = heading.select_one(".section-number") if heading else None
        return number.get_text(strip=True) if number else ""
    if label.kind == "solution":
        return place.get_text(" ", strip=True).split()[0]
    number = place.select_one(".eqno" if label.kind == "equation" else ".caption-number")
    if number is not None:
        return number.get_text().strip("# \n")
    title = place.select_one(".admonition-title")  # of something that is not counted
    return title.get_text().split()[0] if title else ""


def _target(url: str) -> tuple[str, str]:
    address, _, anchor = url.partition("#")
    return Path(address).stem, anchor


def _notebook_references(notebook: NotebookNode, book: Book) -> Iterator[tuple[str, str, str]]:
    """Text, page and anchor of each link to the site, but for citations and the lead."""
    site = book.repository.site_url
    lead = True
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for text, url in _LINK.findall(cell.source)[2 * lead :]:
            if url.startswith(site) and url != book.labels.bibliography:
                yield (_plain(text), *_target(url))
        lead = False


def _site_references(article: Tag, page: Page) -> Iterator[tuple[str, str, str]]:
    for link in article.select("a.reference.internal"):
        target, anchor = _target(str(link["href"]))
        is_citation = link.find_parent(class_="bibtex-citation") or link.get("title")
        is_title = link.find_parent(class_="admonition-title")
        if not is_title and not (is_citation and re.fullmatch(r"id\d+", anchor)):
            yield _plain(link.get_text()), target or page.name, anchor


def _notebook_titles(notebook: NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            titles = re.findall(
                r"(?:<summary>|^> \*\*)(Solution to .*?)(?:</summary>|\*\*$)", cell.source, re.M
            )
            yield from map(_plain, titles)


def _site_titles(article: Tag) -> Iterator[str]:
    for title in article.select("div.solution > .admonition-title"):
        yield _plain(title.get_text())


def _plain(text: str) -> str:
    """Without the marks of Markdown and of formulas, and with plain quotes."""
    quotes = str.maketrans("‘’“”", "''\"\"")
    return " ".join(re.sub(r"[*`$]|\\[()]", "", unescape(text).translate(quotes)).split())
