"""Parses ``python -m publishing`` and calls a command: what the Makefile runs.

A command is a function that takes the parsed arguments and returns the exit status.
"""

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from anode_lab.cli.options import MOST, in_a_line, new_folder, number, present_file, present_folder
from anode_lab.environment import write_on_any_terminal
from anode_lab.runs import StoreError
from publishing import recording, records, status
from publishing.assets import AssetsError
from publishing.assignments import Course, make, read_course
from publishing.browser import BrowserError, chromium, screenshots
from publishing.chapters import Page, read_pages, select
from publishing.colab import ExportError, export_all
from publishing.execute import Outcome, execute, say
from publishing.figures import FigureError
from publishing.parameters import NAMES, ParameterError, Parameters, parse
from publishing.pdf import pdfs
from publishing.picture import write_picture
from publishing.playground import STILL
from publishing.playground.alone import write_still
from publishing.project import Project, ProjectError
from publishing.site import SiteError, broken_links, build_site
from publishing.slides import print_decks, read_decks
from publishing.stage import THEME, StageError
from publishing.timing import measure

USAGE_ERROR, BUILD_ERROR, INTERRUPTED = 2, 1, 130
"""Exit statuses of a wrong parameter, of something that could not be made, and of an interrupt."""

LONGEST = 30 * 24 * 3600
"""Largest time limit of a chapter in seconds."""

_WITHOUT_PARAMETERS = (
    "assignments",
    "keep-records",
    "notebooks",
    "picture",
    "screenshots",
    "take-records",
)
"""Commands that are the same for every profile, seed and device."""

_ERRORS = (
    ProjectError, StageError, FigureError, SiteError, AssetsError, ExportError, BrowserError,
    StoreError,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Arguments without the program's name; None for those of this process.

    Returns:
        The exit status: 0 if all went well, 1 if something could not be made, 2 if a parameter of
        the chapters is wrong, and 130 after an interrupt or a termination.

    Raises:
        SystemExit: With status 2 if the arguments are wrong, and 0 after ``--help``.
    """
    write_on_any_terminal()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up as after Ctrl-C
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except ParameterError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    except _ERRORS as error:
        print(f"error: {error}", file=sys.stderr)
        return BUILD_ERROR
    except OSError as error:
        print(f"error: {in_a_line(error)}", file=sys.stderr)
        return BUILD_ERROR
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m publishing", description="The commands behind the Makefile."
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, command: Callable[[argparse.Namespace], int], what: str) -> None:
        sub = commands.add_parser(name, help=what, description=what)
        sub.set_defaults(command=command)
        if name == "screenshots":
            sub.add_argument("--out", type=new_folder, default=Project().build / "screenshots")
            sub.add_argument("--site", type=present_folder, default=Project().html)
        if name == "assignments":
            sub.add_argument("chapters", nargs="*", help="whose; default: the course's, or all")
            sub.add_argument(
                "--course", type=present_file, help="a YAML file: chapters, seed, points"
            )
            sub.add_argument("--out", type=new_folder, default=Project().build / "assignments")
        if name in _WITHOUT_PARAMETERS:
            return
        sub.add_argument(
            "-p",
            dest="parameters",
            metavar="NAME=VALUE",
            action="append",
            default=[],
            help=f"a parameter of the chapters: {', '.join(NAMES)}",
        )
        if name in ("build", "execute"):
            sub.add_argument(
                "--jobs",
                type=number(int, 1, MOST),
                metavar="N",
                help="chapters at once; default: cores",
            )
            sub.add_argument(
                "--fresh", action="store_true", help="also what did not change, trained anew"
            )
            sub.add_argument(
                "--time-limit",
                type=number(float, 1, LONGEST),
                metavar="SECONDS",
                help="for each chapter",
            )
        if name == "record":
            sub.add_argument("experiments", nargs="*", help="names; default: all that are recorded")
            sub.add_argument(
                "--hours",
                type=number(float, 0, LONGEST / 3600),
                default=LONGEST / 3600,
                metavar="H",
                help="after which it stops, to go on next time",
            )
        if name in ("execute", "times"):
            sub.add_argument("chapters", nargs="*", help="names of chapters; default: all")

    add("build", _build, "execute what changed, export notebooks, build the site")
    add("execute", _execute, "execute chapters that changed")
    add("times", _times, "measure how long each chapter takes alone, and keep it in notebooks/")
    add("site", _site, "build the site from executed chapters")
    add("pdf", _pdf, "build the site, and a PDF of each page and of the book into it")
    add("slides", _slides, "build the site, and print its lectures")
    add("data", _data, "fetch the image sets that a profile needs")
    add("record", _record, "record the trainings on images that are missing")
    add("keep-records", _keep_records, "collect what is new in results/, to carry it elsewhere")
    add("take-records", _take_records, "put what was collected elsewhere into results/")
    add("links", _links, "follow every link of the book, and list the broken ones")
    add("notebooks", _notebooks, "export the notebooks for Colab")
    add("assignments", _assignments, "make assignments for students, and their autograders")
    add("status", _status, "show the last run of every chapter")
    add("picture", _picture, "draw the README's picture, and take that of the playground")
    add("screenshots", _screenshots, "take pictures of all pages of the site, to look at")
    return parser


def _build(options: argparse.Namespace) -> int:
    """Execute what changed, and make notebooks and site if no chapter failed."""
    project, parameters = Project(), parse(options.parameters)
    pages = read_pages(project)
    outcomes = _run(project, pages, parameters, options)
    if any(outcome.failed for outcome in outcomes):
        return _close(outcomes, "The site was not built.", BUILD_ERROR)
    export_all(project)
    html = build_site(project, pages, parameters)
    return _close(outcomes, status.closing(html), 0)


def _execute(options: argparse.Namespace) -> int:
    project, parameters = Project(), parse(options.parameters)
    chapters = select(read_pages(project), options.chapters)
    outcomes = _run(project, chapters, parameters, options)
    failed = any(outcome.failed for outcome in outcomes)
    folder = project.executed(parameters.profile)
    return _close(outcomes, f"Executed notebooks: {folder}", BUILD_ERROR if failed else 0)


def _times(options: argparse.Namespace) -> int:
    project, parameters = Project(), parse(options.parameters)
    found = measure(project, select(read_pages(project), options.chapters), parameters, say)
    for name, time in found.chapters.items():
        print(f"{name:<32}{time.seconds:8.0f} s")
    return 0


def _site(options: argparse.Namespace) -> int:
    project, parameters = Project(), parse(options.parameters)
    print(status.closing(build_site(project, read_pages(project), parameters)))
    return 0


def _pdf(options: argparse.Namespace) -> int:
    project, parameters = Project(), parse(options.parameters)
    pages = read_pages(project)
    html = build_site(project, pages, parameters, pdf=True)
    for path in pdfs(html, [page.path.with_suffix(".html") for page in pages]):
        print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0


def _slides(options: argparse.Namespace) -> int:
    project, parameters = Project(), parse(options.parameters)
    html = build_site(project, read_pages(project), parameters)
    names = [deck.name for deck in read_decks(project)]
    for path in print_decks(html, names, project.build / "slides"):
        print(path)
    return 0


def _data(options: argparse.Namespace) -> int:
    return BUILD_ERROR if recording.fetch(parse(options.parameters).profile, say) else 0


def _record(options: argparse.Namespace) -> int:
    parameters = parse(options.parameters)
    parameters.check_device()
    names = recording.recorded_at(parameters.profile, options.experiments)
    failed = recording.record(
        names, parameters.profile, parameters.device, options.hours * 3600, say
    )
    return BUILD_ERROR if failed else 0


def _keep_records(options: argparse.Namespace) -> int:
    print(
        f"{len(recording.keep(Project()))} new files are in {Project().build / recording.CARRIED}"
    )
    return 0


def _take_records(options: argparse.Namespace) -> int:
    recording.take(Project(), say)
    return 0


def _links(options: argparse.Namespace) -> int:
    project, parameters = Project(), parse(options.parameters)
    broken = broken_links(project, read_pages(project), parameters)
    found = project.build / "links.txt"
    found.write_text("".join(f"- {line}\n" for line in broken), encoding="utf8")
    print(f"{len(broken)} broken links: {found}" if broken else "No link is broken.")
    return BUILD_ERROR if broken else 0


def _notebooks(options: argparse.Namespace) -> int:
    export_all(Project())
    return 0


def _assignments(options: argparse.Namespace) -> int:
    project = Project()
    course = read_course(options.course) if options.course else Course()
    for folder in make(project, options.chapters or course.chapters, course, options.out):
        print(folder)
    return 0


def _status(options: argparse.Namespace) -> int:
    project, parameters = Project(), parse(options.parameters)
    folder = project.executed(parameters.profile)
    found = [records.load(folder, page.name) for page in select(read_pages(project), [])]
    print(status.terminal_table([Outcome(record, True) for record in found if record]))
    return 0


def _picture(options: argparse.Namespace) -> int:
    with TemporaryDirectory() as folder, chromium() as browser:
        write_still(browser, THEME / STILL, Path(folder))
    for path in (THEME / STILL, *write_picture(Project(), THEME)):
        print(path)
    return 0


def _screenshots(options: argparse.Namespace) -> int:
    for path in screenshots(options.site, options.out):
        print(path)
    return 0


def _run(
    project: Project, pages: tuple[Page, ...], parameters: Parameters, options: argparse.Namespace
) -> list[Outcome]:
    return execute(
        project,
        pages,
        parameters,
        jobs=options.jobs,
        fresh=options.fresh,
        time_limit=options.time_limit,
    )


def _close(outcomes: list[Outcome], line: str, exit_status: int) -> int:
    """Print the table of the chapters and a last line, and return the exit status."""
    print(f"\n{status.terminal_table(outcomes)}\n\n{line}")
    return exit_status
