"""The folder that the site is built from: executed chapters, plain pages, settings, assets."""

import os
import shutil
from pathlib import Path

import nbformat

from publishing import (
    checked,
    figures,
    living,
    paper_map,
    playground,
    records,
    slides,
    statements,
    status,
    teaching,
)
from publishing.assets import vendor
from publishing.chapters import Page, read_pages
from publishing.figures import FigureFiles
from publishing.fingerprint import fingerprints
from publishing.inspection import first_incomplete, for_start_page
from publishing.parameters import Parameters
from publishing.project import HOME, Project, read_yaml
from publishing.records import Record

RESULTS_MARKER = "% build-results"
"""Line of the start page that stands for what chapters show there."""

FOOTER_MARKER = "% build-footer"
"""Text in the settings that stands for the last line of every page."""

ASSETS = "assets"
"""Folder of the files that pages load; the site serves it as ``_static``."""

THEME = HOME / "book" / "theme"
"""Folder of the sources of such files."""

_SETTINGS = ("_config.yml", "_toc.yml")


class StageError(RuntimeError):
    """A chapter may not be published; the message says which and why."""


def stage(
    project: Project, pages: tuple[Page, ...], parameters: Parameters, *, assets: bool = True
) -> Path:
    """Fill the staging folder anew and return it.

    Args:
        project: The book.
        pages: Pages to publish.
        parameters: Parameters that the chapters were executed with.
        assets: Whether to fetch also what pages load in the browser.

    Raises:
        StageError: If a chapter was not executed as it stands now, or not to its end.
        FigureError: If a figure lacks its alternative text or is missing.
        ExportError: If a lecture refers to what the book does not have.
        AssetsError: If the browser's files cannot be fetched.
        StoreError: If a record of a training is damaged.
    """
    folder = project.stage(parameters.profile)
    shutil.rmtree(folder, ignore_errors=True)
    chapters = [page for page in pages if page.is_chapter]
    current = fingerprints(project, chapters, parameters)
    found = {p.name: _current_record(project, p, parameters, current[p.name]) for p in chapters}
    runs = list(found.values())
    shown, alive, scripts = [], [], _widget_scripts(project)
    for page in pages:
        (folder / page.path).parent.mkdir(parents=True, exist_ok=True)
    for page in chapters:
        notebook = _published(project, page, parameters, folder)
        nbformat.write(notebook, (folder / page.path).with_suffix(".ipynb"))
        shown.append(for_start_page(notebook))
        alive.append(living.for_start_page(notebook, scripts))
    results = "\n\n".join(filter(None, shown))
    made = f"The figures were made at {project.commit()}: {_sizes(parameters)}."
    whole = len(pages) == len(read_pages(project))  # else figures are missing
    decks = slides.write_decks(project, folder / ASSETS, results, made) if whole else ()
    texts = {
        RESULTS_MARKER: results,
        living.MARKER: "\n\n".join(filter(None, alive)),
        **paper_map.texts(pages),
        **playground.texts(),
        slides.MARKER: slides.links(decks),
        teaching.MARKER: teaching.table(project, chapters),
        statements.MARKER: statements.table(pages, project.root / "tests"),
    }
    if any(checked.MARKER in page.text for page in pages):
        texts[checked.MARKER] = checked.table(project.build)
    for page in pages:
        if not page.is_chapter:
            # What is made is written for a page of book/; one in a folder of it climbs further.
            static = f'"{"../" * (len(page.path.parts) - 1)}_static/'
            here = {line: text.replace('"../_static/', static) for line, text in texts.items()}
            text = status.fill_in(page.text, project.commit(), runs, pages, here)
            (folder / page.path).write_text(text, encoding="utf8")
    sources = read_yaml(project.root / "_config.yml").get("bibtex_bibfiles", ())
    for name in (*_SETTINGS, *sources):
        if (project.root / name).is_file():
            shutil.copyfile(project.root / name, folder / name)
    settings = folder / "_config.yml"
    if settings.is_file():
        footer = f"Executed with {_sizes(parameters)}."
        text = settings.read_text(encoding="utf8").replace(FOOTER_MARKER, footer)
        settings.write_text(text, encoding="utf8")
    shutil.copytree(THEME, folder / ASSETS, dirs_exist_ok=True)
    playground.write(folder / ASSETS)
    if assets:
        vendor(folder / ASSETS / "vendor")
    return folder


def _current_record(
    project: Project, page: Page, parameters: Parameters, fingerprint: str
) -> Record:
    folder, profile = project.executed(parameters.profile), parameters.profile
    names = " ".join(f"{name.upper()}={value}" for name, value in parameters.as_dict().items())
    command = f"'make execute {names}' executes what is missing"
    record = records.load(folder, page.name)
    if record is None:
        failed = records.load(project.failed(profile), page.name)
        what = f"ended as {failed.status.value!r} when last" if failed else "was never"
        raise StageError(f"{page.path} {what} executed at profile {profile}; {command}")
    if record.fingerprint != fingerprint:
        raise StageError(
            f"{page.path}, or something that it depends on, changed since it was executed; "
            f"{command}"
        )
    if not record.describes(folder / f"{page.name}.ipynb"):
        raise StageError(f"{page.path}: its executed notebook is missing or was altered; {command}")
    return record


def _published(
    project: Project, page: Page, parameters: Parameters, folder: Path
) -> nbformat.NotebookNode:
    """The executed chapter, checked and made ready for the page."""
    path = project.executed(parameters.profile) / f"{page.name}.ipynb"
    notebook = nbformat.read(path, 4)
    if cell := first_incomplete(notebook):
        raise StageError(f"{page.path}: code cell {cell.number} was not executed to its end")
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            cell.metadata["tags"] = [*tags, "remove-cell"]
    depth = len(page.path.parts) - 1
    files = FigureFiles(folder / ASSETS / "figures", f"{'../' * depth}_static/figures")
    figures.prepare(notebook, page.name, files, _provenance(project, page, parameters))
    for part in (notebook, *notebook.cells):  # it names folders of this machine
        part.metadata.pop("papermill", None)
    return notebook


def _widget_scripts(project: Project) -> tuple[str, ...]:
    """The files of the site that draw widgets, as the settings name them."""
    settings = read_yaml(project.root / "_config.yml").get("sphinx", {}).get("config", {})
    return tuple(settings.get("nb_ipywidgets_js", ()))


def _provenance(project: Project, page: Page, parameters: Parameters) -> str:
    """The line under each figure that says what made it."""
    # A record is only used while text and code are as they were when it was made, so the commit of
    # now holds just the code that ran.
    commit = project.commit()
    address = project.repository().source(page.path.as_posix(), commit.sha)
    return f"Made by [this chapter's code]({address}) at {commit}; {_sizes(parameters)}."


def _sizes(parameters: Parameters) -> str:
    return f"profile {parameters.profile}, seed {parameters.seed}, device {parameters.device}"


def stage_files(folder: Path) -> list[Path]:
    """All files of a staging folder, in a fixed order."""
    return sorted(Path(root) / name for root, _, names in os.walk(folder) for name in names)
