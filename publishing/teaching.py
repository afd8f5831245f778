"""The table of chapters on the page for instructors."""

import re
from collections.abc import Iterable

from anode_lab import formatting as report
from publishing.assignments.source import read_assignments
from publishing.chapters import Page
from publishing.project import Project
from publishing.times import load

MARKER = "% build-chapters"
"""Line of a page that stands for the table."""

_READING = re.compile(r"^\*\*Reading time:\*\* (\d+) minutes\.$", re.M)
_NEEDED = re.compile(r"^\*\*You need\*\* .*?\n\n", re.M | re.S)
_CHAPTER = re.compile(r"\{ref\}`(ch:[\w-]+)`")


def table(project: Project, pages: Iterable[Page]) -> str:
    """Return a table of the chapters with an assignment: what each builds on, minutes, points.

    Args:
        project: The book.
        pages: Its chapters.
    """
    times = load(project)
    assignments = {each.chapter: each for each in read_assignments(project)}
    rows = []
    for page in pages:
        if page.name not in assignments:
            continue
        minutes, needed = _READING.search(page.text), _NEEDED.search(page.text)
        time = times.chapters.get(page.name) if times else None
        cells = [
            page.link,
            ", ".join(
                f"{{ref}}`{label}`"
                for label in dict.fromkeys(_CHAPTER.findall(needed[0] if needed else ""))
            ),
            minutes[1] if minutes else "",
            str(time.minutes) if time else "",
            f"{assignments[page.name].points:g}",
        ]
        rows.append([cell or "–" for cell in cells])
    return report.table(["chapter", "builds on", "reading, min", "running, min", "points"], rows)
