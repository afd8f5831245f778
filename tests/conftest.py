"""What tests of all parts share: the real book, executed and built."""

from pathlib import Path

import pytest
from hypothesis import settings

from publishing.chapters import read_pages
from publishing.execute import execute
from publishing.parameters import Parameters
from publishing.project import HOME, Project
from publishing.site import build_site

SMOKE = Parameters(profile="smoke")

# The same examples each time, and no limit on one example's time: machines differ, and are busy.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First the files that need the whole book, then those with slow tests.

    So several processes end at the same time. A file stays together, as its tests share what they
    made.
    """
    book = {item.path for item in items if "site" in getattr(item, "fixturenames", ())}
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in book, item.path not in slow))


@pytest.fixture(scope="session")
def project() -> Project:
    """The real book; its site for tests lies beside the reader's, not over it."""
    return Project(html=HOME / "_build" / "html-smoke")


@pytest.fixture(scope="session")
def site(project: Project) -> Path:
    """The whole book at the smoke profile: chapters that changed are executed, then it is built.

    Several test processes may ask for it at once: one works and the others wait for it.
    """
    pages, told = read_pages(project), []
    outcomes = execute(project, pages, SMOKE, report=told.append)
    if any(outcome.failed for outcome in outcomes):
        stories = [story for story in told if story.startswith("FAILED")]
        pytest.fail("\n\n".join(stories), pytrace=False)
    return build_site(project, pages, SMOKE)
