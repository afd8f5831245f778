"""The workflows are valid, safe as far as a tool can tell, and call what a person calls."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from publishing.project import HOME

GITHUB = HOME / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONS = sorted((GITHUB / "actions").glob("*/action.yml"))
FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("[!c]*.yml"))
NAMES = {"tests", "book", "colab", "links", "release"}
BIN = Path(sys.executable).parent


@cache
def parsed(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf8"))
    if True in found:  # YAML 1.1 takes the key "on" for a truth value
        found["on"] = found.pop(True)
    return dict(found)


def jobs() -> list[Any]:
    return [
        pytest.param(path, name, job, id=f"{path.stem}-{name}")
        for path in WORKFLOWS
        for name, job in parsed(path)["jobs"].items()
    ]


def steps() -> list[tuple[str, dict[str, Any]]]:
    found = [
        (f"{path.name}: {name}", step)
        for path in WORKFLOWS
        for name, job in parsed(path)["jobs"].items()
        for step in job["steps"]
    ]
    return found + [(path.name, step) for path in ACTIONS for step in parsed(path)["runs"]["steps"]]


def test_there_is_a_workflow_for_each_purpose() -> None:
    assert {path.stem for path in WORKFLOWS} == NAMES


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.github-actions", ACTIONS),
        ("vendor.dependabot", [GITHUB / "dependabot.yml"]),
        ("vendor.github-issue-forms", FORMS),
        ("vendor.github-issue-config", [GITHUB / "ISSUE_TEMPLATE" / "config.yml"]),
        ("vendor.citation-file-format", [HOME / "CITATION.cff"]),
    ],
)
def test_files_follow_their_schema(schema: str, paths: list[Path]) -> None:
    command = [BIN / "check-jsonschema", "--builtin-schema", schema, *paths]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_zizmor_finds_nothing() -> None:
    command = [BIN / "zizmor", "--offline", "--persona", "pedantic", "--no-progress", GITHUB]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "completed" in result.stderr, "it has looked at the files"


def test_zizmor_would_find_something(tmp_path: Path) -> None:
    text = (GITHUB / "workflows" / "tests.yml").read_text(encoding="utf8")
    (tmp_path / "workflows").mkdir()
    bad = text.replace("persist-credentials: false", "persist-credentials: true")
    (tmp_path / "workflows" / "tests.yml").write_text(bad, encoding="utf8")
    command = [BIN / "zizmor", "--offline", "--no-progress", tmp_path]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode != 0


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.name)
def test_actions_are_pinned_by_hash_with_their_version_beside_it(path: Path) -> None:
    for line in path.read_text(encoding="utf8").splitlines():
        if found := re.search(r"uses: (\S+)(.*)", line):
            action, comment = found.groups()
            if action.startswith("./"):
                assert (HOME / action / "action.yml").is_file()
                continue
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), line
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), line


def test_an_action_has_one_version_everywhere() -> None:
    versions: dict[str, set[str]] = {}
    for _, step in steps():
        name, _, version = step.get("uses", "").partition("@")
        versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_nothing_and_runs_once_at_a_time(path: Path) -> None:
    workflow = parsed(path)
    assert workflow["permissions"] == {}
    assert {"group", "cancel-in-progress"} <= workflow["concurrency"].keys()


@pytest.mark.parametrize(("path", "name", "job"), jobs())
def test_a_job_ends(path: Path, name: str, job: dict[str, Any]) -> None:
    assert 0 < job["timeout-minutes"] <= (7200 if name == "build" else 360)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_nobody_elses_code_runs_with_more_rights(path: Path) -> None:
    text = path.read_text(encoding="utf8")
    assert "pull_request_target" not in text
    assert "secrets." not in text, "the token of the run is enough"


def test_steps_call_targets_of_the_makefile() -> None:
    makefile = (HOME / "Makefile").read_text(encoding="utf8")
    targets = set(re.findall(r"^([a-z-]+):.*##", makefile, flags=re.MULTILINE))
    scripts = "\n".join(step.get("run", "") for _, step in steps())
    called = set(re.findall(r"\bmake ([a-z-]+)", scripts))
    assert {"test", "book", "records"} <= called <= targets


def test_pythons_are_those_that_the_package_names() -> None:
    matrix = parsed(GITHUB / "workflows" / "tests.yml")["jobs"]["quick"]["strategy"]["matrix"]
    files = {*matrix["versions"], *(entry["versions"] for entry in matrix["include"])}
    assert all((HOME / name).is_file() for name in files)
    assert min(matrix["python"]) == "3.11"


def test_zenodo_and_the_citation_file_agree() -> None:
    zenodo = json.loads((HOME / ".zenodo.json").read_text(encoding="utf8"))
    citation = yaml.safe_load((HOME / "CITATION.cff").read_text(encoding="utf8"))
    assert zenodo["title"] == citation["title"]
    assert zenodo["license"] == citation["license"]
    assert [one["name"] for one in zenodo["creators"]] == [
        one["name"] for one in citation["authors"]
    ]
