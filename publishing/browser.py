"""The site in Chromium: for the browser tests, and for pictures of whole pages to look at."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

THEMES = ("light", "dark")
WIDTHS = {"wide": 1300, "narrow": 375}
"""Widths of the window in pixels: a desktop's and a telephone's."""

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that asks another host gets no answer, on every machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
# Math, fonts and widgets come after the page; images that are below the window would never.
_SETTLE = """async () => {
    if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
    const views = 'script[type="application/vnd.jupyter.widget-view+json"]';
    const end = Date.now() + 20000;
    while (document.querySelector(views) && !document.querySelector('.widget-subarea > *')
        && Date.now() < end) await new Promise(wait => setTimeout(wait, 50));
    await document.fonts.ready;
    for (const image of document.images) image.loading = 'eager';
    const shown = [...document.images].filter(image => image.checkVisibility());
    await Promise.all(shown.map(image => image.decode().catch(() => null)));
    // Colours that are on their way from one theme to the other have neither's contrast.
    // Chromium does not always keep the promise of one that has finished.
    const moves = one => one.playState === 'running'
        && one.effect.getComputedTiming().endTime < Infinity;
    while (document.getAnimations().some(moves) && Date.now() < end)
        await new Promise(wait => setTimeout(wait, 50));
}"""


class BrowserError(RuntimeError):
    """Chromium, Playwright or the site is missing; the message says how to get it."""


@dataclass
class Visit:
    """An open page, and what happened while it was loaded.

    Attributes:
        page: Playwright's page.
        requests: Requested addresses on other hosts.
        failures: Requested addresses that failed.
        errors: Errors in the console, uncaught exceptions included.
    """

    page: "Page"
    requests: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def show(self, theme: str, width: int) -> None:
        """Show it to a reader who prefers ``theme``, and wait until nothing moves."""
        self.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.evaluate(_SETTLE)


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start the Chromium of this machine, or else Playwright's own, without a window.

    Raises:
        BrowserError: If Chromium or Playwright is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise BrowserError("Playwright is missing: pip install -e '.[test]'") from None
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        program = next(filter(None, map(shutil.which, (*_NAMES, own))), None)
        if program is None:
            raise BrowserError("Chromium is missing: sudo apt-get install chromium")
        browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield browser
        browser.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder to this machine alone; yield its address, which ends in a slash."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def visit(browser: "Browser", url: str, theme: str, width: int) -> Iterator[Visit]:
    """Open a page as a reader who prefers `theme` sees it, and wait until nothing moves."""
    context = browser.new_context(
        color_scheme="dark" if theme == "dark" else "light",
        viewport={"width": width, "height": 900},
    )
    seen = Visit(context.new_page())
    host = urlsplit(url).netloc

    def on_request(address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("data", "blob") and parts.netloc != host:
            seen.requests.append(address)

    page = seen.page
    page.on("request", lambda request: on_request(request.url))
    page.on("requestfailed", lambda request: seen.failures.append(request.url))
    page.on("response", lambda r: None if r.ok else seen.failures.append(f"{r.status} {r.url}"))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
    page.goto(url)
    page.evaluate(_SETTLE)
    yield seen
    context.close()


def screenshots(site: Path, folder: Path) -> list[Path]:
    """Take a picture of each page in both themes and widths, as ``NAME-THEME-WIDTH.png``.

    Raises:
        BrowserError: If the site has no page, and as `chromium`.
    """
    if not (pages := sorted((site / "book").rglob("*.html"))):
        raise BrowserError(f"there is no page of a site in {site}: 'make book' builds the site")
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    with chromium() as browser, served(site) as address:
        for path in pages:
            with visit(
                browser, f"{address}{path.relative_to(site).as_posix()}", "light", WIDTHS["wide"]
            ) as seen:
                for theme in THEMES:
                    for name, width in WIDTHS.items():
                        seen.show(theme, width)
                        made.append(folder / f"{path.stem}-{theme}-{name}.png")
                        seen.page.screenshot(path=made[-1], full_page=True)
    return made
