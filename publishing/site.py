"""The staged folder becomes the site. Nothing is executed here."""

import hashlib
import json
import shutil
from pathlib import Path

from publishing import records
from publishing.chapters import Page
from publishing.jupyter_book import STRICT, jupyter_book
from publishing.locks import one_at_a_time
from publishing.parameters import Parameters
from publishing.project import HOME, Project
from publishing.sphinx_ext.links import PDF_VARIABLE
from publishing.stage import stage, stage_files


class SiteError(RuntimeError):
    """Sphinx warned; the message holds its warnings."""


def build_site(
    project: Project, pages: tuple[Page, ...], parameters: Parameters, *, pdf: bool = False
) -> Path:
    """Build the site into ``project.html``, with warnings as errors, and return that folder.

    The site that stands there is only replaced by one that is complete.

    Args:
        project: The book.
        pages: Pages to publish.
        parameters: Parameters that the chapters were executed with.
        pdf: Whether the pages are also printed (:mod:`publishing.pdf`) and link to the result.

    Raises:
        SiteError: If Sphinx gives a warning.
        StageError, FigureError, AssetsError: As `stage`.
    """
    with one_at_a_time(project.build / ".site.lock"):
        folder = stage(project, pages, parameters)
        key, key_file = _key(folder) + f" pdf={pdf}", project.html.with_suffix(".key")
        if key_file.is_file() and key_file.read_text() == key and project.html.is_dir():
            return project.html
        key_file.unlink(missing_ok=True)
        _replace(_sphinx(folder, project.build / "site", pdf=pdf), project.html)
        records.write(key_file, key)
    return project.html


def broken_links(project: Project, pages: tuple[Page, ...], parameters: Parameters) -> list[str]:
    """Follow every link that leaves the book; "page: address: what is wrong", of those that fail.

    Raises:
        SiteError: If the links were not followed at all.
        StageError, FigureError, AssetsError: As `stage`.
    """
    with one_at_a_time(project.build / ".site.lock"):
        folder, output = stage(project, pages, parameters), project.build / "links"
        result = jupyter_book(folder, output, "--builder", "linkcheck")
    found = next(output.rglob("output.json"), None)
    if found is None:
        raise SiteError(f"no link was followed:\n{result.stdout}{result.stderr}".rstrip())
    links = [json.loads(line) for line in found.read_text(encoding="utf8").splitlines() if line]
    return sorted(
        {
            f"{link['filename']}: {link['uri']}: {link['info'] or link['status']}"
            for link in links
            if link["status"] in ("broken", "timeout")
        }
    )


def _sphinx(folder: Path, output: Path, *, pdf: bool) -> Path:
    result = jupyter_book(folder, output, *STRICT, **{PDF_VARIABLE: str(int(pdf))})
    html = output / "_build" / "html"
    if result.returncode or not (html / "index.html").is_file():
        raise SiteError(f"the site was not built:\n{result.stdout}{result.stderr}".rstrip())
    return html


def _replace(new: Path, site: Path) -> None:
    old = new.with_name("old")
    if site.exists():
        site.rename(old)
    new.rename(site)
    shutil.rmtree(old, ignore_errors=True)


def _key(folder: Path) -> str:
    """Digest of all that decides what the site looks like: also scripts, styles and templates."""
    digest = hashlib.sha256()
    parts = ("publishing", "anode", "anode_lab")  # the reference pages show the packages' texts
    files = (path for part in parts for path in sorted((HOME / part).rglob("*")))
    code = [path for path in files if path.is_file() and "__pycache__" not in path.parts]
    for path in [*stage_files(folder), *code, HOME / "requirements.lock"]:
        digest.update(f"\0{path}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
