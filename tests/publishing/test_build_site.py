"""The site is built from what was executed; warnings are errors, and leave the site as it is."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from bs4 import BeautifulSoup

from publishing import site
from publishing.project import HOME
from publishing.run import Papermill
from publishing.site import SiteError, broken_links, build_site
from tests.publishing.fixture_book import (
    SMOKE,
    Book,
    FakePapermill,
    figure,
    new_book,
    picture,
    stream,
)

pytestmark = pytest.mark.slow

PROSE = """(ch:a)=
## Theory

See {numref}`fig-line`, {prf:ref}`thm-a` and {ref}`ch:start`, and $x^2$.

```{prf:theorem} Nothing
:label: thm-a

$$
0 = 0
$$ (eq-a)
```
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    """A book of one chapter, in a folder of its own, and its site."""
    book = new_book(tmp_path_factory.mktemp("book"))
    book.page("index", "(ch:start)=\n# Start\n\nRead {ref}`ch:a`.\n\n% build-summary\n")
    book.page("old", "# Old\n")
    book.page("status", "# Status\n\n% build-status\n")
    book.chapter("part/a", figure("draw()"), "print('seen')", prose=PROSE)
    fake = FakePapermill({("a", 2): [picture()], ("a", 3): [stream("seen\n")]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Papermill, "run", lambda self, page, scratch: fake.run(page, scratch))
        book.execute()
        assert build_site(book.project, book.pages(), SMOKE) == book.project.html
        yield book


def _page(book: Book, name: str) -> BeautifulSoup:
    return BeautifulSoup((book.project.html / "book" / f"{name}.html").read_text(), "html.parser")


def _links(page: BeautifulSoup) -> list[str]:
    return [str(link["href"]) for link in page.find_all("a", href=True)]


def test_page_shows_what_the_chapter_printed_and_drew(built: Book) -> None:
    page = _page(built, "part/a")
    assert "seen\n" in page.text
    images = page.select(".themed-figure img")
    assert [image["class"] for image in images] == [["only-light"], ["only-dark"]]
    for image in images:
        assert (built.project.html / "book" / "part" / str(image["src"])).is_file()
    assert "Made by this chapter’s code at no commit" in page.text
    assert "profile = 'smoke'" not in page.text  # the injected parameters are hidden


def test_every_page_names_the_profile_and_the_device(built: Book) -> None:
    for name in ("index", "old", "status", "part/a"):
        [footer] = _page(built, name).select(".extra_footer")
        assert footer.text.strip() == "Executed with profile smoke, seed 0, device cpu."


def test_buttons_lead_to_this_pages_sources(built: Book) -> None:
    repository = built.project.repository()
    chapter, plain = _links(_page(built, "part/a")), _links(_page(built, "index"))
    colab = "https://colab.research.google.com/github/"
    path = repository.url.removeprefix("https://github.com/")
    assert f"{colab}{path}/blob/{repository.branch}/notebooks/a.ipynb" in chapter
    assert f"{repository.url}/edit/{repository.branch}/book/part/a.md" in chapter
    assert f"{repository.url}/edit/{repository.branch}/book/index.md" in plain
    assert not [link for link in plain if link.startswith(colab)]


def test_site_runs_no_code_and_asks_no_other_host(built: Book) -> None:
    for path in built.project.html.rglob("*.html"):
        page = BeautifulSoup(path.read_text(), "html.parser")
        assert "thebe" not in path.read_text().lower()
        asked = [str(tag.get("src") or "") for tag in page.find_all(["script", "img"])]
        asked += [str(tag["href"]) for tag in page.find_all("link", rel="stylesheet")]
        assert [url for url in asked if re.match(r"(https?:)?//", url)] == []


def test_site_names_no_folder_of_this_machine(built: Book) -> None:
    private = [f"{folder}/" for folder in (HOME, built.project.root, Path.home())]
    for path in built.project.html.rglob("*"):
        if path.suffix in (".html", ".ipynb", ".md", ".json", ".txt", ".js"):
            text = path.read_text(encoding="utf8")
            assert [name for name in private if name in text] == [], path


def test_status_and_start_pages_are_filled_in(built: Book) -> None:
    assert "a processor" not in _page(built, "index").text
    assert "Profile" in _page(built, "index").text
    assert "✓ executed" in _page(built, "status").text


def test_same_sources_are_not_built_again(built: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    def build_again(folder: Path, output: Path) -> Path:
        raise AssertionError

    monkeypatch.setattr(site, "_sphinx", build_again)
    build_site(built.project, built.pages(), SMOKE)


FLAWS = {
    "{ref}`ch:nowhere`": "ch:nowhere",
    "{eq}`eq-nowhere`": "eq-nowhere",
    "{numref}`fig-nowhere`": "fig-nowhere",
    "{prf:ref}`thm-nowhere`": "thm-nowhere",
    "{cite:p}`nobody`": "nobody",
    "[text](gone.md)": "gone",
    "{doc}`no-page`": "no-page",
}


def test_warnings_are_errors_and_keep_the_old_site(built: Book) -> None:
    status = built.project.html / "book" / "status.html"
    before, good = status.read_text(), built["status"].text
    built.page("status", "\n\n".join([good, *FLAWS]))
    with pytest.raises(SiteError) as refusal:
        build_site(built.project, built.pages(), SMOKE)
    assert [flaw for flaw, name in FLAWS.items() if name not in str(refusal.value)] == []
    assert status.read_text() == before
    built.page("status", good)


def test_repaired_book_is_built_and_what_is_gone_from_it_is_gone_from_the_site(
    built: Book,
) -> None:
    old = built.project.html / "book" / "old.html"
    assert old.exists()
    good = built["status"].text
    (built.project.root / "book" / "old.md").unlink()
    built.page("status", good)
    build_site(built.project, built.pages(), SMOKE)
    assert not old.exists()


class _Server(BaseHTTPRequestHandler):
    """Has one page."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/there" else 404)
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_links_are_followed_and_the_broken_ones_named(tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_port}"
    try:
        book = new_book(tmp_path)
        book.page("index", f"# Start\n\n[one]({host}/there), [two]({host}/gone)\n")
        (broken,) = broken_links(book.project, book.pages(), SMOKE)
        assert broken.startswith(f"book/index.md: {host}/gone: 404")
        book.page("index", f"# Start\n\n[one]({host}/there)\n")
        assert broken_links(book.project, book.pages(), SMOKE) == []
        assert not book.project.html.exists(), "no site is built"
    finally:
        server.shutdown()
