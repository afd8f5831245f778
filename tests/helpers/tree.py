"""A copy of the packages' and the book's text, to be changed."""

import shutil
from pathlib import Path

from anode_lab.runs.code_digest import HOME, PACKAGES


def copy_of_the_tree(folder: Path, *more: str) -> Path:
    """Copy the two packages, and ``more`` files and folders of the sources, into a folder."""
    for part in (*PACKAGES, *more):
        if (HOME / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(HOME / part, folder / part, ignore=ignored)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(HOME / part, folder / part)
    return folder


def insert(path: Path, code: str, *, at: str = "") -> None:
    """Put code at the end of a file, or in place of ``at``, which must be there."""
    text = path.read_text(encoding="utf8")
    assert at in text, f"{path} has no {at!r}"
    path.write_text(text.replace(at, code, 1) if at else f"{text}\n{code}\n", encoding="utf8")
