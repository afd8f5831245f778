"""Figures of an executed chapter, made ready for a light and a dark page."""

import base64
import html
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from PIL import Image

from publishing import records
from publishing.inspection import CodeCell, code_cells

LIGHT = "image/png"
DARK = "application/vnd.anode.dark+png"


class FigureError(RuntimeError):
    """A figure lacks what every published figure has; the message names cell and lack."""


@dataclass(frozen=True)
class FigureFiles:
    """Where the images of one page go.

    Attributes:
        folder: of the files.
        url: of that folder, as seen from the page.
    """

    folder: Path
    url: str


def prepare(notebook: NotebookNode, page: str, files: FigureFiles, provenance: str) -> None:
    """Check the figures of a chapter and rewrite them in place.

    An image that has a dark variant becomes two ``<img>``, of which the page's theme shows one, in
    files of their own. Each caption gets a second paragraph: what made the figure.

    Raises:
        FigureError: if a figure has no alternative text, or a figure's cell drew nothing.
    """
    for cell in code_cells(notebook):
        alt = str(cell.cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")).strip()
        images = [o for o in cell.cell.outputs if LIGHT in o.get("data", {})]
        if (images or cell.figure) and not alt:
            raise FigureError(
                f"{page}: code cell {cell.number} shows a figure without alternative text "
                "(mystnb: image: alt)"
            )
        if cell.figure is not None:
            if not cell.drew:
                raise FigureError(
                    f"{page}: code cell {cell.number} should draw a figure, but did not"
                )
            caption = str(cell.figure.get("caption", "")).strip()
            cell.figure["caption"] = f"{caption}\n\n{provenance}"
        for index, output in enumerate(images):
            if DARK in output.data:
                stem = f"{page}-{_figure_name(cell)}" + (f"-{index}" if index else "")
                _split_themes(output, stem, alt, files)


def _figure_name(cell: CodeCell) -> str:
    name = cell.figure.get("name") if cell.figure else None
    name = str(name or f"cell-{cell.number}")
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)


def _smaller(png: bytes) -> bytes:
    """The same pixels in less than half of the bytes."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.save(buffer, format="WEBP", lossless=True, exact=True)
    return buffer.getvalue()


def _split_themes(output: Any, stem: str, alt: str, files: FigureFiles) -> None:
    size = output.metadata.get(LIGHT, {})
    attributes = "".join(f' {side}="{size[side]}"' for side in ("width", "height") if side in size)
    tags = []
    for theme, mime in (("light", LIGHT), ("dark", DARK)):
        name = f"{stem}-{theme}.webp"
        records.write(files.folder / name, _smaller(base64.b64decode(output.data[mime])))
        tags.append(
            f'<img class="only-{theme}" src="{files.url}/{name}" alt="{html.escape(alt)}"'
            f'{attributes} loading="lazy">'
        )
    output.data = {"text/html": f'<div class="themed-figure">\n{"".join(tags)}\n</div>'}
    output.metadata = {}
