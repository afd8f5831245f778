"""Records trainings on images in `results/`, and carries records from one machine to the next.

A machine with a GPU has a few hours. It leaves its records, and the checkpoints of trainings that
did not end, in `CARRIED`, a folder for each experiment. Another machine takes them from there.
"""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from pathlib import Path

from anode.training.checkpoint import SUFFIX
from anode_lab.experiments import EXPERIMENTS, PROFILES
from anode_lab.images import DataError, ImageSet
from anode_lab.images.downloaded import DownloadedSet
from anode_lab.runs import RECORDED, Store, StoreError, results_folder, tasks
from anode_lab.runs.status import missing
from anode_lab.runs.store import read
from publishing.project import Project, ProjectError

CARRIED = Path("records")
"""The folder in the build's folder through which records travel."""

_GRACE = 30.0
"""Seconds that a training has to end after it was asked to."""


def fetch(profile: str, report: Callable[[str], None]) -> list[str]:
    """Download the image sets of a profile that are not on this machine.

    Returns:
        Names of the sets that cannot be had.
    """
    found = {size.images for size in PROFILES[profile].values() if size.images}
    return [each.name for each in sorted(found, key=lambda i: i.name) if not _here(each, report)]


def _here(images: ImageSet | None, report: Callable[[str], None]) -> bool:
    """Whether images are on this machine, after a download if need be."""
    if isinstance(images, DownloadedSet):
        try:
            report(f"{images.title} is in {images.fetch(progress=False)}")
        except DataError as error:
            report(str(error))
            return False
    return True


def recorded_at(profile: str, names: Sequence[str] = ()) -> list[str]:
    """Names of the recorded experiments that have a profile: those asked for, by default all.

    Raises:
        ProjectError: If one of them is not a recorded experiment that has the profile.
    """
    valid = [name for name in RECORDED if profile in EXPERIMENTS[name].sizes]
    if unknown := [name for name in names if name not in valid]:
        raise ProjectError(
            f"{', '.join(unknown)} cannot be recorded at profile {profile}; "
            f"valid experiments: {', '.join(valid)}"
        )
    return list(names) or valid


def record(
    names: Iterable[str], profile: str, device: str, seconds: float, report: Callable[[str], None]
) -> list[str]:
    """Train what has no record, for a limited time, and keep it in the folder of the records.

    Images that are not on this machine are fetched.

    The first seed of every model comes first, so that chapters can be executed before all seeds are
    recorded. An experiment that fails does not stop the others. A training that is stopped goes on
    from its checkpoint next time.

    Args:
        names: Names of the experiments.
        profile: Profile of the trainings.
        device: Device to train on.
        seconds: Time after which no training goes on.
        report: Function that takes a line for each event.

    Returns:
        Names of the experiments that failed.
    """
    end = time.monotonic() + seconds
    sizes = {name: EXPERIMENTS[name].size(profile) for name in names}
    failed = [name for name, size in sizes.items() if not _here(size.images, report)]
    rounds = range(1, max(size.seeds for size in sizes.values()) + 1)
    for seeds, (name, size) in product(rounds, sizes.items()):
        if name in failed or seeds > size.seeds or not _left(name, profile, seeds):
            continue
        report(f"recording {name}, {seeds} of {size.seeds} seeds …")
        status = _run_until(end, name, profile, device, seeds)
        if status is None:
            break
        if status:
            failed.append(name)
    for name, size in sizes.items():
        left = _left(name, profile, size.seeds)
        why = "it failed" if name in failed else "time was up: run it again to go on"
        report(f"{name}: {f'{left} trainings are not recorded, {why}' if left else 'recorded'}")
    return failed


def _left(name: str, profile: str, seeds: int) -> int:
    return len(missing(tasks(name, profile, seeds=range(seeds)), Store(results_folder())))


def _run_until(end: float, name: str, profile: str, device: str, seeds: int) -> int | None:
    """Run the command that trains; its exit status, None if time ran out."""
    command = [sys.executable, "-m", "anode_lab", "run", name, "--profile", profile]
    command += ["--device", device, "--seeds", str(seeds)]
    if time.monotonic() >= end:
        return None
    process = subprocess.Popen(command, start_new_session=True)
    try:
        return process.wait(end - time.monotonic())
    except subprocess.TimeoutExpired:
        return None
    finally:  # also after an interrupt
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()


def keep(project: Project) -> list[Path]:
    """Copy what the repository does not have from the records' folder to `CARRIED`.

    Returns:
        The copies.

    Raises:
        ProjectError: If the records are not in a repository.
    """
    results, folder = results_folder(), project.build / CARRIED
    command = ["git", "-C", str(results), "ls-files", "--others", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode:
        raise ProjectError(f"{results} is not in a repository: {listed.stderr.strip()}")
    names = (Path(name) for name in listed.stdout.split("\0") if name)
    return [
        _copy(results / name, folder / name)
        for name in names
        if name.parent.name in RECORDED and name.suffix in (".json", ".safetensors", SUFFIX)
    ]


def take(project: Project, report: Callable[[str], None]) -> list[Path]:
    """Put the records and checkpoints in `CARRIED` where they belong, but for damaged ones.

    What is there already stays as it is.

    Returns:
        The JSON files of the new records.
    """
    results, new = results_folder(), []
    for name in RECORDED:
        for path in sorted((project.build / CARRIED / name).glob("*")):
            target = results / name / path.name
            if target.exists() or path.suffix not in (".json", SUFFIX):
                continue
            if path.suffix == ".json":
                try:
                    read(path)
                except StoreError as error:
                    report(f"not taken: {error}")
                    continue
                _copy(path.with_suffix(".safetensors"), target.with_suffix(".safetensors"))
                new.append(target)
            _copy(path, target)
    report(f"{len(new)} records were taken to {results}")
    return new


def _copy(path: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    return target
