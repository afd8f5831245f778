"""A chapter's kernel sees nothing of the user's own settings."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

from publishing.kernel import kernel_environment


def test_the_users_settings_are_not_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "matplotlibrc").write_text("axes.grid: True\n", encoding="utf8")
    monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path))
    for name in ("PYTHONWARNINGS", "PYTHONIOENCODING", "MPLBACKEND"):
        monkeypatch.setenv(name, "ascii")
    found = kernel_environment(tmp_path / "jupyter", 1, tmp_path / "store")
    assert not {"PYTHONWARNINGS", "PYTHONIOENCODING", "MPLBACKEND"} & found.keys()
    assert found["PATH"] == os.environ["PATH"]
    code = "import matplotlib, sys; print(matplotlib.matplotlib_fname(), sys.stdout.encoding)"
    command = [sys.executable, "-c", code]
    (empty := tmp_path / "empty").mkdir()
    seen = subprocess.run(
        command, env=found | {"LC_ALL": "C"}, cwd=empty, capture_output=True, text=True, check=True
    )
    assert seen.stdout.split() == [str(Path(mpl.get_data_path()) / "matplotlibrc"), "utf-8"]
