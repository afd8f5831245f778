"""Where a result comes from: what made it, with which versions, on which machine, when."""

import ast
import hashlib
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "torchdiffeq", "numpy", "numba", "scikit-learn", "scikit-image")
"""Those whose version can change a number."""

NUMERICS = (
    "randomness",
    "convolutions",
    "fields",
    "solve",
    "models",
    "data",
    "training",
    "experiments",
    "tasks",
)
"""Modules of the package that a training's numbers depend on: ``tasks`` and all that it needs."""

_HOME = Path(__file__).parent


@dataclass(frozen=True)
class Provenance:
    """What made a result.

    Attributes:
        started: date and time, UTC, ISO 8601.
        seconds: of the training.
        device: the device's name.
        threads: of torch on the CPU.
        numerics: :func:`numerics`.
        commit: of the repository that the package is run from; None outside one.
        versions: of Python and of :data:`PACKAGES`.
        system: operating system and processor.
    """

    started: str
    seconds: float
    device: str
    threads: int
    numerics: str
    commit: str | None
    versions: dict[str, str]
    system: str

    @classmethod
    def now(cls, device: str, started: datetime, seconds: float) -> "Provenance":
        """Of a run that has just ended."""
        name = "CPU" if device == "cpu" else torch.cuda.get_device_name(device)
        return cls(
            started=started.astimezone(UTC).isoformat(timespec="seconds"),
            seconds=round(seconds, 2),
            device=name,
            threads=torch.get_num_threads(),
            numerics=numerics(),
            commit=_commit(),
            versions=versions(),
            system=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def versions() -> dict[str, str]:
    """Python and the packages whose version can change a number."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


@cache
def numerics() -> str:
    """A digest of the code of :data:`NUMERICS`, 16 hexadecimal digits.

    Comments and layout do not count.
    """
    digest = hashlib.sha256()
    for path in sorted(_HOME.rglob("*.py")):
        name = path.relative_to(_HOME)
        if name.parts[0].removesuffix(".py") in NUMERICS:
            code = ast.dump(ast.parse(path.read_text(encoding="utf8")))
            digest.update(f"{name.as_posix()}\0{code}\0".encode())
    return digest.hexdigest()[:16]


@cache
def _commit() -> str | None:
    """The commit, with a plus sign if files have changed since."""
    try:
        sha, changes = (
            subprocess.run(
                ["git", *arguments], cwd=_HOME, capture_output=True, text=True, check=True
            ).stdout.strip()
            for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", "."))
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return sha[:12] + ("+" if changes else "")
