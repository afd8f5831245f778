"""A Python that can import only this package and what it declares, as after `pip install`.

The distributions are those of this environment, linked into an environment of their own: nothing
is downloaded.
"""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from publishing.project import HOME, Project


class BarePython:
    """An environment in the folder `folder`; `python` is its interpreter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        if not self.python.exists():
            venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
        (self.packages,) = (folder / "lib").glob("python*/site-packages")

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead to no other package than its own."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return kept | {"PYTHONNOUSERSITE": "1"}

    def install(self, source: Path) -> None:
        """Build and install a package, with its data files, but not what it requires."""
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
        # Else pip would take this environment's own for the one to replace.
        command += ["--ignore-installed", "--prefix", str(self.folder)]
        command += ["--no-build-isolation", str(source)]
        subprocess.run(command, check=True)

    def link(self, requirements: Iterable[Requirement]) -> None:
        """Make these, and all that they require in turn, importable."""
        for found in closure(requirements):
            for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
                place = self.packages / top
                if not place.is_symlink():
                    place.symlink_to(Path(str(found.locate_file(top))))

    def can_import(self, names: Iterable[str]) -> set[str]:
        """Those of `names` that it finds."""
        code = "import importlib.util, sys; print(*filter(importlib.util.find_spec, sys.argv[1:]))"
        output = subprocess.run(
            [str(self.python), "-c", code, *names],
            cwd=self.packages.parent,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return set(output.split())


def copy_source(folder: Path) -> Path:
    """Copy what the package is built from into `folder`, which is made, and return it."""
    for part in ("anode", "anode_lab"):
        shutil.copytree(HOME / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(HOME / name, folder / name)
    (folder / "results").mkdir()
    for path in (HOME / "results").glob("*.json"):  # no record: none is read at the smallest size
        shutil.copyfile(path, folder / "results" / path.name)
    return folder


def declared() -> list[Requirement]:
    """What the package says that it requires with the extra that chapters need."""
    return list(Project().requirements("lab").values())


def closure(requirements: Iterable[Requirement]) -> list[Distribution]:
    """Every installed distribution that the requirements lead to."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    queue = [(requirement, "") for requirement in requirements]
    while queue:
        requirement, extra = queue.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for wanted in ("", *sorted(requirement.extras)):
            if (requirement.name, wanted) not in seen:
                seen.add((requirement.name, wanted))
                found[requirement.name] = distribution(requirement.name)
                parts = found[requirement.name].requires or ()
                queue += [(Requirement(part), wanted) for part in parts]
    return list(found.values())
