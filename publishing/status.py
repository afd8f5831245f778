"""What was run for this build: on the terminal, on the status page and on the start page."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from anode_lab.runs.provenance import Commit
from publishing.chapters import Page
from publishing.execute import Outcome
from publishing.records import Record, Status

STATUS_MARKER = "% build-status"
SUMMARY_MARKER = "% build-summary"
_SHOWN = ("python", "torch", "torchdiffeq", "numpy", "matplotlib")


def terminal_table(outcomes: Iterable[Outcome]) -> str:
    """Chapter, seconds, figures and status, one line a chapter."""
    rows = [("chapter", "seconds", "figures", "status")]
    for outcome in outcomes:
        record = outcome.record
        state = "unchanged" if not outcome.fresh else record.status.value
        rows.append((record.chapter, f"{record.seconds:.1f}", str(record.figures), state))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"{name:<{widths[0]}}  {seconds:>{widths[1]}}  {figures:>{widths[2]}}  {state}"
        for name, seconds, figures, state in rows
    )


def fill_in(
    text: str,
    commit: Commit,
    runs: Sequence[Record],
    pages: Iterable[Page],
    made: Mapping[str, str],
) -> str:
    """A plain page with the marker lines replaced by what they stand for.

    Args:
        text: Text of the page.
        commit: Commit that the book was made from.
        runs: Records of the chapters' runs.
        pages: Pages of the book.
        made: Other marker lines and their texts.
    """
    texts = {
        STATUS_MARKER: status_page(runs, pages),
        SUMMARY_MARKER: summary(commit, runs),
        **made,
    }
    return "\n".join(texts.get(line.strip(), line) for line in text.split("\n"))


def status_page(runs: Sequence[Record], pages: Iterable[Page]) -> str:
    """A table of every chapter's last run."""
    links = {page.name: page.link for page in pages}
    header = "| chapter | last run (UTC) | seconds | figures | profile | seed | device | status |"
    lines = [header, "|" + " --- |" * 8]
    for run in runs:
        cells = (
            links[run.chapter],
            _minute(run.started),
            f"{run.seconds:.1f}",
            run.figures,
            run.profile,
            run.seed,
            f"{run.device} ({run.device_name})",
            "✓ executed" if run.status is Status.EXECUTED else run.status.value,
        )
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    installed = {name: version for run in runs for name, version in run.versions.items()}
    lines += ["", "Installed where the chapters ran:", "", "| package | version |", "| --- | --- |"]
    lines += [f"| {name} | {version} |" for name, version in installed.items()]
    return "\n".join(lines)


def summary(commit: Commit, runs: Sequence[Record]) -> str:
    """A short table: what this build of the book was made from."""
    if not runs:
        return ""
    last = max(runs, key=lambda run: run.started)
    rows = {
        "Profile": f"`{last.profile}`",
        "First seed": last.seed,
        "Device": f"{last.device} ({last.device_name})",
        "Commit": commit,
        "Versions": ", ".join(f"{name} {last.versions[name]}" for name in _SHOWN),
        "Last chapter executed": f"{_minute(last.started)} UTC",
        "Time to execute": f"{sum(run.seconds for run in runs) / 60:.1f} minutes in all",
    }
    lines = ["| This build | has |", "| --- | --- |"]
    return "\n".join(lines + [f"| {name} | {value} |" for name, value in rows.items()])


def _minute(started: str) -> str:
    return started[:16].replace("T", " ")


def closing(html: Path) -> str:
    """The last line of a build: what to open."""
    return f"Open {html / 'index.html'}"
