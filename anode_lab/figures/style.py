"""The look of every figure: one style, drawn once for a light page and once for a dark one."""

import base64
import functools
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import log
from pathlib import Path
from typing import IO, Any, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from anode import Method
from anode_lab.experiments import EXPERIMENTS, ModelSpec
from anode_lab.figures import DARK_PNG, DARK_SVG, LIGHT_SVG

_LARGEST_SVG = 400_000
"""Bytes. A larger drawing has thousands of points and is no sharper than its pixels."""

DPI = 144
_INK = {"light": "#1f2328", "dark": "#d6dae0"}
_GRID = {"light": "#d0d4da", "dark": "#3a414a"}
_PAGE = {"light": "#ffffff", "dark": "#14181e"}

Draw = ParamSpec("Draw")

Style = dict[str, Any]
"""Keyword arguments of a matplotlib call."""


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
    on_map: str = _INK["light"]  # lines on a map, whose colours are the same in both themes

    def ink(self) -> str:
        """Return the colour of text and lines in the theme that is being drawn."""
        return str(mpl.rcParams["text.color"])


palette = Palette()


@dataclass(frozen=True)
class Look:
    """How a model is drawn: no curve and no point is told by its colour alone.

    Attributes:
        colour: Colour of its lines and points.
        line: Dash pattern, as matplotlib takes it for ``linestyle``: a name or a tuple. A tuple
            does not go into a format such as ``"o--"``.
        marker: Marker of its points.
    """

    colour: str
    line: Any
    marker: str


DEFAULT_LOOK = Look(palette.accent, "--", "s")
"""Look of a model of another kind than the paper's."""

_RESNET = Look(palette.resnet, "-.", "s")
_BY_DIM = {
    0: Look(palette.node, "-", "o"),
    1: Look(palette.anode_small, ":", "v"),
    2: Look("#6f8cf5", (0, (4, 1.2, 1, 1.2, 1, 1.2)), "D"),
    5: Look(palette.anode, "--", "s"),
    10: Look("#5a32e6", "-.", "^"),
    100: Look("#a3256f", (0, (5, 1)), "P"),
}
"""Looks of Neural ODEs by their augmentation dimension p."""
_ONE_STEP = Look(palette.resnet, (0, (3, 1, 1, 1)), "h")
"""Look of a field with one Euler step, which is a residual block."""
_AS_LARGE = Look(palette.muted, (0, (1, 3)), "X")
_DECAYED: dict[int, dict[str, Any]] = {
    0: {"line": (0, (2, 1)), "marker": "*"},
    5: {"line": (0, (6, 1, 2, 1)), "marker": "d"},
}
"""What weight decay changes in a look, by p: the colour stays."""


def look_of(model: ModelSpec | str) -> Look:
    """Return how a model is drawn, which follows from its architecture and its training.

    Args:
        model: A model of an experiment, or the label of one in the book's experiments. Any other
            label, and a model of another kind, have :data:`DEFAULT_LOOK`.
    """
    if isinstance(model, str):
        known = (spec for each in EXPERIMENTS.values() for spec in each.models)
        found = next((spec for spec in known if spec.label == model), None)
    else:
        found = model
    if found is None or found.model not in ("ResNet", "NeuralODE"):
        return DEFAULT_LOOK
    if found.model == "ResNet":
        return _RESNET
    if found.as_large_as is not None:
        return _AS_LARGE
    if getattr(found.options.get("solver"), "method", None) is Method.EULER:
        return _ONE_STEP
    dim = found.options.get("augment_dim", 0)
    look = _nearest(_BY_DIM, dim)
    return replace(look, **_nearest(_DECAYED, dim)) if found.weight_decay else look


def _nearest(table: Mapping[int, Any], dim: int) -> Any:
    """Return the entry of the nearest dimension, on a logarithmic scale; only 0 is near to 0."""
    close = [0] if dim == 0 else [each for each in table if each]
    return table[min(close, key=lambda each: abs(log(each) - log(dim)) if each else 0)]


OUTPUT_LIMIT = 1.5
"""Outputs beyond are drawn in one dark colour: no value between or near the targets."""

OUTPUT_MAP = LinearSegmentedColormap.from_list(
    "output",
    [
        (0, "#1d5c9c"),  # -1.5
        (1 / 6, palette.inner),  # -1
        (1 / 2, "#f7f7f7"),
        (5 / 6, palette.outer),  # 1
        (1, "#9c420f"),
    ],
).with_extremes(under="#0a2440", over="#401a05", bad=palette.muted)
"""Colours of outputs from -1.5 to 1.5, between those of the two classes."""


def theme_colours() -> dict[str, dict[str, str]]:
    """Return theme -> name -> CSS colour of text, lines and the two classes, for live figures."""
    classes = {"inner": palette.inner, "outer": palette.outer}
    return {
        theme: {"ink": _INK[theme], "grid": _GRID[theme], "page": _PAGE[theme]} | classes
        for theme in ("light", "dark")
    }


def _style(theme: str) -> Any:
    """Return matplotlib's parameters for a theme; their own type is a list of all their names."""
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


@contextmanager
def _styled(theme: str) -> Iterator[None]:
    """Draw in a theme, upon matplotlib's defaults: what a user has set does not reach a figure."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_style(theme))
        yield


@dataclass(frozen=True)
class Picture:
    """A figure that can be drawn for either theme. Notebooks show it in both.

    Attributes:
        draw: Function that draws the figure in the current style.
    """

    draw: Callable[[], Figure]

    def light(self) -> Figure:
        """Draw the figure for a light page."""
        return self._draw("light")

    def dark(self) -> Figure:
        """Draw the figure for a dark page."""
        return self._draw("dark")

    def png(self, *, dark: bool = False) -> bytes:
        """Return the figure as a PNG: transparent for a dark page, on white for a light one."""
        return _png(self.dark(), "dark") if dark else _png(self.light(), "light")

    def svg(self, *, dark: bool = False) -> str:
        """Return the figure as SVG, its text as outlines so that it looks the same everywhere."""
        return _svg(self.dark(), "dark") if dark else _svg(self.light(), "light")

    def savefig(self, path: Path | str, *, dark: bool = False) -> None:
        """Write the figure to a file, in the format of its name: .png, .svg, .pdf and the like."""
        theme = "dark" if dark else "light"
        _save(self._draw(theme), theme, path)

    def _draw(self, theme: str) -> Figure:
        before = plt.get_fignums()
        try:
            with _styled(theme):
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
            "image/png": base64.b64encode(_png(light, "light")).decode(),
            DARK_PNG: base64.b64encode(_png(dark, "dark")).decode(),
            "text/plain": "<Picture>",
        }
        drawings = {LIGHT_SVG: _svg(light, "light"), DARK_SVG: _svg(dark, "dark")}
        if max(map(len, drawings.values())) <= _LARGEST_SVG:
            bundle |= drawings
        return bundle, {"image/png": {"width": width, "height": height}}


def _png(figure: Figure, theme: str) -> bytes:
    buffer = io.BytesIO()
    _save(figure, theme, buffer, format="png")
    return buffer.getvalue()


def _svg(figure: Figure, theme: str) -> str:
    buffer = io.StringIO()
    _save(figure, theme, buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _save(figure: Figure, theme: str, target: IO[Any] | Path | str, **options: Any) -> None:
    with _styled(theme):
        # White, so that the light figure can be read wherever it is taken.
        figure.savefig(target, facecolor="none" if theme == "dark" else "white", **options)


def picture(function: Callable[Draw, Figure]) -> Callable[Draw, Picture]:
    """Turn a function that draws a matplotlib figure into one that returns a :class:`Picture`.

    The function is called once for each theme and must draw the same each time. It takes results,
    and does not set the colour of text or axes itself.
    """

    @functools.wraps(function)
    def wrapped(*args: Draw.args, **kwargs: Draw.kwargs) -> Picture:
        return Picture(lambda: function(*args, **kwargs))

    return wrapped


def panels(
    columns: int, height: float, *, rows: int = 1, width: float = 7.6, grid: Any = None,
    **options: Any,
) -> tuple[Figure, list[Any]]:  # fmt: skip
    """Start a figure of panels, and return it with its axes, row after row.

    Args:
        columns, rows: Numbers of panels.
        height, width: Size of the figure in inches.
        grid: Axis whose grid lines are drawn: "x", "y" or "both".
        options: Further arguments of :func:`matplotlib.pyplot.subplots`.
    """
    fig, axes = plt.subplots(
        rows, columns, figsize=(width, height), squeeze=False, layout="constrained", **options
    )
    for ax in axes.flat:
        if grid is not None:
            ax.grid(visible=True, axis=grid)
    return fig, list(axes.flat)


def entry(label: str, **style: Any) -> Line2D:
    """Return a legend's entry for what is drawn in that style."""
    return Line2D([], [], label=label, **style)


def legend_below(
    fig: Figure,
    handles: Sequence[Artist] | Axes,
    title: str | None = None,
    *,
    columns: int | None = None,
    **options: Any,
) -> None:
    """Draw one legend under all panels.

    Args:
        fig: Figure with the layout "constrained".
        handles: Artists with labels, or the panel whose labelled artists are taken.
        title: Title of the legend.
        columns: Number of columns; without it as many as fit into the width.
        options: Further arguments of :meth:`matplotlib.figure.Figure.legend`.
    """
    if isinstance(handles, Axes):
        handles = handles.get_legend_handles_labels()[0]
    if columns is None:
        longest = max(len(str(handle.get_label())) for handle in handles)
        letters = 15 * fig.get_figwidth() - 3  # of 9 points, that fit into the width
        # A line's sample and the gap beside it take as much room as eight letters.
        across = max(1, min(len(handles), int(letters / (longest + 8))))
        columns = -(-len(handles) // -(-len(handles) // across))
    fig.legend(handles=handles, title=title, loc="outside lower center", ncols=columns, **options)


def plain_numbers(axis: Axis) -> None:
    """Label a logarithmic axis, which may be shorter than a power of ten, with 2, 1, 0.5."""
    low, high = sorted(axis.get_view_interval())
    few = (1,) if high > 100 * low else (1, 2, 5) if high > 7 * low else (1, 2, 3, 4, 5, 7)
    even = high < 2 * low  # so short that it is as good as linear
    axis.set_major_locator(MaxNLocator(nbins=5) if even else LogLocator(subs=few))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
