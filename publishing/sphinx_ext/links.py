"""Sphinx extension: each page's buttons lead to its sources, and nothing asks another host.

Pages are built from executed notebooks that no repository holds, so the theme's links miss: the
edit button belongs to ``book/NAME.md`` and the Colab button to ``notebooks/NAME.ipynb``.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config

from publishing.pdf import BOOK, FOLDER

# After the theme's own handlers (501), which make the buttons.
_AFTER_THEME = 900
PDF_VARIABLE = "ANODE_BOOK_PDF"
"""Environment variable: 1 if the site gets a PDF of each page."""

# The staged notebooks show their figures through the site's files, so they are no good alone.
_PRINT = "download-pdf-button"
_UNWANTED = ("download-source-button", "download-notebook-button")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("config-inited", _name_site)
    app.connect("config-inited", drop_thebe)
    app.connect("html-page-context", _correct_page, priority=_AFTER_THEME)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def site_address(config: Config) -> str:
    """Return the site's address, which follows from the repository's, with a slash at its end."""
    url = config.html_theme_options["repository_url"]
    owner, name = urlsplit(url).path.strip("/").split("/")
    return f"https://{owner}.github.io/{name}/"


def _name_site(app: Sphinx, config: Config) -> None:
    config["html_baseurl"] = config["ogp_site_url"] = site_address(config)


def drop_thebe(app: Sphinx, config: Config) -> None:
    """Disconnect sphinx_thebe, which Jupyter Book always loads and which runs code elsewhere."""
    for listeners in app.events.listeners.values():
        for listener in listeners.copy():
            if listener.handler.__module__ == "sphinx_thebe":
                app.disconnect(listener.id)
    files = app.registry.css_files
    app.registry.css_files = [file for file in files if file[0] != "sphinx-thebe.css"]


def _correct_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    # The general index and the search page have no source.
    is_page = pagename in app.env.found_docs
    is_chapter = is_page and Path(app.env.doc2path(pagename)).suffix == ".ipynb"
    printed = is_page and os.environ.get(PDF_VARIABLE) == "1"
    buttons = context.get("header_buttons", [])
    context["header_buttons"] = list(_correct(buttons, pagename, is_chapter, printed))


def _correct(
    buttons: list[dict[str, Any]], page: str, is_chapter: bool, printed: bool
) -> Iterator[dict[str, Any]]:
    name = Path(page).name
    for button in buttons:
        url = str(button.get("url", ""))
        if button["type"] == "group":
            children = list(_correct(button["buttons"], page, is_chapter, printed))
            if children:
                yield button | {"buttons": children}
        elif button.get("label") in _UNWANTED:
            continue
        elif button.get("label") == _PRINT and printed:
            for file, text, tooltip in (
                (name, "this page", "PDF of this page"),
                (BOOK, "the book", "PDF of the whole book"),
            ):
                url = f"{'../' * page.count('/')}{FOLDER}/{file}.pdf"
                link = {"url": url, "text": text, "tooltip": tooltip}
                yield {"type": "link", "icon": button["icon"], "label": f"pdf-{file}"} | link
        elif "colab.research.google.com" in url:
            if is_chapter:
                root = url.removesuffix(f"{page}.ipynb")
                yield button | {"url": f"{root}notebooks/{name}.ipynb"}
        elif "/edit/" in url:
            yield button | {"url": url.removesuffix(".ipynb").removesuffix(".md") + ".md"}
        else:
            yield button
