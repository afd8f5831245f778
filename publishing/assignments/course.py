"""The choices of an instructor, read from a YAML file: chapters, points and a seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from publishing.assignments.source import Assignment, AssignmentError, Question
from publishing.parameters import MOST_SEED, is_seed
from publishing.project import ProjectError, read_yaml

MOST_POINTS = 10_000
"""Largest number of points of a question."""

_KEYS = ("chapters", "seed", "points")


@dataclass(frozen=True)
class Course:
    """The choices for a course.

    Attributes:
        chapters: Names of the chapters whose assignments are made; none stands for all.
        seed: Seed of the class's data.
        points: Points by chapter and question, where they differ from the source.
    """

    chapters: tuple[str, ...] = ()
    seed: int = 0
    points: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def scale(self, chapter: str, question: Question) -> float:
        """Return the factor for the points of a question's parts."""
        return self.points.get(chapter, {}).get(question.name, question.points) / question.points

    def check(self, assignments: tuple[Assignment, ...]) -> None:
        """Check that all points belong to questions that exist.

        Raises:
            AssignmentError: If a chapter or a question does not exist; it lists those that do.
        """
        names = {each.chapter: [q.name for q in each.questions] for each in assignments}
        for chapter, questions in self.points.items():
            if chapter not in names:
                raise AssignmentError(
                    f"points: {chapter!r} is not among the chapters {', '.join(names)}"
                )
            for question in questions:
                if question not in names[chapter]:
                    raise AssignmentError(
                        f"points: {chapter} has the questions {', '.join(names[chapter])}, "
                        f"not {question!r}"
                    )


def read_course(path: Path) -> Course:
    """Read a course's file.

    Raises:
        AssignmentError: If it is missing, or has keys other than chapters, seed and points.
    """
    try:
        found = read_yaml(path)
    except ProjectError as error:
        raise AssignmentError(f"the course {error}") from error
    if set(found) - set(_KEYS):
        keys = ", ".join(map(str, found))
        raise AssignmentError(f"{path} may have the keys {', '.join(_KEYS)}, got {keys}")
    seed = found.get("seed", 0)
    if not is_seed(seed):
        raise AssignmentError(f"{path}: seed must be an integer from 0 to {MOST_SEED}, got {seed}")
    chapters = found.get("chapters") or []
    if not isinstance(chapters, list) or not all(isinstance(name, str) for name in chapters):
        raise AssignmentError(f"{path}: chapters must be a list of names, got {chapters!r}")
    return Course(tuple(chapters), seed, _points(path, found.get("points") or {}))


def _points(path: Path, found: Any) -> Mapping[str, Mapping[str, float]]:
    shaped = isinstance(found, dict) and all(isinstance(each, dict) for each in found.values())
    numbers = [n for each in found.values() for n in each.values()] if shaped else []
    if not shaped or not all(map(_valid, numbers)):
        raise AssignmentError(
            f"{path}: points must say for a chapter and a question a number above 0 and at most "
            f"{MOST_POINTS}, got {found!r}"
        )
    points: Mapping[str, Mapping[str, float]] = found
    return points


def _valid(points: Any) -> bool:
    number = isinstance(points, int | float) and not isinstance(points, bool)
    return number and 0 < points <= MOST_POINTS
