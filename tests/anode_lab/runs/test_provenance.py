"""What made a result is told: code, versions, machine and time."""

import json
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import torch

from anode_lab.runs import provenance
from anode_lab.runs.provenance import (
    PACKAGES,
    SHOWN_PACKAGES,
    VARIABLES,
    Commit,
    Provenance,
    numerics,
    versions,
)


def test_versions_are_of_what_is_installed() -> None:
    found = versions()
    assert set(found) == {"python", *PACKAGES}
    assert found["torch"] == torch.__version__.split("+")[0] or found["torch"] == torch.__version__
    assert versions(["no-such-package"])["no-such-package"] == "missing"


def test_versions_of_a_chapter_have_those_of_a_training() -> None:
    assert versions().items() <= versions(SHOWN_PACKAGES).items()


def test_provenance_says_when_in_utc_and_is_json() -> None:
    started = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    made_by = Provenance.now("cpu", started, 1.23456)
    assert made_by.started == "2026-01-02T01:04:05+00:00"
    assert made_by.seconds == 1.23
    assert made_by.device == "CPU"
    assert made_by.threads == torch.get_num_threads()
    assert made_by.numerics == numerics()
    assert re.fullmatch("[0-9a-f]{16}", numerics())
    assert Provenance(**json.loads(json.dumps(made_by.as_dict()))) == made_by


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


def test_commit_is_none_outside_a_repository(tmp_path: Path) -> None:
    assert Commit.of(tmp_path) == Commit(None, True)
    assert str(Commit(None, True)) == "no commit"


def test_commit_says_whether_files_have_changed(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    for part in ("one", "other"):
        (tmp_path / part).write_text("x")
    git("init")
    git("add", ".")
    git("commit", "-m", "all")
    sha = git("rev-parse", "HEAD")
    assert Commit.of(tmp_path) == Commit(sha, False)
    (tmp_path / "one").write_text("y")
    assert Commit.of(tmp_path) == Commit(sha, True)
    assert Commit.of(tmp_path, ["other"]) == Commit(sha, False)
    assert str(Commit.of(tmp_path)) == f"{sha[:10]} with uncommitted changes"


# What differs


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"numerics": "0" * 16}, "code: 0000000000000000 there, "),
        ({"processor": "Z80, DEFAULT"}, "processor: Z80, DEFAULT there, "),
        ({"device": "NVIDIA H100"}, "device: NVIDIA H100 there, CPU here"),
        ({"gpu": "CUDA 12.4"}, "GPU's libraries: CUDA 12.4 there, none here"),
        ({"environment": {"ATEN_CPU_CAPABILITY": "avx2"}}, "ATEN_CPU_CAPABILITY: avx2 there, none"),
    ],
)
def test_one_thing_that_differs_is_the_one_that_is_named(
    changes: dict[str, object], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:  # another test, or whoever runs it, may have set some
        monkeypatch.delenv(name, raising=False)
    here = Provenance.now("cpu", datetime.now(UTC), 0.0)
    assert here.differences(here) == ()
    [found] = replace(here, **changes).differences(here)  # type: ignore[arg-type]
    assert found.startswith(what)
    assert replace(here, system="Windows", threads=7).differences(here) == ()


def test_versions_that_differ_are_named() -> None:
    here = Provenance.now("cpu", datetime.now(UTC), 0.0)
    made = replace(here, versions=here.versions | {"torch": "0.1"})
    assert made.differences(here) == (f"torch: 0.1 there, {here.versions['torch']} here",)


def test_a_record_from_before_differs_in_what_it_says_only() -> None:
    here = Provenance.now("cpu", datetime.now(UTC), 0.0)
    made = replace(here, packages={}, processor="", gpu="", environment={})
    assert made.differences(here) == ()
