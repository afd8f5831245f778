"""Numbers and addresses of everything that the book refers to, computed from its sources.

Sphinx gives the same numbers when it builds the site (tests/publishing/test_colab_numbers.py and
tests/book/test_numbers.py compare them all): a page's number is its place in a numbered table of
contents, and figures, formulas, exercises and each kind of theorem are counted anew in each
numbered page.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from publishing.chapters import Page
from publishing.colab.blocks import Block, BlockError, Directive, Formula, Prose, parse_page
from publishing.colab.errors import Problems

NUMBERED_PROOFS = (
    *("theorem", "proposition", "lemma", "corollary", "definition", "remark", "example", "axiom"),
    *("conjecture", "criterion", "property", "observation", "assumption", "notation", "algorithm"),
)
HEADING = re.compile(r"^(?P<level>#{1,6})\s+(?P<title>.*?)\s*#*$")
TARGET = re.compile(r"^\((?P<label>[\w:. -]+)\)=\s*$")
_NO_LABELS_INSIDE = ("code-cell", "code-block", "code", "raw-cell", "math", "bibliography")


@dataclass(frozen=True)
class Label:
    """Something that has a name in the sources.

    Attributes:
        kind: figure, equation, section, exercise, solution, place, or a kind of theorem.
        number: as the site prints it, such as 3.2; empty where it prints none.
        title: Markdown; a section's heading, a figure's caption, a theorem's own name.
        url: its address on the site.
    """

    kind: str
    number: str
    title: str
    url: str


@dataclass
class Labels:
    """The whole book's names and numbers.

    Attributes:
        by_name: every label.
        numbers: (page's name, line in its source) to number, for what has no label too.
        pages: page's name to its own label.
        bibliography: address of the page that lists the literature; empty if there is none.
        numfig_format: how {numref} writes a number of each kind.
    """

    by_name: dict[str, Label] = field(default_factory=dict)
    numbers: dict[tuple[str, int], str] = field(default_factory=dict)
    pages: dict[str, Label] = field(default_factory=dict)
    bibliography: str = ""
    numfig_format: dict[str, str] = field(default_factory=dict)


def collect(
    pages: Sequence[Page],
    toc: dict[str, Any],
    sphinx_config: dict[str, Any],
    site: str,
    problems: Problems,
) -> Labels:
    """Walk all pages in the order of the table of contents.

    Args:
        site: the site's address, without a slash at its end.
        problems: gets what cannot be numbered.
    """
    defaults = {"figure": "Fig. %s", "section": "Section %s", "exercise": "Exercise %s"}
    labels = Labels(numfig_format=defaults | sphinx_config.get("numfig_format", {}))
    counters = sphinx_config.get("prf_realtyp_to_countertyp", {})
    chapter_numbers = dict(_chapter_numbers(toc, problems))
    counts: Counter[tuple[str, str]] = Counter()
    for page in pages:
        url = f"{site}/{page.path.with_suffix('.html').as_posix()}"
        try:
            blocks = parse_page(page.text)
            walk = _PageWalk(
                page, chapter_numbers[page.name], url, labels, counters, counts, problems
            )
            walk.blocks(blocks)
        except BlockError as error:
            problems.add(page, str(error))
            continue
        if walk.title is None:
            problems.add(page, "1: the page has no title (# Title)")
            continue
        labels.pages[page.name] = Label("page", walk.chapter, walk.title, url)
    return labels


def _chapter_numbers(toc: dict[str, Any], problems: Problems) -> Iterator[tuple[str, str]]:
    """Each page's name and number; an empty number where the table of contents is not numbered."""
    yield Path(toc["root"]).name, ""
    numbered = toc.get("options", {}).get("numbered", False)
    count = 0
    for part in toc.get("parts", [toc]):
        for entry in part.get("chapters", ()):
            if "file" not in entry:
                continue
            if "sections" in entry:
                problems.add_text(
                    f"_toc.yml: {entry['file']}: pages below a page have no numbers here"
                )
            part_is_numbered = part.get("numbered", numbered)
            count += bool(part_is_numbered)
            yield Path(entry["file"]).name, str(count) if part_is_numbered else ""


@dataclass
class _PageWalk:
    page: Page
    chapter: str
    url: str
    labels: Labels
    counters: dict[str, str]
    counts: Counter[tuple[str, str]]
    problems: Problems
    title: str | None = None
    levels: list[int] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)

    def blocks(self, blocks: Sequence[Block]) -> None:
        for block in blocks:
            match block:
                case Prose():
                    self._prose(block)
                case Formula(label=str(name)):
                    self._equation(name, block.line)
                case Directive():
                    self._directive(block)

    def _prose(self, prose: Prose) -> None:
        for line, text in enumerate(prose.lines, prose.line):
            if target := TARGET.match(text):
                self.pending.append(target["label"])
            elif heading := HEADING.match(text):
                self._heading(len(heading["level"]), heading["title"], line)
            elif text.strip() and self.pending:
                self._name_pending("place", "", "", line)

    def _heading(self, level: int, title: str, line: int) -> None:
        if level == 1 and self.title is not None:
            self.problems.add(self.page, f"{line}: a page has one heading of the first level")
        if level == 1:
            self.title, self.levels, number = title, [], self.chapter
        else:
            self.levels = [*self.levels[: level - 1], *[0] * (level - 1 - len(self.levels))]
            self.levels[-1] += 1
            number = ".".join([self.chapter, *map(str, self.levels)]) if self.chapter else ""
        self.labels.numbers[self.page.name, line] = number
        self._name_pending("section", number, title, line)

    def _name_pending(self, kind: str, number: str, title: str, line: int) -> None:
        for name in self.pending:
            self._add(name, Label(kind, number, title, self._address(name)), line)
        self.pending = []

    def _directive(self, directive: Directive) -> None:
        options, line = directive.options, directive.line
        name = options.get("label") or options.get("name")
        kind = directive.name.removeprefix("prf:")
        if directive.name == "math" and name:
            self._equation(name, line)
        elif directive.name == "code-cell":
            self._figure(directive)
        elif directive.name == "bibliography":
            self.labels.bibliography = self.url
        elif directive.name.startswith("prf:") and kind in NUMBERED_PROOFS:
            number = (
                "" if "nonumber" in options else self._next(self.counters.get(kind, kind), line)
            )
            self._label_box(name, kind, number, directive)
        elif kind in ("exercise", "exercise-start"):
            number = "" if "nonumber" in options else self._next("exercise", line)
            self._label_box(name, "exercise", number, directive)
        elif kind in ("solution", "solution-start"):
            self._label_box(name, "solution", "", directive)
        if directive.name not in _NO_LABELS_INSIDE:
            self.blocks(directive.blocks)

    def _label_box(self, name: str | None, kind: str, number: str, directive: Directive) -> None:
        if name:
            label = Label(kind, number, directive.argument, f"{self.url}#{name}")
            self._add(name, label, directive.line)

    def _equation(self, name: str, line: int) -> None:
        number = self._next("equation", line)
        label = Label("equation", number, "", self._address(f"equation-{name}"))
        self._add(name, label, line)

    def _figure(self, cell: Directive) -> None:
        figure = (cell.options.get("mystnb") or {}).get("figure")
        if figure is None:
            return
        if not figure.get("name") or not figure.get("caption"):
            self.problems.add(self.page, f"{cell.line}: a figure needs both a name and a caption")
            return
        caption = " ".join(figure["caption"].split())
        number = self._next("figure", cell.line)
        name = figure["name"]
        self._add(name, Label("figure", number, caption, self._address(name)), cell.line)

    def _address(self, name: str) -> str:
        """Where docutils puts what is called `name`."""
        return f"{self.url}#{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}"

    def _next(self, counter: str, line: int) -> str:
        self.counts[self.chapter, counter] += 1
        count = str(self.counts[self.chapter, counter])
        number = f"{self.chapter}.{count}" if self.chapter else count
        self.labels.numbers[self.page.name, line] = number
        return number

    def _add(self, name: str, label: Label, line: int) -> None:
        if name in self.labels.by_name:
            self.problems.add(self.page, f"{line}: the label {name} is used twice")
        self.labels.by_name[name] = label
