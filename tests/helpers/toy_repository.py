"""This repository with a book of three short pages, and the programs that its rehearsal uses."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import anode
from publishing.assets import node_modules
from publishing.colab.notebooks import install_source
from publishing.project import HOME, Project
from tests.helpers.tree import insert
from tests.helpers.workflows import REPOSITORY
from tests.publishing.fixture_book import Book

BIN = Path(sys.executable).parent
LEFT_OUT = ("book/", "notebooks/", "tests/", "results/images-")
BUT = ("book/theme/", "book/references.bib", "tests/requirements")

# At the profile `paper` the toy book reads records, as the true one does.
RECORD = """
from anode_lab import runs

if profile == "paper":
    print(*runs.run("images-overfit", profile=profile, device=device, train=False).runs)
"""
# A program of the rehearsal, so that a test can hold the chapter up.
WAIT = """
import subprocess

subprocess.run(["wait-for-the-test"], check=True)
print(profile, device)
"""
# Two of the recorded experiments, at the size of `smoke`, whose data sets need no download.
SMALL = """
PROFILES = {
    **PROFILES,
    "paper": {
        kind: replace(size, seeds=1, epochs=1)
        for kind, size in PROFILES["smoke"].items()
        if kind not in ("grey", "colour")
    },
}"""

# `.venv/bin/python` is the Python that runs the tests, on the clone's code, and on the CPU where
# a GPU is asked for. What would take minutes, the net, a GPU or a browser is only told.
PYTHON = f"""#!/bin/bash
root=$(cd "$(dirname "$0")/../.." && pwd)
echo "python $*${{PIP_EXTRA_INDEX_URL:+ from $PIP_EXTRA_INDEX_URL}}" >> "$CALLS"
case "$*" in
    "-m pip "* | "-m pytest "* | "-m anode_lab doctor "*) exit 0 ;;
    "-m publishing links "* | "-m publishing pdf "*) exit 0 ;;
    "-m build "*) mkdir -p _build/package && touch _build/package/anode.whl && exit ;;
    "-m publishing data "*) mkdir -p ~/.cache/anode && touch ~/.cache/anode/images && exit ;;
esac
PYTHONPATH=$root exec {sys.executable} "${{@//cuda/cpu}}"
"""
# `python3 -m venv FOLDER` makes a folder with this Python, ruff, and a mypy that is only told. What
# npm has fetched for the pages is a link, too.
SYSTEM_PYTHON = f"""#!/bin/bash
if [ "$1 $2" != "-m venv" ]; then exec {sys.executable} "$@"; fi
mkdir -p "$3/bin" _build
cp "$(dirname "$0")/venv-python" "$3/bin/python"
ln -sf {BIN}/ruff "$(dirname "$0")/mypy" "$3/bin"
ln -sfn {node_modules().parent} _build/npm
"""
TOLD = '#!/bin/bash\necho "$(basename "$0") $*" >> "$CALLS"\n'
# Artifacts of earlier runs are where the rehearsal keeps them; all of them count as scheduled.
GH = """#!/bin/bash
echo "gh-$1" >> "$CALLS"
case "$1 $2" in
    "run list") [[ $* != *schedule* ]] || ls "$ALL" | sed -n 's/-artifacts$//p' ;;
    "run download")
        cp -r "$ALL/$3-artifacts/$5" "$7" 2>/dev/null && exit
        echo "no artifact matches any of the names"
        exit 1
        ;;
esac
"""
# `make` for a rehearsal without work: it tells what it was asked for, and leaves what others take.
MAKE = """#!/bin/bash
target=$1${2:+-${2#*=}}
echo "$target${PROFILE:+ for $PROFILE}${DEVICE:+ for $DEVICE}" >> "$CALLS"
case "$1" in
    book) made="html executed failed" ;;
    records-keep) made=records ;;
    *) made=$1 ;;
esac
for folder in $made; do mkdir -p _build/$folder && touch _build/$folder/one; done
"""
GPU_RUNNER = "our-gpu"
TAG = "v0.1.0"
AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@example.org")


def toy_origin(folder: Path) -> Path:
    """A bare repository of the files here that are not ignored, but with another book.

    Its tag `TAG` is a release. Main is a commit later, and is tagged v9.9.9 by mistake.
    """
    all_files = _git(HOME, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    listed = [name for name in all_files.split("\0") if (HOME / name).is_file()]
    tree, origin = folder / "tree", folder / "origin.git"
    for name in listed:
        if name.startswith(BUT) or not name.startswith(LEFT_OUT):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(HOME / name, tree / name)
    record = min(listed, key=lambda name: (not name.startswith("results/images-overfit/"), name))
    for part in (Path(record), Path(record).with_suffix(".safetensors")):
        (tree / part).parent.mkdir(exist_ok=True)
        shutil.copy(HOME / part, tree / part)
    address = f"https://github.com/{REPOSITORY}"
    subprocess.run([tree / "scripts" / "address", address], check=True, capture_output=True)
    insert(tree / "anode_lab" / "experiments" / "profiles.py", SMALL)
    book = Book(Project(tree))
    book.page("index", "# Start\n")
    book.chapter("paper/one", RECORD)
    book.chapter("paper/two", WAIT)
    _git(tree, "init", "--quiet", "--initial-branch", "main")
    dev, notebook = anode.__version__, tree / "notebooks" / "one.ipynb"
    notebook.parent.mkdir()
    for old, new in ((dev, TAG.removeprefix("v")), (TAG.removeprefix("v"), dev)):
        insert(tree / "anode" / "__init__.py", f'"{new}"', at=f'"{old}"')
        cell = install_source(Project(tree).repository(), new)
        notebook.write_text(json.dumps(cell), encoding="utf8")
        _git(tree, "add", "--all")
        _git(tree, *AUTHOR, "commit", "--quiet", "--message", new)
        _git(tree, "tag", TAG if old == dev else "v9.9.9")
    _git(tree, "branch", "topic")
    _git(tree, "update-ref", "refs/pull/7/merge", "HEAD")
    _git(tree, "clone", "--quiet", "--mirror", str(tree), str(origin))
    return origin


def _git(folder: Path, *arguments: str) -> str:
    git = ["git", "-C", folder, *arguments]
    return subprocess.run(git, check=True, capture_output=True, text=True).stdout


def programs(folder: Path, **others: str) -> Path:
    """A folder of stand-ins; ``others`` are scripts by their names, "_" for a hyphen."""
    texts = {
        "python3": SYSTEM_PYTHON,
        "venv-python": PYTHON,
        "gh": GH,
    }
    texts |= {f"{GPU_RUNNER}/nvidia-smi": TOLD}
    texts |= dict.fromkeys(("mypy", "docker", "apt-get", "sudo", "wait-for-the-test"), TOLD)
    texts |= {name.replace("_", "-"): text for name, text in others.items()}
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.replace("$ALL", f"{folder.parent}/kept"), "utf8")
        (folder / name).chmod(0o755)
    return folder
