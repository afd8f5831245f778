"""The playground on a page of its own: for tests, and for the still picture of it."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from publishing import playground, records

if TYPE_CHECKING:
    from playwright.sync_api import Browser

STEPS = 600
"""Steps of training before the picture: the NODE's evaluations have begun to grow."""

_WIDTH = 800
_THEME = """
html { --pst-color-surface: #f3f4f5; --pst-color-text-muted: #48566b;
  --pst-color-text-base: #222832; --pst-color-background: #fff; --pst-color-border: #c9c9c9; }
html[data-theme="dark"] { --pst-color-surface: #29313d; --pst-color-text-muted: #9ca4af;
  --pst-color-text-base: #ced6dd; --pst-color-background: #14181e; --pst-color-border: #48566b; }
body { background: var(--pst-color-background); color: var(--pst-color-text-base);
  font-family: sans-serif; }
img { max-width: 100%; }
a { color: inherit; }
"""
_TRAIN = "steps => document.querySelector('.anode-playground').playground.advance(steps)"


def write_page(path: Path, *, small: bool = False) -> None:
    """Write a page with the playground and a link to its settings, for a folder of a site.

    What it loads is in the folder ``_static`` beside the page's own folder.
    """
    body = "\n".join(playground.block(small=small).splitlines()[1:-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Playground</title>'
        f"<style>{_THEME}</style><body><main><h1>Playground</h1>"
        f'<a href="#data=line">line</a>{body}</main></body></html>',
        encoding="utf8",
    )


def write_still(chromium: "Browser", file: Path, folder: Path, steps: int = STEPS) -> None:
    """Train in a page and write a picture of both networks.

    Args:
        chromium: The browser.
        file: The picture, in the format WebP.
        folder: An empty folder for the page.
        steps: Number of steps of training.
    """
    (folder / "_static").mkdir()
    playground.write(folder / "_static")
    page = folder / "book" / "playground.html"
    write_page(page)
    context = chromium.new_context(viewport={"width": _WIDTH, "height": 900}, device_scale_factor=2)
    seen = context.new_page()
    seen.goto(page.as_uri())
    seen.wait_for_selector(".anode-playground[data-steps]")
    seen.evaluate(_TRAIN, steps)
    seen.add_style_tag(content=".bar { display: none !important; }")
    png = seen.locator(".anode-playground .panels").first.screenshot()
    context.close()
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").save(buffer, format="WEBP", quality=85)
    records.write(file, buffer.getvalue())
