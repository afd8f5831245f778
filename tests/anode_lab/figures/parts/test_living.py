"""What the page integrates is what the package integrates."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anode.fields import Activation
from anode.models import NeuralODE
from anode_lab import runs
from anode_lab.figures import augmented_neural_odes as figures
from anode_lab.figures.parts import living
from anode_lab.figures.parts.living import living_flows
from anode_lab.figures.parts.living.scripts import DRAWING, NUMERICS, joined
from anode_lab.figures.style import Picture
from anode_lab.measures.weights_by_epoch import NetworkByEpoch, flat_weights, follow
from anode_lab.runs import Result
from tests.helpers.page_script import run_script

LABELS = ("NODE", "ANODE (p = 1)")
SCRIPT = Path(living.__file__).parent / "living.js"
POINTS = [(0.0, 0.0), (0.3, -0.2), (-1.0, 0.05), (1.2, 0.9)]


@pytest.fixture(scope="module")
def plane() -> Result:
    return runs.run("annulus-2d", profile="smoke", models=[*LABELS, "ANODE (p = 5)", "ResNet"])


@pytest.fixture(scope="module")
def networks(plane: Result) -> list[NetworkByEpoch]:
    return [follow(plane, label) for label in LABELS]


@pytest.fixture(scope="module")
def still(plane: Result) -> Picture:
    return figures.learned_flows(*(plane.runs[label] for label in LABELS))


@pytest.fixture
def widget(plane: Result, networks: list[NetworkByEpoch], still: Picture) -> Any:
    pytest.importorskip("anywidget")
    return living_flows(networks, plane.runs["NODE"].data[0], still=still)


def integrated(network: dict[str, Any], epochs: list[int]) -> list[Any]:
    """What the page's own script makes of the points: for each epoch and point states, output."""
    found: list[Any] = run_script(
        SCRIPT,
        """
        return given.epochs.map((index) => {
          const network = page.unpack(given.network, index);
          return given.points.map((point) => {
            const states = page.path(network, point, given.network.end, 11);
            return { states, output: network.output(states[10]) };
          });
        });
        """,
        {"network": network, "epochs": epochs, "points": POINTS},
    )
    return found


def assert_the_same(network: NetworkByEpoch, packed: dict[str, Any]) -> None:
    """The page's states are within 1e-4 of an accurate solve in double precision, at all times."""
    epochs = [0, len(network.epochs) - 1]
    found = integrated(packed, epochs)
    x = torch.tensor([POINTS], dtype=torch.float64)
    for index, by_point in zip(epochs, found, strict=True):
        model = network.at(index).double()
        own = model.solver
        model.solver = replace(own, rtol=1e-9, atol=1e-9)
        states = model.flow(x, 11)[:, 0].numpy()  # (T, n, dim)
        output = model(x)[0, :, 0].detach().numpy()
        model.solver = own
        model.float()
        for k, each in enumerate(by_point):
            np.testing.assert_allclose(each["states"], states[:, k], atol=1e-4)
            np.testing.assert_allclose(each["output"], output[k], atol=1e-4)


@pytest.mark.parametrize("which", [0, 1])
def test_the_page_integrates_as_the_package_does(
    widget: Any, networks: list[NetworkByEpoch], which: int
) -> None:
    assert_the_same(networks[which], widget.networks[which])


@pytest.mark.parametrize("activation", list(Activation))
@pytest.mark.parametrize("time_dependent", [True, False])
def test_also_steep_and_smooth_fields(
    widget: Any, networks: list[NetworkByEpoch], activation: Activation, time_dependent: bool
) -> None:
    from anode_lab.figures.parts.living.widget import packed

    model = NeuralODE(
        (2,), augment_dim=1, activation=activation, time_dependent=time_dependent, end_time=2.0
    )
    with torch.no_grad():
        for part in model.parameters():
            part.mul_(2.0)
    weights = np.stack([flat_weights(model), flat_weights(model)])
    network = NetworkByEpoch("steep", model, (0, 1), weights, np.array([np.nan, 1.0]))
    assert_the_same(network, packed(network))


def test_with_a_kernel_the_package_answers(widget: Any, networks: list[NetworkByEpoch]) -> None:
    assert widget.answer == {}
    widget.point = [0.3, -0.2]
    assert widget.answer["point"] == [0.3, -0.2]
    for network, answer in zip(networks, widget.answer["networks"], strict=True):
        model = network.at(len(network.epochs) - 1)
        with torch.no_grad():
            output = model.run(torch.tensor([[[0.3, -0.2]]]))
        assert answer["output"] == pytest.approx(float(output.prediction.squeeze()), abs=5e-3)
        assert answer["nfe"] == int(output.nfe[0])
    before = widget.answer
    widget.epoch = 0
    assert widget.answer["epoch"] == 0
    assert widget.answer["networks"] != before["networks"]


def test_a_page_with_it_stays_light(widget: Any) -> None:
    """At full size it has 13 epochs; a page may have 1.5 MB."""
    state = json.dumps(widget.get_state(["networks", "data", "colours"]))
    assert len(state) / len(widget.networks[0]["epochs"]) * 13 < 400_000


def test_without_anywidget_there_is_a_picture(
    plane: Result, networks: list[NetworkByEpoch], still: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "anode_lab.figures.parts.living.widget", None)
    assert living_flows(networks, plane.runs["NODE"].data[0], still=still) is still


def test_what_cannot_be_drawn_is_refused(plane: Result, still: Picture) -> None:
    data = plane.runs["NODE"].data[0]
    with pytest.raises(ValueError, match="needs one network or more, got none"):
        living_flows([], data, still=still)
    with pytest.raises(ValueError, match=r"ANODE \(p = 5\): .* states 2 or 3, got 2 and 7"):
        living_flows([follow(plane, "ANODE (p = 5)")], data, still=still)


def test_the_scripts_have_no_address() -> None:
    """It would make a page ask another's server."""
    for script in (SCRIPT, NUMERICS, DRAWING):
        assert "http" not in script.read_text(encoding="utf8")
    assert (
        subprocess.run([sys.executable, "-c", "import anode_lab.figures.parts.living"]).returncode
        == 0
    )


def test_the_widget_is_one_module_without_imports(widget: Any) -> None:
    """A page makes it a module of its own, from which nothing else can be imported."""
    assert "import " not in re.sub(r"//.*", "", widget._esm)
    assert "export default" in widget._esm
    with pytest.raises(ValueError, match=r"share names: .*Network"):
        joined(NUMERICS, NUMERICS)
