"""Where a result comes from: which code, versions and machine made it, and when."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import torch

from anode_lab.runs.code_digest import HOME, Code
from anode_lab.runs.machine import CPU, processor

PACKAGES = ("torch", "torchdiffeq", "numpy", "numba", "scikit-learn", "scikit-image")
"""The packages whose version can change a number."""

SHOWN_PACKAGES = (
    *PACKAGES,
    "torchvision",
    "gudhi",
    "matplotlib",
    "ipykernel",
    "ipywidgets",
    "anywidget",
    "jupytext",
    "nbclient",
    "papermill",
)
"""The packages whose version can change what an executed chapter shows."""

VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "CUBLAS_WORKSPACE_CONFIG",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_NUM_THREADS",
    "NUMBA_CPU_NAME",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS",
)
"""Variables of the environment by which libraries choose how they compute."""

# Names that lead to all that any training runs; the registry of models has the others.
_TRAINING = "from anode import NeuralODE, ResNet, train; NeuralODE, ResNet, train"


@dataclass(frozen=True)
class Commit:
    """The state of a checkout.

    Attributes:
        sha: Name of its commit; None outside a repository, or in one without a commit.
        dirty: Whether files differ from that commit.
    """

    sha: str | None
    dirty: bool

    def __str__(self) -> str:
        if self.sha is None:
            return "no commit"
        return self.sha[:10] + (" with uncommitted changes" if self.dirty else "")

    @classmethod
    def of(cls, folder: Path, parts: Iterable[str] = (".",)) -> "Commit":
        """The state of a folder's checkout, with a look at some parts of it for changes."""
        try:
            sha, changes = (
                subprocess.run(
                    ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
                ).stdout.strip()
                for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", *parts))
            )
        except (OSError, subprocess.CalledProcessError):
            return cls(None, True)
        return cls(sha, bool(changes))


@dataclass(frozen=True)
class Provenance:
    """What made a result.

    Attributes:
        started: Date and time of the start, UTC, ISO 8601.
        seconds: Duration of the training.
        device: Name of the device.
        threads: Number of threads of torch on the CPU.
        numerics: Digest of the code, see :func:`numerics`.
        commit: Commit of the code, with a plus sign if files differed from it; None outside a
            repository.
        versions: Versions of Python and of :data:`PACKAGES`.
        system: Operating system, kind of processor and number of cores.
        packages: Version of each distribution that the package needs. This and what follows is
            empty in older records.
        processor: Model of the processor, and the instructions that torch uses.
        gpu: Versions of CUDA and cuDNN; empty on a CPU.
        environment: Those of :data:`VARIABLES` that are set.
    """

    started: str
    seconds: float
    device: str
    threads: int
    numerics: str
    commit: str | None
    versions: dict[str, str]
    system: str
    packages: dict[str, str] = field(default_factory=dict)
    processor: str = ""
    gpu: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def now(cls, device: str, started: datetime, seconds: float) -> "Provenance":
        """The provenance of a run that has just ended.

        Args:
            device: Device of the run, "cpu" or "cuda:N".
            started: When the run started.
            seconds: Duration of the run.
        """
        name = "CPU" if device == CPU else torch.cuda.get_device_name(device)
        return cls(
            started=started.astimezone(UTC).isoformat(timespec="seconds"),
            seconds=round(seconds, 2),
            device=name,
            threads=torch.get_num_threads(),
            numerics=numerics(),
            commit=_commit(),
            versions=versions(),
            system=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            packages=packages(),
            processor=processor(),
            gpu="" if device == CPU else _gpu(),
            environment={name: os.environ[name] for name in VARIABLES if name in os.environ},
        )

    def as_dict(self) -> dict[str, Any]:
        """The provenance as JSON holds it."""
        return asdict(self)

    def differences(self, here: "Provenance") -> tuple[str, ...]:
        """In what ``here`` differs from this, as far as that can change numbers."""
        return differing(self._decisive(), here._decisive())

    def _decisive(self) -> dict[str, str | None]:
        """What can change numbers. Threads cannot: a training that is recorded uses one."""
        found: dict[str, str | None] = {"code": self.numerics, "device": self.device}
        found |= self.versions
        if self.processor:  # older records lack this and what follows
            found |= {"processor": self.processor, "GPU's libraries": self.gpu}
            found |= {name: self.environment.get(name) for name in VARIABLES}
        return found


def made_with() -> dict[str, str]:
    """Digest of the code and the versions that there are now; the same give the same numbers."""
    return {"code": numerics(), **versions()}


def differing(there: Mapping[str, str | None], here: Mapping[str, str | None]) -> tuple[str, ...]:
    """A line for each name in ``there`` that has another value ``here``."""
    return tuple(
        f"{name}: {value or 'none'} there, {here.get(name) or 'none'} here"
        for name, value in there.items()
        if value != here.get(name)
    )


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """The version of Python and of each package, "missing" where it is not installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


@cache
def packages() -> dict[str, str]:
    """The version of each installed distribution that this package needs, directly or not."""
    found: dict[str, str] = {}
    open_ends = ["anode", *PACKAGES]
    while open_ends:
        name = re.sub(r"[-_.]+", "-", open_ends.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = version(name)
            needed = requires(name) or []
        except PackageNotFoundError:  # of another system, or the sources are not installed
            continue
        for line in needed:
            requirement, _, marker = line.partition(";")
            if "extra" not in marker and (match := re.match(r"[\w.-]+", requirement)):
                open_ends.append(match[0])
    return dict(sorted(found.items()))


def _gpu() -> str:
    return f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"


@cache
def numerics() -> str:
    """Digest of the code that trainings run, of any model, as 16 hexadecimal digits.

    It says whether two machines or two days have the same code. The key of one training covers only
    the code that this one runs, see :mod:`anode_lab.runs.training_key`.
    """
    return Code(HOME).digest_of_source(_TRAINING)[:16]


@cache
def _commit() -> str | None:
    commit = Commit.of(HOME / "anode")
    return commit.sha and commit.sha[:12] + ("+" if commit.dirty else "")
