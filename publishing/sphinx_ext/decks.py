"""Directives of the texts that stand beside the book: its lectures and assignments.

- ``{quote} LABEL``: a statement of the book, with its number and in the chapter's own words;
- ``{show} NAME``: a chapter's figure, as that chapter's run drew it; ``:width:`` in percent;
- ``{results}``: the table of verdicts that the start page shows;
- ``{notes}``: what the lecturer says, for the speaker's view alone.
"""

import html
from collections.abc import Callable
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

RESULTS = "<!-- results -->"
"""Stands for the table of verdicts."""

_LOG = logging.getLogger(__name__)


class Quoted(nodes.General, nodes.Element):
    """A statement of another document, named by ``docname``; ``label`` until it is found."""


class _Figure(nodes.General, nodes.Element):
    """A chapter's figure, until it is found."""


def add_directives(app: Sphinx) -> None:
    """Register the directives and what resolves them."""
    for directive in (_Quote, _Show, _Results, _Notes):
        app.add_directive(directive.__name__.strip("_").lower(), directive)
    app.add_post_transform(_Resolve)


class _Quote(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        node = Quoted(label=self.arguments[0], docname=self.env.docname)
        self.set_source_info(node)
        return [node]


class _Show(SphinxDirective):
    required_arguments = 1
    option_spec: ClassVar[dict[str, Callable[[str], str]]] = {"width": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        node = _Figure(label=self.arguments[0], width=self.options.get("width", "100%"))
        self.set_source_info(node)
        return [node]


class _Results(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return [_raw(RESULTS)]


class _Notes(SphinxDirective):
    has_content = True

    def run(self) -> list[nodes.Node]:
        said = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, said)
        return [_raw('<aside class="notes">'), *said.children, _raw("</aside>")]


def _raw(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


class _Resolve(SphinxPostTransform):
    """Puts statements and figures of the book in their places."""

    default_priority = 2  # before the references in them are resolved

    def run(self, **kwargs: object) -> None:
        for node in [*self.document.findall(Quoted)]:
            self._quote(node)
        for figure in [*self.document.findall(_Figure)]:
            self._show(figure)

    def _quote(self, node: Quoted) -> None:
        label = node["label"]
        found = getattr(self.env, "proof_list", {}).get(label)
        if found is None:
            _LOG.warning("no statement has the label %r", label, location=node)
            return
        page = self.env.get_doctree(found["docname"])
        statement = next(part for part in page.findall(nodes.Admonition) if _is(part, label))
        for reference in statement.findall(addnodes.pending_xref):
            reference["refdoc"] = node["docname"]
        node["docname"] = found["docname"]
        node += statement.deepcopy()

    def _show(self, node: _Figure) -> None:
        name = node["label"]
        docname = find_figure(self.env, name)
        if docname is None:
            _LOG.warning("no chapter has the figure %r", name, location=node)
            node.parent.remove(node)
            return
        figures = self.env.get_doctree(docname).findall(nodes.figure)
        image = next(next(iter(f.findall(nodes.image))) for f in figures if _is(f, name))
        number = ".".join(map(str, self.env.toc_fignumbers[docname]["figure"][name]))
        url = f"{self.app.builder.get_relative_uri('', docname)}#{name}"
        chapter = html.escape(self.env.titles[docname].astext())
        page = docname.rpartition("/")[2]
        node.replace_self(
            _raw(
                f'<figure style="width: {html.escape(node["width"])}">'
                f'<img src="../figures/{page}-{name}-light" alt="{html.escape(image["alt"])}">'
                f'<figcaption><a href="{url}">Figure {number}</a>, {chapter}</figcaption></figure>'
            )
        )


def find_figure(env: BuildEnvironment, name: str) -> str | None:
    """Return the document that has a figure."""
    numbers = env.toc_fignumbers.items()
    return next((doc for doc, kinds in numbers if name in kinds.get("figure", {})), None)


def _is(node: nodes.Element, label: str) -> bool:
    return label in node["ids"]
