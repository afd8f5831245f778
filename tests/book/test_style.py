"""What a reader may count on in each page: its length, its head, its cells, exercises and words.

The prose is what stands in Markdown: code, formulas, options of directives and comments aside.
"""

import re
from dataclasses import dataclass
from functools import cache

import pytest

from publishing.chapters import Page, read_pages
from publishing.project import HOME, Project, read_yaml
from publishing.statements import statements

BUDGET, FIRST_PART, LONGEST = 50_000, 22_000, {"paper": 3_000, "deeper": 4_000}
"""Words of prose: of the book, of Part I, and of one chapter in its part."""
LINES, OTHER_LINES, COLUMNS = 15, 25, 79
"""Lines of a visible cell in Part I and elsewhere, and characters of any line of a cell."""
KINDS = ("Warm-up", "Code", "Proof", "Find the flaw", "Change this line")
HIDDEN = {"remove-cell", "hide-cell", "hide-input", "remove-input"}

PAGES = read_pages(Project())
CHAPTERS = [page for page in PAGES if page.is_chapter]
IDS = [page.name for page in CHAPTERS]
NO_CELLS = {"playground": "% build-playground"}
"""Pages of the parts that are no chapters, each with the line that stands for what they have."""
NO_EXERCISES = {"architecture", "your-own", "scorecard"}
"""They are about the book and the package, or look things up."""


def part(page: Page) -> str:
    """Folder of the page."""
    return page.path.parent.name


@dataclass(frozen=True)
class Cell:
    """A cell: its kind, its text without options, and its tags."""

    kind: str
    text: str
    tags: frozenset[str]
    figure: str | None


@cache
def cells(page: Page) -> tuple[Cell, ...]:
    """Cells of a page; a page without code is one cell of Markdown."""
    if not page.is_chapter:
        return (Cell("markdown", page.text, frozenset(), None),)
    found = []
    for cell in page.notebook().cells:
        mystnb = cell.metadata.get("mystnb", {})
        name = mystnb.get("figure", {}).get("name")
        caption = mystnb.get("figure", {}).get("caption", "")
        if caption:
            found.append(Cell("markdown", caption, frozenset({"caption"}), None))
        tags = frozenset(cell.metadata.get("tags", []))
        found.append(Cell(cell.cell_type, cell.source, tags, name))
    return tuple(found)


_ROLE = re.compile(r"\{[\w:-]+\}`([^`<]*)(?:<[^`]*>)?`")


def prose(text: str) -> str:
    """Markdown without what is not read as a sentence."""
    text = re.sub(
        r"^(`{3,}|:{3,})(python|sh|text|yaml|json)\n.*?^\1\s*$", "", text, flags=re.S | re.M
    )
    text = re.sub(
        r"^(%|:[\w-]+:|`{3,}\{(toctree|figure|image)|\([\w:-]+\)=).*$", "", text, flags=re.M
    )
    text = re.sub(r"^(?:`{3,}|:{3,})(?:\{solution\}.*|\{[\w:-]+\})?", "", text, flags=re.M)
    text = re.sub(r"\$\$.*?\$\$(?: *\([\w-]+\))?", " ☐ ", text, flags=re.S)
    text = re.sub(r"\$[^$]*\$", "☐", text)
    text = _ROLE.sub(r"☐", text)
    text = re.sub(r"`[^`]*`", "☐", text)
    return re.sub(r"<[^>]*>|\]\([^)]*\)", " ", text)


def words(page: Page) -> int:
    """Words of prose; captions belong to their figures."""
    texts = (
        prose(cell.text)
        for cell in cells(page)
        if cell.kind == "markdown" and "caption" not in cell.tags
    )
    return sum(len(re.findall(r"☐|[^\W\d_][\w'’-]*", text)) for text in texts)


def test_the_book_is_short() -> None:
    count = {page: words(page) for page in PAGES}
    assert sum(count.values()) <= BUDGET
    assert sum(n for page, n in count.items() if part(page) == "paper") <= FIRST_PART
    long = {p.name: n for p, n in count.items() if n > LONGEST.get(part(p), LONGEST["deeper"])}
    assert long == {}


def test_the_parts_are_numbered_on() -> None:
    parts = read_yaml(HOME / "_toc.yml")["parts"]
    assert [each.get("numbered", False) for each in parts] == [True, True, True, False]
    folders = [{entry["file"].split("/")[1] for entry in each["chapters"]} for each in parts]
    assert folders == [{"paper"}, {"deeper"}, {"practice"}, {"appendix"}]


def test_a_page_of_a_part_is_a_chapter_or_has_something_to_play_with() -> None:
    others = {p.name: p.text for p in PAGES if part(p) not in ("book", "appendix")}
    others = {name: text for name, text in others.items() if name not in IDS}
    assert set(others) == set(NO_CELLS)
    for name, marker in NO_CELLS.items():
        assert marker in others[name].splitlines()


HEAD = re.compile(
    r"^# [^\n]+\n+(?:.*?\n\n)??\*\*Question\.\*\* [^\n].*?\?\n\n\*\*You need\*\* .*?\.\n\n"
    r"\*\*Reading time:\*\* (\d+) minutes\.\n",
    re.M | re.S,
)
MINUTES = {"paper": (15, 25), "deeper": (15, 35), "practice": (5, 25), "appendix": (5, 25)}


@pytest.mark.parametrize("page", CHAPTERS, ids=IDS)
def test_a_chapter_says_what_it_asks_what_it_needs_and_how_long_it_takes(page: Page) -> None:
    text = "\n\n".join(cell.text for cell in cells(page) if cell.kind == "markdown")
    head = HEAD.search(text)
    assert head, "under the title: **Question.**, **You need** and **Reading time:**"
    low, high = MINUTES[part(page)]
    assert low <= int(head[1]) <= high


@pytest.mark.parametrize("page", CHAPTERS, ids=IDS)
def test_cells_are_short_and_no_column_cuts_them(page: Page) -> None:
    most = LINES if part(page) == "paper" else OTHER_LINES
    for cell in cells(page):
        lines = cell.text.splitlines()
        if cell.kind == "code":
            assert max(map(len, lines), default=0) <= COLUMNS, max(lines, key=len)
            assert cell.tags & HIDDEN or len(lines) <= most, cell.text


@pytest.mark.parametrize("page", CHAPTERS, ids=IDS)
def test_cells_that_write_sentences_and_tables_are_folded(page: Page) -> None:
    shown = [c.text for c in cells(page) if c.kind == "code" and not c.tags & HIDDEN]
    assert [text for text in shown if "Markdown(" in text and "report.table" in text] == []


@pytest.mark.parametrize("page", CHAPTERS, ids=IDS)
def test_each_figure_is_mentioned_before_it_appears(page: Page) -> None:
    said = ""
    for cell in cells(page):
        if cell.figure:
            assert f"{{numref}}`{cell.figure}`" in said, cell.figure
        if cell.kind == "markdown" and "caption" not in cell.tags:
            said += cell.text


def test_augmentation_goes_on_from_the_first_chapter() -> None:
    code = {p.name: [c.text for c in cells(p) if c.kind == "code"] for p in CHAPTERS}
    plain = [c for c in code["neural-odes"] if re.match("class (Field|PlainNeuralODE)", c)]
    assert len(plain) == 2
    assert "\n\n\n".join(plain) in code["augmented-neural-odes"]


_EXERCISE = re.compile(r"^`{3,}\{exercise\} (?:(.+?) · )?.*\n:label: ([\w-]+)$", re.M)


@pytest.mark.parametrize("page", CHAPTERS, ids=IDS)
def test_exercises_are_marked_and_each_chapter_has_one_to_try(page: Page) -> None:
    kinds = {label: kind for kind, label in _EXERCISE.findall(page.text)}
    assert page.text.count("{exercise}") == len(kinds)
    assert {label: kind for label, kind in kinds.items() if kind not in KINDS} == {}
    for label in kinds:
        assert re.search(rf"\{{solution\}} {label}\n", page.text), label
    if page.name in NO_EXERCISES:
        return
    assert 3 <= len(kinds) <= 6
    assert "Change this line" in kinds.values()
    tried = [cell for cell in cells(page) if "try-this" in cell.tags]
    assert tried
    assert all("# change this line" in cell.text for cell in tried)
    if part(page) == "paper":
        assert "Warm-up" in kinds.values()


def test_nothing_refers_forward_to_a_definition() -> None:
    defined, complaints = set[str](), []
    every = {label for _, kind, label in statements(PAGES) if kind == "definition"}
    assert every
    for page in PAGES:
        for found in re.finditer(r"^:label: ([\w-]+)|\{prf:ref\}`([\w-]+)`", page.text, re.M):
            label, used = found.groups()
            if used in every - defined and page.name != "index":
                complaints.append(f"{page.name}: {used}")
            defined.add(label)
    assert complaints == []


_TERM = re.compile(r"^(\S[^\n]*)\n: (.*?)(?=^\S|\Z)", re.M | re.S)
_WHERE = re.compile(r"Defined in \{ref\}`(ch:[\w-]+)`")


def terms() -> dict[str, str]:
    """Terms of the notation page, each with the label of the page that defines it."""
    (notation,) = [page for page in PAGES if page.name == "notation"]
    found = {}
    for names, text in _TERM.findall(notation.text):
        where = _WHERE.search(text)
        assert where, f"{names}: say where it is defined"
        found |= dict.fromkeys(names.split(", "), where[1])
    return found


TERMS = terms()
_TITLE = re.compile(r"^(?:#+ |[`:]{3,}\{).*$", re.M)


@pytest.mark.parametrize("term", TERMS)
def test_a_term_is_defined_where_it_is_first_used(term: str) -> None:
    flags = 0 if term.isupper() else re.I
    use = re.compile(rf"\b{re.escape(term)}(?:s|es)?\b", flags)
    for page in PAGES:
        untitled = (_TITLE.sub("", c.text) for c in cells(page) if c.kind == "markdown")
        text = CHECKED.sub("", "\n".join(map(prose, untitled)))
        if page.name == "index" or not (first := use.search(text)):
            continue
        assert f"({TERMS[term]})=" in page.text, f"first used in {page.name}"
        around = text[max(0, first.start() - 40) : first.end() + 2]
        assert re.search(rf"\*[^*\n]*{re.escape(first[0])}[^*\n]*\*?", around), (
            f"its first use in {page.name} is not in emphasis: …{around}"
        )
        return
    pytest.fail("no page uses it")


SYNONYMS = {
    r"gates?|film|leaks?|streaks?|corridors?": "channel",
    r"way out|ways out": "escape curve",
    r"kinks?": "corner (of an activation) or switching time",
    r"read-?outs?": "linear layer",
    r"linear heads?|the model's head|heads": "linear layer",
    r"nobody|whoever": "say it positively",
    r"no proof|is none|are none|hang together": "plain words",
}


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_one_word_for_one_thing(page: Page) -> None:
    text = " ".join(prose(cell.text) for cell in cells(page) if cell.kind == "markdown")
    found = [
        f"{hit[0]!r}: {instead} (…{text[max(0, hit.start() - 30) : hit.end() + 20]}…)"
        for pattern, instead in SYNONYMS.items()
        for hit in re.finditer(rf"\b(?:{pattern})\b", text, re.I)
    ]
    assert not found, "\n".join(found)


SYMBOLS = {
    r"\\Lambda": "not used",
    r"\\rho\(": "a radius: ReLU is \\operatorname{ReLU}",
    r"(?<![a-z])W\(\\gamma": "\\operatorname{wind}",
    r"\bF_[i1-9n]\b": "f_i, a block's part: F is the model's output",
    r"a'\s*=\s*-": "the adjoint is \\bar h",
    r"W\(t\)": "W_t",
}


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_one_symbol_for_one_thing(page: Page) -> None:
    formulas = re.findall(r"\$\$(.*?)\$\$|\$([^$]*)\$", page.text, re.S)
    text = "\n".join("".join(pair) for pair in formulas)
    assert {p: how for p, how in SYMBOLS.items() if re.search(p, text)} == {}


SHARE = (
    r"(?:half|most|thirds?|quarters?|tenths?|several|dozens|hundreds|thousands|nearly all"
    r"|almost all|majority|all but \w+|\d[\d.,]*(?: per cent)? of)"
)
THINGS = r"(?:seeds|networks|replicas|NODEs|ANODEs|ResNets|evaluations|growth|loss|losses|accuracy)"
TYPED = re.compile(
    rf"\b{SHARE} (?:of )?(?:(?:the|these|those|its|their|all|trained|training|validation) )*"
    rf"{THINGS}\b"
    r"|\b(?:loss|losses|evaluations|accuracy)\b[^.;:,☐]{0,20}"
    r"\b(?:halves?|halved|doubles?|doubled|twice|tenfold|\d[\d.,]* (?:times|per cent))\b"
    rf"|\b{THINGS} mostly\b",
    re.IGNORECASE,
)
NO_RESULT = {
    "several networks": "what a stack is",
    "several seeds": "what the book shows",
    "half the evaluations": "a claim of the paper",
    "hundreds of networks": "what the book trains",
    "losses twice": "on two scales",
}
"""What looks like a typed result and is none, with the reason."""

CHECKED = re.compile(
    r"Sentences about results were checked for the build at the profile ☐ with seed 0; numbers "
    r"come from the cells\.".replace(" ", r"\s+")
)
"""What the head of a chapter says of its wording, once."""


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_no_measured_number_is_typed(page: Page) -> None:
    text = " ".join(prose(cell.text) for cell in cells(page) if cell.kind == "markdown")
    text, count = CHECKED.subn("", " ".join(text.split()))
    assert count <= 1
    assert not re.search(r"(?:at|of) the profile ☐(?! and| are)", text), "say it once, in the head"
    sentences = re.split(r"(?<=[.!?:])\s+", text)
    found = [
        f"{hit[0]!r} in: {s}"
        for s in sentences
        if (hit := TYPED.search(s)) and hit[0] not in NO_RESULT
    ]
    assert not found, "\n".join(found)
