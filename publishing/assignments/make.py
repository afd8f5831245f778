"""Sources become a folder for students and one for graders, by otter-grader, without a network."""

import contextlib
import io
import platform
import shutil
import tempfile
from collections.abc import Sequence
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
from publishing.assignments.course import Course
from publishing.assignments.marks import with_seed
from publishing.assignments.source import FOLDER, Assignment, AssignmentError, Part, Question
from publishing.colab.blocks import parse
from publishing.colab.errors import Problems
from publishing.colab.notebooks import LANGUAGE, install_source, name_cells
from publishing.colab.quotes import Quoter
from publishing.project import Project

_FILES = "/autograder/source/files"
"""Where Gradescope's machine keeps the files of an autograder."""
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
_LEAD = """\
*An assignment to [{title}]({url}), a chapter of the book [{book}]({site}/): {points} points. \
Answer where it says so, and run `grader.check` to see what the public tests say; there are hidden \
ones too. Proofs are graded by a person.*"""


def make(
    project: Project,
    assignments: Sequence[Assignment],
    course: Course,
    out: Path,
    *,
    run_tests: bool = True,
) -> list[Path]:
    """Write ``student/`` and ``autograder/`` of each assignment into a folder of its name.

    Args:
        project: the book.
        assignments: what to make.
        course: points and seed.
        out: gets the folders; those of these assignments are replaced, each when it is whole.
        run_tests: have otter execute each notebook with its solutions, which must get all points.

    Raises:
        AssignmentError: if the course's points do not fit, or solutions do not get all points.
        ExportError: if a text refers to something that is not in the book.
    """
    course.check(tuple(assignments))
    problems = Problems()
    writer = _Writer(project, problems)
    masters = {each.chapter: writer.master(each, course) for each in assignments}
    problems.raise_any()
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
    """The two folders of one assignment, in ``folder/out``."""
    folder.mkdir()
    shutil.copy(package, folder)
    nbformat.write(master, folder / f"{name}.ipynb")
    out = folder / "out"
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            otter_assign(str(folder / f"{name}.ipynb"), str(out), no_run_tests=not run_tests)
        except RuntimeError as error:
            raise AssignmentError(f"{FOLDER}/{name}.md: {error}") from error
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
    """The package's sources, which pip installs on a grader's machine."""
    name = f"anode-{anode.__version__}"
    sources = folder / "archive" / name
    sources.mkdir(parents=True)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(project.root / file, sources)
    for part in ("anode", "anode_lab", "results"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(project.root / part, sources / part, ignore=ignored)
    return Path(shutil.make_archive(str(folder / name), "zip", sources.parent, name))


class _Writer:
    """Sources as otter's master notebooks."""

    def __init__(self, project: Project, problems: Problems) -> None:
        self.quoter = Quoter(project, problems)
        self.book = self.quoter.book
        self.pins = _pins(project)

    def master(self, assignment: Assignment, course: Course) -> NotebookNode:
        """One assignment as a notebook that otter reads."""
        if assignment.chapter not in self.quoter.pages:
            raise AssignmentError(f"{FOLDER}/{assignment.chapter}.md: the book has no such chapter")
        # Not the chapter's own name, whose lines have numbers.
        name = f"{FOLDER}/{assignment.chapter}-assignment.md"
        self.translator = self.quoter.translator(name)
        label = self.book.labels.pages[assignment.chapter]
        points = sum(q.points * course.scale(assignment.chapter, q) for q in assignment.questions)
        lead = _LEAD.format(
            title=label.title,
            url=label.url,
            book=self.book.title,
            site=self.book.repository.site_url,
            points=f"{points:g}",
        )
        parameters, *setup = assignment.setup
        cells = [
            _raw("ASSIGNMENT CONFIG", self._config(assignment.chapter)),
            new_markdown_cell(f"# {assignment.title}\n\n{lead}\n\n{self._text(assignment.lead)}"),
            new_code_cell(install_source(self.book.repository)),
            new_code_cell(_INSTALL_OTTER.format(version=version("otter-grader"))),
            new_code_cell(with_seed(parameters, course.seed)),
            *map(new_code_cell, setup),
        ]
        for question in assignment.questions:
            cells += self._question(question, course.scale(assignment.chapter, question))
        if references := self.book.literature.section(self.translator.cited):
            cells.append(new_markdown_cell(references))
        return new_notebook(cells=cells, metadata=LANGUAGE)

    def _config(self, name: str) -> dict[str, Any]:
        package = f"anode-{anode.__version__}.zip"
        return {
            "name": name,
            "init_cell": False,
            "export_cell": {"pdf": False, "run_tests": False},
            "tests": {"files": True},
            "show_question_points": True,
            "autograder_files": [package],
            "requirements": [f"anode[lab] @ file://{_FILES}/{package}", *self.pins],
            "python_version": ".".join(platform.python_version_tuple()[:2]),
            "generate": {"show_stdout": True},
        }

    def _question(self, question: Question, scale: float) -> list[NotebookNode]:
        config: dict[str, Any] = {"name": question.name}
        if question.manual:
            config |= {"manual": True, "points": question.points * scale}
        cells = [_raw("BEGIN QUESTION", config), new_markdown_cell(self._text(question.statement))]
        cells += map(new_code_cell, question.given)
        cells.append(_raw("BEGIN SOLUTION"))
        if question.manual:
            cells += map(new_markdown_cell, self._graders_text(question, scale))
        else:
            cells.append(new_code_cell(question.solution))
        cells.append(_raw("END SOLUTION"))
        if not question.manual:
            cells.append(_raw("BEGIN TESTS"))
            cells += [_test(part, scale) for part in question.parts]
            cells.append(_raw("END TESTS"))
        return [*cells, _raw("END QUESTION")]

    def _graders_text(self, question: Question, scale: float) -> list[str]:
        """Solution, rubric and what wrong answers lose, of a question that a person grades."""
        rubric = [
            f"{n}. ({part.points * scale:g}) {part.text}"
            for n, part in enumerate(question.parts, 1)
        ]
        texts = [question.solution, "**Rubric**\n\n" + "\n".join(rubric)]
        for wrong in question.wrong:
            lost = sum(question.parts[n - 1].points for n in wrong.loses) * scale
            lines = ", ".join(map(str, wrong.loses))
            texts.append(f"**Loses {lost:g} (line {lines} of the rubric).** {wrong.answer}")
        return [self._text(text) for text in texts]

    def _text(self, text: str) -> str:
        """Plain Markdown of MyST, with quoted statements in full."""
        return self.quoter.markdown(parse(text.split("\n"), 1), self.translator)


def _raw(kind: str, config: dict[str, Any] | None = None) -> NotebookNode:
    text = f"# {kind}"
    return new_raw_cell(text + ("\n" + yaml.safe_dump(config, sort_keys=False) if config else ""))


def _test(part: Part, scale: float) -> NotebookNode:
    config = {"points": part.points * scale, "hidden": part.hidden}
    body = yaml.safe_dump(config, sort_keys=False)
    return new_code_cell(f'""" # BEGIN TEST CONFIG\n{body}""" # END TEST CONFIG\n{part.text}')


def _pins(project: Project) -> list[str]:
    """What the package needs, in the versions that the book is built with."""
    needed = project.requirements("lab")
    lines = (project.root / "requirements.lock").read_text(encoding="utf8").splitlines()
    return [line for line in lines if canonicalize_name(line.partition("==")[0]) in needed]
