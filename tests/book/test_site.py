"""All chapters executed at the smoke profile, and the site built with warnings as errors."""

import gzip
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup, Tag
from PIL import Image

from publishing import records
from publishing.chapters import Page, read_pages
from publishing.inspection import code_cells
from publishing.project import HOME, Project
from publishing.records import Status

pytestmark = pytest.mark.slow

PAGES = read_pages(Project())
CHAPTERS = [page for page in PAGES if page.is_chapter]
IDS = [page.name for page in CHAPTERS]


def _page(site: Path, page: Page) -> Tag:
    html = (site / page.path).with_suffix(".html").read_text(encoding="utf8")
    article = BeautifulSoup(html, "html.parser").find("article")
    assert isinstance(article, Tag)
    return article


def _figure_cells(page: Page) -> int:
    return sum(1 for cell in code_cells(page.notebook()) if cell.figure)


@pytest.mark.parametrize("page", CHAPTERS, ids=IDS)
def test_chapter_was_executed_and_every_figure_drew(
    site: Path, project: Project, page: Page
) -> None:
    folder = project.executed("smoke")
    record = records.load(folder, page.name)
    assert record is not None
    assert record.status is Status.EXECUTED
    assert record.seconds > 0
    assert record.figures == _figure_cells(page)
    assert record.describes(folder / f"{page.name}.ipynb")


@pytest.mark.parametrize("page", CHAPTERS, ids=IDS)
def test_every_figure_has_number_caption_and_an_image_for_each_theme(
    site: Path, page: Page
) -> None:
    figures = [f for f in _page(site, page).find_all("figure") if f.find("figcaption")]
    assert len(figures) == _figure_cells(page)
    for figure in figures:
        assert figure.select_one(".caption-number") is not None
        caption = figure.find("figcaption").get_text()
        assert "Made by this chapter’s code at" in caption
        assert "profile smoke, seed 0, device cpu" in caption
        light, dark = (figure.select(f"img.only-{theme}") for theme in ("light", "dark"))
        assert len(light) == len(dark) >= 1
        for pair in zip(light, dark, strict=True):
            assert all(image["alt"].strip() for image in pair)
            folder = (site / page.path).parent
            sizes = [_size_if_drawn(folder / str(image["src"])) for image in pair]
            assert sizes[0] == sizes[1] is not None


def _size_if_drawn(path: Path) -> tuple[float, ...] | None:
    """Width and height of an image, None if nothing is to be seen on it."""
    if path.suffix == ".svg":
        root = ElementTree.parse(path).getroot()
        shapes = [part for part in root.iter() if part.tag.endswith(("}path", "}use", "}image"))]
        return tuple(map(float, root.attrib["viewBox"].split())) if len(shapes) > 10 else None
    with Image.open(path) as image:
        return image.size if image.convert("RGB").getextrema() != ((255, 255),) * 3 else None


def test_every_page_of_the_contents_is_there_and_on_the_status_page(site: Path) -> None:
    assert (site / "index.html").is_file()
    for page in PAGES:
        assert _page(site, page).find("h1") is not None
    (status,) = [page for page in PAGES if page.name == "status"]
    rows = [row.get_text(" ", strip=True) for row in _page(site, status).find_all("tr")]
    assert len([row for row in rows if "✓ executed" in row]) == len(CHAPTERS)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_no_marker_or_markup_of_the_source_is_left(site: Path, page: Page) -> None:
    article = _page(site, page)
    for code in article.find_all(["pre", "code"]):
        code.decompose()
    text = article.get_text()
    for markup in ("% build-", "{ref}", "{prf:", "{eq}", "{numref}", "{cite", "```", ":::"):
        assert markup not in text


def _sent(file: Path) -> int:
    """Bytes of an image, which servers compress if it is text."""
    content = file.read_bytes()
    return len(gzip.compress(content) if file.suffix == ".svg" else content)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_a_page_is_light(site: Path, page: Page) -> None:
    """Its text and the figures of one theme, at the smallest size: with what all pages share, a
    reader's first visit stays well under 1.5 MB, the frames of its sliders aside."""
    path = (site / page.path).with_suffix(".html")
    images = _page(site, page).select("img.only-light")
    files = [path.parent / str(image["src"]) for image in images]
    assert sum(map(_sent, files)) < 1_000_000
    text = path.read_text(encoding="utf8")
    frames = sum(len(script.text) for script in BeautifulSoup(text, "html.parser").select(
        'script[type*="jupyter.widget-state"]'
    ))  # fmt: skip
    assert len(text) - frames < 1_000_000


def test_no_file_names_a_folder_of_this_machine(site: Path) -> None:
    private = [f"{folder}/".encode() for folder in (HOME, Path.home())]
    files = [path for path in site.rglob("*") if path.is_file() and "vendor" not in path.parts]
    assert len(files) > len(PAGES)
    for path in files:
        if path.suffix not in (".png", ".webp", ".woff", ".woff2", ".pdf"):
            content = path.read_bytes()
            assert [name for name in private if name in content] == [], path
