"""Otter-grader turns each source into a folder for students and one for graders, offline."""

import contextlib
import io
import platform
import shutil
import tempfile
from collections.abc import Sequence
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from otter.assign import main as otter_assign
from packaging.utils import canonicalize_name

import anode
from anode_lab.grading import TimeLimit
from publishing.assignments.course import Course
from publishing.assignments.marks import with_seed
from publishing.assignments.source import (
    Assignment,
    AssignmentError,
    Part,
    Question,
    parse,
    read_assignments,
)
from publishing.colab.notebooks import book_title, install_source, name_cells, references
from publishing.colab.plain import ASSIGNMENTS, LANGUAGE, Plain, translate
from publishing.project import Project

_FILES = "/autograder/source/files"
"""Folder of an autograder's files on Gradescope's machine."""
_LIMIT = f"{TimeLimit.__module__}.{TimeLimit.__qualname__}"
"""Name of the plugin that ends what takes too long."""
_INSTALL_OTTER = """\
# Installs otter-grader where it is missing; `tests` came with this notebook.
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

if find_spec("otter") is None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "otter-grader=={version}"], check=True)
if not Path("tests").is_dir() and "google.colab" in sys.modules:
    raise FileNotFoundError("upload the folder `tests` that came with this notebook, beside it")
import otter

grader = otter.Notebook()"""
_HAND_IN = """\
## Handing in

Save the notebook, then run this cell: it makes the archive that you hand in. In Colab it cannot, \
and you hand in the notebook itself."""
_EXPORT = """\
if "google.colab" in sys.modules:  # where otter-grader makes no archives
    print("In the menu: File, Download, Download .ipynb. Hand in that file.")
else:
    grader.export(pdf=False, run_tests=False)"""
_LEAD = """\
*An assignment to [{title}]({url}), a chapter of the book [{book}]({site}/): {points} points. \
Answer where it says so, and run `grader.check` to see what the public tests say; there are hidden \
ones too. Proofs are graded by a person.*"""


def make(
    project: Project, chapters: Sequence[str], course: Course, out: Path, *, run_tests: bool = True
) -> list[Path]:
    """Write ``student/`` and ``autograder/`` of each assignment into a folder of its name.

    Args:
        project: The book.
        chapters: Names of the chapters; none for all that have an assignment.
        course: Points and seed.
        out: Folder for the results; a folder in it is replaced when its new version is whole.
        run_tests: Whether otter executes each notebook with its solutions, which must get all
            points.

    Returns:
        The folders.

    Raises:
        AssignmentError: If the course's points do not fit, or solutions do not get all points.
        ExportError: If a text refers to something that is not in the book.
    """
    assignments = read_assignments(project, chapters)
    course.check(assignments)
    translated = translate(project)
    pages = {each.name: each for each in translated.values() if each.is_chapter}
    writer = _Writer(project)
    masters = {}
    for name in (each.chapter for each in assignments):
        if name not in pages:
            raise AssignmentError(f"{ASSIGNMENTS}/{name}.md: the book has no such chapter")
        masters[name] = writer.master(translated[f"{ASSIGNMENTS}/{name}"], pages[name], course)
    made = []
    with tempfile.TemporaryDirectory() as folder:
        archive = _archive(project, Path(folder))
        for name, master in masters.items():
            built = _otter(Path(folder) / name, name, master, archive, run_tests=run_tests)
            target = out / name
            shutil.rmtree(target, ignore_errors=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(built, target)
            made.append(target)
    return made


def _otter(
    folder: Path, name: str, master: NotebookNode, package: Path, *, run_tests: bool
) -> Path:
    """Make the two folders of one assignment in ``folder/out``, and return it."""
    folder.mkdir()
    shutil.copy(package, folder)
    nbformat.write(master, folder / f"{name}.ipynb")
    out = folder / "out"
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            otter_assign(str(folder / f"{name}.ipynb"), str(out), no_run_tests=not run_tests)
        except RuntimeError as error:
            raise AssignmentError(f"{ASSIGNMENTS}/{name}.md: {error}") from error
    for kind in ("student", "autograder"):
        path = out / kind / f"{name}.ipynb"
        notebook = nbformat.read(path, 4)
        name_cells(notebook.cells)  # otter's names are drawn at random
        nbformat.write(notebook, path)
    (graders,) = (out / "autograder").glob(f"{name}-autograder*.zip")
    graders.rename(graders.with_name(f"{name}-autograder.zip"))  # otter's has the time in it
    shutil.make_archive(str(out / f"{name}-student"), "zip", out / "student")
    return out


def _archive(project: Project, folder: Path) -> Path:
    """Pack the packages' sources, which pip installs on a grader's machine."""
    name = f"anode-{anode.__version__}"
    sources = folder / "archive" / name
    sources.mkdir(parents=True)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(project.root / file, sources)
    for part in ("anode", "anode_lab", "results"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(project.root / part, sources / part, ignore=ignored)
    return Path(shutil.make_archive(str(folder / name), "zip", sources.parent, name))


def in_plain_markdown(plain: Plain, name: str) -> Assignment:
    """Return the assignment of a chapter with its texts in the Markdown of notebooks."""
    cells = deepcopy(plain.source.cells)
    for cell, text in zip(cells, plain.texts(), strict=True):
        if cell.cell_type == "markdown":
            cell.source = text
    return parse(Path(f"{name}.md"), cells)


class _Writer:
    """Writes assignments as the notebooks that otter reads."""

    def __init__(self, project: Project) -> None:
        self._repository = project.repository()
        self._title = book_title(project)
        self._pins = _pins(project)

    def master(self, plain: Plain, chapter: Plain, course: Course) -> NotebookNode:
        """Return one assignment as a notebook that otter reads."""
        assignment = in_plain_markdown(plain, chapter.name)
        points = sum(q.points * course.scale(assignment.chapter, q) for q in assignment.questions)
        lead = _LEAD.format(
            title=chapter.title,
            url=chapter.url,
            book=self._title,
            site=self._repository.site_url,
            points=f"{points:g}",
        )
        parameters, *setup = assignment.setup
        cells = [
            _raw("ASSIGNMENT CONFIG", self._config()),
            new_markdown_cell(f"# {assignment.title}\n\n{lead}\n\n{assignment.lead}"),
            new_code_cell(install_source(self._repository)),
            new_code_cell(_INSTALL_OTTER.format(version=version("otter-grader"))),
            new_code_cell(with_seed(parameters, course.seed)),
            *map(new_code_cell, setup),
        ]
        for question in assignment.questions:
            cells += _question(question, course.scale(assignment.chapter, question))
        if plain.references:
            cells.append(new_markdown_cell(references(plain.references)))
        cells += [new_markdown_cell(_HAND_IN), new_code_cell(_EXPORT)]
        return new_notebook(cells=cells, metadata=LANGUAGE)

    def _config(self) -> dict[str, Any]:
        package = f"anode-{anode.__version__}.zip"
        return {  # without a name, which a grader would ask of a notebook's metadata, kept or not
            "init_cell": False,
            "export_cell": False,
            "tests": {"files": True},
            "show_question_points": True,
            "autograder_files": [package],
            "requirements": [f"anode[lab] @ file://{_FILES}/{package}", *self._pins],
            "python_version": ".".join(platform.python_version_tuple()[:2]),
            "generate": {"show_stdout": True, "plugins": [_LIMIT]},
        }


def _question(question: Question, scale: float) -> list[NotebookNode]:
    config: dict[str, Any] = {"name": question.name}
    if question.manual:
        config |= {"manual": True, "points": question.points * scale}
    cells = [_raw("BEGIN QUESTION", config), new_markdown_cell(question.statement)]
    cells += map(new_code_cell, question.given)
    cells.append(_raw("BEGIN SOLUTION"))
    if question.manual:
        cells += map(new_markdown_cell, _graders_text(question, scale))
    else:
        cells.append(new_code_cell(question.solution))
    cells.append(_raw("END SOLUTION"))
    if not question.manual:
        cells.append(_raw("BEGIN TESTS"))
        cells += [_test(part, scale) for part in question.parts]
        cells.append(_raw("END TESTS"))
    return [*cells, _raw("END QUESTION")]


def _graders_text(question: Question, scale: float) -> list[str]:
    """Return solution, rubric and losses of wrong answers, of a question that a person grades."""
    rubric = [
        f"{n}. ({part.points * scale:g}) {part.text}" for n, part in enumerate(question.parts, 1)
    ]
    texts = [question.solution, "**Rubric**\n\n" + "\n".join(rubric)]
    for wrong in question.wrong:
        lost = sum(question.parts[n - 1].points for n in wrong.loses) * scale
        lines = ", ".join(map(str, wrong.loses))
        texts.append(f"**Loses {lost:g} (line {lines} of the rubric).** {wrong.answer}")
    return texts


def _raw(kind: str, config: dict[str, Any] | None = None) -> NotebookNode:
    text = f"# {kind}"
    return new_raw_cell(text + ("\n" + yaml.safe_dump(config, sort_keys=False) if config else ""))


def _test(part: Part, scale: float) -> NotebookNode:
    config = {"points": part.points * scale, "hidden": part.hidden}
    body = yaml.safe_dump(config, sort_keys=False)
    return new_code_cell(f'""" # BEGIN TEST CONFIG\n{body}""" # END TEST CONFIG\n{part.text}')


def _pins(project: Project) -> list[str]:
    """Return what the package needs, in the versions that the book is built with."""
    needed = project.requirements("lab")
    lines = (project.root / "requirements.lock").read_text(encoding="utf8").splitlines()
    return [line for line in lines if canonicalize_name(line.partition("==")[0]) in needed]
