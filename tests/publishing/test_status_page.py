"""What a build says of itself."""

from dataclasses import replace
from pathlib import Path

from anode_lab.runs.provenance import Commit
from publishing.chapters import Page
from publishing.execute import Outcome
from publishing.records import Record, Status
from publishing.status import fill_in, status_page, terminal_table
from tests.publishing.test_records import RECORD

VERSIONS = dict.fromkeys(("python", "torch", "torchdiffeq", "numpy", "matplotlib"), "1.0")
RUNS = (
    replace(RECORD, versions=VERSIONS),
    replace(RECORD, chapter="second", seconds=90, versions=VERSIONS, device="cuda"),
)

PAGES = tuple(Page(Path(f"book/{run.chapter}.md"), "") for run in RUNS)


def _outcome(record: Record, *, fresh: bool) -> Outcome:
    return Outcome(record, fresh)


def test_terminal_table_has_a_line_a_chapter_with_seconds_figures_and_status() -> None:
    late = replace(RECORD, chapter="late", status=Status.OVER_TIME, seconds=1200, figures=0)
    table = terminal_table(
        [_outcome(RECORD, fresh=False), _outcome(RECORD, fresh=True), _outcome(late, fresh=True)]
    )
    assert [line.split(maxsplit=3) for line in table.splitlines()] == [
        ["chapter", "seconds", "figures", "status"],
        ["one", "1.5", "2", "unchanged"],
        ["one", "1.5", "2", "executed"],
        ["late", "1200.0", "0", "over its time limit"],
    ]
    lines, states = table.splitlines(), ("status", "unchanged", "executed", "over")
    columns = {line.index(state) for line, state in zip(lines, states, strict=True)}
    assert len(columns) == 1  # they are straight


def test_status_page_lists_each_chapters_last_run() -> None:
    page = status_page(RUNS, PAGES)
    ran = "2025-01-02 03:04 | 1.5 | 2 | smoke | 0 | cpu (a processor) | ✓ executed"
    assert f"| {{doc}}`/book/one` | {ran} |" in page
    assert (
        "| {doc}`/book/second` | 2025-01-02 03:04 | 90.0 | 2 | smoke | 0 | cuda (a processor) |"
        in page
    )
    assert "| torchdiffeq | 1.0 |" in page


def test_summary_says_what_the_build_was_made_from() -> None:
    page = fill_in(
        "before\n% build-summary\nafter", Commit("0123456789abcdef", False), RUNS, PAGES, {}
    )
    assert page.startswith("before\n| This build | has |\n")
    assert page.endswith("\nafter")
    for row in (
        "| Profile | `smoke` |",
        "| Commit | 0123456789 |",
        "| Time to execute | 1.5 minutes in all |",
        "torch 1.0, torchdiffeq 1.0",
    ):
        assert row in page


def test_commit_in_words() -> None:
    assert str(Commit("0123456789abcdef", True)) == "0123456789 with uncommitted changes"
    assert str(Commit(None, True)) == "no commit"
    assert "build-summary" not in fill_in("% build-summary", Commit(None, True), [], PAGES, {})


def test_the_start_page_repeats_what_chapters_show_for_it() -> None:
    page = fill_in(
        "before\n% mark\nafter", Commit(None, True), RUNS, PAGES, {"% mark": "| a table |"}
    )
    assert page == "before\n| a table |\nafter"
