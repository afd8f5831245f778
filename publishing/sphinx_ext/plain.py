"""Sphinx extension: the builder ``plain`` writes each page in the plain Markdown of notebooks.

By then Sphinx has resolved every reference and numbered everything; nothing is counted here.
"""

import html
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.config import Config
from sphinx.util import logging

from publishing.sphinx_ext.decks import Quoted, add_directives
from publishing.sphinx_ext.links import drop_thebe, site_address

BESIDE = "beside"
"""Folder of the documents that quote the book and are not part of it; they have no numbers."""
REFERENCES = "references"
"""Name of the place in a notebook where the works that it cites are listed."""

_LOG = logging.getLogger(__name__)
_SPECIAL = re.compile(r"[\\*`$]|<(?=[a-zA-Z/!])|(?:^|(?<=\s|_))_", re.MULTILINE)
_INNER_ENVIRONMENT = re.compile(r"\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.DOTALL)
_MATH_IN_QUOTE = re.compile(r"(?<!\\)(\$\$?)(?!\$)((?:[^$\\]|\\.)+?)\1", re.DOTALL)
_CITATION = re.compile(r"(?P<page>.*)#(?P<id>id\d+)$")
_DROPPED = (
    *(nodes.comment, nodes.target, nodes.citation, nodes.substitution_definition),
    addnodes.index,
)
_WITHOUT_MARKS = (nodes.inline, nodes.generated, addnodes.download_reference)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_builder(PlainBuilder)
    add_directives(app)
    app.connect("config-inited", _show_figures)
    app.connect("config-inited", drop_thebe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _show_figures(app: Sphinx, config: Config) -> None:
    """Tell MyST-NB which output of a figure's cell this builder takes."""
    own = (PlainBuilder.name, "image/png", 0)
    config.nb_mime_priority_overrides = [*config.nb_mime_priority_overrides, own]


class PlainBuilder(Builder):
    """Writes ``DOCUMENT.json`` for each document: its cells, title, number and references."""

    name = "plain"
    format = "plain"
    supported_image_types = ["image/png"]  # noqa: RUF012

    def get_outdated_docs(self) -> Iterable[str]:
        """Return all documents."""
        return self.env.found_docs

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        """Return where the site has a page, seen from its root."""
        return f"{docname}.html"

    def get_relative_uri(self, from_: str, to: str, typ: str | None = None) -> str:
        """Return the page's full address: a notebook lies elsewhere than the site."""
        return f"{site_address(self.config)}{self.get_target_uri(to)}"

    def prepare_writing(self, docnames: set[str]) -> None:
        """There is nothing to prepare."""

    def write_doc(self, docname: str, doctree: nodes.document) -> None:
        """Write one document, if it is a notebook."""
        if Path(self.env.doc2path(docname)).suffix != ".ipynb":
            return
        writer = _Writer(self, docname)
        for reference in doctree.findall(nodes.reference):
            address, _, target = writer.address(reference).rpartition("#")
            if not address:
                writer.targets.add(target)
        writer.parts(doctree.children)
        number = self.env.toc_secnumbers.get(docname, {}).get("", ())
        order = [citation.citation_id for citation in self.env.domaindata["cite"]["citations"]]
        made = {
            "title": self.env.titles[docname].astext(),
            "number": ".".join(map(str, number)),
            "url": self.get_relative_uri("", docname),
            "cells": [(index, "\n\n".join(filter(None, texts))) for index, texts in writer.cells],
            "references": [writer.cited[name] for name in order if name in writer.cited],
        }
        path = Path(self.outdir) / f"{docname}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(made, ensure_ascii=False), encoding="utf8")


class _Writer:
    """Writes one document.

    Attributes:
        cells: Pairs of a source cell's index and the blocks of a cell of the notebook.
        cited: Texts of the works that the document cites, by their ids in the bibliography.
        targets: Names of the places that the document itself refers to.
    """

    def __init__(self, builder: PlainBuilder, docname: str) -> None:
        self.cells: list[tuple[int, list[str]]] = [(0, [])]
        self.cited: dict[str, str] = {}
        self._builder = builder
        self._docname = docname
        self._url = "" if self._is_unnumbered() else builder.get_relative_uri("", docname)
        self.targets: set[str] = set()

    def parts(self, children: Iterable[nodes.Node], level: int = 0) -> None:
        """Divide a document or a section into cells."""
        for node in children:
            match node:
                case nodes.section():
                    self._start()  # Colab folds by whole cells
                    self.parts(node.children, level + 1)
                case nodes.title():
                    words = ["#" * level, self._section_number(node), self._inline(node)]
                    self.cells[-1][1].append(" ".join(filter(None, words)))
                    anchors = self._anchors(cast(nodes.section, node.parent), always=level == 2)
                    self.cells[-1][1].append(anchors)
                case nodes.comment() if "block_break" in node["classes"]:
                    self._start(node.astext())
                case nodes.container() if node.get("nb_element") == "cell_code":
                    self._start(node.children[0].astext())  # its source is its index
                    for figure in node.findall(nodes.figure):
                        self.cells[-1][1].append(self._anchors(figure) + self._caption(figure))
                    self._start()
                case nodes.raw() if isinstance(node.parent, nodes.document):
                    pass  # Jupyter Book's own
                case _:
                    if text := self._block(node):
                        self.cells[-1][1].append(text)

    def _start(self, index: str = "") -> None:
        self.cells.append((int(index or self.cells[-1][0]), []))

    def _blocks(self, children: Iterable[nodes.Node]) -> str:
        return "\n\n".join(filter(None, map(self._block, children)))

    def _block(self, node: nodes.Node) -> str:
        match node:
            case nodes.paragraph():
                return self._anchors(node) + self._inline(node)
            case nodes.math_block():
                return self._formula(node)
            case nodes.literal_block():
                language = node.get("language", "").removeprefix("default")
                return f"```{language}\n{node.astext().rstrip()}\n```"
            case nodes.bullet_list():
                return self._list(node, ["- "] * len(node.children))
            case nodes.enumerated_list():
                first = node.get("start", 1)
                return self._list(node, [f"{first + n}. " for n in range(len(node.children))])
            case nodes.block_quote():
                return _quote(self._blocks(node.children))
            case nodes.table():
                return self._table(node)
            case nodes.Admonition() | nodes.sidebar():
                return self._box(node)
            case Quoted():
                own, self._docname = self._docname, node["docname"]
                text = self._blocks(node.children)
                self._docname = own
                return text
            case nodes.raw():
                return node.astext()
            case nodes.container() | nodes.section() | nodes.compound():
                return self._blocks(node.children)
            case nodes.TextElement() | nodes.Text() if isinstance(node, nodes.Inline | nodes.Text):
                return self._piece(node)
        return self._other(node)

    def _other(self, node: nodes.Node) -> str:
        if not isinstance(node, _DROPPED):
            kind = type(node).__name__
            _LOG.warning("notebooks have no translation of: %s", kind, location=node)
        return ""

    def _number(self, kind: str, node: nodes.Element) -> str:
        numbers = self._builder.env.toc_fignumbers.get(self._docname, {}).get(kind, {})
        name = next(iter(node["ids"]), "")
        return "" if self._is_unnumbered() else ".".join(map(str, numbers.get(name, ())))

    def _is_unnumbered(self) -> bool:
        return self._docname.startswith(f"{BESIDE}/")

    def _section_number(self, title: nodes.title) -> str:
        section = cast(nodes.section, title.parent)
        numbers = self._builder.env.toc_secnumbers.get(self._docname, {})
        number = numbers.get(f"#{section['ids'][0]}") or (
            numbers.get("", ()) if isinstance(section.parent, nodes.document) else ()
        )
        return ".".join(map(str, number)) + "." if number and not self._is_unnumbered() else ""

    def _caption(self, figure: nodes.figure) -> str:
        number = self._builder.config.numfig_format["figure"] % self._number("figure", figure)
        caption = next(iter(figure.findall(nodes.caption)))
        return f"**{number}.** {self._inline(caption)}"

    def _formula(self, node: nodes.math_block) -> str:
        tex = "\n".join(line for line in node.astext().split("\n") if line.strip())
        bare = _INNER_ENVIRONMENT.sub("", tex)
        if "\\\\" in bare or "&" in bare.replace("\\&", ""):
            tex = f"\\begin{{aligned}}\n{tex}\n\\end{{aligned}}"
        if number := self._number("displaymath", node):
            tex += f"\n\\tag{{{number}}}"
        return _below(self._anchors(node), f"$$\n{tex}\n$$")

    def _list(self, node: nodes.Element, marks: list[str]) -> str:
        items = []
        for mark, item in zip(marks, node.children, strict=True):
            lines = self._blocks(item.children).split("\n")
            rest = [" " * len(mark) + line if line else "" for line in lines[1:]]
            items.append("\n".join([mark + lines[0], *rest]))
        return ("\n\n" if any("\n\n" in item for item in items) else "\n").join(items)

    def _table(self, node: nodes.table) -> str:
        rows = [
            [" ".join(self._blocks(entry.children).split()) for entry in row.children]
            for row in node.findall(nodes.row)
        ]
        rows.insert(1, ["---"] * len(rows[0]))
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def _box(self, node: nodes.Element) -> str:
        """Write a theorem, an exercise, a note: a quote, or a part that the reader opens."""
        kind, classes, body = node.tagname, node["classes"], list(node.children)
        if kind == "proof_node":  # what it holds is the box
            return self._blocks(body)
        given = ""
        if body and isinstance(body[0], nodes.title):
            given = self._inline(cast(nodes.title, body.pop(0))).strip()
        text = self._blocks(body)
        if "realtype" in node or kind == "exercise_enumerable_node":
            kind = node.get("realtype", "exercise")
            number = self._number(node.get("countertype", kind), node)
            title = " ".join(filter(None, [kind.capitalize(), number, given]))
        elif kind == "sidebar":
            return _quote(f"*{given or 'In the margin'}.*\n\n{text}")
        elif kind == "admonition" and "proof" in classes:
            return _quote(f"*Proof.*\n\n{text.removeprefix('Proof. ')}")
        else:
            title = given or {"seealso": "See also"}.get(kind, kind.capitalize())
        if "dropdown" in classes or kind == "solution_node":
            summary = html.escape(re.sub(r"\[(.*?)\]\([^)]*\)", r"\1", title), quote=False)
            folded = f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>"
            return _below(self._anchors(node, always=kind == "solution_node"), folded)
        return _quote(f"{self._anchors(node)}**{title}**\n\n{text}".strip())

    def _inline(self, node: nodes.Element) -> str:
        return "".join(map(self._piece, node.children))

    def _piece(self, node: nodes.Node) -> str:
        match node:
            case nodes.Text():
                return _SPECIAL.sub(r"\\\g<0>", node.astext())
            case nodes.emphasis():
                return f"*{self._inline(node)}*"
            case nodes.strong():
                return f"**{self._inline(node)}**"
            case nodes.literal():
                text = node.astext()
                return f"`` {text.strip()} ``" if "`" in text else f"`{text}`"
            case nodes.math():
                return f"${self._math(node)}$"
            case nodes.reference():
                return f"[{self._inline(node)}]({self.address(node)})"
            case nodes.image():
                _LOG.warning("pictures are drawn by code: %s", node["uri"], location=node)
                return ""
            case nodes.raw():
                return node.astext()
        if isinstance(node, _WITHOUT_MARKS):
            return self._inline(cast(nodes.Element, node))
        return self._other(node)

    def _math(self, node: nodes.math) -> str:
        tex, inside = node.astext(), node.parent
        while inside is not None and not isinstance(inside, nodes.entry):
            inside = inside.parent
        # In a table a stroke would end its cell.
        return tex.replace("\\|", "\\Vert ").replace("|", "\\vert ") if inside else tex

    def address(self, node: nodes.reference) -> str:
        """Return where a reference leads, in the notebook or on the site; note what it cites."""
        url = cast(str, node.get("refuri") or f"#{node['refid']}")
        if (found := _CITATION.match(url)) and "reftitle" in node:
            self.cited[found["id"]] = node["reftitle"]
            # A notebook lists its works; the site's anchors are counted and change with citations.
            return f"#{REFERENCES}" if self._url else found["page"]
        if url.startswith("#"):
            url = self._builder.get_relative_uri("", self._docname) + url
        return url.removeprefix(self._url) if self._url and url.startswith(f"{self._url}#") else url

    def _anchors(self, node: nodes.Element, *, always: bool = False) -> str:
        """Mark a place to which the notebook refers; the site has these names too."""
        wanted = [name for name in node["ids"] if name in self.targets or always]
        return "".join(f'<a id="{name}"></a>' for name in wanted) if self._url else ""


def _below(anchors: str, text: str) -> str:
    return f"{anchors}\n\n{text}" if anchors else text


def _quote(text: str) -> str:
    # Notebooks take formulas out before they read Markdown, so a formula of several lines would
    # keep the quote's > marks: each stands in one line.
    parts = re.split(r"(^```.*?^```$|`[^`\n]+`)", text, flags=re.DOTALL | re.MULTILINE)
    parts[::2] = [
        _MATH_IN_QUOTE.sub(lambda math: math[1] + " ".join(math[2].split()) + math[1], part)
        for part in parts[::2]
    ]
    return "\n".join(f"> {line}".rstrip() for line in "".join(parts).split("\n"))
