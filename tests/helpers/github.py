"""GitHub on this machine: an event starts workflows, whose steps bash executes in fresh clones.

Real are the files of `.github`, their expressions, the order and the conditions of jobs and steps,
bash and what it runs. Stood in for are the actions (`tests/helpers/actions.py`: artifacts, caches,
Pages and PyPI are folders), and the programs that a test puts first on PATH
(`tests/helpers/toy_repository.py`). Jobs run one after another, as an owner's on one machine.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.helpers.actions import ACTIONS, ActionError
from tests.helpers.workflows import (
    STATUS,
    Event,
    Scope,
    WorkflowError,
    combinations,
    known,
    read,
)

JOB = "name needs if runs-on environment timeout-minutes permissions outputs strategy env steps"
STEP = "id name if uses run with env shell working-directory continue-on-error timeout-minutes"
CANCEL = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, 60.0))
"""What a step that is cancelled hears, and the seconds until the next; only the last one reaches
the children of its bash. https://docs.github.com/en/actions/reference/workflow-cancellation-reference
"""


@dataclass
class Step:
    """A step that was reached: its outcome, what it called and what it printed."""

    name: str
    outcome: str
    calls: list[str] = field(default_factory=list)
    output: str = ""


@dataclass
class Job:
    """A job of a run, as it ended.

    Attributes:
        workflow: Name of the workflow's file.
        id: Name of the job in it.
        matrix: Its place in the matrix.
        settings: Runner, environment, time limit, permissions and variables, evaluated.
        result: As in `needs`.
        steps: Those that were reached.
        outputs: Its outputs.
        workspace: Its clone.
    """

    workflow: str
    id: str
    matrix: dict[str, Any]
    settings: dict[str, Any]
    workspace: Path
    result: str = "skipped"
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def calls(self) -> list[str]:
        """What its steps called."""
        return [call for step in self.steps for call in step.calls]

    def __str__(self) -> str:
        told = "".join(f"\n--- {s.name}: {s.outcome}\n{s.output[-3000:]}" for s in self.steps)
        return f"{self.workflow} {self.id} {self.matrix}: {self.result}{told}"


@dataclass
class GitHub:
    """A repository on GitHub, and its runners.

    Attributes:
        origin: The repository, bare.
        folder: Folder of everything else.
        programs: Folder of the programs that come first on PATH, with a folder for what a runner of
            that name has. They append to ``$CALLS``.
        cancel: Called every tenth of a second while a step runs, with its job, until it says "job",
            which cancels the job, as its time limit does, or "run" for the whole run.
        caches: What was saved, by key, in order.
    """

    origin: Path
    folder: Path
    programs: Path
    cancel: Callable[[Job], str] = lambda job: ""
    caches: dict[str, Path] = field(default_factory=dict)

    def happens(self, event: Event) -> list["Run"]:
        """Run all workflows that an event starts."""
        self.clone(event.ref, here := self.new("tree"))
        runs = []
        for path in sorted(here.glob(".github/workflows/*.yml")):
            if event.starts(path.stem, (workflow := read(path))["on"]):
                runs.append(Run(self, event, path.stem, workflow, self.new("artifacts")))
                runs[-1].work()
        return runs

    def again(self, run: "Run") -> "Run":
        """Run the jobs of a run again that failed, and those that need them."""
        event = replace(run.event, attempt=run.event.attempt + 1)
        rerun = Run(self, event, run.name, run.workflow, run.artifacts)
        rerun.work({job.id: [job] for job in run.jobs if job.result == "success"})
        return rerun

    def clone(self, ref: str, folder: Path, *, whole: bool = False) -> None:
        """Clone the repository at a ref: its last commit alone, or the ``whole``."""
        kept = self.folder.with_name(f"clone-{ref.replace('/', '-')}-{whole}")
        if not kept.exists():  # a copy of it takes a tenth of the time
            depth = [] if whole else ["--depth=1"]
            for command in (
                ["init", "--quiet", str(kept)],
                ["remote", "add", "origin", self.origin.as_uri()],
                *[["fetch", "--quiet", "--tags", "origin"]] * whole,
                ["fetch", "--quiet", *depth, "origin", ref],
                ["checkout", "--quiet", "--detach", "FETCH_HEAD"],
            ):
                at = [] if command[0] == "init" else ["-C", kept]
                subprocess.run(["git", *at, *command], check=True, capture_output=True)
        shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)

    def new(self, name: str) -> Path:
        """A new folder."""
        (path := self.folder / f"{len(list(self.folder.glob('*')))}-{name}").mkdir(parents=True)
        return path


@dataclass
class Run:
    """A run of a workflow.

    Attributes:
        github: Where it runs.
        event: What started it.
        name: Name of the workflow's file.
        workflow: Content of the file.
        jobs: What became of its jobs, in order.
        artifacts: Folder of what they uploaded. Its name begins with the run's number.
        taken: Names of the artifacts that a job took.
        cancelled: Whether it was cancelled.
    """

    github: GitHub
    event: Event
    name: str
    workflow: dict[str, Any]
    artifacts: Path
    jobs: list[Job] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    cancelled: bool = False

    def __post_init__(self) -> None:
        number = self.artifacts.name.partition("-")[0]
        self.contexts = self.event.contexts(self.workflow, number)
        scope = Scope(self.contexts)
        self.concurrency = scope.fill(self.workflow["concurrency"], "concurrency")
        self.env = scope.fill(self.workflow.get("env", {}), "env")

    def work(self, done: Mapping[str, list[Job]] | None = None) -> None:
        """Run all jobs but those that are done, each after those that it needs."""
        done = dict(done or {})
        todo = {name: job for name, job in self.workflow["jobs"].items() if name not in done}
        while todo:
            ready = [name for name, job in todo.items() if not needs(job) & todo.keys()]
            if not ready:
                raise WorkflowError(f"{self.name}: jobs need each other: {sorted(todo)}")
            done[ready[0]] = self._job(ready[0], todo.pop(ready[0]), done)
            self.jobs += done[ready[0]]

    def _job(self, name: str, job: Mapping[str, Any], done: Mapping[str, list[Job]]) -> list[Job]:
        known(job, JOB.split(), f"{self.name}: {name}")
        above = set(ancestors(name, self.workflow["jobs"]))
        results = {other: result(done[other]) for other in above}
        outputs = {
            other: dict.fromkeys(self.workflow["jobs"][other].get("outputs", {}))
            | done[other][-1].outputs
            for other in needs(job)
        }
        contexts = self.contexts | {
            "needs": {o: {"result": results[o], "outputs": outputs[o]} for o in needs(job)}
        }
        scope = Scope(contexts, status(results.values(), self.cancelled))
        skipped = Job(self.name, name, {}, {}, self.github.folder)
        if not scope.holds(job.get("if", "true"), "if"):
            return [skipped]
        strategy = scope.fill(job.get("strategy", {}), "strategy")
        jobs: list[Job] = []
        for matrix in combinations(strategy["matrix"]) if strategy else [{}]:
            of_one = contexts | {"matrix": matrix, "strategy": strategy}
            plain = {k: job[k] for k in ("name", "runs-on", "timeout-minutes") if k in job}
            settings = Scope(of_one).fill(plain, "job")
            settings["permissions"] = job.get("permissions", self.workflow["permissions"])
            settings["env"] = self.env | Scope(of_one).fill(job.get("env", {}), "job env")
            workspace = self.github.new(f"{self.name}-{name}")
            one = Job(self.name, name, matrix, settings, workspace / "book")
            jobs.append(one)
            failed = any(other.result != "success" for other in jobs[:-1])
            if failed and strategy.get("fail-fast", True):
                one.result = "cancelled"
            else:
                Runner(self, one, job, of_one, workspace).work()
        return jobs or [skipped]


def needs(job: Mapping[str, Any]) -> set[str]:
    """Names of the jobs that a job names."""
    named = job.get("needs", [])
    return {named} if isinstance(named, str) else set(named)


def ancestors(name: str, jobs: Mapping[str, Any]) -> Iterator[str]:
    """The jobs that a job needs, and that these need."""
    for other in needs(jobs[name]):
        yield other
        yield from ancestors(other, jobs)


def result(jobs: list[Job]) -> str:
    """Result of a job with a matrix."""
    found = {job.result for job in jobs}
    return next(r for r in ("failure", "cancelled", "success", "skipped") if r in found)


def status(results: Any, cancelled: bool) -> dict[str, bool]:
    """What the status functions say after these results."""
    found = list(results)
    said = (
        not cancelled and all(r == "success" for r in found),
        not cancelled and "failure" in found,
        cancelled,
        True,
    )
    return dict(zip(STATUS, said, strict=True))


@dataclass
class Runner:
    """A machine that works on one job."""

    run: Run
    job: Job
    text: Mapping[str, Any]
    contexts: dict[str, Any]
    folder: Path

    def __post_init__(self) -> None:
        self.github, self.home = self.run.github, self.folder / "home"
        self.outcome, self.cancelled = "success", False
        self.env: dict[str, Any] = dict(self.job.settings["env"])
        self.contexts |= {"steps": {}, "job": {"status": "success"}}
        self.contexts["runner"] = {"os": "Linux", "arch": "X64", "temp": str(self.folder / "temp")}
        for path in (self.home, self.folder / "temp", self.job.workspace):
            path.mkdir()

    def work(self) -> None:
        """Do all steps, then evaluate the job's outputs."""
        for step in self.text["steps"]:
            self.step(step, self.contexts)
        self.job.result = self.outcome
        scope = self.scope(self.contexts)
        self.job.outputs = scope.fill(self.text.get("outputs", {}), "outputs")
        environment = scope.fill(self.text.get("environment", ""), "url")
        self.job.settings["environment"] = environment

    def scope(self, contexts: Mapping[str, Any]) -> Scope:
        """All that a step's expressions may name now."""
        said = status([self.outcome], self.cancelled)
        return Scope(contexts | {"env": self.env}, said, self.job.workspace)

    def step(self, step: Mapping[str, Any], contexts: dict[str, Any]) -> None:
        """Do one step, unless its condition says otherwise."""
        where = f"{self.run.name}: {self.job.id}: {step.get('uses', step.get('run'))}"
        known(step, STEP.split(), where)
        scope, outputs = self.scope(contexts), dict[str, Any]()
        done = Step(str(step.get("name", step.get("uses", step.get("run")))), "skipped")
        self.job.steps.append(done)
        if scope.holds(step.get("if", "true"), "step if"):
            own = scope.fill(step.get("env", {}), "step")
            scope = Scope(scope.contexts | {"env": self.env | own}, scope.status, scope.root)
            try:
                if "run" in step:
                    done.outcome, outputs = self.bash(step, scope, self.env | own, done)
                else:
                    outputs = self.action(step["uses"], scope.fill(step.get("with", {}), "step"))
                    done.outcome = "success"
            except ActionError as error:
                done.outcome, done.output = "failure", str(error)
            forgiven = done.outcome == "failure" and step.get("continue-on-error")
            if done.outcome != "success" and not forgiven and self.outcome == "success":
                self.outcome = done.outcome
        if "id" in step:
            # Of a step that did not end well it is not known what it would have put out.
            lacking = {} if done.outcome == "success" else {"?": True}
            contexts["steps"][step["id"]] = {
                "outcome": done.outcome,
                "outputs": outputs | lacking,
            }

    def bash(
        self, step: Mapping[str, Any], scope: Scope, env: Mapping[str, Any], done: Step
    ) -> tuple[str, dict[str, str]]:
        """Execute a step's script as GitHub does; its outcome and its outputs."""
        temp = self.folder / "temp"
        calls, script = temp / "calls", temp / "script.sh"
        files = {
            f"GITHUB_{name}": temp / name for name in ("OUTPUT", "ENV", "PATH", "STEP_SUMMARY")
        }
        for path in (calls, *files.values()):
            path.write_text("")
        script.write_text(scope.fill(step["run"], "step"))
        github, programs = self.contexts["github"], self.github.programs
        variables = {
            "PATH": f"{programs / self.job.settings['runs-on']}:{programs}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "CI": "true",
            "CALLS": str(calls),
            "RUNNER_TEMP": str(temp),
            "GITHUB_ACTIONS": "true",
            **{name: str(path) for name, path in files.items()},
            **{
                f"GITHUB_{k.upper()}": str(v) for k, v in github.items() if isinstance(v, str | int)
            },
            **{key: text(value) for key, value in env.items()},
        }
        del variables["GITHUB_TOKEN"]  # a step has the token only where it is given to it
        # Without `shell` GitHub leaves pipefail out.
        flags = ["--noprofile", "--norc", "-eo", "pipefail"] if step.get("shell") else ["-e"]
        process = subprocess.Popen(
            ["bash", *flags, script],
            cwd=self.job.workspace / step.get("working-directory", "."),
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        outcome = self.wait(process, done)
        done.calls = calls.read_text().splitlines()
        self.env |= assignments(files["GITHUB_ENV"].read_text())
        return outcome, assignments(files["GITHUB_OUTPUT"].read_text())

    def wait(self, process: "subprocess.Popen[str]", done: Step) -> str:
        """Wait for a step's bash, or cancel it when the test says so."""
        while True:
            try:
                done.output = process.communicate(timeout=0.1)[0]
            except subprocess.TimeoutExpired:
                if not (what := self.github.cancel(self.job)):
                    continue
            else:
                return "failure" if process.returncode else "success"
            self.cancelled, self.run.cancelled = True, what == "run"
            self.github.cancel = lambda job: ""
            for number, seconds in CANCEL:
                kill = os.killpg if number == signal.SIGKILL else os.kill
                kill(process.pid, number)
                try:
                    done.output = process.communicate(timeout=seconds)[0]
                    break
                except subprocess.TimeoutExpired:
                    continue
            return "cancelled"

    def action(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Use an action: what stands in for it, or the steps of one of this repository."""
        if name.startswith("./"):
            action = read(self.job.workspace / name / "action.yml")
            inputs = {k: v.get("default") for k, v in action.get("inputs", {}).items()}
            known(given, inputs, name)
            contexts = self.contexts | {"inputs": inputs | dict(given), "steps": {}}
            for step in action["runs"]["steps"]:
                self.step(step, contexts)
            return Scope(contexts).fill(
                {k: v["value"] for k, v in action.get("outputs", {}).items()}, "step"
            )
        name = name.partition("@")[0]
        if name not in ACTIONS:
            raise WorkflowError(f"nothing stands in for the action {name}")
        stand_in, inputs = ACTIONS[name]
        known(given, inputs.split(), name)
        return (
            stand_in(self, **{key.replace("-", "_"): text(value) for key, value in given.items()})
            or {}
        )


def text(value: Any) -> str:
    """A value as the text that a step gets."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def assignments(lines: str) -> dict[str, str]:
    """What a step wrote to ``$GITHUB_OUTPUT`` or ``$GITHUB_ENV``."""
    found = re.findall(r"^([\w-]+)<<(\w+)\n(.*?)\n?\2$", lines, re.DOTALL | re.MULTILINE)
    plain = re.sub(r"^([\w-]+)<<(\w+)\n.*?\2$", "", lines, flags=re.DOTALL | re.MULTILINE)
    pairs = [line.partition("=") for line in plain.splitlines() if line]
    if bad := [name for name, equals, _ in pairs if not equals]:
        raise WorkflowError(f"no NAME=VALUE: {bad}")
    return {name: value for name, _, value in pairs} | {name: value for name, _, value in found}
