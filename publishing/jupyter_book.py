"""Jupyter Book in a process of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from publishing.project import HOME

STRICT = ("-W", "-n", "--keep-going", "--quiet")
"""Options that make a warning an error, after all of them were printed."""


def jupyter_book(
    folder: Path, output: Path, *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Build a book.

    Args:
        folder: Sources of the book.
        output: Folder for what is built; emptied first, because Jupyter Book keeps old pages.
        options: Further options of ``jupyter-book build``.
        variables: Further environment variables.
    """
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    # jupyter_book cannot be run with -m.
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    command += ["build", str(folder), "--path-output", str(output), *options]
    return subprocess.run(
        command,
        cwd=folder,
        # The extensions of the book are imported from this checkout.
        env=os.environ | {"PYTHONPATH": str(HOME), "NO_COLOR": "1"} | variables,
        capture_output=True,
        encoding="utf8",
        errors="replace",
        check=False,
    )
