"""The playground's settings, pictures and program in Python, run by node; its script for pages."""

import contextlib
import html
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup

from anode.data import concentric_spheres, separable
from publishing import playground
from publishing.playground import FOLDER
from publishing.project import HOME
from tests.helpers.page_script import run_script

SETTINGS, DATA, WORKER, SNIPPET = (
    FOLDER / f"{name}.js" for name in ("settings", "data", "worker", "snippet")
)
LARGEST = 80_000
READ = """const { settings, complaints } = page.read(given);
    return [page.written(settings), complaints];"""
POINTS = "points=0.5,0,-1;-0.5,0.25,-1;1,1,1;-1,-1.5,1;0.25,0,-1"


def test_the_script_is_one_small_text_that_asks_nobody() -> None:
    text = playground.script()
    assert len(text.encode()) < LARGEST
    assert "http" not in text
    assert not re.search(r"^\s*(import|export)\b", text, re.M)
    assert "fetch(" not in text


def test_a_page_has_it_with_a_picture_and_a_sentence_for_browsers_without_scripts(
    tmp_path: Path,
) -> None:
    playground.write(tmp_path)
    for small in (False, True):
        first, *lines, last = playground.block(small=small).splitlines()
        assert (first, last) == ("````{raw} html", "````")
        page = BeautifulSoup("\n".join(lines), "html.parser")
        (root,) = page.select(".anode-playground")
        assert ("data-small" in root.attrs) == small
        without = page.select_one("noscript")
        assert without is not None
        (still,) = without.select("img")
        assert still["alt"]
        assert playground.WITHOUT_SCRIPTS in without.text
        links = [page.select_one("script")["src"], page.select_one("link")["href"]]  # type: ignore[index]
        for link in links:
            assert (tmp_path / str(link).removeprefix("../_static/")).is_file()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "data=line&p=0,0",
        "r1=0.85&r2=0.95&seed=7",
        "rate=0.003&batch=32&decay=0.001&p=2,3&layers=1,2&hidden=8,32&activation=tanh,softplus"
        "&time=0,1&tolerance=0.01,0.0001",
        f"data=painted&{POINTS}",
    ],
)
def test_an_address_is_read_as_it_is_written(address: str) -> None:
    assert run_script(SETTINGS, READ, address) == [address, []]


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("p=0,9", "p must be two of 0, 1, 2, 3, got 0,9"),
        ("p=1", "p must be two of 0, 1, 2, 3, got 1"),
        ("data=moon", "data must be annulus, line, .*, got moon"),
        ("seed=-1", "seed must be a number from 0 to 9999, got -1"),
        ("seed=", "seed must be a number from 0 to 9999, got nothing"),
        ("r1=1.2&r2=0.9", "r1 must be less than r2, got 1.2 and 0.9"),
        ("colour=red", "there is no setting colour"),
        ("data=painted&points=1,2", "points must be up to 200 of x,y,class"),
    ],
)
def test_what_an_address_has_wrong_is_said_and_left_out(address: str, complaint: str) -> None:
    written, (said,) = run_script(SETTINGS, READ, address)
    assert re.search(complaint, said)
    assert written in ("", "data=painted")


def test_five_experiments_set_the_playground_and_ask_for_a_prediction_first() -> None:
    text = (HOME / "book" / "paper" / "playground.md").read_text(encoding="utf8")
    found = re.findall(r'^\d\. \*\*<a href="(#[^"]+)">.*?(?=^\d\.|^\*|\Z)', text, re.M | re.S)
    tasks = re.split(r"^\d\. ", text, flags=re.M)[1:]
    assert len(found) == len(tasks) == 5
    assert all("redict" in task for task in tasks)
    for address in map(html.unescape, found):
        assert run_script(SETTINGS, READ, address) == [address.removeprefix("#"), []]


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("annulus", lambda: concentric_spheres(2, 200, 400, radii=(0.45, 0.9, 1.5), seed=4)),
        ("line", lambda: concentric_spheres(1, 200, 400, radii=(0.45, 0.9, 1.5), seed=4)),
        ("separable", lambda: separable(2, 150, 300, seed=4)),
    ],
)
def test_the_data_are_the_packages(name: str, made: Any) -> None:
    settings = {"data": name, "r1": 0.45, "r2": 0.9, "seed": 4}
    found = run_script(DATA, "return page.dataOf(given);", settings)
    data = made()
    np.testing.assert_allclose(found["x"], data.x.flatten(), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found["y"], data.y.flatten())


@pytest.mark.parametrize(
    "address",
    [
        "",
        "data=line&p=0,1&activation=softplus,tanh",
        "data=separable&seed=5&decay=0.001&tolerance=0.01,0.0001",
        "data=moons&layers=1,1&activation=tanh,relu&time=0,1&p=0,2",
        "data=spirals&hidden=8,32&batch=128&rate=0.03",
        "data=xor&layers=2,1&time=0,1&p=3,1",
        f"data=painted&{POINTS}",
    ],
)
def test_the_program_in_python_gives_the_same_first_losses(address: str) -> None:
    code = f"""
        const {{ read, settingsOf }} = await import({SETTINGS.as_uri()!r});
        const {{ dataOf }} = await import({DATA.as_uri()!r});
        const {{ Training }} = await import({(FOLDER / "training.js").as_uri()!r});
        const {{ settings }} = read(given);
        const sides = [0, 1].map((side) => {{
          const training = new Training(settingsOf(settings, side), dataOf(settings));
          const steps = [0, 1, 2].slice(0, training.perEpoch * 3).map(() => training.step());
          return [steps.map((each) => each.loss), steps.map((each) => each.nfe)];
        }});
        return {{ program: page.snippet(settings, 3), sides }};
    """
    found = run_script(SNIPPET, code, address)
    said = io.StringIO()
    state = torch.get_rng_state()
    with contextlib.redirect_stdout(said):
        exec(compile(found["program"], "snippet", "exec"), {})
    torch.set_rng_state(state)
    numbers = [
        [float(each) for each in re.findall(r"[\d.]+(?:e-?\d+)?", line.replace("left", ""))]
        for line in said.getvalue().splitlines()
    ]
    assert len(numbers) == 2
    for (losses, nfe), (one, two, three, *evaluations) in zip(found["sides"], numbers, strict=True):
        np.testing.assert_allclose([one, two, three], losses, rtol=0, atol=1e-5)
        assert evaluations == nfe


def asked(address: str, *questions: str) -> list[Any]:
    """What a network's side answers to questions in turn, the left one of the settings."""
    code = f"""
        const {{ read, settingsOf }} = await import({SETTINGS.as_uri()!r});
        const {{ dataOf, isG }} = await import({DATA.as_uri()!r});
        const {{ settings }} = read(given.address);
        const side = new page.Side();
        const radii = isG(settings) ? {{ r1: settings.r1, r2: settings.r2 }} : null;
        side.start({{ settings: settingsOf(settings, 0), data: dataOf(settings), radii }});
        return given.questions.map((each) => eval(each));
    """
    found: list[Any] = run_script(WORKER, code, {"address": address, "questions": questions})
    return found


def test_the_scrubber_shows_what_was_shown_before() -> None:
    first, _, now, back, again = asked(
        "",
        "side.view({})",
        "side.train({ steps: 500 })",
        "side.view({})",
        "side.view({ step: 0 })",
        "side.view({})",
    )
    assert back == first
    assert again == now != first
    assert (back["made"], now["made"]) == (0, 500)
    assert now["wrong"]["wrong"] < first["wrong"]["wrong"]


def test_only_so_many_weights_are_kept() -> None:
    count, made = asked(
        "hidden=8,8&data=painted&" + POINTS,
        "(side.train({ steps: 1500 }), side.kept.length)",
        "side.kept.map((each) => each.made)",
    )
    assert count <= 201
    assert len(set(np.diff(made))) == 1


@pytest.mark.parametrize("address", ["", "data=line", "p=1,0", "data=moons"])
def test_the_point_that_is_wrong_is_searched_where_there_must_be_one(address: str) -> None:
    _, view = asked(address, "side.train({ steps: 150 })", "side.view({ search: true })")
    if address in ("", "data=line"):
        found = view["witness"]
        assert np.linalg.norm(found["point"]) == pytest.approx(1)
        assert found["centre"] >= 0 or found["output"] < found["centre"]
    else:
        assert view["witness"] is None
