"""Assignments: one source a chapter becomes a student's and a grader's version, by otter-grader."""

from publishing.assignments.course import Course, read_course
from publishing.assignments.make import make
from publishing.assignments.marks import marks
from publishing.assignments.source import Assignment, AssignmentError, Question, read_assignments

__all__ = [
    "Assignment",
    "AssignmentError",
    "Course",
    "Question",
    "make",
    "marks",
    "read_assignments",
    "read_course",
]
