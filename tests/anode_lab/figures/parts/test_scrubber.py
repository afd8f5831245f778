"""The slider moves the frames in the browser, and without widgets there is a picture."""

import base64
import sys

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from anode_lab.figures.parts.scrubber import scrubber
from anode_lab.figures.style import Picture, picture


@picture
def _frame(height: int) -> Figure:
    fig, ax = plt.subplots(figsize=(2, 2))
    ax.plot([0, 1], [0, height])
    return fig


FRAMES = [_frame(height) for height in range(3)]
TITLES = [f"a line of height {height}" for height in range(3)]


def test_the_link_needs_no_kernel() -> None:
    """The page's saved state holds the frames, their descriptions and the slider's link."""
    embed = pytest.importorskip("ipywidgets.embed")
    box = scrubber(FRAMES, TITLES, label="time")
    state = embed.dependency_state([box])
    kinds = {key: model["model_name"] for key, model in state.items()}
    by_kind = {
        kind: model["state"] for kind, model in zip(kinds.values(), state.values(), strict=True)
    }
    assert list(kinds.values()).count("ImageModel") == len(FRAMES)
    stack, slider, link = by_kind["StackModel"], by_kind["IntSliderModel"], by_kind["LinkModel"]
    assert list(stack["titles"]) == TITLES
    assert stack["selected_index"] == 0
    assert slider.get("value", 0) == 0  # a value that is the widget's default is left out
    assert slider["max"] == len(FRAMES) - 1
    assert slider["description"] == "time"
    ends = {name: kinds[link[name][0].removeprefix("IPY_MODEL_")] for name in ("source", "target")}
    assert ends == {"source": "IntSliderModel", "target": "StackModel"}
    assert [link["source"][1], link["target"][1]] == ["value", "selected_index"]


def test_frames_are_made_smaller() -> None:
    embed = pytest.importorskip("ipywidgets.embed")
    state = embed.dependency_state([scrubber(FRAMES, TITLES, label="time")])
    images = [m for m in state.values() if m["model_name"] == "ImageModel"]
    for model in images:
        data = base64.b64decode(model["buffers"][0]["data"])
        assert data.startswith(b"\x89PNG")
        assert len(data) < len(FRAMES[-1].png())


def test_without_ipywidgets_there_is_one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    shown = scrubber(FRAMES, TITLES, label="time", still=1)
    assert isinstance(shown, Picture)
    assert shown is FRAMES[1]


@pytest.mark.parametrize(("frames", "titles"), [([], []), (FRAMES, TITLES[:2])])
def test_each_frame_needs_a_description(frames: list[Picture], titles: list[str]) -> None:
    with pytest.raises(ValueError, match="one description each"):
        scrubber(frames, titles, label="time")
