"""The staged folder becomes the site. Nothing is executed here."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from publishing import records
from publishing.chapters import Page
from publishing.parameters import Parameters
from publishing.project import HOME, Project
from publishing.stage import stage, stage_files

_FLAGS = ("-W", "-n", "--keep-going", "--quiet")


class SiteError(RuntimeError):
    """Sphinx warned; the message holds its warnings."""


def build_site(project: Project, pages: tuple[Page, ...], parameters: Parameters) -> Path:
    """Build the site into ``project.html``, with warnings as errors, and return that folder.

    The site that stands there is only replaced by one that is complete.

    Raises:
        SiteError: if Sphinx gives a warning.
        StageError, FigureError, AssetsError: as `stage`.
    """
    with _one_at_a_time(project.build):
        folder = stage(project, pages, parameters)
        key, key_file = _key(folder), project.build / "html.key"
        if key_file.is_file() and key_file.read_text() == key and project.html.is_dir():
            return project.html
        key_file.unlink(missing_ok=True)
        _replace(_sphinx(folder, project.build / "site"), project.html)
        records.write(key_file, key)
    return project.html


def _sphinx(folder: Path, output: Path) -> Path:
    # jupyter-book keeps pages that it does not build any more.
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    command = [sys.executable, "-m", "jupyter_book.cli.main", "build", str(folder)]
    command += ["--path-output", str(output), *_FLAGS]
    result = subprocess.run(
        command,
        cwd=folder,
        # The extensions of the book are imported from this checkout.
        env=os.environ | {"PYTHONPATH": str(HOME), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    html = output / "_build" / "html"
    if result.returncode or not (html / "index.html").is_file():
        raise SiteError(f"the site was not built:\n{result.stdout}{result.stderr}".rstrip())
    return html


def _replace(new: Path, old: Path) -> None:
    shutil.rmtree(old, ignore_errors=True)
    new.rename(old)


def _key(folder: Path) -> str:
    """Digest of all that decides what the site looks like."""
    digest = hashlib.sha256()
    extensions = sorted((HOME / "publishing").rglob("*.py"))
    for path in [*stage_files(folder), *extensions, HOME / "requirements.lock"]:
        digest.update(f"\0{path}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


@contextmanager
def _one_at_a_time(build: Path) -> Iterator[None]:
    """Wait until no other process stages and builds in the same folder."""
    build.mkdir(parents=True, exist_ok=True)
    with (build / ".site.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
