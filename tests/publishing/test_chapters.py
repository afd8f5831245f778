"""Pages are read from the table of contents; what does not fit is named."""

import pytest

from publishing.chapters import select
from publishing.project import ProjectError
from tests.publishing.fixture_book import Book


def test_pages_come_in_the_order_of_the_contents_and_know_what_they_are(book: Book) -> None:
    book.chapter("b")
    book.page("c", "# Plain\n")
    (book.project.root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nparts:\n"
        "- caption: One\n  chapters:\n  - file: book/c\n    sections:\n    - file: book/b\n"
    )
    assert [(page.name, page.is_chapter) for page in book.pages()] == [
        ("index", False),
        ("c", False),
        ("b", True),
    ]


def test_missing_and_twice_named_pages_are_refused(book: Book) -> None:
    toc = book.project.root / "_toc.yml"
    toc.write_text("format: jb-book\nroot: book/index\nchapters:\n- file: book/gone\n")
    with pytest.raises(ProjectError, match=r"book/gone\.md, which does not exist"):
        book.pages()
    (book.project.root / "index.md").write_text("# Another\n")
    toc.write_text("format: jb-book\nroot: book/index\nchapters:\n- file: index\n")
    with pytest.raises(ProjectError, match="same name: index"):
        book.pages()


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        (":tags: [remove-cell]\n\nseed = 0", "0 cells are tagged 'parameters'"),
        (":tags: [parameters]\n\nseed = 1 + 1", "NAME = VALUE"),
        (":tags: [parameters]\n\nseed = 0", "sets seed; it must set profile, seed, device"),
    ],
)
def test_chapter_without_the_common_parameters_is_refused(
    book: Book, cell: str, complaint: str
) -> None:
    book.chapter("odd", parameters=cell)
    with pytest.raises(ProjectError, match="odd") as refusal:
        book.execute()
    assert complaint in str(refusal.value)


def test_selected_chapters_come_once_and_unknown_ones_are_refused(book: Book) -> None:
    book.chapter("a")
    book.chapter("b")
    assert [page.name for page in select(book.pages(), [])] == ["a", "b"]
    assert [page.name for page in select(book.pages(), ["b", "b"])] == ["b"]
    with pytest.raises(ProjectError, match="no chapter is called 'c'; chapters: a, b"):
        select(book.pages(), ["c"])
    with pytest.raises(ProjectError, match="'index'"):
        select(book.pages(), ["index"])


def test_a_byte_order_mark_changes_nothing(book: Book) -> None:
    book.chapter("a", "1")
    path, plain = book.project.root / "book" / "a.md", book["a"]
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert book["a"] == plain
    assert book["a"].is_chapter
