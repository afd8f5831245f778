"""Measure, print the tables, and write them with a picture and the numbers.

python -m benchmarks [--quick] [--rounds N] [--steps N] [--threads N ...] [--out FOLDER]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anode_lab.runs.provenance import Provenance
from benchmarks import contestants
from benchmarks.measure import QUICK, Plan, Results
from benchmarks.picture import overview
from benchmarks.report import report

HOME = Path(__file__).resolve().parent.parent
FULL_OUT, QUICK_OUT = HOME / "benchmarks" / "results", HOME / "_build" / "benchmarks"


@contextmanager
def cores(threads: int) -> Iterator[None]:
    """Let processes that are started meanwhile use the first ``threads`` cores only."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:threads])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure(plan: Plan) -> Results:
    """Every part in a process of its own; libraries read the number of threads when they start."""
    results = Results()
    for threads in plan.threads:
        print(f"On {threads} thread(s):", file=sys.stderr, flush=True)
        # OpenBLAS is to choose its kernels by the processor that is there.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        environment = {**inherited, "JAX_PLATFORMS": "cpu", **dict.fromkeys(names, str(threads))}
        with tempfile.TemporaryDirectory() as folder, cores(threads):
            plan_file, results_file = Path(folder) / "plan.json", Path(folder) / "results.json"
            plan_file.write_text(json.dumps(asdict(plan)))
            command = [sys.executable, "-m", "benchmarks.worker"]
            command += [str(plan_file), str(results_file), str(threads)]
            subprocess.run(command, env=environment, cwd=HOME, check=True)
            results.extend(Results.from_dict(json.loads(results_file.read_text())))
    return results


def provenance(started: datetime, seconds: float) -> dict[str, Any]:
    """Machine, versions, commit, date."""
    found = Provenance.now("cpu", started, seconds).as_dict()
    del found["threads"]  # of this process, which measures nothing
    found["versions"] |= contestants.versions()
    found["processor"] = _processor()
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


def main() -> None:
    """Exit status 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--quick", action="store_true", help="a rough run, about a minute")
    parser.add_argument("--rounds", type=int, help="rounds that count")
    parser.add_argument("--steps", type=int, help="training steps a round in the table")
    parser.add_argument("--threads", type=int, nargs="+", help="numbers of threads; 1 and 2")
    parser.add_argument("--out", type=Path, help="folder of the tables, the picture, the numbers")
    options = parser.parse_args()
    changes = {name: getattr(options, name) for name in ("rounds", "steps")}
    for name, value in changes.items():
        if value is not None and value < 1:
            parser.error(f"--{name} must be 1 or more, got {value}")
    if any(threads < 1 for threads in options.threads or ()):
        parser.error(f"--threads must be 1 or more, got {options.threads}")
    plan = QUICK if options.quick else Plan()
    if options.threads:
        plan = replace(plan, threads=tuple(options.threads))
    plan = replace(plan, **{name: value for name, value in changes.items() if value is not None})
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    plan = replace(plan, threads=tuple(n for n in plan.threads if n <= (available or 1)))
    out: Path = options.out or (QUICK_OUT if options.quick else FULL_OUT)

    started, clock = datetime.now(UTC), time.perf_counter()
    results = measure(plan)
    origin = provenance(started, time.perf_counter() - clock)
    text = report(results, plan, origin)
    print(text)
    out.mkdir(parents=True, exist_ok=True)
    (out / "training-step.md").write_text(text + "\n", encoding="utf8")
    numbers = {"provenance": origin, "plan": asdict(plan), **results.as_dict()}
    (out / "training-step.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf8")
    (out / "training-step.png").write_bytes(overview(results).png())
    print(f"\nWritten to {out}", file=sys.stderr)
    faults = [f"{c.contestant}, {c.model}: {fault}" for c in results.checks for fault in c.faults]
    if faults:
        sys.exit("Not the same task: " + "; ".join(faults))


if __name__ == "__main__":
    main()
