"""Solutions get all points, wrong answers lose the right ones, and students see neither."""

import json
import re
import shutil
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import nbformat
import otter
import pytest
from otter.api import grade_submission
from otter.check.utils import IPythonInterpreter

from anode_lab import grading
from publishing.assignments import (
    Assignment,
    AssignmentError,
    Course,
    make,
    marks,
    read_assignments,
    read_course,
)
from publishing.assignments.make import in_plain_markdown
from publishing.assignments.source import LEAST_WRONG, read
from publishing.chapters import read_pages, select
from publishing.colab import ExportError
from publishing.colab.plain import Plain, translate
from publishing.project import HOME, Project

ASSIGNMENTS = {each.chapter: each for each in read_assignments(Project())}
CODE = [(a, q) for a in ASSIGNMENTS.values() for q in a.questions if not q.manual]
CODE_NAMES = [f"{assignment.chapter}-{question.name}" for assignment, question in CODE]
SMALL = "many-trainings"
FIRST_LINES = 40
"""Characters of a line that is long enough to be told from others."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All assignments, as an instructor gets them."""
    out = tmp_path_factory.mktemp("assignments")
    make(Project(), (), Course(seed=5), out, run_tests=False)
    return out


@pytest.fixture(scope="module")
def translated() -> dict[str, Plain]:
    """Their texts as students read them."""
    return translate(Project())


def telling(source: str) -> set[str]:
    """Lines that are long enough to be found elsewhere by no accident."""
    return {line.strip() for line in source.splitlines() if len(line.strip()) >= FIRST_LINES}


def test_every_chapter_has_an_assignment_but_those_about_the_book_and_the_package() -> None:
    chapters = {page.name for page in select(read_pages(Project()), [])}
    assert chapters - set(ASSIGNMENTS) == {"architecture", "your-own"}
    assert set(ASSIGNMENTS) < chapters


@pytest.mark.parametrize("assignment", ASSIGNMENTS.values(), ids=list(ASSIGNMENTS))
def test_each_has_a_proof_and_code_with_public_and_hidden_tests(assignment: Assignment) -> None:
    kinds = [question.manual for question in assignment.questions]
    assert kinds.count(True) >= 1
    assert kinds.count(False) >= 1
    for question in assignment.questions:
        assert len({wrong.answer for wrong in question.wrong}) >= LEAST_WRONG
        assert question.manual or {part.hidden for part in question.parts} == {True, False}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize("assignment", ASSIGNMENTS.values(), ids=list(ASSIGNMENTS))
def test_solutions_get_all_points_whatever_the_class(assignment: Assignment, seed: int) -> None:
    assert all(all(passed) for passed in marks(assignment, seed=seed).values())


@pytest.mark.slow
@pytest.mark.parametrize(("assignment", "question"), CODE, ids=CODE_NAMES)
def test_wrong_answers_lose_the_points_that_they_should(assignment, question) -> None:
    for wrong in question.wrong:
        found = marks(assignment, {question.name: wrong.answer})
        lost = tuple(n for n, each in enumerate(found.pop(question.name), 1) if not each)
        assert lost == wrong.loses, wrong.answer
        assert all(map(all, found.values())), "another question depends on this one"


RETURNED = {  # right answers, and what the same numbers are returned as
    "tensor": "lambda found: __import__('torch').tensor(plain(found))",
    "list": "lambda found: plain(found)",
    "tuple": "lambda found: tuple(plain(found))",
    "array": "lambda found: __import__('numpy').array(plain(found))",
}
AS_NUMBERS = """
def plain(found):
    found = found.tolist() if hasattr(found, "tolist") else found
    return [plain(each) for each in found] if isinstance(found, (list, tuple)) else float(found)


{name} = (lambda right, turned: lambda *given: turned(right(*given)))({name}, {turned})
"""
SEVERAL = [
    ("trajectories-do-not-cross", "meetings"),
    ("augmented-neural-odes", "represent"),
    ("generalisation", "slice"),
    ("generalisation", "interval"),
    ("stability-and-scale", "spikes"),
    ("what-neural-odes-cannot-represent", "witness"),
    ("flows-are-homeomorphisms", "undo"),
    ("neural-odes", "euler"),
    ("what-squeezing-costs", "stretch"),
    ("beyond", "trace"),
    ("beyond", "estimate"),
]
"""Questions that ask for several numbers."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", RETURNED)
@pytest.mark.parametrize(("chapter", "name"), SEVERAL, ids=[name for _, name in SEVERAL])
def test_the_same_numbers_count_whatever_holds_them(chapter: str, name: str, kind: str) -> None:
    """Single precision included, which is what a tensor of a list has."""
    (question,) = [q for q in ASSIGNMENTS[chapter].questions if q.name == name]
    asked = re.search(r"def (\w+)\(", question.solution)
    assert asked
    answer = question.solution + AS_NUMBERS.format(name=asked[1], turned=RETURNED[kind])
    assert all(marks(ASSIGNMENTS[chapter], {name: answer})[name])


@pytest.mark.slow
@pytest.mark.parametrize(("assignment", "question"), CODE, ids=CODE_NAMES)
def test_no_answer_is_no_points(assignment, question) -> None:
    """Not one test passes where the question was left as it is."""
    names = [line.split("(")[0][4:] for line in question.solution.splitlines() if "def " in line]
    answer = f"{names[0]} = lambda *arguments: None"  # as students get it
    assert not any(marks(assignment, {question.name: answer})[question.name])


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_a_student_gets_no_solution_and_no_hidden_test(
    made: Path, translated: dict[str, Plain], name: str
) -> None:
    files = [path for path in (made / name / "student").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".ipynb", ".py"}
    notebook = nbformat.read(made / name / "student" / f"{name}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    tests = "\n".join(path.read_text() for path in files if path.suffix == ".py")
    assignment = in_plain_markdown(translated[f"book/assignments/{name}"], name)
    stated = {line for q in assignment.questions for line in telling(q.statement)}
    given = stated | {line for q in assignment.questions for g in q.given for line in telling(g)}
    public = {
        line for q in assignment.questions for part in q.parts if not part.hidden
        for line in telling(part.text)
    }  # fmt: skip
    for question in assignment.questions:
        if question.manual:
            kept = [question.solution, *(part.text for part in question.parts)]
        else:
            _, _, kept_back = question.solution.partition("# BEGIN SOLUTION")
            kept = [kept_back, *(part.text for part in question.parts if part.hidden)]
        secret = set().union(*map(telling, [*kept, *(wrong.answer for wrong in question.wrong)]))
        signatures = telling(question.solution.partition("# BEGIN SOLUTION")[0])
        for line in secret - given - public - signatures:
            assert line not in text, line
            assert line not in tests, line
    assert "hidden': True" not in tests
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_the_last_cell_hands_in_where_otter_makes_archives_and_where_it_does_not(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not in Colab, where otter refuses: there the notebook itself is asked for."""
    student = tmp_path / "student"
    shutil.copytree(made / SMALL / "student", student)
    monkeypatch.chdir(student)
    last = nbformat.read(f"{SMALL}.ipynb", as_version=4).cells[-1].source
    names = {"sys": sys, "grader": otter.Notebook()}
    exec(last, names)
    (archive,) = student.glob("*.zip")
    with zipfile.ZipFile(archive) as handed_in:
        assert f"{SMALL}.ipynb" in handed_in.namelist()
    archive.unlink()
    names["grader"].interpreter = IPythonInterpreter.COLAB
    with pytest.raises(RuntimeError, match="not compatible with Google Colab"):
        names["grader"].export(pdf=False)
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    exec(last, names)
    assert "Download .ipynb" in capsys.readouterr().out
    assert not list(student.glob("*.zip"))


def test_each_question_says_its_points(made: Path) -> None:
    notebook = nbformat.read(made / SMALL / "student" / f"{SMALL}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    for question in ASSIGNMENTS[SMALL].questions:
        assert f"_Points:_ {question.points:g}" in text


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_archive_for_students_is_that_folder(made: Path, name: str) -> None:
    folder = made / name / "student"
    with zipfile.ZipFile(made / name / f"{name}-student.zip") as archive:
        inside = {n: archive.read(n) for n in archive.namelist() if not n.endswith("/")}
    expected = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert inside == expected


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_graders_get_solutions_rubrics_hidden_tests_and_the_package(made: Path, name: str) -> None:
    notebook = nbformat.read(made / name / "autograder" / f"{name}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    for question in ASSIGNMENTS[name].questions:
        if question.manual:
            assert "**Rubric**" in text
            assert text.count("**Loses ") >= len(question.wrong)
    with zipfile.ZipFile(made / name / "autograder" / f"{name}-autograder.zip") as archive:
        names = archive.namelist()
        tests = [archive.read(each).decode() for each in names if each.startswith("tests/")]
        environment = archive.read("environment.yml").decode()
    assert all("'hidden': True" in each for each in tests)
    assert len(tests) == sum(not question.manual for question in ASSIGNMENTS[name].questions)
    (package,) = [each for each in names if each.startswith("files/")]
    assert package.removeprefix("files/") in environment
    assert "torch==" in environment


def test_statements_are_quoted_from_the_chapter(made: Path) -> None:
    text = (made / "flows-are-homeomorphisms/student/flows-are-homeomorphisms.ipynb").read_text()
    pages = {page.name: page for page in read_pages(Project())}
    lines = pages["what-neural-odes-cannot-represent"].text.splitlines()
    line = next(line for line in lines if "and its inverse are" in line)
    assert json.dumps(line.strip())[1:-1] in text
    assert "quote" not in text


def test_the_seed_of_the_class_is_in_both_versions(made: Path) -> None:
    for version in ("student", "autograder"):
        notebook = nbformat.read(made / SMALL / version / f"{SMALL}.ipynb", as_version=4)
        assert any(cell.source.startswith("seed = 5") for cell in notebook.cells)


def test_the_same_course_gives_the_same_files(made: Path, tmp_path: Path) -> None:
    make(Project(), [SMALL], Course(seed=5), tmp_path, run_tests=False)
    for path in sorted((tmp_path / SMALL / "student").rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (made / path.relative_to(tmp_path)).read_bytes()


@pytest.mark.slow
def test_otter_gives_a_solution_all_points_and_an_untouched_notebook_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = {SMALL: {"finish": 30, "write": 7.5}}
    make(Project(), [SMALL], Course(points=points), tmp_path)
    folder = tmp_path / SMALL
    grader = str(folder / "autograder" / f"{SMALL}-autograder.zip")
    solved = grade_submission(str(folder / f"autograder/{SMALL}.ipynb"), grader, quiet=True)
    assert (solved.total, solved.possible) == (37.5, 37.5)
    bare = nbformat.read(folder / f"student/{SMALL}.ipynb", as_version=4)
    bare.metadata.pop("otter", None)  # as another editor may save it
    nbformat.write(bare, tmp_path / "untouched.ipynb")
    untouched = grade_submission(str(tmp_path / "untouched.ipynb"), grader, quiet=True)
    assert (untouched.total, untouched.possible) == (0, 37.5)
    # An endless answer loses its own points only.
    monkeypatch.setattr(grading, "_START", grading._START.replace("ok_test)", "ok_test, 2)"))
    notebook = nbformat.read(folder / f"autograder/{SMALL}.ipynb", 4)
    (answer,) = [cell for cell in notebook.cells if cell.source.startswith("def finish(")]
    answer.source = "def finish(*arguments):\n    while True:\n        pass"
    nbformat.write(notebook, tmp_path / f"{SMALL}.ipynb")
    endless = grade_submission(str(tmp_path / f"{SMALL}.ipynb"), grader, quiet=True)
    assert (endless.total, endless.possible) == (7.5, 37.5)


@pytest.mark.slow
def test_solutions_that_do_not_get_all_points_stop_the_making(tmp_path: Path) -> None:
    project = altered(tmp_path, ("return max(free)\n    # END", "return 0\n    # END"))
    with pytest.raises(AssignmentError, match=r"many-trainings.md: Some autograder tests"):
        make(project, [SMALL], Course(), tmp_path / "out")
    assert not (tmp_path / "out" / SMALL).exists()


def altered(tmp_path: Path, *changes: tuple[str, str]) -> Project:
    """The real book with another assignment; what is translated from the real one still holds."""
    root = tmp_path / "root"
    own = root / "book" / "assignments"
    own.mkdir(parents=True)
    for path in [*HOME.iterdir(), *(HOME / "book").iterdir()]:
        if path.name not in ("book", "assignments") and not path.name.startswith("."):
            (root / path.relative_to(HOME)).symlink_to(path)
    text = (HOME / "book" / "assignments" / f"{SMALL}.md").read_text(encoding="utf8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    for path in (HOME / "book" / "assignments").iterdir():
        if path.stem != SMALL:
            (own / path.name).symlink_to(path)
    (own / f"{SMALL}.md").write_text(text, encoding="utf8")
    return Project(root)


def changed(tmp_path: Path, before: str, after: str) -> Path:
    source = (HOME / "book" / "assignments" / f"{SMALL}.md").read_text(encoding="utf8")
    assert before in source
    path = tmp_path / f"{SMALL}.md"
    path.write_text(source.replace(before, after, 1), encoding="utf8")
    return path


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("# Assignment: ", "Assignment: ", "the first cell must start with '# '"),
        (":tags: [parameters]", ":tags: [setup]", "no cell .* has the tag 'parameters'"),
        ('{"question": "write"}', '{"question": "finish"}', "two questions have one name"),
        (":tags: [solution]", ":tags: [answer]", "finish: what is a cell with 'answer'"),
        ("hidden: true", "hidden: false", None),
        ("- 1: until", "- one: until", "twice: a rubric's lines are '- POINTS: what for'"),
        ("points: 1", "points: 0", "finish: a part is worth nothing"),
        ("loses: [1, 2, 3]", "loses: [1, 4]",
         r"finish: a wrong answer loses \[1, 4\], of parts 1 to 3"),
        ("loses: [1, 2, 3]", "loses: []", r"finish: a wrong answer loses \[\]"),
        ("tags: [wrong]\nloses: [2]\n---\n# longest", "tags: [test]\npoints: 1\n---\n# longest",
         "finish: 2 wrong answers, not 3 or more"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_source_is_named(
    tmp_path: Path, before: str, after: str, message: str | None
) -> None:
    path = changed(tmp_path, before, after)
    if message is None:
        read(path)
        return
    with pytest.raises(AssignmentError, match=rf"many-trainings\.md: {message}"):
        read(path)


def test_hidden_and_public_tests_are_both_needed(tmp_path: Path) -> None:
    source = (HOME / "book" / "assignments" / f"{SMALL}.md").read_text(encoding="utf8")
    path = tmp_path / "all-public.md"
    path.write_text(source.replace("hidden: true\n", ""), encoding="utf8")
    with pytest.raises(
        AssignmentError, match=r"finish: it needs tests that students see, and hidden"
    ):
        read(path)


def test_texts_may_refer_to_what_the_book_has(tmp_path: Path) -> None:
    """The small book lacks the statement that the assignment quotes."""
    project = Project(shutil.copytree(Path(__file__).parent / "colab_book", tmp_path / "book"))
    (project.root / "book" / "assignments").mkdir()
    path = changed(tmp_path, "You distribute", "{ref}`ch:nowhere` You distribute")
    path.rename(project.root / "book" / "assignments" / path.name)
    with pytest.raises(ExportError) as error:
        make(project, [SMALL], Course(), tmp_path / "out")
    said = str(error.value)
    assert re.search(r"many-trainings\.md:\d+: no statement has the label 'prop-scale-time'", said)
    assert re.search(r"many-trainings\.md:\d+: undefined label: 'ch:nowhere'", said)


def test_a_course_chooses_chapters_points_and_a_seed(tmp_path: Path) -> None:
    path = tmp_path / "course.yml"
    path.write_text("chapters: [images, many-trainings]\nseed: 12\npoints: {images: {count: 20}}\n")
    course = read_course(path)
    assert course == Course(("images", "many-trainings"), 12, {"images": {"count": 20}})
    (count,) = [q for q in ASSIGNMENTS["images"].questions if q.name == "count"]
    assert course.scale("images", count) * count.points == pytest.approx(20)
    (finish,) = [q for q in ASSIGNMENTS[SMALL].questions if q.name == "finish"]
    assert course.scale(SMALL, finish) == 1
    assert [each.chapter for each in read_assignments(Project(), course.chapters)] == [
        "images",
        "many-trainings",
    ]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ({"image": {"count": 3}}, "'image' is not among the chapters many-trainings"),
        (
            {SMALL: {"count": 3}},
            "many-trainings has the questions finish, write, twice, not 'count'",
        ),
    ],
)
def test_points_are_for_questions_that_there_are(points, message: str, tmp_path: Path) -> None:
    with pytest.raises(AssignmentError, match=message):
        make(Project(), [SMALL], Course(points=points), tmp_path)


def test_a_chapter_without_an_assignment_is_named() -> None:
    with pytest.raises(
        AssignmentError, match=r"'notation' has no assignment; chapters with one: augm"
    ):
        read_assignments(Project(), ["notation"])
