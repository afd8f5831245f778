"""The figures of the book: a module for each chapter, with the chapter's name.

A figure is a function of results, decorated by :func:`~anode_lab.figures.style.picture`. What
several chapters share is in ``parts``. A notebook gets a figure as the MIME types below, beside
``image/png`` for a light page.
"""

DARK_PNG = "application/vnd.anode.dark+png"
LIGHT_SVG = "application/vnd.anode.light+svg"
DARK_SVG = "application/vnd.anode.dark+svg"
