"""One browser for all tests of a process: a second one cannot be driven beside it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from publishing.browser import BrowserError, chromium, served


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    try:
        with chromium() as browser:
            yield browser
    except BrowserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def address(browser: Any, site: Path) -> Iterator[str]:
    """Where the site is served; `browser` is there so that nothing is built without one."""
    with served(site) as address:
        yield address
