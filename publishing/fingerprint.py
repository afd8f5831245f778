"""The key of "unchanged": two runs of a chapter with the same fingerprint need only be one."""

import hashlib
import importlib
import json
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from publishing.chapters import Page
from publishing.parameters import Parameters
from publishing.project import HOME, Project

# Packages whose version shows in a chapter's results.
PACKAGES = (
    "torch",
    "torchdiffeq",
    "numpy",
    "numba",
    "gudhi",
    "scikit-learn",
    "scikit-image",
    "matplotlib",
    "ipykernel",
    "ipywidgets",
    "anywidget",
    "jupytext",
    "nbclient",
    "papermill",
)
_EXECUTING = ("chapters", "execute", "inspection", "kernel", "parameters", "run")


def versions() -> dict[str, str]:
    """Python and the packages that matter to a result, with what is installed of each."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def fingerprints(project: Project, pages: Iterable[Page], parameters: Parameters) -> dict[str, str]:
    """Fingerprint of each page, by its name: of its text and of all that its results depend on."""
    lock = project.root / "requirements.lock"
    shared = {
        "package": _digest_files(
            project.root,
            [
                path
                for part in ("anode", "anode_lab")
                for path in sorted((project.root / part).rglob("*.py"))
            ],
        ),
        "executing": _digest_files(HOME, [HOME / "publishing" / f"{n}.py" for n in _EXECUTING]),
        "lock": lock.read_text(encoding="utf8") if lock.is_file() else "",
        "parameters": parameters.as_dict(),
        "versions": versions(),
        "data": data_identity(),
        "records": records_identity(),
    }
    return {page.name: _digest(json.dumps([page.text, shared], sort_keys=True)) for page in pages}


def data_identity() -> str:
    """Which image data a chapter would find here: it depends on what is installed."""
    try:
        images = importlib.import_module("anode.data.images.downloaded")
    except ModuleNotFoundError:
        return ""
    identity = getattr(images, "images_identity", None)
    return str(identity()) if identity else ""


def records_identity() -> str:
    """Which recorded trainings a chapter would find here; each record has a digest of its own."""
    try:
        runs = importlib.import_module("anode_lab.runs")
    except ModuleNotFoundError:
        return ""
    folder: Path = runs.results_folder()
    return _digest_files(folder, sorted(folder.rglob("*.json")))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _digest_files(root: Path, files: Iterable[Path]) -> str:
    return _digest(
        "\0".join(f"{file.relative_to(root)}\0{file.read_text(encoding='utf8')}" for file in files)
    )
