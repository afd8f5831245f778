"""What made a result is told, and the digest of the code changes with what numbers depend on."""

import ast
import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import torch

from anode_lab.runs import provenance
from anode_lab.runs.provenance import PACKAGES, VARIABLES, Provenance, numerics, versions

HOME = Path(provenance.__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package's text elsewhere, to be changed."""
    for part in ("anode", "anode_lab"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(HOME / part, tmp_path / "copy" / part, ignore=ignored)
    monkeypatch.setattr(provenance, "_HOME", tmp_path / "copy")
    yield tmp_path / "copy"
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


@pytest.mark.parametrize(
    "name", ["anode/solve/dopri5.py", "anode/data/toy.py", "anode_lab/runs/task.py"]
)
def test_digest_changes_with_code_that_trains(copy: Path, name: str) -> None:
    before = digest()
    path = copy / name
    path.write_text(path.read_text() + "\nx = 1\n")
    assert digest() != before


@pytest.mark.parametrize(
    "name", ["figures/style.py", "formatting.py", "runs/store.py", "claims/table.py"]
)
def test_digest_does_not_change_with_what_comes_after_training(copy: Path, name: str) -> None:
    before = digest()
    path = copy / "anode_lab" / name
    path.write_text(path.read_text() + "\nx = 1\n")
    assert digest() == before


def test_digest_does_not_change_with_comments_and_layout(copy: Path) -> None:
    before = digest()
    path = copy / "anode" / "solve" / "dopri5.py"
    path.write_text("# a comment\n" + path.read_text().replace("\n\n\n", "\n\n\n\n"))
    assert digest() == before


def test_digest_changes_with_a_name(copy: Path) -> None:
    before = digest()
    (copy / "anode" / "data" / "toy.py").rename(copy / "anode" / "data" / "toys.py")
    assert digest() != before


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


def test_digest_is_the_same_in_every_python(copy: Path) -> None:
    """Of the Python versions here; the digest's own code is run in each, and nothing else."""
    others = {Path(path).resolve() for v in VERSIONS if (path := shutil.which(f"python{v}"))}
    function = inspect.getsource(provenance._structure)
    program = (
        f"import ast, hashlib, pathlib, sys\n{function}\n"
        "files = sorted(pathlib.Path(sys.argv[1]).rglob('*.py'))\n"
        "text = ''.join(_structure(ast.parse(f.read_text(encoding='utf8'))) for f in files)\n"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    found = {}
    for python in {Path(sys.executable), *others}:
        ran = subprocess.run(
            [python, "-c", program, str(copy)], capture_output=True, text=True, check=False
        )
        if ran.returncode == 0:  # a name may be there for a version that is not
            found[python] = ran.stdout
    assert found
    assert len(set(found.values())) == 1, found


def test_structure_leaves_out_what_only_some_pythons_have() -> None:
    tree = ast.parse("def f(x): return x")
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    before = provenance._structure(tree)
    function.type_params = []  # from 3.12 on
    function.unheard_of = None  # type: ignore[attr-defined]
    assert provenance._structure(tree) == before
    function.name = "g"
    assert provenance._structure(tree) != before
    text = ast.parse("f'{x:{w}}'")
    spec = text.body[0].value.values[0].format_spec  # type: ignore[attr-defined]
    before = provenance._structure(text)
    spec.values.append(ast.Constant(""))  # as 3.12.1 has it
    assert provenance._structure(text) == before


def test_packages_are_all_that_the_package_needs() -> None:
    found = provenance.packages()
    assert {name: found[name] for name in PACKAGES} == {name: versions()[name] for name in PACKAGES}
    assert {"scipy", "llvmlite", "pillow"} <= found.keys(), "what it needs, and what that needs"
    assert not {"pytest", "jupyter-book"} & found.keys(), "no extras"


def test_environment_has_the_variables_that_libraries_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    now = datetime.now(UTC)
    assert Provenance.now("cpu", now, 1).environment == {}
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    monkeypatch.setenv("HOME", "secret")
    assert Provenance.now("cpu", now, 1).environment == {"ATEN_CPU_CAPABILITY": "avx2"}


def test_processor_says_which_instructions_torch_uses() -> None:
    assert provenance.processor().endswith(torch.backends.cpu.get_cpu_capability())


def test_records_from_before_have_less_and_are_read() -> None:
    made_by = Provenance.now("cpu", datetime.now(UTC), 1).as_dict()
    for name in ("packages", "processor", "gpu", "environment"):
        del made_by[name]
    assert Provenance(**made_by).packages == {}


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
        (copy / "anode" / "solve" / "__init__.py").write_text("")
        provenance._commit.cache_clear()
        assert provenance._commit() == git("rev-parse", "HEAD")[:12] + "+"
    finally:
        provenance._commit.cache_clear()
