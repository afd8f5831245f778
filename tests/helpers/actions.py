"""What stands in for the actions that the workflows use: folders for all that GitHub keeps."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.helpers.github import Runner


class ActionError(RuntimeError):
    """An action ended with an error."""


def _checkout(runner: "Runner", ref: str = "", fetch_depth: str = "1", **_: str) -> None:
    shutil.rmtree(runner.job.workspace)
    whole = fetch_depth == "0"
    runner.github.clone(ref or runner.run.event.ref, runner.job.workspace, whole=whole)


def _nothing(runner: "Runner", **_: str) -> None:
    pass


def _files(runner: "Runner", path: str) -> list[tuple[Path, str]]:
    """The files of a list of paths, and their names below what these have in common."""
    roots, found = [], []
    for line in path.split("\n"):
        if not (line := line.strip()):
            continue
        base = runner.home if line.startswith("~") else runner.job.workspace
        line = line.removeprefix("~/").rstrip("/")
        fixed = base.joinpath(*re.split(r"/?[^/]*[*?\[]", line)[0].split("/"))
        tops = list(base.glob(line))
        files = [p for top in tops for p in ([top] if top.is_file() else top.rglob("*"))]
        roots.append(fixed.parent if fixed.is_file() else fixed)
        found += [p for p in files if p.is_file()]
    common = Path(os.path.commonpath(roots))
    return [(p, p.relative_to(common).as_posix()) for p in dict.fromkeys(found)]


def _upload(
    runner: "Runner",
    path: str,
    name: str = "artifact",
    if_no_files_found: str = "warn",
    overwrite: str = "false",
    **_: str,
) -> dict[str, str]:
    folder = runner.run.artifacts / name
    if folder.exists() and overwrite != "true":
        raise ActionError(f"there is an artifact called {name} already")
    files = _files(runner, path)
    files = [(p, n) for p, n in files if not any(x.startswith(".") for x in n.split("/"))]
    if not files and if_no_files_found == "error":
        raise ActionError(f"no file is called {path}")
    if files:
        shutil.rmtree(folder, ignore_errors=True)
    for source, place in files:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / place)  # permissions are lost, too
    return {"artifact-id": name if files else ""}


def _download(
    runner: "Runner",
    name: str = "",
    pattern: str = "*",
    path: str = ".",
    merge_multiple: str = "false",
) -> None:
    there = runner.run.artifacts
    if name and not (there / name).is_dir():
        raise ActionError(f"there is no artifact called {name}")
    target = runner.job.workspace / path
    for one in there.glob(name or pattern):
        apart = not name and merge_multiple != "true"
        shutil.copytree(one, target / one.name if apart else target, dirs_exist_ok=True)
        runner.run.taken.add(one.name)


def _restore(
    runner: "Runner", path: str, key: str, restore_keys: str = "", **_: str
) -> dict[str, str]:
    saved = runner.github.caches
    prefixes = [key, *restore_keys.split("\n")]
    hits = [k for p in prefixes if p for k in reversed(saved) if k.startswith(p.strip())]
    hit = key if key in saved else next(iter(hits), "")
    if hit:
        for base in (runner.home, runner.job.workspace):
            if (saved[hit] / base.name).is_dir():
                shutil.copytree(saved[hit] / base.name, base, dirs_exist_ok=True)
    return {
        "cache-hit": str(hit == key).lower() if hit else "",
        "cache-matched-key": hit,
        "cache-primary-key": key,
    }


def _save(runner: "Runner", path: str, key: str, **_: str) -> None:
    if key in runner.github.caches:
        return
    folder = runner.github.new("cache")
    for line in filter(None, map(str.strip, path.split("\n"))):
        base = runner.home if line.startswith("~") else runner.job.workspace
        for source in base.glob(line.removeprefix("~/")):
            target = folder / base.name / source.relative_to(base)
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
    runner.github.caches[key] = folder


def _upload_pages(
    runner: "Runner", path: str = "_site/", name: str = "github-pages"
) -> dict[str, str]:
    return {"artifact_id": _upload(runner, path, name, "error")["artifact-id"]}


def _deploy_pages(runner: "Runner", artifact_name: str = "github-pages") -> dict[str, str]:
    shutil.rmtree(runner.github.folder / "pages", ignore_errors=True)
    _download(runner, artifact_name, path=str(runner.github.folder / "pages"))
    return {"page_url": "https://owner.github.io/book/"}


def _pypi(runner: "Runner", packages_dir: str = "dist", **_: str) -> None:
    shutil.copytree(runner.job.workspace / packages_dir, runner.github.folder / "pypi")


ACTIONS: dict[str, tuple[Callable[..., dict[str, Any] | None], str]] = {
    "actions/checkout": (_checkout, "persist-credentials ref fetch-depth fetch-tags"),
    "actions/setup-python": (_nothing, "python-version cache cache-dependency-path"),
    "actions/cache/restore": (_restore, "path key restore-keys"),
    "actions/cache/save": (_save, "path key"),
    "actions/upload-artifact": (
        _upload,
        "name path if-no-files-found overwrite",
    ),
    "actions/download-artifact": (_download, "name pattern path merge-multiple"),
    "actions/upload-pages-artifact": (_upload_pages, "path name"),
    "actions/deploy-pages": (_deploy_pages, "artifact_name"),
    "pypa/gh-action-pypi-publish": (_pypi, "packages-dir attestations"),
}
"""What stands in for each action, and the inputs that it knows."""
