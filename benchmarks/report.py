"""The measurements as Markdown."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from benchmarks.aims import Aim, aims, image_aims, image_rows, rows
from benchmarks.checks import BOUND, TIGHT
from benchmarks.contestants import BASELINE, missing
from benchmarks.images.limit import Convolutions
from benchmarks.images.measure import CHECK_BATCH, CHECK_DIGITS, CHECK_STEPS
from benchmarks.images.ways import ADJOINT
from benchmarks.limit import BMM, SGEMM, SIZES
from benchmarks.measure import GROWTH_MODEL, ONE, STACK, Limit, Plan, Results
from benchmarks.rounds import Measured, ratios
from benchmarks.task import DIM, HIDDEN, Task


def report(results: Results, plan: Plan, origin: dict[str, Any]) -> str:
    """All tables; times in milliseconds."""
    parts = [
        "# Speed of a training step",
        _origin(plan, origin),
        "## Aims",
        _aims(results),
        f"## One network and {STACK}, on {_threads(plan.threads[0])}",
        _table(results),
        *(f"Not installed, not measured: {name}." for name in missing()),
        "## The machine's rates",
        _rates(results),
        "## Where the time goes",
        _parts(results),
        "## Images: a training step of one network",
        _images(results, plan),
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
        f"{plan.steps} steps a round from the weights before training, {plan.rounds} round(s): "
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
        *(_aim(limit.model, aim) for limit in results.limits for aim in aims(results, limit)),
        *(
            _aim(f"images {limit.model}, {_threads(limit.threads)}", aim)
            for limit in results.convolutions
            for aim in image_aims(results, limit)
        ),
    ]
    return _markdown(["model", "ratio of times", "at most", "measured", "met"], lines, left=2)


def _aim(model: str, aim: Aim) -> list[str]:
    return [
        model, aim.text, f"{aim.bound:.3g}", _spread(aim.measured), "yes" if aim.met else "no"
    ]  # fmt: skip


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def _table(results: Results) -> str:
    lines = []
    for limit in results.limits:
        baseline = rows(results, limit.model, ONE)[BASELINE]
        for networks in (ONE, STACK):
            entries = rows(results, limit.model, networks)
            for each in sorted(entries.values(), key=lambda each: each.median):
                lines.append(_line(limit, each, baseline))
    head = [
        "model", "R", "contestant", "how", "NFE", "step, ms", f"÷ one of {BASELINE}",
        "÷ limit", "÷ limit of these shapes", "a network, ms", "ready after, s",
    ]  # fmt: skip
    return _markdown(head, lines, left=4)


def _line(limit: Limit, each: Measured, baseline: Measured) -> list[str]:
    networks, ready = each.networks, each.ready or 0.0
    return [
        limit.model,
        str(networks),
        each.contestant,
        each.how,
        f"{each.nfe:.1f}",
        _spread(1e3 * seconds for seconds in each.step),
        _spread(ratios(each.step, baseline.step)),
        f"{each.median / limit.seconds(networks):.1f}",
        f"{each.median / limit.seconds(networks, BMM):.1f}",
        f"{1e3 * each.median / networks:.3f}",
        f"{ready:.1f}",
    ]


def _rates(results: Results) -> str:
    rates, work = [], []
    for limit in results.limits:
        for name, measured in limit.rates.measured.items():
            rates.append([limit.model, name, _spread((1e-9 * rate for rate in measured), 0)])
        own = limit.work[STACK]
        work.append(
            [
                limit.model,
                f"{own.nfe:.1f}",
                f"{own.backward:.1f}",
                f"{1e-6 * own.flops:.2f}",
                f"{1e3 * limit.seconds(STACK):.2f}",
                f"{1e3 * limit.seconds(STACK, BMM):.2f}",
            ]
        )
    head = [
        "model", "NFE", "evaluations backward", "MFLOP a network and step",
        f"limit of {STACK} networks, ms", "limit of these shapes, ms",
    ]  # fmt: skip
    sizes = ", ".join(map(str, SIZES))
    note = (
        f"{SGEMM}: the best of square products of size {sizes}. {BMM}: the products of an "
        f"evaluation and its gradient for {STACK} networks, in a loop without anything else. The "
        f"limit is a step's products at the best of all rates, the limit of these shapes at the "
        f"best {BMM} rate."
    )
    parts = [
        note,
        _markdown(["model", "products", "GFLOP/s"], rates, left=2),
        _markdown(head, work),
    ]
    return "\n\n".join(parts)


def _parts(results: Results) -> str:
    lines = []
    for limit in results.limits:
        whole = sum(map(median, limit.parts.measured.values()))
        for part, seconds in limit.parts.measured.items():
            share = f"{100 * median(seconds) / whole:.0f}"
            lines.append([limit.model, part, _spread(1e3 * each for each in seconds), share])
    note = f"A step of {STACK} networks of this package, with a clock around each solve."
    return note + "\n\n" + _markdown(["model", "part", "ms", "per cent"], lines, left=2)


def _images(results: Results, plan: Plan) -> str:
    lines = [line for limit in results.convolutions for line in _image_lines(results, limit)]
    head = [
        "images", "threads", "contestant", "how", "NFE", "NFE of the adjoint", "step, ms",
        "an evaluation, ms", "÷ bare convolutions", f"÷ {ADJOINT.name}",
    ]  # fmt: skip
    note = (
        f"Digits, ten classes, batch {Task(1).batch}, at 28×28 of 256, {plan.image_steps} step(s) "
        f"a round, {plan.rounds} round(s). An evaluation is a step's time by all its evaluations, "
        f"forwards and of the adjoint; its gradient is in it. Bare convolutions: those of a step's "
        f"evaluations and of their gradients on tensors of their own, in each order in memory and "
        f"with several numbers of images at once; ratios are of the fastest in that round."
    )
    return note + "\n\n" + _markdown(head, lines, left=4)


def _image_lines(results: Results, limit: Convolutions) -> list[list[str]]:
    """Of the images and threads that ``limit`` is of, the limit last."""
    entries, least = image_rows(results, limit), limit.least()
    adjoint = entries[ADJOINT.name].step
    timed = [
        (each.contestant, each.how, each.nfe or 0.0, each.backward_nfe, each.step)
        for each in entries.values()
    ] + [
        ("bare convolutions", order, limit.nfe, 0.0, seconds)
        for order, seconds in limit.seconds.items()
    ]
    return [
        [
            limit.model,
            str(limit.threads),
            name,
            how,
            f"{nfe:.1f}",
            f"{backward:.1f}",
            _spread((1e3 * seconds for seconds in step), 1),
            f"{1e3 * median(step) / (nfe + backward):.2f}",
            _spread(ratios(step, list(least))),
            _spread(ratios(step, adjoint)),
        ]
        for name, how, nfe, backward, step in timed
    ]


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
        f"{STACK} networks; of images one, {CHECK_STEPS} steps of {CHECK_BATCH} samples among "
        f"{CHECK_DIGITS} digits. Error: of φ(x) before training, from torchdiffeq's in double "
        f"precision at {TIGHT:g}. Losses: the largest difference from torchdiffeq's in a round. "
        f"Both at most "
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
