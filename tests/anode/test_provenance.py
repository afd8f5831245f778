"""What made a result is told, and the digest of the code changes with what numbers depend on."""

import ast
import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import torch

from anode import provenance
from anode.provenance import NUMERICS, PACKAGES, Provenance, numerics, versions

HOME = Path(provenance.__file__).parent


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package's text elsewhere, to be changed."""
    shutil.copytree(HOME, tmp_path / "anode", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "_HOME", tmp_path / "anode")
    yield tmp_path / "anode"
    numerics.cache_clear()


def digest() -> str:
    numerics.cache_clear()
    return numerics()


def test_digest_is_of_the_text_and_not_of_the_place(copy: Path) -> None:
    there = digest()
    assert re.fullmatch("[0-9a-f]{16}", there)
    shutil.move(copy, copy.with_name("elsewhere"))
    shutil.copytree(copy.with_name("elsewhere"), copy)
    assert digest() == there


@pytest.mark.parametrize("name", ["solve/dopri5.py", "training/loop.py", "data/toy.py", "tasks.py"])
def test_digest_changes_with_code_that_trains(copy: Path, name: str) -> None:
    before = digest()
    path = copy / name
    path.write_text(path.read_text() + "\nx = 1\n")
    assert digest() != before


@pytest.mark.parametrize("name", ["figures/style.py", "report.py", "store.py", "claims/table.py"])
def test_digest_does_not_change_with_what_comes_after_training(copy: Path, name: str) -> None:
    before = digest()
    path = copy / name
    path.write_text(path.read_text() + "\nx = 1\n")
    assert digest() == before


def test_digest_does_not_change_with_comments_and_layout(copy: Path) -> None:
    before = digest()
    path = copy / "solve" / "dopri5.py"
    path.write_text("# a comment\n" + path.read_text().replace("\n\n\n", "\n\n\n\n"))
    assert digest() == before


def test_digest_changes_with_a_name(copy: Path) -> None:
    before = digest()
    (copy / "data" / "toy.py").rename(copy / "data" / "toys.py")
    assert digest() != before


def _imported(name: str) -> set[str]:
    """Modules of the package that one of its modules, or a folder of them, imports."""
    paths = [HOME / f"{name}.py"] if (HOME / f"{name}.py").exists() else (HOME / name).glob("*.py")
    names = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module[:5] == "anode":
                names.add([*node.module.split("."), ""][1])
    return names - {""}


def test_digest_covers_all_that_a_training_imports() -> None:
    """Whatever is reached from ``tasks``."""
    reached, todo = set(), {"tasks"}
    while todo:
        reached |= todo
        todo = {other for name in todo for other in _imported(name)} - reached
    assert reached == set(NUMERICS)


def test_versions_are_of_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = versions()
    assert set(found) == {"python", *PACKAGES}
    assert found["torch"] == torch.__version__.split("+")[0] or found["torch"] == torch.__version__
    monkeypatch.setattr(provenance, "PACKAGES", ("no-such-package",))
    assert versions()["no-such-package"] == "missing"


def test_provenance_says_when_in_utc_and_is_json() -> None:
    started = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    made_by = Provenance.now("cpu", started, 1.23456)
    assert made_by.started == "2026-01-02T01:04:05+00:00"
    assert made_by.seconds == 1.23
    assert made_by.device == "CPU"
    assert made_by.threads == torch.get_num_threads()
    assert made_by.numerics == numerics()
    assert Provenance(**json.loads(json.dumps(made_by.as_dict()))) == made_by


def test_commit_is_none_outside_a_repository(copy: Path) -> None:
    provenance._commit.cache_clear()
    try:
        assert Provenance.now("cpu", datetime.now(UTC), 0.0).commit is None
    finally:
        provenance._commit.cache_clear()


def test_commit_says_whether_files_have_changed(copy: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return provenance.subprocess.run(
            command, cwd=copy, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init")
    git("add", ".")
    git("commit", "-m", "all")
    try:
        provenance._commit.cache_clear()
        assert provenance._commit() == git("rev-parse", "HEAD")[:12]
        (copy / "solve" / "__init__.py").write_text("")
        provenance._commit.cache_clear()
        assert provenance._commit() == git("rev-parse", "HEAD")[:12] + "+"
    finally:
        provenance._commit.cache_clear()
