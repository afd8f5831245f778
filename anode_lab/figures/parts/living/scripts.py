"""Several modules of JavaScript as one text, for pages that may not load one from another."""

import re
from pathlib import Path

_HERE = Path(__file__).parent

NUMERICS = _HERE / "numerics.js"
"""The module with the field, the solver and its gradients."""

DRAWING = _HERE / "drawing.js"
"""The module that draws states, paths and the linear layer's boundary."""

_IMPORT = re.compile(r'^import \{[^}]*\} from "(\./|\.\./)[^"]*";\n', re.M)


def joined(*modules: Path) -> str:
    """Return the modules' text one after another, without their imports from each other.

    Args:
        modules: Files, each after those that it imports from.

    Raises:
        ValueError: If two modules give the same name to something of their own.
    """
    texts = [_IMPORT.sub("", module.read_text(encoding="utf8")) for module in modules]
    names = re.findall(r"^(?:export )?(?:const|let|function|class) (\w+)", "\n".join(texts), re.M)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"modules joined to one text share names: {', '.join(twice)}")
    return "\n".join(texts)
