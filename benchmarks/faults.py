"""A campaign of faults: sweeps that are killed, files that are cut, disks that are full.

python -m benchmarks.faults [--rounds N] [--seed S] [--out FOLDER]

Each round starts `anode run` on an empty folder, disturbs it several times at moments drawn at
random, and then lets it run to its end. What must hold after each round:

- every training has a record, and the record is that of an undisturbed run, bit by bit;
- no training was recorded twice, but for those whose record the round itself had damaged;
- `anode store verify` finds nothing bad;
- what was recorded before a disturbance is untouched by it.

Exit status 1 if one of these fails, with the round's number: the same seed draws the same faults,
if not at the same moments of a training.
"""

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from anode_lab.runs import tasks
from anode_lab.runs.provenance import Provenance
from anode_lab.runs.store import Content, DamagedError, read, verify
from benchmarks.__main__ import FULL_OUT
from benchmarks.machines import Machines

EXPERIMENT, PROFILE, SEEDS = "annulus-2d", "laptop", 1
HOME = Path(__file__).resolve().parent.parent
Contents = dict[Path, bytes]


class LostError(AssertionError):
    """Something that must hold does not."""


@dataclass
class Counts:
    """Of a campaign.

    Attributes:
        rounds: that ended as they must.
        faults: kind -> how many hit a sweep that was under way, or files that were there.
        trainings: that were recorded.
        checkpoints: that were there when the last run of a round began.
        damaged: records that were damaged, found to be so, and made again.
    """

    rounds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    trainings: int = 0
    checkpoints: int = 0
    damaged: int = 0


class Command:
    """`anode run`, running, with what it says in files."""

    def __init__(self, folder: Path, *options: str, limit: int | None = None) -> None:
        self.output = tempfile.TemporaryFile("w+", encoding="utf8")  # noqa: SIM115
        self.errors = tempfile.TemporaryFile("w+", encoding="utf8")  # noqa: SIM115
        command = [sys.executable, "-m", "anode_lab", "run", EXPERIMENT, "--profile", PROFILE]
        command += ["--seeds", str(SEEDS), "--results", str(folder), "--checkpoint", "0.02"]
        command += options
        self.process = subprocess.Popen(
            command,
            cwd=HOME,
            stdout=self.output,
            stderr=self.errors,
            preexec_fn=lambda: _begin(limit),
        )

    def wait(self, seconds: float = 300.0) -> int:
        """Its exit status."""
        return self.process.wait(seconds)

    def ended(self) -> list[str]:
        """Trainings that it recorded, each of which it says in a line."""
        self.output.seek(0)
        lines = [line for line in self.output if line.endswith("\n")]
        return [line.partition(":")[0] for line in lines if line.startswith(f"{EXPERIMENT}, ")]

    def said(self) -> str:
        """On stderr."""
        self.errors.seek(0)
        return self.errors.read()


def _begin(limit: int | None) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


class Round:
    """One folder, disturbed.

    Args:
        folder: empty.
        draw: of the faults and their moments.
        counts: what happens is added to.
        whole: an undisturbed run's records by their names.
        seconds: that an undisturbed run takes.
    """

    def __init__(
        self,
        folder: Path,
        draw: random.Random,
        counts: Counts,
        whole: dict[str, Content],
        seconds: float,
    ) -> None:
        self.folder = folder
        self.draw = draw
        self.counts = counts
        self.whole = whole
        self.seconds = seconds
        self.recorded: Counter[str] = Counter()
        self.damaged: Counter[str] = Counter()

    def run(self, number: int) -> None:
        """So many faults, then an undisturbed run, and what must hold."""
        faults: list[Callable[[], None]] = [
            lambda: self.kill(signal.SIGKILL),
            lambda: self.kill(signal.SIGKILL, "--processes", "2"),
            lambda: self.kill(signal.SIGINT),
            lambda: self.kill(signal.SIGTERM, "--processes", "2"),
            self.kill_worker,
            self.two_at_once,
            self.cluster,
            self.fill,
            self.cut,
            self.flip,
            self.lose,
        ]
        for fault in self.draw.sample(faults, number):
            fault()
        before = len(list(self.folder.glob("*/*.checkpoint")))
        last = Command(self.folder)
        if last.wait():
            raise LostError(f"the last run ended with {last.process.returncode}: {last.said()}")
        self.note(last)
        self.counts.checkpoints += before
        self.check()
        self.counts.rounds += 1
        self.counts.trainings += len(self.whole)

    # Faults

    def kill(self, ending: signal.Signals, *options: str) -> None:
        """The process that leads, at any moment."""
        before = self.records()
        command = Command(self.folder, *options)
        self.hit(command, ending.name + (" of one with processes" if options else ""), ending)
        self.note(command)
        self.untouched(before)

    def kill_worker(self) -> None:
        """One of its processes; it goes on with others."""
        before = self.records()
        command = Command(self.folder, "--processes", "2")
        time.sleep(self.moment())
        children = _children(command.process.pid)
        if children and command.process.poll() is None:
            os.kill(self.draw.choice(children), signal.SIGKILL)
            self.counts.faults["SIGKILL of a worker process"] += 1
        if command.wait():
            raise LostError(f"a lost process ended the run: {command.said()}")
        self.note(command)
        self.untouched(before)

    def two_at_once(self) -> None:
        """Of two on one folder one is killed; the other ends what there is."""
        before = self.records()
        killed, other = Command(self.folder), Command(self.folder)
        self.hit(killed, "SIGKILL of one of two runs", signal.SIGKILL)
        if other.wait():
            raise LostError(f"a killed run ended the other: {other.said()}")
        self.note(killed)
        self.note(other)
        self.untouched(before)

    def cluster(self) -> None:
        """A worker or the scheduler of a cluster; others take their place."""
        before = self.records()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as local:
            machines = Machines(Path(local))
            try:
                worker = machines.worker("--no-nanny")
                command = Command(self.folder, "--dask", machines.address)
                time.sleep(self.moment())
                if self.draw.random() < 0.5:
                    machines.kill(worker)
                    kind = "worker of a cluster lost"
                else:
                    machines.restart(self.draw.choice([signal.SIGKILL, signal.SIGTERM]))
                    kind = "scheduler of a cluster started again"
                if command.process.poll() is None:
                    self.counts.faults[kind] += 1
                machines.worker("--no-nanny")
                if command.wait():
                    raise LostError(f"{kind} ended the run: {command.said()}")
            finally:
                machines.close()
        self.note(command)
        self.untouched(before)

    def fill(self) -> None:
        """No file may become longer than some thousand bytes, as on a disk that is nearly full."""
        before = self.records()
        command = Command(self.folder, limit=self.draw.randrange(2_000, 60_000))
        status = command.wait()
        if status not in (0, 1):
            raise LostError(f"a full disk is no message but status {status}: {command.said()}")
        if status == 1:
            message = command.said().strip().splitlines()[-1]
            if not message.startswith("anode: results cannot be kept in"):
                raise LostError(f"a full disk is said to be: {message}")
            self.counts.faults["full disk"] += 1
        self.note(command)
        self.untouched(before)

    def cut(self) -> None:
        """A file, anywhere."""
        if path := self.some_file():
            content = path.read_bytes()
            path.write_bytes(content[: self.draw.randrange(len(content))])
            self.counts.faults["file cut off"] += 1

    def flip(self) -> None:
        """A bit, anywhere."""
        if path := self.some_file():
            content = bytearray(path.read_bytes())
            content[self.draw.randrange(len(content))] ^= 1 << self.draw.randrange(8)
            path.write_bytes(content)
            self.counts.faults["bit flipped"] += 1

    def lose(self) -> None:
        """A file."""
        if path := self.some_file():
            path.unlink()
            self.counts.faults["file lost"] += 1

    # Helpers

    def moment(self) -> float:
        """Seconds after the start; most are amid the trainings."""
        return self.draw.uniform(0.1, 1.0) * self.seconds

    def hit(self, command: Command, kind: str, ending: signal.Signals) -> None:
        """Send the signal at some moment; it counts if the run had not ended."""
        time.sleep(self.moment())
        if command.process.poll() is None:
            command.process.send_signal(ending)
            self.counts.faults[kind] += 1
        command.wait()

    def some_file(self) -> Path | None:
        """Of records and checkpoints; the record that it belongs to counts as damaged."""
        files = [
            path
            for path in sorted(self.folder.glob("*/*"))
            if path.suffix in (".json", ".safetensors", ".checkpoint") and path.stat().st_size
        ]
        if not files:
            return None
        path = self.draw.choice(files)
        stem = path.with_suffix(".json")
        if path.suffix != ".checkpoint" and stem.exists():
            self.damaged[stem.name] += 1
            self.counts.damaged += 1
        return path

    def records(self) -> Contents:
        """Sound ones."""
        sound: Contents = {}
        for path in self.folder.glob("*/*.json"):
            try:
                if read(path) is not None:
                    sound[path] = path.read_bytes() + path.with_suffix(".safetensors").read_bytes()
            except DamagedError:
                continue
        return sound

    def untouched(self, before: Contents) -> None:
        """What was recorded is as it was."""
        after = self.records()
        for path, content in before.items():
            if after.get(path) != content:
                raise LostError(f"{path.name} was recorded, and is lost or another now")

    def note(self, command: Command) -> None:
        """What it recorded; nothing more is asked of it."""
        self.recorded.update(command.ended())
        command.output.close()
        command.errors.close()

    def check(self) -> None:
        """What must hold in the end."""
        sound, bad = verify(self.folder)
        if bad or sound != len(self.whole):
            raise LostError(f"{sound} sound records instead of {len(self.whole)}; bad: {bad}")
        for path in self.folder.glob("*/*.json"):
            found = read(path)
            assert found is not None
            if not _same(found, self.whole[path.name]):
                raise LostError(f"{path.name} is not the record of an undisturbed run")
        most = sum(self.recorded.values()) - sum(self.damaged.values())
        if most > len(self.whole):
            raise LostError(f"trainings were recorded twice: {self.recorded}")


def _same(one: Content, two: Content) -> bool:
    """Whether all arrays are the same: weights, losses, evaluations and snapshots."""
    return one[1].keys() == two[1].keys() and all(
        np.array_equal(one[1][name], two[1][name], equal_nan=True) for name in two[1]
    )


def _children(pid: int) -> list[int]:
    """Processes that train; multiprocessing's tracker of resources is not one."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = status.read_text(encoding="utf8")
            if int(text.rpartition(")")[2].split()[1]) != pid:
                continue
            command = status.with_name("cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"spawn_main" in command:
            found.append(int(status.parent.name))
    return found


def campaign(rounds: int, seed: int, faults: int = 3, say: Callable[[str], None] = print) -> Counts:
    """So many rounds of so many faults.

    Raises:
        LostError: if something that must hold does not.
    """
    counts, draw = Counts(), random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.monotonic()
        undisturbed = Command(folder / "undisturbed")
        if undisturbed.wait():
            raise LostError(undisturbed.said())
        undisturbed.output.close()
        undisturbed.errors.close()
        seconds = time.monotonic() - start
        whole = {}
        for path in (folder / "undisturbed").glob("*/*.json"):
            found = read(path)
            assert found is not None
            whole[path.name] = found
        assert len(whole) == len(tasks(EXPERIMENT, PROFILE))
        for number in range(rounds):
            each = folder / f"round-{number}"
            each.mkdir()
            try:
                Round(each, draw, counts, whole, seconds).run(faults)
            except LostError as error:
                raise LostError(f"round {number} of seed {seed}: {error}") from error
            say(f"round {number}: {sum(counts.faults.values())} faults so far, nothing lost")
    return counts


def main() -> int:
    """Run the campaign, and write its counts."""
    parser = argparse.ArgumentParser(description="Faults that must lose nothing.")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=FULL_OUT)
    arguments = parser.parse_args()
    started, start = datetime.now(UTC), time.monotonic()
    counts = campaign(arguments.rounds, arguments.seed)
    made = Provenance.now("cpu", started, time.monotonic() - start).as_dict()
    text = json.dumps({"seed": arguments.seed, **vars(counts), "provenance": made}, indent=1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "faults.json").write_text(text + "\n", encoding="utf8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
