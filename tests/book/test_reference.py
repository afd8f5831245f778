"""The examples of the page with the package's reference run, and name every public class."""

import re
from pathlib import Path

import pytest

import anode
from publishing.project import HOME

EXAMPLES = re.findall(
    r"^```python\n(.*?)^```$",
    (HOME / "book/appendix/reference.md").read_text(encoding="utf8"),
    re.MULTILINE | re.DOTALL,
)
SHAPE = re.compile(r"^([^#\n]+\.shape)[^#\n]*# (\([\d, ]+\))", re.MULTILINE)


def test_the_examples_run_and_give_the_shapes_that_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    checked = 0
    for example in EXAMPLES:
        exec(example, names)
        for shown, shape in SHAPE.findall(example):
            assert tuple(eval(shown, names)) == eval(shape), shown
            checked += 1
    assert checked >= 7


def test_every_public_class_is_shown() -> None:
    text = (HOME / "book/appendix/reference.md").read_text(encoding="utf8")
    classes = [name for name in anode.__all__ if isinstance(getattr(anode, name), type)]
    assert [name for name in classes if not re.search(rf"\b{name}\b", text)] == []
