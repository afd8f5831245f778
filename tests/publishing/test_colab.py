"""Chapters as notebooks for Colab: what is translated, what is refused, and that exports repeat."""

import ast
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from publishing.chapters import read_pages
from publishing.colab import ExportError, export_all
from publishing.colab.notebooks import assemble_all
from publishing.project import Project

BOOK = Path(__file__).parent / "colab_book"
SITE = "https://owner.github.io/labels"
BIBLIOGRAPHY = f"{SITE}/book/bibliography.html"


@pytest.fixture
def book(tmp_path: Path) -> Project:
    """A copy of the small book, to be changed."""
    return Project(shutil.copytree(BOOK, tmp_path / "book"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small book as it is."""
    return Project(BOOK, build=tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def notebooks(kept: Project) -> dict[str, NotebookNode]:
    """The notebooks of the small book."""
    return assemble_all(kept)


def add(book: Project, page: str, text: str) -> None:
    """Write text below a page."""
    path = book.root / "book" / f"{page}.md"
    path.write_text(path.read_text(encoding="utf8") + text, encoding="utf8")


def test_the_same_sources_give_the_same_bytes(kept: Project, book: Project, tmp_path: Path) -> None:
    first = export_all(kept, tmp_path / "one")
    second = export_all(book, tmp_path / "two")
    assert [path.name for path in first] == ["first.ipynb", "second.ipynb"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_notebooks_of_lost_chapters_go_away_and_a_problem_leaves_all_as_they_were(
    book: Project,
) -> None:
    folder = book.root / "notebooks"
    folder.mkdir()
    for name in ("lost.ipynb", "first.ipynb", "kept.txt"):
        (folder / name).write_text("old")
    export_all(book)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(before) == ["first.ipynb", "kept.txt", "second.ipynb"]
    assert before["first.ipynb"] != b"old"
    add(book, "first", "\nOne more line.\n")
    add(book, "second", "\n{ref}`nowhere`\n")
    with pytest.raises(ExportError):
        export_all(book)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_notebooks_are_valid_plain_and_without_outputs(notebooks: dict[str, NotebookNode]) -> None:
    for notebook in notebooks.values():
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
                assert not re.search(r"\n#{1,6} ", cell.source), "every heading starts a cell"
                assert not re.search(
                    r"\{[\w:]+\}`|```\{|:::|^\(.*\)=$|^%|^\+\+\+", cell.source, re.M
                )


def test_a_change_keeps_the_names_of_the_other_cells(
    book: Project, notebooks: dict[str, NotebookNode]
) -> None:
    path = book.root / "book" / "first.md"
    path.write_text(path.read_text(encoding="utf8").replace("### A third", "### The third"), "utf8")
    pairs = zip(assemble_all(book)["first"].cells, notebooks["first"].cells, strict=True)
    assert sum(new.id != old.id for new, old in pairs) == 1


def test_code_is_the_chapter_s_own_and_keeps_two_tags(notebooks: dict[str, NotebookNode]) -> None:
    for page in read_pages(Project(BOOK)):
        if page.is_chapter:
            source = [c.source for c in page.notebook().cells if c.cell_type == "code"]
            exported = [c for c in notebooks[page.name].cells if c.cell_type == "code"]
            assert sorted(c.source for c in exported[1:]) == sorted(source)
    tags = [c.metadata.get("tags") for c in notebooks["first"].cells if c.cell_type == "code"]
    assert tags == [None, ["parameters"], None, ["raises-exception"]]


def test_the_title_leads_to_page_and_sections_and_the_first_code_installs(
    notebooks: dict[str, NotebookNode],
) -> None:
    cells = notebooks["second"].cells
    ast.parse(cells[1].source)
    assert '"anode[lab] @ git+https://github.com/owner/labels@trunk"' in cells[1].source
    title, lead, contents = cells[0].source.split("\n\n")[:3]
    assert title == "# 2. The second chapter"
    assert lead.startswith(f"*This is chapter 2 of the book [Labels]({SITE}/).")
    assert f"]({SITE}/book/second.html)" in lead
    assert cells[2].metadata.tags == ["parameters"]
    assert contents == "- [2.1. A section](#a-section)\n- [2.2. Another section](#another-section)"


def test_links_within_a_notebook_stay_in_it(notebooks: dict[str, NotebookNode]) -> None:
    for name, notebook in notebooks.items():
        text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        links, places = re.findall(r"\]\(#(.+?)\)", text), re.findall(r'<a id="(.+?)">', text)
        assert links
        assert set(links) <= set(places)
        assert len(set(places)) == len(places)
        assert f"/{name}.html#" not in text


def test_a_solution_that_computes_is_at_the_end(notebooks: dict[str, NotebookNode]) -> None:
    *_, exercise, heading, solution, code, _ = notebooks["first"].cells
    assert exercise.source.endswith(
        "[Solution to Exercise 1.2](#sol-plain), with its code, is at the end of this notebook."
    )
    assert "<summary>Solution to Exercise 1.1 (Named)</summary>" in exercise.source
    assert heading.source == "## Solutions that compute"
    assert solution.source.startswith(
        '### Solution to Exercise 1.2\n\n<a id="sol-plain"></a>\n\nHere too: '
    )
    assert code.source == 'raise ValueError("meant")'


def test_a_caption_stands_below_its_figure_s_cell(notebooks: dict[str, NotebookNode]) -> None:
    cells = notebooks["first"].cells
    place = next(i for i, cell in enumerate(cells) if cell.source == '"a figure"')
    start = '<a id="fig-one"></a>**Fig. 1.1.** The first figure, with $x^2$, after '
    assert cells[place + 1].source.startswith(start)
    assert f"[Fig. 2.1]({SITE}/book/second.html#fig-two)." in cells[place + 1].source


def test_cited_works_are_listed_at_the_end(notebooks: dict[str, NotebookNode]) -> None:
    last = notebooks["first"].cells[-1].source.split("\n")
    assert last[0] == "## References"
    assert last[4] == (
        "- Ann One. A first work. Journal of Tests, 2001. "
        "[doi:10.1000/182](https://doi.org/10.1000/182)."
    )
    assert len(last) == 7
    assert "## References" not in [cell.source[:13] for cell in notebooks["second"].cells]


TRANSLATED = [
    ("Plain *text* with `code` and $x < y$.", "Plain *text* with `code` and $x < y$."),
    ("{math}`x^2` and {code}`f()`", "$x^2$ and `f()`"),
    ("2 \\* 3 for \\$5, *(x)*, a_b, \\<b", "2 \\* 3 for \\$5, *(x)*, a_b, \\<b"),
    ("``{ref}`x` `` shows a role", "`` {ref}`x` `` shows a role"),
    ("{cite:t}`one2001`", "One [[2001](#references)]"),
    (
        "{cite:p}`two2002,many2003`",
        "[[One and Two, 2002](#references), [One *et al.*, 2003](#references)]",
    ),
    ("{numref}`Abb. %s <fig-one>`", f"[Abb. 1.1]({SITE}/book/first.html#fig-one)"),
    ("{numref}`Nr. {number} <fig-one>`", f"[Nr. 1.1]({SITE}/book/first.html#fig-one)"),
    ("[](#sec:kinds)", f"[Kinds of labels with x^2]({SITE}/book/first.html#sec-kinds)"),
    ("[elsewhere](https://example.org/)", "[elsewhere](https://example.org/)"),
    ("{ref}`the answer <sol-named>`", f"[the answer]({SITE}/book/first.html#sol-named)"),
    ("$$ a = b $$", "$$\n a = b \n$$"),
    ("$$\na \\\\\nb\n$$", "$$\n\\begin{aligned}\na \\\\\nb\n\\end{aligned}\n$$"),
    ("```python\n# no heading\n```", "```python\n# no heading\n```"),
    ("% a comment\n(a-target)=\nText.", "Text."),
    ("One.\n\n+++\n\nTwo.", "One.\n\nTwo."),
    ("- a\n- b\n\n  1. c\n  2. d", "- a\n\n- b\n\n  1. c\n  2. d"),
    (
        "| n | $\\|x\\|$ |\n|--:|---|\n| 1.50 | b |",
        "| n | $\\vert x\\vert $ |\n| --- | --- |\n| 1.50 | b |",
    ),
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
        "```{note}\nIn a quote:\n\n$$\na\n= b\n$$\n\n~~~\n$ of code\n~~~\n```",
        "> **Note**\n>\n> In a quote:\n>\n> $$a = b$$\n>\n> ```\n> $ of code\n> ```",
    ),
    (
        "$$\nx\n$$ (eq-new)\n\n{eq}`eq-new`\n\n~~~{prf:lemma} {ref}`ch:plain`\nText.\n~~~",
        f'<a id="equation-eq-new"></a>\n\n$$\nx\n\\tag{{2.2}}\n$$\n\n[(2.2)](#equation-eq-new)\n\n'
        f"> **Lemma 2.1 ([A page that is no notebook]({SITE}/book/plain.html#ch-plain))**\n>\n"
        "> Text.",
    ),
    (
        "```{solution} ex-named\n:label: sol-again\nText.\n```",
        '<a id="sol-again"></a>\n\n<details>\n<summary>Solution to Exercise 1.1 (Named)</summary>'
        "\n\nText.\n\n</details>",
    ),
]  # fmt: skip


def test_translation(book: Project) -> None:
    add(book, "second", "".join(f"\n\n## Case\n\n{myst}\n" for myst, _ in TRANSLATED))
    cells = assemble_all(book)["second"].cells
    text = "\n\n".join(cell.source for cell in cells).partition("## References")[0]
    found = [
        part.strip() for part in re.split(r'## 2\.\d+\. Case\n\n<a id="[^"]+"></a>\n', text)[1:]
    ]
    for made, (myst, plain) in zip(found, TRANSLATED, strict=True):
        assert made == plain, myst
    assert len({cell.id for cell in cells}) == len(cells), "equal cells have different names"


REFUSED = [
    ("{ref}`nowhere`", "undefined label: 'nowhere'"),
    ("{numref}`nowhere`", "undefined label: 'nowhere'"),
    ("{eq}`nowhere`", "equation not found: nowhere"),
    ("{prf:ref}`nowhere`", "prf:ref reference target not found: nowhere"),
    ("{doc}`nowhere`", "unknown document: 'nowhere'"),
    ("[text](#nowhere)", "'myst' cross-reference target not found: 'nowhere'"),
    ("{cite:t}`nobody`", "could not find bibtex key \"nobody\""),
    ("{nothing}`text`", "Unknown interpreted text role \"nothing\""),
    ("{ref}`place`", "A title or caption not found: 'place'"),
    ("![](picture.png)", "pictures are drawn by code: book/picture.png"),
    ("Text[^note].\n\n[^note]: A note.", "no translation of: footnote_reference"),
    ("```{nothing}\n```", "Unknown directive type: 'nothing'"),
    ("```{prf:lemma}\n:label: lem-two\nTwice.\n```", "duplicate lemma label 'lem-two'"),
]  # fmt: skip


def test_what_has_no_translation_is_refused_with_its_file_and_all_at_once(book: Project) -> None:
    add(book, "first", "\n\n{ref}`elsewhere`\n")
    add(book, "second", "".join(f"\n\n## Case\n\n{myst}\n" for myst, _ in REFUSED))
    lines = (book.root / "book" / "first.md").read_text(encoding="utf8").splitlines()
    with pytest.raises(ExportError) as error:
        export_all(book)
    said = str(error.value)
    assert f"book/first.md:{lines.index('{ref}`elsewhere`') + 1}: undefined label" in said
    for myst, problem in REFUSED:
        assert re.search(rf"^book/second\.md(:\d+)?: .*{problem}", said, re.MULTILINE), (myst, said)
