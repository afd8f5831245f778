"""An edit anywhere in the tree executes just the chapters that it concerns."""

from collections.abc import Callable
from pathlib import Path

import pytest

from anode.data import concentric_spheres
from publishing import fingerprint
from publishing.chapters import read_pages
from publishing.fingerprint import fingerprints
from publishing.project import Project
from tests.helpers.tree import copy_of_the_tree, insert
from tests.publishing.fixture_book import SMOKE

SOURCES = ("book", "_toc.yml", "requirements.lock")


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return keys(copy_of_the_tree(tmp_path_factory.mktemp("before"), *SOURCES))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copy_of_the_tree(tmp_path, *SOURCES)


@pytest.fixture
def executed(tree: Path, before: dict[str, str]) -> Callable[[], set[str]]:
    """Says which chapters an edit of the tree would execute."""

    def differing() -> set[str]:
        after = keys(tree)
        assert after.keys() == before.keys()
        return {name for name in before if before[name] != after[name]}

    return differing


def keys(tree: Path) -> dict[str, str]:
    pages = [page for page in read_pages(Project(tree)) if page.is_chapter]
    return fingerprints(Project(tree), pages, SMOKE)


def texts(tree: Path) -> dict[str, str]:
    return {page.name: page.text for page in read_pages(Project(tree)) if page.is_chapter}


def file_of(tree: Path, module: str) -> Path:
    path = Path(str(tree), *module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


READS_SOURCES = "architecture"
"""The chapter that shows what the modules' texts say."""


def test_a_comment_or_a_docstring_executes_only_the_chapter_that_shows_modules(
    tree: Path, executed: Callable[[], set[str]]
) -> None:
    insert(file_of(tree, "anode_lab.cli.main"), "# A comment.")
    assert executed() == {READS_SOURCES}
    insert(file_of(tree, "anode.fields"), "# A comment.")
    insert(file_of(tree, "anode.fields"), '"""Other words. ', at='"""')
    assert executed() == {READS_SOURCES}


def test_code_that_no_chapter_reaches_executes_none_of_the_others(
    tree: Path, executed: Callable[[], set[str]]
) -> None:
    insert(file_of(tree, "anode_lab.cli.main"), "x = 1")
    insert(file_of(tree, "anode.data.toy"), "def unused(): return 1")
    assert executed() == {READS_SOURCES}


def test_a_script_or_a_style_executes_the_chapters_that_embed_it(
    tree: Path, executed: Callable[[], set[str]]
) -> None:
    showing = {name for name, text in texts(tree).items() if "living_flows(" in text}
    assert showing
    for name in ("living.js", "numerics.js", "drawing.js", "living.css"):
        [file] = (tree / "anode_lab").rglob(name)
        text = file.read_text(encoding="utf8")
        insert(file, "/* A comment. */")
        assert executed() == {READS_SOURCES, *showing}
        file.write_text(text, encoding="utf8")


def test_data_execute_the_chapters_that_draw_them(
    tree: Path, executed: Callable[[], set[str]]
) -> None:
    insert(file_of(tree, concentric_spheres.__module__), "RADII = (0.51,", at="RADII = (0.5,")
    found = executed()
    assert {"what-neural-odes-cannot-represent", "the-annulus-argument"} <= found


def test_a_chapters_text_executes_that_chapter_and_a_plain_page_none(
    tree: Path, executed: Callable[[], set[str]]
) -> None:
    for name in ("generalisation", "notation"):
        [page] = [p for p in (tree / "book").rglob(f"{name}.md") if p.parent.name != "assignments"]
        insert(page, "More text.")
    assert executed() == {"generalisation"}


READERS = {"images_identity": "images", "records": "scorecard"}


@pytest.mark.parametrize(("what", "reader"), READERS.items(), ids=READERS)
def test_data_and_records_execute_the_chapters_that_may_read_them(
    tree: Path,
    executed: Callable[[], set[str]],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    reader: str,
) -> None:
    monkeypatch.setattr(fingerprint, what, lambda: "others")
    found = executed()
    assert reader in found
    assert "when-evaluations-grow" not in found
