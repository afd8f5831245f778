"""Figures of an executed chapter, made ready for a light and a dark page."""

import base64
import gzip
import html
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from PIL import Image

from anode_lab.figures import DARK_PNG, DARK_SVG, LIGHT_SVG
from publishing import records
from publishing.inspection import CodeCell, code_cells

LIGHT = "image/png"
DRAWINGS = {"light": LIGHT_SVG, "dark": DARK_SVG}
"""Theme -> MIME type of the figure as lines and text, if there are not too many."""


class FigureError(RuntimeError):
    """A figure lacks what every published figure has; the message names cell and lack."""


@dataclass(frozen=True)
class FigureFiles:
    """Where the images of one page go.

    Attributes:
        folder: Folder of the files.
        url: Address of the folder, relative to the page.
    """

    folder: Path
    url: str


def prepare(notebook: NotebookNode, page: str, files: FigureFiles, provenance: str) -> None:
    """Check the figures of a chapter and rewrite them in place.

    An image that has a dark variant becomes two ``<img>``, of which the page's theme shows one, in
    files of their own: SVG where that is sent in no more bytes than the pixels, else WebP. Each
    caption gets a second paragraph: what made the figure.

    Raises:
        FigureError: If a figure has no alternative text, or a figure's cell drew nothing.
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
            if DARK_PNG in output.data:
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
    pictures = {
        theme: _smaller(base64.b64decode(output.data[mime]))
        for theme, mime in (("light", LIGHT), ("dark", DARK_PNG))
    }
    drawings = {
        theme: output.data[mime].encode() for theme, mime in DRAWINGS.items() if mime in output.data
    }
    kind = "svg" if _gain(drawings, pictures) else "webp"
    tags = []
    for theme, content in (drawings if kind == "svg" else pictures).items():
        name = f"{stem}-{theme}.{kind}"
        records.write(files.folder / name, content)
        tags.append(
            f'<img class="only-{theme}" src="{files.url}/{name}" alt="{html.escape(alt)}"'
            f'{attributes} loading="lazy">'
        )
    output.data = {"text/html": f'<div class="themed-figure">\n{"".join(tags)}\n</div>'}
    output.metadata = {}


def _gain(drawings: Mapping[str, bytes], pictures: Mapping[str, bytes]) -> bool:
    """Whether the drawings, which are sharp at every size, are sent in no more bytes."""
    sent = [len(gzip.compress(drawing, mtime=0)) for drawing in drawings.values()]
    return len(sent) == len(pictures) and sum(sent) <= sum(map(len, pictures.values()))
