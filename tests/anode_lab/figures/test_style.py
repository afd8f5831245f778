"""One style for all figures: drawn for a light and a dark page, and legible without colour."""

import base64
import io
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from anode_lab.experiments import EXPERIMENTS, ModelSpec
from anode_lab.figures import DARK_PNG, DARK_SVG, LIGHT_SVG
from anode_lab.figures.style import DEFAULT_LOOK, Picture, look_of, palette, picture


@picture
def line(slope: float, *, label: str = "y") -> Figure:
    """A line."""
    fig, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 1], [0, slope], color=palette.node)
    ax.axhline(0.5, color=palette.ink())
    ax.set(xlabel="x", ylabel=label)
    return fig


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), dtype=float) / 255


def luminance(colour: str) -> float:
    """Relative luminance, as the Web Content Accessibility Guidelines define it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_a_picture_is_made_of_the_functions_arguments() -> None:
    drawn = line(2.0, label="height")
    assert isinstance(drawn, Picture)
    assert drawn.light().axes[0].get_ylabel() == "height"
    assert line.__doc__ == "A line."


def test_the_two_themes_differ_in_ink_only() -> None:
    drawn = line(1.0)
    light, dark = drawn.light(), drawn.dark()
    assert light.axes[0].lines[0].get_color() == dark.axes[0].lines[0].get_color()
    inks = [figure.axes[0].lines[1].get_color() for figure in (light, dark)]
    assert inks == [figure.axes[0].xaxis.label.get_color() for figure in (light, dark)]
    assert contrast(inks[0], "white") > 7
    assert contrast(inks[1], "#121212") > 7


def test_the_dark_png_is_transparent_and_the_light_one_white() -> None:
    drawn = line(1.0)
    light, dark = pixels(drawn.png()), pixels(drawn.png(dark=True))
    assert light.shape == dark.shape
    assert (light[0, 0] == 1).all()
    assert light[..., 3].min() == 1
    assert dark[0, 0, 3] == 0


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_a_figure_is_written_in_the_format_of_its_file(
    tmp_path: Path, suffix: str, start: bytes
) -> None:
    line(1.0).savefig(tmp_path / f"a.{suffix}")
    assert (tmp_path / f"a.{suffix}").read_bytes().startswith(start)


def test_drawing_twice_gives_the_same_bytes() -> None:
    assert line(1.0).png() == line(1.0).png()
    assert line(1.0).png() != line(1.1).png()
    assert line(1.0).svg() == line(1.0).svg()


def test_notebooks_get_both_themes_and_the_size() -> None:
    drawn = line(1.0)
    bundle, metadata = drawn._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == drawn.png()
    assert base64.b64decode(bundle[DARK_PNG]) == drawn.png(dark=True)
    assert metadata == {"image/png": {"width": 300, "height": 200}}
    assert bundle[LIGHT_SVG] == drawn.svg() != bundle[DARK_SVG] == drawn.svg(dark=True)
    for theme in (LIGHT_SVG, DARK_SVG):
        root = ElementTree.fromstring(bundle[theme])
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "<text" not in bundle[theme], "the reader's fonts may have other widths"


def test_what_has_thousands_of_points_is_no_svg() -> None:
    @picture
    def cloud() -> Figure:
        fig, ax = plt.subplots(figsize=(3, 2))
        ax.plot(*np.random.default_rng(0).normal(size=(2, 8000)), ".")
        return fig

    bundle, _ = cloud()._repr_mimebundle_()
    assert {"image/png", DARK_PNG} <= set(bundle)
    assert not {LIGHT_SVG, DARK_SVG} & set(bundle)


def test_nothing_is_left_behind() -> None:
    """No open figure, which a notebook would show again; no changed style."""
    before = dict(mpl.rcParams)
    line(1.0)._repr_mimebundle_()
    assert not plt.get_fignums()
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("background", ["white", "#121212"])
@pytest.mark.parametrize(
    "name", ["node", "anode", "anode_small", "resnet", "inner", "outer", "accent"]
)
def test_colours_stand_out_on_both_pages(name: str, background: str) -> None:
    """A line of 2 points needs less contrast than text, but not none."""
    assert contrast(getattr(palette, name), background) > 2


# Looks of models


def anode(p: int) -> ModelSpec:
    return ModelSpec("mine", options={"augment_dim": p})


EVERY = [each.models for each in EXPERIMENTS.values()]


def undecayed(spec: ModelSpec) -> ModelSpec:
    """The same model without weight decay and with the activation of the others."""
    options = {name: value for name, value in spec.options.items() if name != "activation"}
    return replace(spec, label="", weight_decay=0.0, options=options)


@pytest.mark.parametrize("specs", EVERY, ids=list(EXPERIMENTS))
def test_models_of_an_experiment_are_told_apart_without_colour(specs: tuple[ModelSpec]) -> None:
    looks = [look_of(spec) for spec in specs]
    assert len({look.line for look in looks}) == len(looks)
    if all(spec.model == "NeuralODE" for spec in specs):  # only these are drawn as points
        assert len({look.marker for look in looks}) == len(looks)
    assert DEFAULT_LOOK not in looks


@pytest.mark.parametrize("specs", EVERY, ids=list(EXPERIMENTS))
def test_colour_says_which_architecture_and_nothing_else(specs: tuple[ModelSpec]) -> None:
    colours: dict[ModelSpec, set[str]] = {}
    for spec in specs:
        colours.setdefault(undecayed(spec), set()).add(look_of(spec).colour)
    assert all(len(found) == 1 for found in colours.values())
    assert len(set.union(*colours.values())) == len(colours)


def test_p_has_one_look_in_all_experiments_and_chapters_may_use_labels() -> None:
    for p, label in ((0, "NODE"), (1, "ANODE (p = 1)"), (5, "ANODE (p = 5)")):
        assert look_of(f"p = {p}") == look_of(label) == look_of(anode(p))
    assert look_of("NODE, softplus") == look_of("NODE")


@pytest.mark.parametrize("p", [3, 4, 7, 50, 1000])
def test_another_dimension_is_drawn_as_the_nearest_of_the_papers(p: int) -> None:
    nearest = {3: 2, 4: 5, 7: 5, 50: 100, 1000: 100}[p]
    assert look_of(anode(p)) == look_of(f"p = {nearest}")


def test_a_model_from_outside_the_book_has_a_look_of_its_own() -> None:
    known = {look_of(spec) for specs in EVERY for spec in specs}
    assert look_of("a model of mine") == look_of(ModelSpec("mine", "SecondOrder")) == DEFAULT_LOOK
    assert DEFAULT_LOOK not in known


@pytest.mark.parametrize("page", ["white", "#121212"])
@pytest.mark.parametrize("p", [0, 1, 2, 5, 10, 100])
def test_colours_of_p_stand_out_on_both_pages(p: int, page: str) -> None:
    assert contrast(look_of(f"p = {p}").colour, page) > 2


def test_what_a_user_has_set_does_not_reach_a_figure() -> None:
    """As a matplotlibrc of their own would set it."""
    drawn = line(1.0)
    expected = drawn.svg(), drawn.png(dark=True)
    own = {"axes.grid": True, "lines.linestyle": "--", "font.family": "serif"}
    with mpl.rc_context(own | {"savefig.pad_inches": 1}):
        assert (drawn.svg(), drawn.png(dark=True)) == expected
        assert mpl.rcParams["lines.linestyle"] == "--", "outside it stays"
