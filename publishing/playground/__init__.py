"""The playground: a Neural ODE and an Augmented one that train in the reader's browser.

The scripts of this folder are modules, so that node can test them. A page gets them as one script,
which runs from a file as well as from a server, and which is also the text of its workers.
"""

import html
import json
from pathlib import Path

from anode_lab.figures.parts.living.scripts import DRAWING, NUMERICS, joined
from anode_lab.figures.style import palette, theme_colours

FOLDER = Path(__file__).parent

MARKER = "% build-playground"
"""Line of a page that stands for the playground."""

SMALL = "% build-small-playground"
"""Line that stands for a playground without its settings, with the annulus ready to run."""

SCRIPT, STYLE = "playground.js", "playground.css"
"""Files of the site."""

WITHOUT_SCRIPTS = (
    "Scripts are off in this browser, so nothing can train here. The picture shows both networks "
    "after 600 steps: a Neural ODE, and one with a zero appended."
)

STILL = "playground.webp"
"""Picture of it, in the site's folder of what pages load; ``make picture`` takes it."""

_ALT = (
    "Two networks after 600 steps, NODE left and ANODE right. Above, the plane of inputs coloured "
    "by the output: the NODE's region of the ball has a spike, at whose end a point of the annulus "
    "is marked that it gets wrong; the ANODE's is round. Below, the paths of the data, in the "
    "plane and in space, to where a line or a plane separates them."
)
_MODULES = ("random", "data", "settings", "training", "witness", "worker", "snippet", "page")


def script() -> str:
    """Return the whole script: in a page it opens the playgrounds, in a worker it trains."""
    modules = joined(NUMERICS, DRAWING, *(FOLDER / f"{name}.js" for name in _MODULES))
    plain = modules.replace("\nexport ", "\n").removeprefix("export ")
    return (
        '(function playground() {\n"use strict";\n'
        f"{plain}\n"
        'if (typeof document === "undefined") serve(self);\n'
        "else start(`(${playground})()`);\n})();\n"
    )


def write(folder: Path) -> None:
    """Write the script and the style into the folder of what pages load."""
    (folder / SCRIPT).write_text(script(), encoding="utf8")
    (folder / STYLE).write_bytes((FOLDER / STYLE).read_bytes())


def block(*, small: bool = False) -> str:
    """Return the playground as Markdown, with a picture for browsers without scripts."""
    right = {"light": palette.anode, "dark": palette.anode_small}
    colours = {
        theme: each | {"left": palette.node, "right": right[theme]}
        for theme, each in theme_colours().items()
    }
    held = html.escape(json.dumps(colours))
    size = " data-small" if small else ""
    still = f'<img src="../_static/{STILL}" alt="{_ALT}">'
    parts = [
        f'<link rel="stylesheet" href="../_static/{STYLE}">',
        f'<div class="anode-playground"{size} data-colours="{held}"></div>',
        f"<noscript>{still}<p>{WITHOUT_SCRIPTS}</p></noscript>",
        f'<script src="../_static/{SCRIPT}"></script>',
    ]
    return "\n".join(["````{raw} html", *parts, "````"])


def texts() -> dict[str, str]:
    """Return what stands for each marker line."""
    return {MARKER: block(), SMALL: block(small=True)}
