"""The playground in the browser, from a file as a reader may have it, used as a reader would."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from publishing import playground
from publishing.assets import axe_script
from publishing.browser import WIDTHS
from publishing.playground import alone
from publishing.project import HOME

pytestmark = [pytest.mark.slow, pytest.mark.browser]

LONGEST = 500
"""Milliseconds of the page's own time for which it may not answer, on whatever machine.

Training in the page's own thread would block it for seconds. A usual machine stays below 50."""

_AXE = """async () => (await axe.run({resultTypes: ['violations'], preload: false})).violations
    .flatMap(each => each.nodes.map(node => each.id + ': ' + node.html.slice(0, 120)))"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with the playground and two links to its settings, on disk."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "_static").mkdir()
    playground.write(folder / "_static")
    still = playground.STILL
    (folder / "_static" / still).write_bytes((HOME / "book" / "theme" / still).read_bytes())
    for name, small in (("whole", False), ("small", True)):
        alone.write_page(folder / "book" / f"{name}.html", small=small)
    return folder / "book" / "whole.html"


@contextmanager
def opened(browser: Any, file: Path, address: str = "", **options: Any) -> Iterator[Any]:
    """The page, ready; nothing may go wrong while it is open."""
    options.setdefault("viewport", {"width": WIDTHS["wide"], "height": 900})
    context = browser.new_context(**options)
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("file:", "blob:")) else wrong.append(request.url)
        ),
    )
    page.goto(file.as_uri() + address)
    page.wait_for_selector(".anode-playground[data-steps]")
    yield page
    context.close()
    assert wrong == []


def steps(page: Any) -> int:
    return int(page.evaluate("document.querySelector('.anode-playground').dataset.steps"))


def made(page: Any) -> int:
    return int(page.evaluate("document.querySelector('.anode-playground canvas').dataset.made"))


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def wait_for_steps(page: Any, least: int) -> None:
    page.wait_for_function(
        f"Number(document.querySelector('.anode-playground').dataset.steps) >= {least}"
    )


def said(page: Any) -> str:
    return str(page.locator(".status").text_content())


def test_it_trains_says_what_happened_and_goes_back(browser: Any, file: Path) -> None:
    with opened(browser, file) as page:
        assert "After 0 steps" in said(page)
        button(page, "One step").click()
        wait_for_steps(page, 1)
        assert steps(page) == 1
        button(page, "One epoch").click()
        wait_for_steps(page, 11)
        assert steps(page) == 11
        button(page, "Play").click()
        wait_for_steps(page, 150)
        button(page, "Pause").click()
        page.wait_for_function("document.querySelector('.status').textContent.includes('◆')")
        last = steps(page)
        assert f"After {last} steps. NODE (p = 0): loss " in said(page)
        assert "ANODE (p = 1): loss " in said(page)
        slider = page.get_by_label("Back through the training")
        slider.focus()
        page.keyboard.press("Home")
        page.wait_for_function("document.querySelector('.status').textContent.includes('After 0 ')")
        assert made(page) == 0
        page.keyboard.press("End")
        page.wait_for_function(
            f"document.querySelector('.status').textContent.includes('After {last} ')"
        )
        assert made(page) == last
        button(page, "Reset").click()
        page.wait_for_function("document.querySelector('.anode-playground').dataset.steps === '0'")


def test_the_page_answers_while_both_train(browser: Any, file: Path) -> None:
    """Batches of 64, 16 units; how fast it is belongs to the machine, and `pytest -s` prints it."""
    with opened(browser, file) as page:
        browser.start_tracing(page=page, categories=["disabled-by-default-devtools.timeline"])
        button(page, "Play").click()
        wait_for_steps(page, 1)
        before = page.evaluate(
            "[performance.now(), document.querySelector('.anode-playground').dataset.steps]"
        )
        page.wait_for_timeout(4000)
        after = page.evaluate(
            "[performance.now(), document.querySelector('.anode-playground').dataset.steps]"
        )
        rate = 1000 * (int(after[1]) - int(before[1])) / (after[0] - before[0])
        button(page, "Pause").click()
        page.wait_for_function("document.querySelector('.status').textContent.includes('◆')")
        longest = longest_task(json.loads(browser.stop_tracing()))
        print(f"{rate:.0f} steps a second of both networks; longest task {longest:.0f} ms")
        assert rate > 0
        assert longest <= LONGEST
        browser.start_tracing(page=page, categories=["disabled-by-default-devtools.timeline"])
        page.evaluate("for (let i = 0, sum = 0; i < 2e9; i++) sum += i;")
        assert longest_task(json.loads(browser.stop_tracing())) > LONGEST, "it would be seen"


def longest_task(trace: dict[str, Any]) -> float:
    """Milliseconds of the page's longest task, in its thread's own time: others share the cores."""
    events = trace["traceEvents"]
    main = {
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        e.get("tdur", 0) for e in events if e["name"] == "RunTask" and (e["pid"], e["tid"]) in main
    ]
    return max(tasks) / 1000


def test_it_rests_while_the_page_is_hidden(browser: Any, file: Path) -> None:
    hide = """hidden => {
        Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    with opened(browser, file) as page:
        button(page, "Play").click()
        wait_for_steps(page, 30)
        page.evaluate(hide, True)
        page.wait_for_timeout(1000)
        rested = steps(page)
        page.wait_for_timeout(1500)
        assert steps(page) == rested
        page.evaluate(hide, False)
        wait_for_steps(page, rested + 30)


def test_settings_go_into_the_address_and_links_set_them(browser: Any, file: Path) -> None:
    with opened(browser, file, "#r1=0.85&r2=0.95") as page:
        assert page.get_by_label("Ball, r₁").input_value() == "0.85"
        page.locator("select").first.select_option(label="two moons")
        page.wait_for_function("location.hash.includes('data=moons')")
        page.get_by_role("link", name="line").click()
        page.wait_for_function(
            "document.querySelector('.anode-playground select').selectedIndex === 1"
        )
        assert page.get_by_label("Ball, r₁").input_value() == "0.5"
        assert "concentric_spheres(1, 200, 400" in page.locator("pre code").text_content()
        page.evaluate("location.hash = 'p=7'")
        page.wait_for_function(
            "document.querySelector('.status').textContent.includes('p must be')"
        )


def test_a_reader_with_a_keyboard_moves_a_point_and_paints(browser: Any, file: Path) -> None:
    with opened(browser, file) as page:
        page.locator("canvas").first.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "document.querySelector('.status').textContent.includes('At your point (0.05, 0.00)')"
        )
        page.locator("select").first.select_option(label="your own points")
        page.wait_for_function("location.hash.includes('painted')")
        button(page, "Play").click()
        page.wait_for_function(
            "document.querySelector('.status').textContent.includes('Paint points')"
        )
        for brush, move in (("Paint class −1", "ArrowLeft"), ("Paint class +1", "ArrowUp")):
            button(page, brush).click()
            pressed = page.locator("[aria-pressed=true]")
            assert [each.text_content() for each in pressed.all()] == [brush]
            page.locator("canvas").first.focus()
            for _ in range(3):
                page.keyboard.press(move)
                page.keyboard.press("Enter")
                page.wait_for_timeout(100)
        assert page.evaluate("location.hash.split(';').length") == 6
        button(page, "One step").click()
        wait_for_steps(page, 1)


@pytest.mark.parametrize("allowed", [True, False])
def test_the_program_can_be_copied(browser: Any, file: Path, allowed: bool) -> None:
    """Where the browser does not let pages copy, the lines are marked and the reader is told."""
    refuse = "() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }"
    with opened(browser, file) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        if not allowed:
            page.evaluate(refuse)
        page.get_by_text("Continue in Python").click()
        program = page.locator("pre code").text_content()
        assert "NeuralODE" in program
        button(page, "Copy").click()
        told = page.locator("details [role=status]")
        page.wait_for_function("document.querySelector('details [role=status]').textContent")
        if allowed:
            assert told.text_content() == "Copied."
            assert page.evaluate("navigator.clipboard.readText()") == program
        else:
            assert "Ctrl+C" in told.text_content()
            assert page.evaluate("getSelection().toString()").strip() == program.strip()


def test_more_than_three_coordinates_end_where_the_output_says(browser: Any, file: Path) -> None:
    """The last axis has what the linear layer reads, so drawn sides and outputs agree."""
    with opened(browser, file, "#p=0,3") as page:
        found = page.evaluate(
            """() => {
                const panel = document.querySelector('.anode-playground').playground.panels[1];
                const { view: { features, head, bias, dim }, data } = panel;
                const { states, weights } = panel.drawn;
                return states.map((state, b) => [
                    state.reduce((sum, h, i) => sum + weights[i] * h, bias),
                    head.reduce((sum, w, i) => sum + w * features[b * dim + i], bias),
                    state.length,
                ]);
            }"""
        )
    assert len(found) > 100
    assert {length for *_, length in found} == {3}
    assert [drawn for drawn, *_ in found] == pytest.approx([output for _, output, _ in found])


def test_less_motion_is_less_motion(browser: Any, file: Path) -> None:
    count = """() => { window.drawn = 0; new MutationObserver(() => drawn++).observe(
        document.querySelector('canvas'), {attributeFilter: ['data-made']}); }"""
    with opened(browser, file, reduced_motion="reduce") as page:
        page.evaluate(count)
        button(page, "Play").click()
        page.wait_for_timeout(3000)
        assert page.evaluate("drawn") <= 2


@pytest.mark.parametrize("name", ["whole", "small"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everyone_can_use_it(browser: Any, file: Path, name: str, theme: str) -> None:
    with opened(browser, file.with_name(f"{name}.html")) as page:
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        page.add_script_tag(path=axe_script())
        assert page.evaluate(_AXE) == []
        page.set_viewport_size({"width": WIDTHS["narrow"], "height": 900})
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS["narrow"]


def test_it_has_its_names_before_the_networks_answer(browser: Any, file: Path) -> None:
    """On a busy machine a reader's program may read the page before anything is drawn."""
    silent = "window.Worker = class { postMessage() {} };"
    page = browser.new_page()
    page.add_init_script(silent)
    page.goto(file.as_uri())
    page.wait_for_selector(".anode-playground canvas")
    assert page.evaluate("document.querySelector('.anode-playground').dataset.steps") is None
    page.add_script_tag(path=axe_script())
    assert page.evaluate(_AXE) == []
    page.close()


def test_the_still_picture_is_taken_of_both_networks(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    alone.write_still(browser, tmp_path / "still.webp", tmp_path / "page", steps=2)
    with Image.open(tmp_path / "still.webp") as image:
        assert image.width > 1500
        assert len(image.getcolors(maxcolors=1 << 24) or []) > 1000


def test_without_scripts_there_is_a_picture_and_a_sentence(browser: Any, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("main img").is_visible()
    assert playground.WITHOUT_SCRIPTS in page.locator("main").inner_text()
    context.close()
