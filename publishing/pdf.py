"""The pages as PDF, and the whole book as one, printed by Chromium from the site."""

from collections.abc import Sequence
from pathlib import Path

from publishing.browser import chromium, served, visit

FOLDER = "pdf"
"""Folder of the PDFs in the site."""

BOOK = "augmented-neural-odes-book"
"""Name of the file with all pages, without a suffix."""

_WIDTH = 1000  # of the window in pixels, before it is scaled to the paper
_FOOTER = (
    '<div style="font-size: 8px; width: 100%; text-align: center">'
    '<span class="pageNumber"></span> / <span class="totalPages"></span></div>'
)
# On paper nothing unfolds: solutions and outputs are printed, and book.css leaves out folded code.
_UNFOLD = """() => {
    for (const details of document.querySelectorAll('details')) details.open = true;
    for (const toggle of document.querySelectorAll('.toggle-hidden')) {
        toggle.classList.remove('toggle-hidden');
    }
}"""


def pdfs(site: Path, pages: Sequence[Path]) -> list[Path]:
    """Print pages of a site, and all of them as one document.

    Args:
        site: Folder of the site; the PDFs are put into ``pdf/``.
        pages: Pages relative to it, such as ``book/paper/NAME.html``, in the order of the book.

    Returns:
        Paths of the PDFs; that of the whole book is the last.

    Raises:
        BrowserError: If Chromium or Playwright is missing.
    """
    from pypdf import PdfWriter

    folder = site / FOLDER
    folder.mkdir(exist_ok=True)
    made, titles = [], []
    with chromium() as browser, served(site) as address:
        for path in pages:
            target = folder / f"{path.stem}.pdf"
            with visit(browser, f"{address}{path.as_posix()}", "light", _WIDTH) as seen:
                page = seen.page
                page.evaluate(_UNFOLD)
                page.emulate_media(media="print")
                page.pdf(
                    path=target,
                    format="A4",
                    scale=0.8,
                    margin={"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"},
                    print_background=True,
                    display_header_footer=True,
                    header_template="<span></span>",
                    footer_template=_FOOTER,
                    outline=True,
                    tagged=True,
                )
                titles.append(page.locator("article h1").first.inner_text().rstrip("#¶ \n"))
            made.append(target)
    whole = PdfWriter()
    for path, title in zip(made, titles, strict=True):
        whole.append(path, outline_item=title)
    whole.add_metadata({"/Title": titles[0] if titles else ""})
    book = folder / f"{BOOK}.pdf"
    whole.write(book)
    return [*made, book]
