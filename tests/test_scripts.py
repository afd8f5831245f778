"""Shell scripts: no mistake that shellcheck knows, and what they do with files is right."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from publishing.project import HOME

SCRIPTS = sorted(path for path in (HOME / "scripts").iterdir() if path.is_file())
BIN = Path(sys.executable).parent


@pytest.mark.parametrize("path", [*SCRIPTS, HOME / ".ci" / "run"], ids=lambda path: path.name)
def test_shellcheck_finds_nothing(path: Path) -> None:
    result = subprocess.run([BIN / "shellcheck", path], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    assert os.access(path, os.X_OK)
    first, second, *_ = path.read_text(encoding="utf8").splitlines()
    assert first in ("#!/bin/sh", "#!/usr/bin/env bash")
    assert second.startswith("# "), "what it does"


def fake(folder: Path, name: str, text: str) -> None:
    """A program of that name, found before the true one."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf8")
    (folder / name).chmod(0o755)


def run(script: Path, *arguments: str, programs: Path, **variables: str) -> str:
    """What it prints; its status must be 0."""
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"} | variables
    result = subprocess.run(
        [script, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the scripts and a few records, and an origin to push to."""
    origin, home = tmp_path / "origin", tmp_path / "checkout"
    subprocess.run(["git", "init", "--quiet", "--bare", origin], check=True)
    shutil.copytree(HOME / "scripts", home / "scripts")
    records = home / "results" / "images-overfit"
    records.mkdir(parents=True)
    shutil.copy(HOME / "results" / "verdicts.json", home / "results")
    (home / ".venv").symlink_to(BIN.parent)
    commands = [
        ["init", "--quiet", "--initial-branch", "main"],
        ["config", "user.name", "Somebody"],
        ["config", "user.email", "somebody@example.org"],
        ["add", "scripts", "results"],
        ["commit", "--quiet", "--message", "All"],
        ["remote", "add", "origin", str(origin)],
    ]
    for command in commands:
        subprocess.run(["git", "-C", home, *command], check=True)
    return home


def test_records_of_jobs_are_taken_and_proposed(checkout: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    fake(programs, "gh", 'echo "$@" >> "$TOLD"')
    propose = checkout / "scripts" / "propose-records"
    told = tmp_path / "told"
    output = run(propose, programs=programs, TOLD=str(told))
    assert output == "There are no new records.\n"
    assert not told.exists()
    job = tmp_path / "jobs" / "records-images-overfit"
    job.mkdir(parents=True)
    first = sorted((HOME / "results" / "images-overfit").glob("*.json"))[0]
    for path in (first, first.with_suffix(".safetensors")):
        shutil.copy(path, job)
    take = checkout / "scripts" / "take-records"
    python = {"PYTHONPATH": str(HOME)}
    assert "1 sound records" in run(take, str(job.parent), programs=programs, **python)
    run(propose, programs=programs, TOLD=str(told))
    assert "pr create --head records-" in told.read_text(encoding="utf8")
    command = ["git", "-C", str(checkout), "ls-remote", "--heads", "origin"]
    heads = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "refs/heads/records-" in heads
    command = ["git", "-C", str(checkout), "show", "--stat", "--format=%s"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert first.name in shown
    assert "results/images-overfit" in shown


def test_damaged_records_are_not_taken(checkout: Path, tmp_path: Path) -> None:
    job = tmp_path / "jobs" / "records-images-overfit"
    job.mkdir(parents=True)
    (job / "p-0-0123456789ab.json").write_text("{}", encoding="utf8")
    result = subprocess.run(
        [checkout / "scripts" / "take-records", job.parent],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(HOME)},
    )
    assert result.returncode == 1
    assert "1 of 1 are bad" in result.stderr


@pytest.mark.parametrize(("number", "call"), [("", "issue create"), ("7", "issue comment 7")])
def test_broken_links_are_one_issue(number: str, call: str, tmp_path: Path) -> None:
    programs, told = tmp_path / "programs", tmp_path / "told"
    fake(programs, "gh", f'echo "$@" >> "$TOLD"; [ "$2" = list ] && echo "{number}"; exit 0')
    script, listed = HOME / "scripts" / "report-links", tmp_path / "links.txt"
    missing = subprocess.run([script, listed], capture_output=True, text=True, check=False)
    assert (missing.returncode, "'make links' makes it" in missing.stderr) == (1, True)
    listed.touch()
    run(script, str(listed), programs=programs, TOLD=str(told))
    looked, made = told.read_text(encoding="utf8").splitlines()
    assert "issue list" in looked
    assert call in made
    assert f"--body-file {listed}" in made


def test_a_package_has_its_tags_version(tmp_path: Path) -> None:
    result = subprocess.run(
        [HOME / "scripts" / "package", "v99.0"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "The tag is v99.0, but the version in anode/__init__.py is" in result.stderr


def test_colab_runs_the_notebooks_in_its_image(tmp_path: Path) -> None:
    programs, told = tmp_path / "programs", tmp_path / "told"
    fake(programs, "docker", 'echo "$@" >> "$TOLD"')
    run(HOME / "scripts" / "colab", "smoke", programs=programs, TOLD=str(told))
    text = told.read_text(encoding="utf8")
    assert "colab-images/public/cpu-runtime" in text
    assert "scripts/colab-inside /book smoke /out" in text


def test_inside_colab_each_notebook_is_executed_and_a_failure_is_named(tmp_path: Path) -> None:
    programs, told, book = tmp_path / "programs", tmp_path / "told", tmp_path / "book"
    (book / "notebooks").mkdir(parents=True)
    for name in ("one", "two"):
        (book / "notebooks" / f"{name}.ipynb").write_text(json.dumps({}), encoding="utf8")
    fake(programs, "python3", 'echo "$@" >> "$TOLD"; case "$*" in *one.ipynb*) exit 1;; esac')
    result = subprocess.run(
        [HOME / "scripts" / "colab-inside", book, "smoke", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "TOLD": str(told)},
    )
    assert result.returncode == 1
    assert result.stderr.strip() == "failed: one.ipynb"
    calls = told.read_text(encoding="utf8").splitlines()
    assert [("papermill" in call, "two.ipynb" in call) for call in calls][-1] == (True, True)
    assert all("-p profile smoke" in call for call in calls[1:])
