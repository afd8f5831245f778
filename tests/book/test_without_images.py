"""`make book` on a machine that has no image data."""

from pathlib import Path

import pytest

from anode_lab.images.downloaded import FOLDER_VARIABLE
from publishing.chapters import read_pages
from publishing.execute import execute
from publishing.parameters import Parameters
from publishing.project import HOME, Project
from publishing.stage import stage

LAPTOP = Parameters(profile="laptop")
CHAPTERS = {"images": ("MNIST", "CIFAR-10"), "stability-and-scale": ("MNIST",)}


@pytest.mark.slow
def test_chapters_on_images_are_published_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They read records, and say of the few figures of the images themselves what is missing."""
    (folder := tmp_path / "data").mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    project = Project(HOME, build=tmp_path / "build")
    pages = tuple(page for page in read_pages(project) if page.name in CHAPTERS)
    told: list[str] = []
    outcomes = execute(project, pages, LAPTOP, jobs=2, report=told.append)
    assert not any(outcome.failed for outcome in outcomes), "\n".join(told)
    staged = stage(project, pages, LAPTOP, assets=False)
    for name, sets in CHAPTERS.items():
        text = (staged / "book" / "paper" / f"{name}.ipynb").read_text(encoding="utf8")
        for missing in sets:
            assert f"{missing} is not on this machine" in text
    for colour in ("grey", "colour"):  # in the light and in the dark
        assert len(list(staged.glob(f"assets/figures/images-fig-img-samples-{colour}-*.webp"))) == 2
