"""The living figure on the start page: a widget, and its picture where scripts are off."""

import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from nbformat import NotebookNode

from publishing.inspection import code_cells

MARKER = "% build-living"
"""Line of the start page that stands for the widget of the cell with the tag of the same name."""

TAG = "living"
"""Tag of two cells of a chapter: one shows a widget, the other draws its picture."""

WITHOUT_SCRIPTS = (
    "Scripts are off in this browser, so the figure stands still: it is the picture of the two "
    "trained flows, without the point to drag."
)

_VIEW = "application/vnd.jupyter.widget-view+json"
_STATE = "application/vnd.jupyter.widget-state+json"
_REFERENCE = re.compile(r"IPY_MODEL_(\w+)")
_PICTURE = re.compile(r'<img class="only-light" src="[./]*(_static/[^"]+)" alt="([^"]*)"([^>]*)>')


def for_start_page(notebook: NotebookNode, scripts: Iterable[str]) -> str:
    """Return the living figure of a chapter as Markdown for the start page; empty if it has none.

    Args:
        notebook: The executed chapter, its figures prepared by :func:`publishing.figures.prepare`.
        scripts: Files of the site that draw widgets, in the order in which they are loaded.
    """
    outputs = [
        output.get("data", {})
        for cell in code_cells(notebook)
        if TAG in cell.cell.metadata.get("tags", [])
        for output in cell.cell.outputs
    ]
    view = next((data[_VIEW] for data in outputs if _VIEW in data), None)
    if view is None:
        return ""
    state = notebook.metadata["widgets"][_STATE]
    needed = set(_reached(state["state"], view["model_id"]))
    models = {name: model for name, model in state["state"].items() if name in needed}
    parts = [
        f"<noscript>{_still(outputs)}<p>{html.escape(WITHOUT_SCRIPTS)}</p></noscript>",
        _script(_STATE, {**state, "state": models}),
        _script(_VIEW, view),
        *(f'<script src="../_static/{name}"></script>' for name in scripts),
    ]
    return "\n".join(["````{raw} html", '<div class="living">', *parts, "</div>", "````"])


def _reached(models: dict[str, Any], name: str) -> Iterator[str]:
    """Names of a widget's model and of all models that it refers to."""
    waiting, found = [name], set()
    while waiting:
        name = waiting.pop()
        if name in models and name not in found:
            found.add(name)
            yield name
            waiting += _REFERENCE.findall(json.dumps(models[name]))


def _still(outputs: Iterable[dict[str, Any]]) -> str:
    """The picture for a light page, which is what a page without scripts is."""
    for data in outputs:
        if found := _PICTURE.search(data.get("text/html", "")):
            return f'<img src="../{found[1]}" alt="{found[2]}"{found[3]}>'
    return ""


def _script(kind: str, content: object) -> str:
    # As it stands in a page's <script>, which the first "</script>" would end.
    text = json.dumps(content).replace("</", r"<\/")
    return f'<script type="{kind}">{text}</script>'
