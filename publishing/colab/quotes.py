"""Plain Markdown of texts that stand beside the book and quote its statements.

A directive ``{quote} LABEL`` stands for the theorem, proposition or definition of that label, with
its number and in the chapter's own words.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from publishing.chapters import Page, read_pages
from publishing.colab.blocks import Block, Directive, Verbatim, parse_page
from publishing.colab.errors import Problems
from publishing.colab.markdown import Translator
from publishing.colab.notebooks import Book, read_book
from publishing.project import Project


class Quoter:
    """Translates texts that belong to a book.

    Attributes:
        pages: the book's, by their names.
        book: its labels and literature.
    """

    def __init__(self, project: Project, problems: Problems) -> None:
        self.pages = {page.name: page for page in read_pages(project)}
        self.book: Book = read_book(project, tuple(self.pages.values()), problems)
        self._problems = problems

    @cached_property
    def directives(self) -> list[tuple[Page, Directive]]:
        """Those of all pages, each with its page; what stands inside of others is not listed."""
        return [
            (page, block)
            for page in self.pages.values()
            for block in parse_page(page.text)
            if isinstance(block, Directive)
        ]

    def translator(self, path: str) -> Translator:
        """For one text; ``path`` names it where something in it is wrong."""
        return self._translator(Page(Path(path), ""))

    def markdown(self, blocks: Iterable[Block], translator: Translator) -> str:
        """Blocks of that text in plain Markdown of notebooks.

        What cannot be translated, and a quote of nothing, go to the problems.
        """
        return translator.blocks([self._quoted(block, translator) for block in blocks])

    def _quoted(self, block: Block, translator: Translator) -> Block:
        if not (isinstance(block, Directive) and block.name == "quote"):
            return block
        for page, found in self.directives:
            if found.options.get("label") == block.argument:
                own = self._translator(page)
                text = own.blocks([replace(found, indent="")])
                translator.cited |= own.cited
                return Verbatim(tuple(text.split("\n")), block.line)
        self._problems.add(
            translator.page, f"{block.line}: no statement has the label {block.argument!r}"
        )
        return Verbatim((), block.line)

    def _translator(self, page: Page) -> Translator:
        return Translator(page, self.book.labels, self.book.literature, self._problems)
