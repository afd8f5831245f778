"""Decks quote the book and show its own figures, and what they name has to be there."""

import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

from publishing import slides, teaching
from publishing.assignments.source import read
from publishing.chapters import read_pages, select
from publishing.colab import ExportError
from publishing.project import HOME, Project
from publishing.run import Papermill
from publishing.stage import stage
from publishing.times import Time, Times
from tests.publishing.fixture_book import SMOKE, Book, FakePapermill, figure, new_book, picture

STATEMENT = """
```{prf:theorem} Nothing
:label: thm-nothing

Nothing is $0 < 1$:

$$
0 = 0 .
$$
```
"""
DECK = """\
# The lecture

Of {prf:ref}`thm-nothing` and {cite:t}`dupont2019augmented`.
---
## Its figure

```{quote} thm-nothing
```

```{show} fig-line
:width: 60%
```

```{notes}
Say **nothing**.
```
---
For $a < b$ it is

$$ a \\ne b $$
---
```{results}
```
"""

TABLE = {
    "output_type": "display_data",
    "data": {"text/markdown": "| verdict |\n| --- |\n| supported |"},
    "metadata": {},
}


def lecture(book: Book, papermill: FakePapermill) -> Path:
    """The source of a deck, beside a book with a chapter that draws a figure."""
    verdicts = ":tags: [start-page]\n\ntable()"
    book.chapter("a", figure("draw()", alt='"A < 2."'), verdicts, prose=STATEMENT)
    book.page("literature", "# Literature\n\n```{bibliography}\n```\n")
    book.page("part/teach", "# Teach\n\n% build-slides\n")
    papermill.outputs = {("a", 2): [picture()], ("a", 3): [TABLE]}
    book.execute()
    (folder := book.project.root / "book" / "slides").mkdir()
    path = folder / "lecture.md"
    path.write_text(DECK, encoding="utf8")
    return path


@pytest.fixture
def deck(book: Book, papermill: FakePapermill) -> Path:
    """A lecture, to be changed."""
    return lecture(book, papermill)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A staged book with a lecture, as it is."""
    book, fake = new_book(tmp_path_factory.mktemp("book")), FakePapermill()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Papermill, "run", lambda self, page, scratch: fake.run(page, scratch))
        lecture(book, fake)
    stage(book.project, book.pages(), SMOKE, assets=False)
    return book


@pytest.fixture(scope="module")
def made(kept: Book) -> list[Tag]:
    """The slides of the lecture."""
    path = kept.project.stage("smoke") / "assets" / "slides" / "lecture.html"
    return list(BeautifulSoup(path.read_text(encoding="utf8"), "html.parser").find_all("section"))


def test_a_deck_has_its_slides_and_says_at_the_end_what_made_it(made: list[Tag]) -> None:
    first, second, third, fourth, last = made
    assert first.h1 is not None
    assert first.h1.text == "The lecture"
    assert second.h2 is not None
    assert "Emilien Dupont" in last.text
    assert "profile smoke, seed 0, device cpu" in last.text
    assert fourth.td is not None
    assert fourth.td.text == "supported"
    text = " ".join(third.text.split())
    assert "\\(a < b\\)" in text
    assert "\\[a \\ne b\\]" in text


def test_statements_and_figures_are_those_of_the_chapters(made: list[Tag]) -> None:
    _, slide, *_ = made
    quote = slide.blockquote
    assert quote is not None
    assert "Nothing" in quote.text
    assert "\\[0 = 0 .\\]" in quote.text.replace("\n", "")
    image = slide.img
    assert image is not None
    assert (image["src"], image["alt"]) == ("../figures/a-fig-line-light.webp", "A < 2.")
    assert slide.figure is not None
    assert slide.figure["style"] == "width: 60%"
    notes = slide.select_one("aside.notes")
    assert notes is not None
    assert str(notes.strong) == "<strong>nothing</strong>"


def test_links_lead_to_the_site_that_the_deck_belongs_to(kept: Book, made: list[Tag]) -> None:
    links = [str(link["href"]) for slide in made for link in slide.find_all("a", href=True)]
    assert "../../book/a.html#thm-nothing" in links
    assert not [link for link in links if kept.project.repository().site_url in link]


def test_what_a_deck_names_must_be_there(book: Book, deck: Path) -> None:
    text = DECK.replace("thm-nothing\n```", "thm-none\n```").replace("fig-line", "fig-none")
    text = text.replace("{prf:ref}`thm-nothing`", "{ref}`x`")
    deck.write_text(text.replace("dupont2019augmented", "nobody"), encoding="utf8")
    with pytest.raises(ExportError) as error:
        stage(book.project, book.pages(), SMOKE, assets=False)
    for problem in (
        r"3: undefined label: 'x'",
        r"3: could not find bibtex key \"nobody\"",
        r"7: no statement has the label 'thm-none'",
        r"10: no chapter has the figure 'fig-none'",
    ):
        assert re.search(rf"^book/slides/lecture\.md:{problem}", str(error.value), re.MULTILINE), (
            problem
        )


def test_a_figure_that_is_no_picture_is_named(
    book: Book, deck: Path, papermill: FakePapermill
) -> None:
    book.chapter("a", figure("draw()"), prose=STATEMENT + "\nMore.\n")
    papermill.outputs = {("a", 2): [picture(dark=False)]}
    book.execute()
    with pytest.raises(ExportError, match=r"book/slides/lecture\.md: a-fig-line is no picture"):
        stage(book.project, book.pages(), SMOKE, assets=False)


def test_a_book_without_decks_has_none(book: Book) -> None:
    assert slides.write_decks(book.project, book.project.build, "", "") == ()
    assert slides.links(()) == ""


def test_each_deck_is_linked_with_its_title(kept: Book, made: list[Tag]) -> None:
    page = (kept.project.stage("smoke") / "book/part/teach.md").read_text(encoding="utf8")
    assert '- <a href="../../_static/slides/lecture.html">The lecture</a>, 4 slides' in page


def test_the_table_for_instructors_says_what_each_chapter_takes(book: Book) -> None:
    needs = "**You need** {ref}`ch:x` and\n{ref}`ch:y`."
    book.chapter("a", prose=f"{needs}\n\n**Reading time:** 20 minutes.\n\nSee {{ref}}`ch:z`.")
    book.chapter("b")
    book.chapter("c")
    (book.project.root / "book" / "assignments").mkdir()
    source = HOME / "book/assignments/many-trainings.md"
    points = f"{read(source).points:g}"
    for name in ("a", "b"):
        shutil.copy(source, book.project.root / f"book/assignments/{name}.md")
    (book.project.root / "notebooks").mkdir()
    times = {name: Time(seconds, "", "") for name, seconds in (("a", 190.0), ("b", 3.0))}
    text = json.dumps(asdict(Times("laptop", times)))
    (book.project.root / "notebooks" / "times.json").write_text(text)
    rows = teaching.table(book.project, [book["a"], book["b"], book["c"]]).splitlines()
    assert rows[2:] == [
        f"| {{doc}}`/book/a` | {{ref}}`ch:x`, {{ref}}`ch:y` | 20 | 3 | {points} |",
        f"| {{doc}}`/book/b` | – | – | 1 | {points} |",
    ]


def test_every_chapter_of_the_book_has_a_reading_time_and_was_timed() -> None:
    project = Project()
    for row in teaching.table(project, select(read_pages(project), [])).splitlines()[2:]:
        _, _, reading, running, _ = row.strip("| ").split(" | ")
        assert int(reading) >= 10, row
        assert 1 <= int(running) <= 10, row


def test_each_lecture_shows_figures_of_several_chapters_and_quotes_what_it_is_about() -> None:
    for deck in slides.read_decks(Project(HOME)):
        text = "\n".join(deck.slides)
        assert text.count("{show}") >= 8
        assert text.count("{quote}") >= 4
        assert 20 <= len(deck.slides) <= 30, "a lecture of ninety minutes"
