"""The notebooks number theorems, formulas, figures and sections as the site does."""

from pathlib import Path

import pytest

from publishing.project import Project
from tests.publishing.printed import differences


@pytest.mark.slow
def test_every_number_and_reference_of_the_notebooks_is_the_site_s(site: Path) -> None:
    assert differences(Project(), site) == []
