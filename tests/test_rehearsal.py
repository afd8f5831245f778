"""The workflows, rehearsed: what GitHub would do with them is done on this machine.

`tests/helpers/github.py` says what is stood in for. `TABLE` says what each event starts, and
`FAULTS` what becomes of it when something fails; in both, `make` only tells what it was asked for.
Then the real `make` publishes a toy book: from a push that somebody cancels, and from a month on a
GPU that is out of time and may not open its pull request.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.github import GitHub, Job, Run
from tests.helpers.toy_repository import GH, GPU_RUNNER, MAKE, TAG, TOLD, programs, toy_origin
from tests.helpers.workflows import Event, Scope, WorkflowError

GPU = {"GPU_RUNNER": GPU_RUNNER}
MONTH, COLAB, LINKS = "17 3 1 * *", "23 4 * * 3", "41 5 * * 1"
PULL_REQUEST = Event("pull_request", "refs/pull/7/merge", "opened", variables=GPU)
DISPATCH = Event("workflow_dispatch", dispatched="book", variables=GPU)

# Of each event: the jobs that are not skipped, and the artifacts that no job takes, but people may.
# A job: its runner (environment), profile, device | what it may write | what it asks make, gh for
BUILD = "data book pdf"
RECORD = "gpu records-fetch records-take records records-keep book pdf"
PUBLISH = "book publish: ubuntu-24.04 (github-pages) | pages id-token |"
PROPOSE = (
    "book propose: ubuntu-24.04 paper cuda | contents pull-requests | records-take records-propose"
)
TESTS = """
tests check: ubuntu-24.04 | | check
tests quick: ubuntu-24.04 | | quick-requirements.lock quick-tests/requirements-oldest.txt
tests whole: ubuntu-24.04 | | test
"""
TABLE = {
    "a push to main": (
        Event("push"),
        f"book build: ubuntu-24.04 laptop cpu | | {BUILD}\n{PUBLISH}{TESTS}",
    ),
    "a push where there is a GPU": (
        Event("push", variables=GPU),
        f"book build: ubuntu-24.04 laptop cpu | | {BUILD}{TESTS}",
    ),
    "a pull request": (
        PULL_REQUEST,
        f"book build: ubuntu-24.04 smoke cpu | | {BUILD}{TESTS}for people: site",
    ),
    "a fork's pull request": (
        replace(PULL_REQUEST, fork=True),
        f"book build: ubuntu-24.04 smoke cpu | | {BUILD}{TESTS}for people: site",
    ),
    "a pull request that changes notebooks": (
        replace(PULL_REQUEST, changed=("notebooks/augmented-neural-odes.ipynb",)),
        f"""
        book build: ubuntu-24.04 smoke cpu | | {BUILD}
        colab execute: ubuntu-24.04 smoke | | colab {TESTS}
        for people: colab site""",
    ),
    "the label paper": (replace(PULL_REQUEST, action="labeled", labels=("paper",)), ""),
    "another label": (replace(PULL_REQUEST, action="labeled", labels=("paper", "bug")), ""),
    "the month": (
        Event("schedule", cron=MONTH),
        f"book build: ubuntu-24.04 laptop cpu | | {BUILD}\n{PUBLISH}",
    ),
    "the month with a GPU": (
        Event("schedule", cron=MONTH, variables=GPU),
        f"""
        book build: our-gpu paper cuda | | {RECORD}
        {PUBLISH}
        {PROPOSE}""",
    ),
    "a dispatch": (
        DISPATCH,
        f"book build: our-gpu paper cuda | | {RECORD}\n{PUBLISH}\n{PROPOSE}",
    ),
    "a dispatch on a branch": (  # the next run fetches its records
        replace(DISPATCH, ref="refs/heads/topic"),
        f"book build: our-gpu paper cuda | | {RECORD}\nfor people: records",
    ),
    "a tag": (
        Event("push", f"refs/tags/{TAG}"),
        f"""
        release package: ubuntu-24.04 | | package-{TAG}
        release pypi: ubuntu-24.04 (pypi) | id-token |
        release github: ubuntu-24.04 | contents | gh-release""",
    ),
    "the week's Colab": (
        Event("schedule", cron=COLAB),
        "colab execute: ubuntu-24.04 laptop | | colab\nfor people: colab",
    ),
    "the week's links": (
        Event("schedule", cron=LINKS),
        "links check: ubuntu-24.04 smoke | issues | execute links",
    ),
}

# Of each event and what fails in it, the same; a job that does not succeed says so.
FAULTS = {
    (
        "a push to main",
        "data",
    ): f"book build: failure: ubuntu-24.04 laptop cpu | | data {TESTS}",
    ("the month with a GPU", "gpu"): "book build: failure: our-gpu paper cuda | | gpu",
    ("the month with a GPU", "records"): f"""
        book build: failure: our-gpu paper cuda | | {RECORD}
        {PUBLISH}
        {PROPOSE}""",
    ("the month with a GPU", "book"): f"""
        book build: failure: our-gpu paper cuda | | {RECORD.removesuffix(" pdf")}
        {PROPOSE}
        for people: failed""",
    ("the week's links", "execute"): "links check: failure: ubuntu-24.04 smoke | issues | execute",
    ("the week's links", "links"): """
        links check: failure: ubuntu-24.04 smoke | issues | execute links links-report""",
    ("the week's Colab", "colab"): """
        colab execute: failure: ubuntu-24.04 laptop | | colab
        for people: colab""",
    ("a tag", "package"): f"release package: failure: ubuntu-24.04 | | package-{TAG}",
}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_origin(tmp_path_factory.mktemp("origin"))


@pytest.fixture
def github(origin: Path, tmp_path: Path) -> GitHub:
    """A repository of the test's own."""
    shutil.copytree(origin, tmp_path / "origin.git")
    return GitHub(tmp_path / "origin.git", tmp_path / "kept", programs(tmp_path / "programs"))


def rows(runs: list[Run]) -> str:
    """What became of an event, as in `TABLE`."""
    told: dict[str, list[str]] = {}
    for job in (job for run in runs for job in run.jobs if job.result != "skipped"):
        setting = job.settings
        environment = setting["environment"]
        environment = environment["name"] if isinstance(environment, dict) else environment
        calls = [call.split(" for ") for call in job.calls]
        parts = [f"{job.workflow} {job.id}:", "" if job.result == "success" else f"{job.result}:"]
        parts += [setting["runs-on"], f"({environment})" if environment else ""]
        parts += [*dict.fromkeys(of for _, *ofs in calls for of in ofs), "|"]
        parts += [*(k for k, v in setting["permissions"].items() if v == "write"), "|"]
        told.setdefault(" ".join(filter(None, parts)), []).extend(call for call, *_ in calls)
    lines = [" ".join([line, *dict.fromkeys(calls)]) for line, calls in told.items()]
    left = {p.name for run in runs for p in run.artifacts.iterdir() if p.name not in run.taken}
    return "\n".join(lines + [f"for people: {' '.join(sorted(left))}"] * bool(left))


def plain(text: str) -> str:
    """The lines of a table's entry, without their margins."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("vars.GPU_RUNER", "unknown key GPU_RUNER"),
        ("github.event.pull_request.lables", "unknown key lables"),
        ("variables.GPU_RUNNER", "Unrecognized named-value: 'variables'"),
        ("env.DEVICE", "Unrecognized named-value: 'env'"),  # a job's `if` does not see it
        ("begins('a', 'b')", "Unrecognized function: 'begins'"),
        ("hashFiles('no/such/file')", "Unrecognized function: 'hashFiles'"),
    ],
)
def test_a_name_that_github_would_take_for_nothing_is_an_error(expression: str, error: str) -> None:
    contexts = PULL_REQUEST.contexts({"on": {}, "name": "A"}, "1") | {"env": {"DEVICE": "cpu"}}
    with pytest.raises(WorkflowError, match=error):
        Scope(contexts).evaluate(expression, "if")


@pytest.mark.parametrize("what", TABLE)
def test_an_event_starts_these_jobs_and_no_others(github: GitHub, what: str) -> None:
    event, expected = TABLE[what]
    programs(github.programs, make=MAKE)
    assert rows(github.happens(event)) == plain(expected)


@pytest.mark.parametrize(("what", "fails"), FAULTS)
def test_when_something_fails_the_rest_is_as_told(github: GitHub, what: str, fails: str) -> None:
    programs(github.programs, make=f'{MAKE}\n[ "$1" != {fails} ]')
    assert rows(github.happens(TABLE[what][0])) == plain(FAULTS[what, fails])


def ended(run: Run, *results: str) -> None:
    """Hold that the jobs of a run ended so, or tell their stories."""
    assert tuple(job.result for job in run.jobs) == results, "\n\n".join(map(str, run.jobs))


def test_a_runner_without_a_gpu_records_nothing(github: GitHub) -> None:
    programs(github.programs, **{f"{GPU_RUNNER}/nvidia-smi": "#!/bin/sh\nexit 9"})
    (run,) = github.happens(TABLE["the month with a GPU"][0])
    build = run.jobs[0]
    assert build.result == "failure"
    assert "make: *** [Makefile:" in str(build)
    assert not [call for call in build.calls if "-m publishing" in call]


def test_another_repository_is_told_to_set_its_address(github: GitHub) -> None:
    (run,) = github.happens(replace(TABLE["the month"][0], repository="somebody/copy"))
    build = run.jobs[0]
    assert build.result == "failure"
    assert "make address URL=https://github.com/somebody/copy" in str(build)


def test_a_release_has_the_version_of_its_tag(github: GitHub) -> None:
    (wrong,) = github.happens(Event("push", "refs/tags/v9.9.9"))
    ended(wrong, "failure", "skipped", "skipped")
    assert "The tag is v9.9.9" in str(wrong.jobs[0])
    (right,) = github.happens(TABLE["a tag"][0])
    ended(right, *["success"] * 3)
    assert [path.name for path in (github.folder / "pypi").iterdir()] == ["anode.whl"]


def test_what_is_done_each_week_calls_docker_and_gh(github: GitHub) -> None:
    broken = f'{TOLD}case "$*" in *" links "*) touch _build/links.txt; exit 1 ;; esac'
    programs(github.programs, venv_python=broken)
    (links,) = github.happens(TABLE["the week's links"][0])
    assert links.jobs[0].calls[-2:] == ["gh-issue"] * 2
    (colab,) = github.happens(TABLE["the week's Colab"][0])
    assert "scripts/colab-inside /book laptop /out" in colab.jobs[0].calls[0]


@pytest.mark.slow
def test_a_push_that_was_cancelled_goes_on_and_publishes_the_toy_book(github: GitHub) -> None:
    def in_the_second_chapter(job: Job) -> str:
        calls = (job.workspace.parent / "temp" / "calls").read_text(encoding="utf8")
        first = any(job.workspace.glob("_build/executed/**/one.ipynb"))
        return "run" if first and "wait-for-the-test" in calls else ""

    github.cancel = in_the_second_chapter
    programs(github.programs, wait_for_the_test=f"{TOLD}sleep 600")
    book, tests = github.happens(Event("push"))
    ended(book, "cancelled", "skipped", "skipped")
    ended(tests, *["success"] * 6)
    assert (book.artifacts / "failed" / "laptop" / "two.ipynb").is_file()
    calls = [call for job in (*book.jobs, *tests.jobs) for call in job.calls]
    installs = [call for call in calls if " -m pip " in call]
    assert len(installs) == 7
    if shutil.which("nvidia-smi") is None:
        assert all("https://download.pytorch.org/whl/cpu" in call for call in installs)

    programs(github.programs)
    book = github.again(book)
    ended(book, "success", "success", "skipped")
    assert "executing two" in str(book.jobs[0])
    assert "executing one" not in str(book.jobs[0])
    page = (github.folder / "pages" / "book" / "paper" / "two.html").read_text(encoding="utf8")
    assert "laptop cpu" in page, "what the chapter printed"


def recorded(run: Run) -> set[str]:
    """Names of the records that a run left for the next."""
    return {path.name for path in run.artifacts.glob("records/*/*.json")}


@pytest.mark.slow
def test_a_month_that_was_out_of_time_goes_on_and_proposes_all_records(github: GitHub) -> None:
    def at_the_first_record(job: Job) -> str:
        return "job" if len(list(job.workspace.glob("results/images-*/*.json"))) > 1 else ""

    github.cancel, event = at_the_first_record, TABLE["the month with a GPU"][0]
    (first,) = github.happens(event)
    ended(first, "cancelled", "skipped", "success")
    assert recorded(first)

    programs(github.programs, gh=f'{GH}[ "$1" != pr ] || exit 1')
    (second,) = github.happens(event)
    ended(second, "success", "success", "failure")
    said, names = str(second.jobs[0]), recorded(first)
    assert f"The records of run {first.artifacts.name.partition('-')[0]} are in" in said
    assert f"{len(names)} records were taken" in said
    build = "python -m publishing build -p profile=paper -p seed=0 -p device=cuda"
    assert build in second.jobs[0].calls
    assert names < recorded(second)
    page = (github.folder / "pages" / "book" / "paper" / "one.html").read_text(encoding="utf8")
    assert "p = 0 p = 5" in page, "what the chapter printed of the records"

    programs(github.programs)
    (propose,) = github.again(second).jobs
    assert propose.result == "success", propose
