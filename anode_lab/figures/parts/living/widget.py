"""The widget of :func:`anode_lab.figures.parts.living.living_flows`; needs anywidget."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
from traitlets import Dict, Int, List

from anode.arrays import Floats
from anode_lab.figures.parts.living.scripts import DRAWING, NUMERICS, joined
from anode_lab.figures.style import theme_colours
from anode_lab.measures.weights_by_epoch import NetworkByEpoch

_HERE = Path(__file__).parent


class LivingFlows(anywidget.AnyWidget):
    """Networks and inputs for the page, and the package's own answer.

    Attributes:
        networks: Weights and shapes, as :func:`packed` returns them.
        data: Inputs ``x``, each with its target ``y``.
        colours: Colours of the figures, for a light and a dark page.
        point: The point to which the reader has dragged, two numbers.
        epoch: Index of the epoch that is shown.
        answer: Result of the package for the point; empty where no kernel runs.
    """

    _esm = joined(NUMERICS, DRAWING, _HERE / "living.js")
    _css = _HERE / "living.css"
    networks: Any = List().tag(sync=True)
    data = Dict().tag(sync=True)
    colours = Dict().tag(sync=True)
    point = List([0.75, 0.0]).tag(sync=True)
    epoch = Int(0).tag(sync=True)
    answer = Dict().tag(sync=True)

    def __init__(self, networks: Sequence[NetworkByEpoch], x: Floats, y: Floats) -> None:
        super().__init__(
            networks=[packed(network) for network in networks],
            data={"x": np.round(x, 4).tolist(), "y": y.tolist()},
            colours=theme_colours(),
            epoch=len(networks[0].epochs) - 1,
        )
        self._models = tuple(networks)
        self.observe(self._reply, names=["point", "epoch"])

    def _reply(self, _: Any) -> None:
        """Let the package solve for the point: a kernel runs."""
        found = [network.solve(self.epoch, self.point) for network in self._models]
        self.answer = {"point": list(self.point), "epoch": self.epoch, "networks": found}


def packed(network: NetworkByEpoch) -> dict[str, Any]:
    """Return a network for JavaScript: its weights in single precision and base64."""
    weights = network.weights.astype("<f4").tobytes()
    return {
        "label": network.label,
        "inputs": network.inputs,
        "dim": network.dim,
        "hidden": network.hidden,
        "time": network.field.time_weight is not None,
        "activation": network.field.activation.value,
        "end": float(network.model.end_time),
        "epochs": list(network.epochs),
        "loss": [None if np.isnan(loss) else float(f"{loss:.3g}") for loss in network.loss],
        "weights": base64.b64encode(weights).decode(),
    }
