"""Where a result comes from: what made it, with which versions, on which machine, when."""

import ast
import hashlib
import os
import platform
import re
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "torchdiffeq", "numpy", "numba", "scikit-learn", "scikit-image")
"""Those whose version can change a number."""

NUMERICS = (
    "anode/atomic_write",
    "anode/seeding",
    "anode/convolutions",
    "anode/fields",
    "anode/solve",
    "anode/models",
    "anode/data",
    "anode/training",
    "anode_lab/experiments",
    "anode_lab/runs/task",
)
"""Modules of the package that a training's numbers depend on: ``tasks`` and all that it needs."""

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

_HOME = Path(__file__).parents[2]


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
        packages: distribution -> version, of all that the package needs; empty in records from
            before this was kept, as is what follows.
        processor: its model, and the instructions that torch uses of it.
        gpu: versions of what a GPU is driven by; empty on a CPU.
        environment: those of :data:`VARIABLES` that are set.
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
            packages=packages(),
            processor=processor(),
            gpu="" if device == "cpu" else _gpu(),
            environment={name: os.environ[name] for name in VARIABLES if name in os.environ},
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
def packages() -> dict[str, str]:
    """What this package needs, and what that needs, as far as it is installed, with versions."""
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


@cache
def processor() -> str:
    """Model of the processor, where the system tells, and the instructions that torch uses."""
    names = []
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def _gpu() -> str:
    return f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"


@cache
def numerics() -> str:
    """A digest of the code of :data:`NUMERICS`, 16 hexadecimal digits.

    Comments, layout and Python's version do not count.
    """
    digest = hashlib.sha256()
    paths = [
        path for part in ("anode", "anode_lab") for path in sorted((_HOME / part).rglob("*.py"))
    ]
    for path in paths:
        name = path.relative_to(_HOME)
        if name.with_suffix("").as_posix().startswith(NUMERICS):
            code = _structure(ast.parse(path.read_text(encoding="utf8")))
            digest.update(f"{name.as_posix()}\0{code}\0".encode())
    return digest.hexdigest()[:16]


def _structure(node: object) -> str:
    """As :func:`ast.dump`, but what is empty is left out: some versions have more of that."""
    if isinstance(node, ast.JoinedStr):  # of which 3.12 has empty parts
        node.values = [part for part in node.values if getattr(part, "value", None) != ""]
    if isinstance(node, ast.AST):
        parts = [
            f"{name}={_structure(value)}"
            for name, value in ast.iter_fields(node)
            if value is not None and value != []
        ]
        return f"{type(node).__name__}({', '.join(parts)})"
    if isinstance(node, list):
        return f"[{', '.join(map(_structure, node))}]"
    return repr(node)


@cache
def _commit() -> str | None:
    """The commit, with a plus sign if files have changed since."""
    try:
        sha, changes = (
            subprocess.run(
                ["git", *arguments], cwd=_HOME / "anode", capture_output=True, text=True, check=True
            ).stdout.strip()
            for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", "."))
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return sha[:12] + ("+" if changes else "")
