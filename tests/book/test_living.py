"""The living figure in the browser: moved as a reader would, and what is drawn compared."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from anode_lab import runs
from anode_lab.measures.weights_by_epoch import follow
from publishing.browser import WIDTHS, Visit, visit
from publishing.living import WITHOUT_SCRIPTS

pytestmark = [pytest.mark.slow, pytest.mark.browser]
CHAPTER = "book/paper/augmented-neural-odes.html"
LABELS = ("NODE", "ANODE (p = 1)")


@pytest.fixture(scope="module")
def seen(browser: Any, address: str) -> Iterator[Visit]:
    """The chapter, open on a desktop."""
    with visit(browser, address + CHAPTER, "light", WIDTHS["wide"]) as opened:
        opened.page.wait_for_selector(".anode-living canvas[data-features]")
        yield opened


def drawn(seen: Visit) -> list[dict[str, Any]]:
    """Features and output of the point in each panel, as drawn last."""
    found = seen.page.evaluate(
        """async () => {
            for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
            return [...document.querySelectorAll('.anode-living canvas')].map(one => ({
                features: JSON.parse(one.dataset.features), output: Number(one.dataset.output),
                said: one.getAttribute('aria-label'), picture: one.toDataURL()}));
        }"""
    )
    panels: list[dict[str, Any]] = found
    return panels


def slide(seen: Visit, name: str, value: float) -> None:
    """Set a slider, as its arrow keys do."""
    seen.page.evaluate(
        """([name, value]) => {
            const labels = [...document.querySelectorAll('.anode-living label')];
            const input = labels.find(one => one.textContent.startsWith(name)).control;
            input.value = value;
            input.dispatchEvent(new Event('input', {bubbles: true}));
        }""",
        [name, value],
    )


def test_the_page_draws_what_the_package_computes(seen: Visit) -> None:
    """The site of the tests is of the profile smoke, whose networks are trained here again."""
    plane = runs.run("annulus-2d", profile="smoke", models=[*LABELS])
    networks = [follow(plane, label) for label in LABELS]
    for epoch, point in ((0, (0.4, -0.3)), (len(networks[0].epochs) - 1, (-1.1, 0.25))):
        slide(seen, "epoch", epoch)
        slide(seen, "point, h₁", point[0])
        slide(seen, "point, h₂", point[1])
        for network, panel in zip(networks, drawn(seen), strict=True):
            expected = network.solve(epoch, point)
            np.testing.assert_allclose(panel["features"], expected["features"], atol=1e-4)
            np.testing.assert_allclose(panel["output"], expected["output"], atol=1e-4)
            assert f"{network.label} after epoch {network.epochs[epoch]}" in panel["said"]


def test_dragging_moves_the_point_to_the_pointer(seen: Visit) -> None:
    canvas = seen.page.locator(".anode-living canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    centre = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    before = drawn(seen)
    seen.page.mouse.move(*centre)
    seen.page.mouse.down()
    places = []
    for right in (0, 40, 80):
        seen.page.mouse.move(centre[0] + right, centre[1])
        drawn(seen)
        places.append(position(seen))
    seen.page.mouse.up()
    steps = np.diff(places, axis=0)
    assert (steps[:, 0] > 0.05).all()
    np.testing.assert_allclose(steps[0], steps[1], atol=0.02)  # by as much each time
    np.testing.assert_allclose(steps[:, 1], 0, atol=0.02)
    after = drawn(seen)
    assert all(one["features"] != two["features"] for one, two in zip(before, after, strict=True))
    assert all(one["picture"] != two["picture"] for one, two in zip(before, after, strict=True))


def position(seen: Visit) -> tuple[float, float]:
    values = seen.page.evaluate(
        """() => [...document.querySelectorAll('.anode-living label')]
            .filter(one => one.textContent.startsWith('point'))
            .map(one => Number(one.control.value))"""
    )
    return (values[0], values[1])


def test_the_keyboard_moves_everything(seen: Visit) -> None:
    inputs = seen.page.locator(".anode-living input[type=range]")
    assert inputs.count() == 5
    for index in range(5):
        before = drawn(seen)
        inputs.nth(index).focus()
        seen.page.keyboard.press("ArrowLeft")
        after = drawn(seen)
        assert any(one["picture"] != two["picture"] for one, two in zip(before, after, strict=True))


def test_turning_turns_space_and_leaves_the_plane(seen: Visit) -> None:
    before = drawn(seen)
    slide(seen, "turn", 90)
    after = drawn(seen)
    assert before[0]["picture"] == after[0]["picture"]
    assert before[1]["picture"] != after[1]["picture"]
    assert before[1]["features"] == after[1]["features"]


def test_the_dark_page_draws_it_in_its_own_ink(seen: Visit) -> None:
    before = drawn(seen)
    seen.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    after = drawn(seen)
    assert all(one["picture"] != two["picture"] for one, two in zip(before, after, strict=True))
    seen.page.evaluate("document.documentElement.dataset.theme = 'light'")


def test_no_kernel_is_asked(seen: Visit) -> None:
    said = seen.page.locator(".anode-living .readout").text_content() or ""
    assert "kernel" not in said
    assert seen.requests == []


START = "book/index.html"


def test_the_start_page_has_it_too(browser: Any, address: str) -> None:
    with visit(browser, address + START, "light", WIDTHS["wide"]) as opened:
        opened.page.wait_for_selector(".anode-living canvas[data-features]")
        assert len(drawn(opened)) == len(LABELS)
        assert opened.page.locator("noscript img").count() == 0
        assert opened.errors == []
        assert opened.failures == []


def test_without_scripts_the_start_page_has_a_picture(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + START)
    picture = page.locator(".living img")
    assert picture.is_visible()
    assert (picture.get_attribute("alt") or "").strip()
    assert WITHOUT_SCRIPTS in page.locator(".living").inner_text()
    context.close()
