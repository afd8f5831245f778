"""The environment that a chapter's kernel runs in: this Python, and nothing of the user's own."""

import json
import os
import sys
from pathlib import Path

import matplotlib

from anode_lab.runs import STORE_VARIABLE

KERNEL = "python3"

_NOT_PASSED_ON = (
    "MPLBACKEND",
    "PYTHONINSPECT",
    "PYTHONIOENCODING",
    "PYTHONOPTIMIZE",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
)
"""Variables of the user's environment that would change what a chapter shows."""


def kernel_environment(folder: Path, threads: int, results: Path) -> dict[str, str]:
    """Make the environment variables of papermill.

    A kernel called ``python3`` may be installed for the whole machine and start another Python, so
    the kernel written here takes precedence. The user's startup files and settings are not read.

    Args:
        folder: Folder that the kernel's description is written to.
        threads: Number of threads for numerical libraries.
        results: Folder in which chapters keep the models that they train, and find those of others.
    """
    spec = folder / "kernels" / KERNEL
    spec.mkdir(parents=True)
    description = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3",
        "language": "python",
    }
    (spec / "kernel.json").write_text(json.dumps(description))
    count = str(threads)
    passed_on = {name: text for name, text in os.environ.items() if name not in _NOT_PASSED_ON}
    return passed_on | {
        "JUPYTER_PATH": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        STORE_VARIABLE: str(results),
        "MATPLOTLIBRC": matplotlib.get_data_path(),  # its own defaults, and not the user's
        "PYTHONUTF8": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONHASHSEED": "0",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
    }
