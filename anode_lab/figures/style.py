"""The look of every figure: one style, drawn once for a light page and once for a dark one."""

import base64
import functools
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

DARK_PNG = "application/vnd.anode.dark+png"
"""MIME type of the dark variant of a figure, beside ``image/png`` for the light one."""

LIGHT_SVG = "application/vnd.anode.light+svg"
DARK_SVG = "application/vnd.anode.dark+svg"
"""MIME types of a figure's two drawings as lines and text, where they are small enough."""

_LARGEST_SVG = 400_000
"""Bytes; what has more has thousands of points, and is no sharper for it."""

DPI = 144
_INK = {"light": "#1f2328", "dark": "#d6dae0"}
_GRID = {"light": "#d0d4da", "dark": "#3a414a"}
_PAGE = {"light": "#ffffff", "dark": "#14181e"}

Draw = ParamSpec("Draw")


@dataclass(frozen=True)
class Palette:
    """Colours that colour-blind readers tell apart, on white and near-black (Okabe and Ito 2008).

    A model or a class has the same colour in every figure of the book.
    """

    node: str = "#d55e00"
    anode: str = "#0072b2"
    anode_small: str = "#56b4e9"
    resnet: str = "#009e73"
    inner: str = "#3b8ede"
    outer: str = "#e0672b"
    accent: str = "#cc79a7"
    muted: str = "#8b929b"

    def ink(self) -> str:
        """The colour of text and lines in the theme that is being drawn."""
        return str(mpl.rcParams["text.color"])

    def model(self, label: str) -> str:
        """The colour of a model by its label in the experiments.

        What follows a comma, as in "p = 0, weight decay", changes the line and not the colour,
        except that a wider model, as in "p = 0, as large as p = 5", is another model.
        """
        colours = {
            "NODE": self.node,
            "p = 0": self.node,
            "p = 0, as large": self.muted,
            "ANODE (p = 1)": self.anode_small,
            "p = 1": self.anode_small,
            "p = 2": "#6f8cf5",
            "ANODE (p = 5)": self.anode,
            "p = 5": self.anode,
            "p = 10": "#5a32e6",
            "p = 100": "#a3256f",
            "ResNet": self.resnet,
        }
        name = _line(label)
        return colours.get(name if name in colours else name.partition(",")[0], self.accent)

    def line_style(self, label: str) -> Any:
        """A dash pattern by label, so that no curve is told by its colour alone.

        It is what matplotlib takes as ``linestyle``: a name, or for models on images a tuple, which
        does not go into a format such as ``"o--"``.
        """
        return _LINES.get(_line(label), "--")

    def marker(self, label: str) -> str:
        """A marker by label, so that no point is told by its colour alone."""
        return _MARKERS.get(_line(label), "s")


_LINES: dict[str, Any] = {
    "NODE": "-",
    "p = 0": "-",
    "ANODE (p = 1)": ":",
    "p = 1": ":",
    "p = 2": (0, (4, 1.2, 1, 1.2, 1, 1.2)),
    "p = 10": "-.",
    "p = 100": (0, (5, 1)),
    "p = 0, as large": (0, (1, 3)),
    "p = 0, weight decay": (0, (2, 1)),
    "p = 5, weight decay": (0, (6, 1, 2, 1)),
    "ResNet": "-.",
}
_MARKERS = {
    "NODE": "o",
    "p = 0": "o",
    "p = 1": "v",
    "ANODE (p = 1)": "v",
    "p = 2": "D",
    "p = 10": "^",
    "p = 100": "P",
    "p = 0, as large": "X",
    "p = 0, weight decay": "*",
    "p = 5, weight decay": "d",
}


def _line(label: str) -> str:
    """The part of a label that decides its dashes and its marker."""
    return label.removesuffix(", softplus").partition(" as p =")[0]


palette = Palette()


def theme_colours() -> dict[str, dict[str, str]]:
    """Of text, lines and the two classes, for pages that draw themselves; theme -> name -> CSS."""
    classes = {"inner": palette.inner, "outer": palette.outer}
    return {
        theme: {"ink": _INK[theme], "grid": _GRID[theme], "page": _PAGE[theme]} | classes
        for theme in ("light", "dark")
    }


def _style(theme: str) -> Any:
    """Matplotlib's parameters for a theme; their own type is a list of all their names."""
    ink = _INK[theme]
    return {
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "savefig.dpi": DPI,
        "svg.fonttype": "path",
        "svg.hashsalt": "anode",  # the same names each time
        "figure.dpi": DPI,
        "font.size": 10,
        "axes.titlesize": 10.5,
        "axes.labelsize": 10,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "legend.fontsize": 9,
        "legend.frameon": False,
        "text.color": ink,
        "axes.edgecolor": ink,
        "axes.labelcolor": ink,
        "axes.titlecolor": ink,
        "xtick.color": ink,
        "ytick.color": ink,
        "grid.color": _GRID[theme],
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }


@dataclass(frozen=True)
class Picture:
    """A figure that can be drawn for either theme; notebooks show it by itself."""

    draw: Callable[[], Figure]

    def light(self) -> Figure:
        """The figure for a light page."""
        return self._draw("light")

    def dark(self) -> Figure:
        """The figure for a dark page."""
        return self._draw("dark")

    def png(self, *, dark: bool = False) -> bytes:
        """The figure as a PNG with a transparent background (white for the light theme)."""
        return self._png(self.dark(), "dark") if dark else self._png(self.light(), "light")

    def svg(self, *, dark: bool = False) -> str:
        """The figure as SVG, its text as outlines so that it looks the same everywhere."""
        return self._svg(self.dark(), "dark") if dark else self._svg(self.light(), "light")

    def _png(self, figure: Figure, theme: str) -> bytes:
        buffer = io.BytesIO()
        _save(figure, theme, buffer, format="png")
        return buffer.getvalue()

    def _svg(self, figure: Figure, theme: str) -> str:
        buffer = io.StringIO()
        _save(figure, theme, buffer, format="svg", metadata={"Date": None, "Creator": None})
        return buffer.getvalue()

    def _draw(self, theme: str) -> Figure:
        before = plt.get_fignums()
        try:
            with mpl.rc_context(_style(theme)):
                return self.draw()
        finally:  # a drawing that failed leaves its figure open as well
            for number in set(plt.get_fignums()) - set(before):
                plt.close(number)

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        light, dark = self.light(), self.dark()
        width, height = (int(inches * 100) for inches in light.get_size_inches())
        bundle = {
            "image/png": base64.b64encode(self._png(light, "light")).decode(),
            DARK_PNG: base64.b64encode(self._png(dark, "dark")).decode(),
            "text/plain": "<Picture>",
        }
        drawings = {LIGHT_SVG: self._svg(light, "light"), DARK_SVG: self._svg(dark, "dark")}
        if max(map(len, drawings.values())) <= _LARGEST_SVG:
            bundle |= drawings
        return bundle, {"image/png": {"width": width, "height": height}}


def _save(figure: Figure, theme: str, target: IO[Any], **options: Any) -> None:
    with mpl.rc_context(_style(theme)):
        # White, so that the light figure can be read wherever it is taken.
        figure.savefig(target, facecolor="none" if theme == "dark" else "white", **options)


def picture(function: Callable[Draw, Figure]) -> Callable[Draw, Picture]:
    """Turn a function that draws a matplotlib figure into one that returns a :class:`Picture`.

    The function is called once a theme and must draw the same each time: it takes results, and
    sets no colour of text or axes itself.
    """

    @functools.wraps(function)
    def wrapped(*args: Draw.args, **kwargs: Draw.kwargs) -> Picture:
        return Picture(lambda: function(*args, **kwargs))

    return wrapped


def legend_below(fig: Figure, handles: Sequence[Artist], title: str | None = None) -> None:
    """One legend under all panels, in as few rows as its labels need.

    Args:
        fig: with the layout "constrained".
        handles: each with a label.
        title: above it.
    """
    longest = max(len(str(handle.get_label())) for handle in handles)
    letters = 15 * fig.get_figwidth() - 3  # of 9 points, that fit into the width
    # A line's sample and the gap beside it take as much room as eight letters.
    across = max(1, min(len(handles), int(letters / (longest + 8))))
    rows = -(-len(handles) // across)
    fig.legend(
        handles=handles, title=title, loc="outside lower center", ncols=-(-len(handles) // rows)
    )


def plain_numbers(axis: Axis) -> None:
    """Labels 2, 1, 0.5 on a logarithmic axis that may be shorter than a power of ten."""
    low, high = sorted(axis.get_view_interval())
    few = (1,) if high > 100 * low else (1, 2, 5) if high > 7 * low else (1, 2, 3, 4, 5, 7)
    even = high < 2 * low  # so short that it is as good as linear
    axis.set_major_locator(MaxNLocator(nbins=5) if even else LogLocator(subs=few))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
