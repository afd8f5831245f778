"""Citations as text, and a chapter's list of references."""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from pybtex.database import BibliographyData, Entry, parse_file
from pybtex.plugin import find_plugin

_DOI = re.compile(r"\bdoi:(\S+[^\s.,;])")


class Literature:
    """The entries of the book's BibTeX files.

    Raises:
        OSError: if a file is missing.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._entries: dict[str, Entry] = {}
        for path in files:
            self._entries.update(parse_file(str(path)).entries)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def cite(self, keys: Sequence[str], *, in_text: bool) -> str:
        """`Author [2019]` where the citation is part of the sentence, else `[Author, 2019]`."""
        parts = [
            (self._authors(key), self._entries[key].fields.get("year", "no year")) for key in keys
        ]
        if in_text:
            return ", ".join(f"{authors} [{year}]" for authors, year in parts)
        return "[" + "; ".join(f"{authors}, {year}" for authors, year in parts) + "]"

    def _authors(self, key: str) -> str:
        entry = self._entries[key]
        people = entry.persons.get("author") or entry.persons.get("editor") or []
        names = [" ".join(str(part) for part in person.rich_last_names) for person in people]
        match names:
            case []:
                return key
            case [one]:
                return one
            case [one, other]:
                return f"{one} and {other}"
            case _:
                return f"{names[0]} et al."

    def section(self, keys: Collection[str]) -> str:
        """The listing of `keys` under its heading, in Markdown; empty if there are none."""
        return "\n".join(["## References", "", *self._listing(keys)]) if keys else ""

    def _listing(self, keys: Iterable[str]) -> list[str]:
        """One line of Markdown for each of `keys`, in the order of authors and years."""
        style = find_plugin("pybtex.style.formatting", "plain")()
        text = find_plugin("pybtex.backends", "plaintext")()
        chosen = BibliographyData({key: self._entries[key] for key in sorted(set(keys))})
        formatted = style.format_bibliography(chosen)
        lines = [" ".join(entry.text.render(text).split()) for entry in formatted]
        return ["- " + _DOI.sub(r"[\g<0>](https://doi.org/\1)", line) for line in lines]
