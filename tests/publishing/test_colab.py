"""Chapters as notebooks for Colab: what is translated, what is refused, and that exports repeat."""

import ast
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from publishing.chapters import read_pages
from publishing.colab import ExportError, export_all
from publishing.colab.blocks import BlockError, Formula, parse_page
from publishing.colab.notebooks import assemble_all
from publishing.project import Project

BOOK = Path(__file__).parent / "colab_book"
SITE = "https://owner.github.io/labels"

Translate = Callable[[str], str]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A copy of the small book, to be changed."""
    return shutil.copytree(BOOK, tmp_path / "book")


@pytest.fixture
def translate(book: Path) -> Translate:
    """Translates MyST that is added to the second chapter, below a heading of its own."""
    path = book / "book" / "second.md"
    source = path.read_text(encoding="utf8")

    def run(text: str) -> str:
        path.write_text(f"{source}\n## Added\n\n{text}\n", encoding="utf8")
        cells = assemble_all(Project(book))["second"].cells
        start = next(i for i, cell in enumerate(cells) if cell.source.startswith("## 2.3. Added"))
        added = "\n\n".join(cell.source for cell in cells[start:])
        return added.removeprefix("## 2.3. Added").partition("## References")[0].strip()

    return run


def line_of(book: Path, page: str, text: str) -> int:
    lines = (book / "book" / f"{page}.md").read_text(encoding="utf8").split("\n")
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    first = export_all(BOOK, tmp_path / "one")
    second = export_all(BOOK, tmp_path / "two")
    assert [path.name for path in first] == ["first.ipynb", "second.ipynb"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_notebooks_go_beside_the_book_and_those_of_lost_chapters_go_away(book: Path) -> None:
    folder = book / "notebooks"
    folder.mkdir()
    for name in ("lost.ipynb", "first.ipynb", "kept.txt"):
        (folder / name).write_text("old")
    export_all(book)
    assert sorted(path.name for path in folder.iterdir()) == [
        "first.ipynb",
        "kept.txt",
        "second.ipynb",
    ]
    assert (folder / "first.ipynb").read_text(encoding="utf8") != "old"


def test_a_problem_leaves_all_notebooks_as_they_were(book: Path) -> None:
    export_all(book)
    before = {path.name: path.read_bytes() for path in (book / "notebooks").iterdir()}
    first, second = book / "book" / "first.md", book / "book" / "second.md"
    first.write_text(first.read_text(encoding="utf8") + "\nOne more line.\n", encoding="utf8")
    second.write_text(second.read_text(encoding="utf8") + "\n{ref}`nowhere`\n", encoding="utf8")
    with pytest.raises(ExportError):
        export_all(book)
    assert before == {path.name: path.read_bytes() for path in (book / "notebooks").iterdir()}


def test_notebooks_are_valid_plain_and_without_outputs() -> None:
    for notebook in assemble_all(Project(BOOK)).values():
        nbformat.validate(notebook)
        assert set(notebook.metadata) == {"colab", "kernelspec", "language_info"}
        assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
        for cell in notebook.cells:
            assert cell.source.strip()
            if cell.cell_type == "code":
                assert cell.outputs == []
                assert cell.execution_count is None
                assert set(cell.metadata) <= {"tags"}
            else:
                assert not cell.metadata
                assert not re.search(
                    r"\{[\w:]+\}`|```\{|:::|^\(.*\)=$|^%|^\+\+\+", cell.source, re.M
                )


def test_a_change_keeps_the_names_of_the_other_cells(book: Path) -> None:
    path = book / "book" / "first.md"
    before = assemble_all(Project(book))["first"].cells
    path.write_text(path.read_text(encoding="utf8").replace("### A third", "### The third"), "utf8")
    after = assemble_all(Project(book))["first"].cells
    assert sum(new.id != old.id for new, old in zip(after, before, strict=True)) == 1


def test_equal_cells_have_different_names(translate: Translate, book: Path) -> None:
    cell = "```{code-cell} ipython3\n1 + 1\n```\n\n"
    translate(cell * 3)
    cells = assemble_all(Project(book))["second"].cells
    assert len({cell.id for cell in cells}) == len(cells)


def test_code_is_the_chapter_s_own_and_keeps_two_tags() -> None:
    notebooks = assemble_all(Project(BOOK))
    for page in read_pages(Project(BOOK)):
        if page.is_chapter:
            source = [c.source for c in page.notebook().cells if c.cell_type == "code"]
            exported = [c for c in notebooks[page.name].cells if c.cell_type == "code"]
            assert [c.source for c in exported[1:]] == source
    tags = [c.metadata.get("tags") for c in notebooks["first"].cells if c.cell_type == "code"]
    assert tags == [None, ["parameters"], None, ["raises-exception"]]


def test_first_cell_installs_and_first_text_leads_to_the_page() -> None:
    cells = assemble_all(Project(BOOK))["second"].cells
    ast.parse(cells[0].source)
    assert '"git+https://github.com/owner/labels@trunk"' in cells[0].source
    title, lead = cells[1].source.split("\n\n")[:2]
    assert title == "# 2. The second chapter"
    assert lead.startswith(f"*This is chapter 2 of the book [Labels]({SITE}/).")
    assert f"]({SITE}/book/second.html)" in lead
    assert cells[2].metadata.tags == ["parameters"]


def test_a_caption_stands_below_its_figure_s_cell() -> None:
    cells = assemble_all(Project(BOOK))["first"].cells
    place = next(i for i, cell in enumerate(cells) if cell.source == '"a figure"')
    assert cells[place + 1].source.startswith("**Fig. 1.1.** The first figure, with $x^2$, after ")
    assert f"[Fig. 2.1]({SITE}/book/second.html#fig-two)." in cells[place + 1].source


def test_cited_works_are_listed_at_the_end() -> None:
    notebooks = assemble_all(Project(BOOK))
    last = notebooks["first"].cells[-1].source.split("\n")
    assert last[0] == "## References"
    assert last[2] == (
        "- Ann One. A first work. Journal of Tests, 2001. "
        "[doi:10.1000/182](https://doi.org/10.1000/182)."
    )
    assert len(last) == 5
    assert "## References" not in [cell.source[:13] for cell in notebooks["second"].cells]


def test_every_heading_starts_a_cell() -> None:
    for notebook in assemble_all(Project(BOOK)).values():
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                assert not re.search(r"\n#{1,6} ", cell.source)


BIBLIOGRAPHY = f"{SITE}/book/bibliography.html"


@pytest.mark.parametrize(
    ("myst", "markdown"),
    [
        ("Plain *text* with `code` and $x < y$.", "Plain *text* with `code` and $x < y$."),
        ("{math}`x^2` and {code}`f()`", "$x^2$ and `f()`"),
        ("``{ref}`x` `` shows a role", "``{ref}`x` `` shows a role"),
        ("{cite:t}`one2001`", f"[One [2001]]({BIBLIOGRAPHY})"),
        ("{cite:p}`two2002,many2003`", f"[[One and Two, 2002; One et al., 2003]]({BIBLIOGRAPHY})"),
        ("{numref}`Abb. %s <fig-one>`", f"[Abb. 1.1]({SITE}/book/first.html#fig-one)"),
        ("{numref}`Nr. {number} <fig-one>`", f"[Nr. 1.1]({SITE}/book/first.html#fig-one)"),
        ("[](#sec:kinds)", f"[Kinds of *labels* with $x^2$]({SITE}/book/first.html#sec-kinds)"),
        ("[elsewhere](https://example.org/)", "[elsewhere](https://example.org/)"),
        ("{ref}`a\ntext <ch:first>`", f"[a text]({SITE}/book/first.html#ch-first)"),
        ("{ref}`the answer <sol-named>`", f"[the answer]({SITE}/book/first.html#sol-named)"),
        ("$$ a = b $$", "$$\n a = b \n$$"),
        ("$$\na \\\\\nb\n$$", "$$\n\\begin{aligned}\na \\\\\nb\n\\end{aligned}\n$$"),
        ("```python\n# no heading\n```", "```python\n# no heading\n```"),
        ("% a comment\n(a-target)=\nText.", "Text."),
        ("One.\n\n+++\n\nTwo.", "One.\n\nTwo."),
        ("```{tip}\nA tip.\n```", "> **Tip**\n>\n> A tip."),
        ("```{admonition} Title\nText.\n```", "> **Title**\n>\n> Text."),
        ("```{margin}\nAside.\n```", "> *In the margin.*\n>\n> Aside."),
        (
            "```{admonition} <Open> me\n:class: dropdown\nText.\n```",
            "<details>\n<summary>&lt;Open&gt; me</summary>\n\nText.\n\n</details>",
        ),
        (
            ":::{note}\nOuter.\n\n```{prf:proof}\nInner.\n```\n:::",
            "> **Note**\n>\n> Outer.\n>\n> > *Proof.*\n> >\n> > Inner.",
        ),
        (
            "```{note}\nIn a quote:\n\n$$\na\n= b\n$$\n\n    $ of code\n```",
            "> **Note**\n>\n> In a quote:\n>\n> $$a = b$$\n>\n>     $ of code",
        ),
        (
            "```{exercise-start} Long\n:label: ex-long\n```\nText.\n```{exercise-end}\n```",
            "> **Exercise 2.1 (Long)**\n\nText.",
        ),
        (
            "```{solution-start} ex-named\n```\nText.\n```{solution-end}\n```",
            "> **Solution to Exercise 1.1 (Named)**\n\nText.",
        ),
    ],
)
def test_translation(translate: Translate, myst: str, markdown: str) -> None:
    assert translate(myst) == markdown


def test_labels_in_the_added_text_are_numbered(translate: Translate) -> None:
    text = "$$\nx\n$$ (eq-new)\n\n{eq}`eq-new`\n\n```{prf:lemma} {ref}`ch:plain`\nText.\n```"
    assert translate(text) == (
        "$$\nx\n\\tag{2.2}\n$$\n\n"
        f"[(2.2)]({SITE}/book/second.html#equation-eq-new)\n\n"
        f"> **Lemma 2.1 ([A page that is no notebook]({SITE}/book/plain.html#ch-plain))**\n>\n"
        "> Text."
    )


@pytest.mark.parametrize(
    ("myst", "problem"),
    [
        ("{ref}`HERE`", "nothing is labelled HERE"),
        ("{numref}`HERE`", "nothing is labelled HERE"),
        ("{eq}`HERE`", "nothing is labelled HERE"),
        ("{prf:ref}`HERE`", "nothing is labelled HERE"),
        ("{doc}`HERE`", "no page is called HERE"),
        ("[text](#HERE)", "nothing is labelled HERE"),
        ("[text](HERE.md)", "no page is called HERE.md"),
        ("{cite:t}`HERE`", "no entry of the bibliography is called HERE"),
        ("{cite:p}`one2001, HERE`", "no entry of the bibliography is called HERE"),
        ("{term}`HERE`", "the role {term} has no translation"),
        ("{ref}`place` HERE", "the reference needs a text"),
        ("{ref}`sol-named` HERE", "a solution of another page needs a text"),
        ("{numref}`sec:root` HERE", "has no number"),
        ("![HERE](picture.png)", "pictures are drawn by code"),
        ("HERE[^note]", "notebooks have no footnotes"),
        ("\\begin{align} HERE", "write the formula between $$ and $$"),
        ("```{figure} HERE\n```", "the directive {figure} has no translation"),
        ("```{solution} HERE\n```", "nothing is labelled HERE"),
        ("$$ a $$ HERE", "text stands behind the formula's $$"),
        ("$$ HERE", "the formula's $$ is never closed"),
        ("```{note} HERE", "the fence ``` is never closed"),
        ("```{prf:lemma} HERE\n:label: lem-two\nTwice.\n```", "the label lem-two is used twice"),
        ("# HERE", "a page has one heading of the first level"),
        (
            "```{code-cell} ipython3 HERE\n---\nmystnb:\n  figure:\n    name: fig-x\n---\n1\n```",
            "a figure needs both a name and a caption",
        ),
        ("```{code-cell} ipython3 HERE\n---\na: [\n---\n1\n```", "are not YAML"),
    ],
)
def test_what_has_no_translation_is_refused_with_file_and_line(
    translate: Translate, book: Path, myst: str, problem: str
) -> None:
    with pytest.raises(ExportError) as error:
        translate(f"Some text.\n\n% a comment\n(target)=\nMore text.\n\n{myst}")
    place = f"book/second.md:{line_of(book, 'second', 'HERE')}: "
    lines = [line for line in str(error.value).split("\n") if line.startswith(place)]
    assert [line for line in lines if problem in line], str(error.value)


def test_all_problems_are_listed_at_once(book: Path) -> None:
    for page in ("first", "second"):
        path = book / "book" / f"{page}.md"
        path.write_text(path.read_text(encoding="utf8") + "\n{ref}`no` {eq}`no`\n", "utf8")
    (book / "book" / "plain.md").write_text("No title.", encoding="utf8")
    with pytest.raises(ExportError) as error:
        export_all(book)
    places = [line.partition(": ")[0] for line in str(error.value).split("\n")[1:]]
    assert {re.sub(r":\d+", "", place) for place in places} == {
        "book/first.md",
        "book/second.md",
        "book/plain.md",
    }


def test_lines_are_counted_in_the_page() -> None:
    blocks = parse_page("---\nheader: yes\n---\ntext\n\n$$\na\n$$ (eq-a)\n")
    assert [block.line for block in blocks] == [4, 6, 9]
    assert blocks[1] == Formula("a", "eq-a", "", 6)


def test_an_open_fence_is_refused() -> None:
    with pytest.raises(BlockError, match="2: the fence"):
        parse_page("text\n```python\n1\n")
