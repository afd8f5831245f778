"""The key of a chapter's run: while it stays the same, the chapter need not be executed again."""

import ast
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from anode_lab.images.base import ImageSet
from anode_lab.images.downloaded import images_identity
from anode_lab.runs import results_folder
from anode_lab.runs.code_digest import Code
from anode_lab.runs.provenance import SHOWN_PACKAGES, versions
from anode_lab.runs.syntax import structure
from publishing.chapters import Page
from publishing.parameters import Parameters
from publishing.project import HOME, Project

_EXECUTING = ("chapters", "execute", "inspection", "kernel", "parameters", "run")
"""The modules of publishing that decide how a chapter is executed."""


def fingerprints(project: Project, pages: Iterable[Page], parameters: Parameters) -> dict[str, str]:
    """The key of each page by the page's name.

    A key covers the page's text, the parameters, the versions of the packages, the code that
    executes chapters, and what the page's cells reach: code of the two packages with the files that
    it embeds, the image data on this machine, and the recorded trainings.
    """
    code, lock = Code(project.root), project.root / "requirements.lock"
    shared = {
        "executing": _executing(),
        "lock": lock.read_text(encoding="utf8") if lock.is_file() else "",
        "parameters": parameters.as_dict(),
        "versions": versions(SHOWN_PACKAGES),
    }
    return {page.name: _digest([page.text, shared, _reached(code, page)]) for page in pages}


def _reached(code: Code, page: Page) -> list[str]:
    source = page.source()
    return [
        code.digest_of_source(source),
        images_identity() if code.reaches(source, ImageSet) else "",
        records() if code.reaches(source, results_folder) else "",
    ]


def records() -> str:
    """Digest of the recorded trainings; each record has a digest of its arrays in it."""
    folder: Path = results_folder()
    files = sorted(folder.rglob("*.json"))
    return _digest([[str(f.relative_to(folder)), f.read_text(encoding="utf8")] for f in files])


def _executing() -> list[str]:
    texts = ((HOME / "publishing" / f"{name}.py").read_text("utf8") for name in _EXECUTING)
    return [structure(ast.parse(text)) for text in texts]


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
