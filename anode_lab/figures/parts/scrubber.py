"""A slider over pictures that needs no kernel, so that it works on a static page too."""

import io
from collections.abc import Sequence
from typing import Any

from PIL import Image  # matplotlib depends on it

from anode_lab.figures.style import Picture


def scrubber(
    frames: Sequence[Picture], descriptions: Sequence[str], *, label: str, still: int = -1
) -> Any:
    """Return a slider over pictures; without ipywidgets, a single picture.

    The slider is linked in the browser (``jslink``), so that it needs no kernel. All frames lie in
    the page: keep them few and small.

    Args:
        frames: Pictures, which are shown as for a light page.
        descriptions: What each shows, for readers who do not see it.
        label: Label of the slider.
        still: Index of the frame that is shown alone where ipywidgets is not installed.

    Returns:
        A widget, or a :class:`~anode_lab.figures.style.Picture`.

    Raises:
        ValueError: If there is no frame, or there is not one description for each.
    """
    if not frames or len(frames) != len(descriptions):
        raise ValueError(
            f"a scrubber needs one or more frames and one description each, got {len(frames)} "
            f"frames and {len(descriptions)} descriptions"
        )
    try:
        import ipywidgets as widgets  # type: ignore[import-untyped]
    except ImportError:
        return frames[still]
    images = [
        widgets.Image(value=_smaller(frame.png()), format="png", layout={"max_width": "100%"})
        for frame in frames
    ]
    stack = widgets.Stack(images, titles=tuple(descriptions), selected_index=0)
    slider = widgets.IntSlider(value=0, min=0, max=len(frames) - 1, description=label)
    widgets.jslink((slider, "value"), (stack, "selected_index"))
    # By default a box scrolls what is a fraction of a pixel larger, which no keyboard reaches.
    return widgets.VBox([slider, stack], layout={"overflow": "visible"})


def _smaller(png: bytes) -> bytes:
    """Return the picture in 64 colours, a third of the size, because a page holds every frame."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").quantize(64).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
