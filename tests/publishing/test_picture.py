"""The README's picture is drawn by the code, and the README shows both of its files."""

from pathlib import Path

from PIL import Image

from publishing.picture import write_picture
from publishing.project import HOME, Project


def test_it_is_drawn_for_both_themes_and_shown(tmp_path: Path) -> None:
    project = Project(build=tmp_path / "build")
    made = write_picture(project, tmp_path, profile="smoke")
    text = (HOME / "README.md").read_text(encoding="utf8")
    sizes = set()
    for path in made:
        assert f"book/theme/{path.name}" in text
        kept = HOME / "book" / "theme" / path.name
        for file in (path, kept):
            with Image.open(file) as image:
                sizes.add(image.size)
    assert len(made) == 2
    assert len(sizes) == 1
