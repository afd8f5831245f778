"""What the tree promises: who may import whom, one list of dependencies, one address."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import anode
import anode_lab
from anode_lab.runs import RECORDED
from publishing.project import HOME, Project

# Of each package, from the bottom upwards: a module imports only from those before it, and the
# laboratory from the package below it.
ORDER = {
    "anode": (
        "arrays",
        "denormals",
        "checks",
        "atomic_write",
        "seeding",
        "fields",
        "own_field",
        "solve",
        "models",
        "serialization",
        "data",
        "training",
    ),
    "anode_lab": (
        "environment",
        "formatting",
        "grading",
        "images",
        "models",
        "experiments",
        "theory",
        "runs",
        "measures",
        "search",
        "claims",
        "figures",
        "cli",
    ),
}
DOORS = ("__init__", "__main__")
"""Of the packages themselves: they may import all that is theirs."""
FORBIDDEN = ("publishing", "benchmarks", "tests", "IPython", "papermill", "jupyter", "nbformat")
PYPROJECT = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONFIG = yaml.safe_load((HOME / "_config.yml").read_text(encoding="utf8"))
MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home|Users)/\w")


def project_files() -> Iterator[Path]:
    """Files that git would not ignore."""
    ignored = ["/.git/", *(HOME / ".gitignore").read_text().split()]

    def keep(path: Path) -> bool:
        parts = path.relative_to(HOME).parts
        return not any(
            fnmatch(part, pattern.strip("/"))
            for pattern in ignored
            for part in (parts[:1] if pattern.startswith("/") else parts)
        )

    for path in sorted(HOME.iterdir()):
        if keep(path):
            inside = path.rglob("*") if path.is_dir() else [path]
            yield from (file for file in inside if file.is_file() and keep(file))


def texts() -> Iterator[tuple[str, str]]:
    """Name and text of each of those files that is text."""
    for path in project_files():
        try:
            yield path.relative_to(HOME).as_posix(), path.read_text(encoding="utf8")
        except UnicodeDecodeError:
            continue


def imports(path: Path) -> set[str]:
    """Modules that a file imports, wherever it does so."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


MODULES = [path for package in ORDER for path in sorted((HOME / package).rglob("*.py"))]
ID = [path.relative_to(HOME).as_posix() for path in MODULES]


@pytest.mark.parametrize("path", MODULES, ids=ID)
def test_packages_import_downwards_and_nothing_of_notebooks(path: Path) -> None:
    names = imports(path)
    package, *rest = path.relative_to(HOME).parts
    forbidden = (*FORBIDDEN, *(("anode_lab",) if package == "anode" else ()))
    assert not [name for name in names if name.split(".")[0].startswith(forbidden)]
    top = rest[0].removesuffix(".py")
    if top in DOORS:
        return
    order = ORDER[package]
    assert top in order, f"give {top} its place in ORDER"
    used = {name.split(".")[1] for name in names if name.startswith(f"{package}.")} - {top}
    assert package not in names, "import from the module, not from the package"
    assert [name for name in used if order.index(name) > order.index(top)] == []


def test_the_order_names_no_module_that_is_gone() -> None:
    for package, order in ORDER.items():
        paths = (HOME / package).rglob("*.py")
        tops = {path.relative_to(HOME / package).parts[0].removesuffix(".py") for path in paths}
        assert set(order) == tops - set(DOORS)


def test_no_module_is_longer_than_500_lines() -> None:
    lengths = {name: text.count("\n") for name, text in texts() if name.endswith(".py")}
    assert {name: length for name, length in lengths.items() if length > 500} == {}


def test_the_package_is_small() -> None:
    modules = [path for path in MODULES if path.is_relative_to(HOME / "anode")]
    lines = sum(path.read_text(encoding="utf8").count("\n") for path in modules)
    assert len(modules) <= 40
    assert lines <= 4500


def _functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Functions and methods of the two packages, each with its module and name."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(HOME).as_posix()}: {node.name}", node


def test_a_function_fits_a_screen() -> None:
    long = {name for name, node in _functions() if (node.end_lineno or 0) - node.lineno >= 60}
    assert long == set()


def test_no_function_has_more_than_six_positional_arguments() -> None:
    found = set()
    for name, node in _functions():
        arguments = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
        if len([each for each in arguments if each not in ("self", "cls")]) > 6:
            found.add(name)
    assert found == set()


SHARED = {"Difference", "Finding"}  # to go


def test_no_two_public_classes_have_one_name() -> None:
    count = Counter(
        node.name
        for path in MODULES
        for node in ast.parse(path.read_text(encoding="utf8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, times in count.items() if times > 1} - SHARED == set()


HEAVY = ("matplotlib", "PIL", "sklearn", "skimage", "gudhi", "numba")


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, anode, anode.data; print([m for m in {HEAVY} if m in sys.modules])"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HOME)
    assert found.stdout.strip() == "[]"


def test_chapters_import_from_the_two_public_namespaces_only() -> None:
    pages = list((HOME / "book").rglob("*.md"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text(encoding="utf8")
        used = set(re.findall(r"^\s*(?:from|import) (anode(?:\.\w+)*)\b", text, re.MULTILINE))
        assert used - {"anode", "anode.data"} == set(), page.name


LOCKS = {
    "requirements.lock": ("book", "cluster", "test", "teach"),
    "benchmarks/requirements.lock": ("bench",),
}
"""Each with the extras of its environment."""


def _locked(lock: str) -> dict[str, Version]:
    lines = (HOME / lock).read_text(encoding="utf8").splitlines()
    pins = [line.partition("==") for line in lines if line.strip() and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, _, version in pins}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_one_exact_version_of_everything_that_fits_its_range(lock: str) -> None:
    locked = _locked(lock)
    for name, requirement in Project().requirements(*LOCKS[lock]).items():
        assert name in locked, f"make lock: {name} is missing"
        assert requirement.specifier.contains(locked[name]), f"make lock: {requirement}"


def test_every_extra_is_in_one_environment() -> None:
    chosen = [extra for extras in LOCKS.values() for extra in extras]
    assert sorted(EXTRAS) == sorted([*chosen, "fast", "lab"]), (
        "every other extra contains these two"
    )
    assert all(EXTRAS[extra][0] == "anode[lab]" for extra in chosen)


def test_speeds_are_measured_with_the_versions_of_the_book() -> None:
    book, bench = (_locked(lock) for lock in LOCKS)
    assert {name: bench[name] for name in book.keys() & bench.keys()} == {
        name: book[name] for name in book.keys() & bench.keys()
    }


def test_peers_of_the_benchmark_stay_out_of_the_books_environment() -> None:
    book, bench = (Project().requirements(*extras) for extras in LOCKS.values())
    peers = bench.keys() - book.keys()
    assert peers >= {"diffrax", "torchdyn", "torchode"}
    assert peers & _locked("requirements.lock").keys() == set()


def test_package_alone_needs_little_and_the_laboratory_nothing_of_the_book() -> None:
    core = Project().requirements().keys()
    lab = Project().requirements("lab").keys() - core
    assert core == {"numpy", "safetensors", "torch", "torchdiffeq", "tqdm"}
    assert lab == {
        "filelock",
        "gudhi",
        "matplotlib",
        "numba",
        "pillow",
        "pooch",
        "scikit-image",
        "scikit-learn",
        "scipy",
    }
    assert not (core | lab) & {Requirement(line).name for line in EXTRAS["book"] + EXTRAS["test"]}


def test_the_laboratory_looks_for_all_packages_of_its_extra() -> None:
    """So that the message where one is missing names the extra, whatever is imported first."""
    needed = Project().requirements("lab").keys() - Project().requirements("fast").keys()
    owners = packages_distributions()
    assert {canonicalize_name(owners[name][0]) for name in anode_lab.PACKAGES} == needed


def test_without_the_extra_the_laboratory_says_how_to_get_it() -> None:
    code = "import sys; sys.modules['gudhi'] = None; import anode_lab"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HOME)
    assert "gudhi is not installed" in result.stderr
    assert "pip install 'anode[lab]'" in result.stderr


def test_conda_environment_agrees_with_pyproject() -> None:
    environment = yaml.safe_load((HOME / "environment.yml").read_text(encoding="utf8"))
    assert environment["name"] == PROJECT["name"]
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    assert f"python{PROJECT['requires-python']},<3.14" in conda, "those that tests run with"
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert "--constraint requirements.lock" in pip
    (editable,) = [line for line in pip if line.startswith("--editable")]
    extras = re.fullmatch(r"--editable \.\[([\w,]+)\]", editable)
    assert extras is not None
    assert set(extras[1].split(",")) <= set(EXTRAS)
    assert {"book", "test"} <= set(extras[1].split(","))


def test_repository_has_one_address() -> None:
    """It is a setting in _config.yml; these files cannot read it there."""
    url, repository = CONFIG["repository"]["url"], Project().repository()
    assert PROJECT["urls"]["Repository"] == url
    citation = yaml.safe_load((HOME / "CITATION.cff").read_text(encoding="utf8"))
    assert citation["repository-code"] == url
    assert citation["version"] == anode.__version__
    owner, name = url.removeprefix("https://github.com/").split("/")
    allowed = {"_config.yml", "pyproject.toml", "CITATION.cff", "README.md"}
    for file, text in texts():
        for other in re.findall(rf"https://[\w.]+/{owner}/[\w.-]+|https://{owner}\.[\w./-]+", text):
            assert file in allowed or file.startswith("notebooks/"), f"{file}: {other}"
            assert other.removesuffix(".git").startswith((url, repository.site_url)), file
    assert name in repository.site_url


def _registry_hosts() -> set[str]:
    """Hosts that pip is set to ask on this machine, but for the public ones."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    settings = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    hosts = set(re.findall(r"https?://(?:[^/@\s']+@)?([\w.-]+)", settings))
    return {host for host in hosts if not host.endswith(("pypi.org", "pythonhosted.org"))}


def test_no_file_names_a_machine() -> None:
    hosts = _registry_hosts()
    for name, text in texts():
        assert not MACHINE.search(text), name
        assert [host for host in hosts if host in text] == [], name


def test_records_of_every_recorded_experiment_are_installed() -> None:
    """Colab has no sources: a chapter there reads what the package brings."""
    installed = PYPROJECT["tool"]["setuptools"]["data-files"]
    for name in RECORDED:
        wanted = [f"results/{name}/*.json", f"results/{name}/*.safetensors"]
        assert installed.get(f"share/anode/results/{name}") == wanted, name
