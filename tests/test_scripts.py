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


def heads(checkout: Path) -> list[str]:
    """The branches of the origin."""
    command = ["git", "-C", str(checkout), "ls-remote", "--heads", "origin"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.rpartition("refs/heads/")[2] for line in lines]


def test_new_records_are_proposed_again_after_a_refusal(checkout: Path, tmp_path: Path) -> None:
    programs, told = tmp_path / "programs", tmp_path / "told"
    fake(programs, "gh", 'echo "$@" >> "$TOLD"; [ "$1" = auth ] || exit "$REFUSED"')
    propose, run_id = checkout / "scripts" / "propose-records", {"GITHUB_RUN_ID": "81"}
    options = {"programs": programs, "TOLD": str(told), **run_id}
    assert run(propose, REFUSED="0", **options) == "There are no new records.\n"
    assert not told.exists()
    (checkout / "results" / "images-overfit" / "p-0-0a.json").write_text("{}", encoding="utf8")
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "TOLD": str(told)}
    refused = subprocess.run(
        [propose],
        capture_output=True,
        text=True,
        check=False,
        env=environment | run_id | {"REFUSED": "1", "GITHUB_RUN_ATTEMPT": "1"},
    )
    assert refused.returncode == 1
    [branch] = heads(checkout)
    assert f"The branch {branch} has the records" in refused.stderr
    assert "allow it under Settings, Actions, General" in refused.stderr
    subprocess.run(["git", "-C", checkout, "switch", "--quiet", "main"], check=True)
    (checkout / "results" / "images-overfit").mkdir(exist_ok=True)
    (checkout / "results" / "images-overfit" / "p-0-0a.json").write_text("{}", encoding="utf8")
    run(propose, REFUSED="0", GITHUB_RUN_ATTEMPT="2", **options)
    assert len(heads(checkout)) == 2
    assert f"pr create --head {branch.removesuffix('1')}2" in told.read_text(encoding="utf8")
    command = ["git", "-C", str(checkout), "show", "--stat", "--format=%s"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "results/images-overfit/p-0-0a.json" in shown


GH = """case "$*" in
"run list"*schedule*) printf '7\\n12\\n' ;;
"run list"*) echo 9 ;;
"run download 12"*) echo "$TWELVE" >&2; exit 1 ;;
"run download 9 --name records --dir "*) mkdir -p "$7" && touch "$7/of-9" ;;
*) exit 4 ;;
esac"""


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        ("no valid artifacts found to download", 0, "The records of run 9 are in"),
        ("HTTP 502", 1, "The records of run 12 could not be fetched: HTTP 502"),
    ],
)
def test_the_newest_records_of_an_earlier_run_are_fetched(
    answer: str, status: int, says: str, tmp_path: Path
) -> None:
    fake(programs := tmp_path / "programs", "gh", GH)
    result = subprocess.run(
        [HOME / "scripts" / "fetch-records", tmp_path / "records"],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "TWELVE": answer},
    )
    assert result.returncode == status, result.stderr
    assert says in result.stdout + result.stderr
    assert (tmp_path / "records" / "of-9").exists() == (status == 0)


FILES = ("_config.yml", "pyproject.toml", "CITATION.cff", "README.md")


def test_an_address_is_set_everywhere_and_compared_with_the_workflow_s(tmp_path: Path) -> None:
    for name in FILES:
        shutil.copy(HOME / name, tmp_path)
    shutil.copytree(HOME / "scripts", tmp_path / "scripts")
    script = tmp_path / "scripts" / "address"
    bare = tmp_path / "programs"
    old = run(script, programs=bare, GITHUB_REPOSITORY="").strip()
    owner, name = old.removeprefix("https://github.com/").split("/")
    run(script, programs=bare, GITHUB_REPOSITORY=f"{owner}/{name}")
    for wrong in ("https://example.org/a/b", "https://github.com/a", "https://github.com/a/b|c"):
        result = subprocess.run([script, wrong], capture_output=True, text=True, check=False)
        assert (result.returncode, wrong in result.stderr) == (1, True)
    run(script, "https://github.com/Some-Body/their.book/", programs=bare)
    texts = "".join((tmp_path / name).read_text(encoding="utf8") for name in FILES)
    assert owner not in texts
    assert texts.count("https://github.com/Some-Body/their.book") == 3
    assert "https://Some-Body.github.io/their.book" in texts
    result = subprocess.run(
        [script],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"GITHUB_REPOSITORY": "other/book"},
    )
    assert result.returncode == 1
    assert "make address URL=https://github.com/other/book" in result.stderr


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
        text = json.dumps({"source": 'pip "anode[lab] @ git+https://github.com/owner/name@trunk"'})
        (book / "notebooks" / f"{name}.ipynb").write_text(text, encoding="utf8")
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
    executed = [call for call in calls if call.startswith("-m papermill")]
    assert ["one.ipynb" in executed[0], "two.ipynb" in executed[1]] == [True, True]
    assert all("-p profile smoke" in call for call in executed)
    uninstalled = [call for call in calls if call.startswith("-m pip uninstall")]
    assert len(uninstalled) == 2, "each first cell finds no package"
