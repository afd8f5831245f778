"""Every link inside the site leads somewhere."""

from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

pytestmark = pytest.mark.slow


@cache
def _parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf8"), "html.parser")


@cache
def _places(path: Path) -> frozenset[str]:
    """What a fragment may name on a page, settings of a playground aside."""
    tags = _parsed(path).find_all(lambda tag: tag.get("id") or tag.get("name"))
    return frozenset(str(tag.get(key)) for tag in tags for key in ("id", "name") if tag.get(key))


def _resolves(site: Path, page: Path, address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return True  # another host's
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target /= "index.html"
    if not (target.is_file() and target.is_relative_to(site.resolve())):
        return False
    anywhere = not parts.fragment or target.suffix != ".html"
    if "=" in parts.fragment:
        return bool(_parsed(target).select(".anode-playground:not([data-small])"))
    return anywhere or unquote(parts.fragment) in _places(target)


def _broken(site: Path, page: Path) -> list[str]:
    tags = _parsed(page).find_all(["a", "link", "img", "script", "source", "iframe"])
    addresses = {str(tag.get("href") or tag.get("src") or "") for tag in tags}
    return sorted(address for address in addresses if not _resolves(site, page, address))


def test_links_and_their_fragments_resolve(site: Path) -> None:
    # The theme's parts that hold only macros are no pages, but slides are.
    pages = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    pages += site.glob("_static/slides/*.html")
    assert len(pages) > 5
    broken = {str(path.relative_to(site)): _broken(site, path) for path in pages}
    assert {page: links for page, links in broken.items() if links} == {}
