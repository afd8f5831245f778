"""Pages are printed whole, the folded parts too, and the book is all of them in their order."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from pypdf import PdfReader

from publishing.browser import BrowserError
from publishing.pdf import BOOK, pdfs
from publishing.run import Papermill
from publishing.site import build_site
from tests.publishing.fixture_book import SMOKE, FakePapermill, new_book, stream

pytestmark = [pytest.mark.slow, pytest.mark.browser]

FOLDED = """
```{exercise} Nothing
:label: ex-nothing

Show that nothing is nothing.
```

```{solution} ex-nothing
:label: sol-nothing
:class: dropdown

Behold the unfolded solution.
```
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of a start page and a chapter, with its PDFs."""
    book = new_book(tmp_path_factory.mktemp("book"))
    book.page("index", "# Start\n\nWelcome.\n")
    folded = "---\ntags: [hide-input]\n---\nprint('left to the notebook')"
    book.chapter("part/a", f"print({'wide' * 60!r})", folded, prose=FOLDED)
    texts = ("printed by the code\n", "printed by folded code\n")
    fake = FakePapermill({("a", 2 + i): [stream(text)] for i, text in enumerate(texts)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Papermill, "run", lambda self, page, scratch: fake.run(page, scratch))
        book.execute()
        html = build_site(book.project, book.pages(), SMOKE, pdf=True)
    try:
        # In a thread of its own: this one may drive a browser already.
        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(
                pdfs, html, [Path("book/index.html"), Path("book/part/a.html")]
            ).result()
    except BrowserError as error:
        pytest.skip(str(error))
    assert [path.stem for path in made] == ["index", "a", BOOK]
    return html


def _text(path: Path) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(path).pages).split())


def test_a_page_is_printed_whole(site: Path) -> None:
    text = _text(site / "pdf" / "a.pdf")
    assert "Chapter a" in text
    assert "printed by the code" in text
    assert "Behold the unfolded solution" in text
    assert "printed by folded code" in text
    assert "left to the notebook" not in text, "the code of a folded cell"
    assert text.replace(" ", "").count("wide") == 60, "a long line is wrapped, not cut"


def test_the_book_has_all_pages_in_their_order_and_an_outline(site: Path) -> None:
    parts = [PdfReader(site / "pdf" / f"{name}.pdf") for name in ("index", "a")]
    book = PdfReader(site / "pdf" / f"{BOOK}.pdf")
    assert len(book.pages) == sum(len(part.pages) for part in parts)
    text = _text(site / "pdf" / f"{BOOK}.pdf")
    assert text.index("Welcome") < text.index("printed by the code")
    tops = [each.title for each in book.outline if not isinstance(each, list)]
    assert tops == ["Start", "Chapter a"]


def test_each_page_links_to_its_pdf_and_to_the_books(site: Path) -> None:
    for name, up in (("index", ".."), ("part/a", "../..")):
        path = site / "book" / f"{name}.html"
        page = BeautifulSoup(path.read_text(encoding="utf8"), "html.parser")
        links = {str(link["href"]) for link in page.find_all("a", href=True)}
        wanted = {f"{up}/pdf/{path.stem}.pdf", f"{up}/pdf/{BOOK}.pdf"}
        assert wanted <= links
        assert all((path.parent / link).is_file() for link in wanted)
