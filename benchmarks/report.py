"""The measurements as Markdown."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from benchmarks.aims import aims, rows
from benchmarks.checks import BOUND, TIGHT
from benchmarks.contestants import BASELINE, installed, missing
from benchmarks.limit import SIZES
from benchmarks.measure import GROWTH_MODEL, ONE, STACK, Limit, Plan, Results
from benchmarks.rounds import Measured, ratios
from benchmarks.task import DIM, HIDDEN, Task


def report(results: Results, plan: Plan, origin: dict[str, Any]) -> str:
    """All tables; times in milliseconds."""
    threads = plan.threads[0]
    parts = [
        "# Speed of a training step",
        _origin(plan, origin),
        "## Aims",
        _aims(results),
        f"## One network and {STACK}, on {threads} thread{'s' if threads > 1 else ''}",
        _table(results),
        *(f"Not installed, not measured: {name}." for name in missing()),
        "## The machine's rates",
        _rates(results),
        "## Checks",
        _checks(results),
        f"## Growth with the number of networks R ({GROWTH_MODEL}, batch {Task(1).batch})",
        _growth(results.by_networks, "networks"),
        f"## Growth with the batch size ({GROWTH_MODEL}, {STACK} networks)",
        _growth(results.by_batch, "batch"),
    ]
    return "\n\n".join(parts)


def _origin(plan: Plan, origin: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in origin["versions"].items())
    return (
        f"d = {DIM}, batch {Task(1).batch}, hidden {HIDDEN}, dopri5 at {Task(1).tolerance:g}, "
        f"{plan.steps} steps a round from the weights before training, {plan.rounds} rounds: "
        f"median (least–largest).\n\n"
        f"{origin['started']}, commit {origin['commit']}, {origin['processor']}, "
        f"{origin['system']}; {versions}."
    )


def _markdown(head: Sequence[str], lines: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table whose first ``left`` columns are text, the others numbers."""
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *lines])


def _spread(values: Iterable[float], digits: int = 2) -> str:
    """Median, least and largest."""
    values = list(values)
    low, high = min(values), max(values)
    return f"{median(values):.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def _aims(results: Results) -> str:
    lines = [
        [limit.model, aim.text, f"{aim.bound:g}", _spread(aim.measured), "yes" if aim.met else "no"]
        for limit in results.limits
        for aim in aims(results, limit)
    ]
    return _markdown(["model", "ratio of times", "at most", "measured", "met"], lines, left=2)


def _table(results: Results) -> str:
    how = {contestant.name: contestant.how for contestant in installed()}
    lines = []
    for limit in results.limits:
        baseline = rows(results, limit.model, ONE)[BASELINE]
        for networks in (ONE, STACK):
            entries = rows(results, limit.model, networks)
            for name, each in sorted(entries.items(), key=lambda item: item[1].median):
                lines.append(_line(limit, each, baseline, how.get(name, "")))
    head = [
        "model", "R", "contestant", "how", "NFE", "step, ms", f"÷ one of {BASELINE}",
        "÷ limit", "÷ limit at bmm rate", "a network, ms", "ready after, s",
    ]  # fmt: skip
    return _markdown(head, lines, left=4)


def _line(limit: Limit, each: Measured, baseline: Measured, how: str) -> list[str]:
    networks, ready = each.networks, each.ready or 0.0
    return [
        limit.model,
        str(networks),
        each.contestant,
        how,
        f"{each.nfe:.1f}",
        _spread(1e3 * seconds for seconds in each.step),
        _spread(ratios(each.step, baseline.step)),
        f"{each.median / limit.seconds(networks):.1f}",
        f"{each.median / limit.seconds(networks, median(limit.rates.bmm)):.1f}",
        f"{1e3 * each.median / networks:.3f}",
        f"{ready:.1f}",
    ]


def _rates(results: Results) -> str:
    lines = [
        [
            limit.model,
            _spread((1e-9 * rate for rate in limit.rates.sgemm), 0),
            _spread((1e-9 * rate for rate in limit.rates.bmm), 0),
            f"{limit.work[STACK].nfe:.1f}",
            f"{limit.work[STACK].backward:.1f}",
            f"{1e-6 * limit.work[STACK].flops:.2f}",
            f"{1e3 * limit.seconds(STACK):.2f}",
            f"{1e3 * limit.seconds(STACK, median(limit.rates.bmm)):.2f}",
        ]
        for limit in results.limits
    ]
    head = [
        "model", f"peak sgemm GFLOP/s (best of {', '.join(map(str, SIZES))})",
        "bmm of these shapes GFLOP/s", "NFE", "evaluations backward", "MFLOP a network and step",
        f"limit, {STACK} networks, ms", "at bmm rate, ms",
    ]  # fmt: skip
    return _markdown(head, lines)


def _checks(results: Results) -> str:
    lines = [
        [
            each.model,
            each.contestant,
            f"{each.error:.2f}",
            f"{each.difference:.2f}",
            f"{each.first_loss:.4f} → {each.last_loss:.4f}",
            "; ".join(each.faults) or "passed",
        ]
        for each in results.checks
    ]
    head = ["model", "contestant", "error ÷ tolerance", "losses ÷ tolerance", "loss", "verdict"]
    note = (
        f"{STACK} networks. Error: of φ(x) before training, from torchdiffeq's in double precision "
        f"at {TIGHT:g}. Losses: the largest difference from torchdiffeq's in a round. Both at most "
        f"{BOUND:g}; the loss must fall."
    )
    return note + "\n\n" + _markdown(head, lines, left=2)


def _growth(entries: Sequence[Measured], axis: str) -> str:
    """A row a value of ``axis``, a column for each contestant and number of threads."""
    at = {(getattr(each, axis), each.contestant, each.threads): each for each in entries}
    columns = list(dict.fromkeys((each.contestant, each.threads) for each in entries))
    lines = []
    for value in dict.fromkeys(getattr(each, axis) for each in entries):
        cells = (at[value, *column] for column in columns)
        lines.append([str(value), *(_cell(each) for each in cells)])
    head = [axis, *(f"{name}, {threads} thr., ms" for name, threads in columns)]
    skipped = [
        f"{each.contestant} on {each.threads} at {getattr(each, axis)} ({each.skipped})"
        for each in entries
        if each.skipped
    ]
    note = f"\n\nSkipped: {', '.join(skipped)}." if skipped else ""
    return _markdown(head, lines, left=0) + note


def _cell(each: Measured) -> str:
    return _spread(1e3 * seconds for seconds in each.step) if each.step else "skipped"
