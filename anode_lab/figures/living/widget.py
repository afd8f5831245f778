"""The widget of :func:`anode_lab.figures.living.living_flows`; needs anywidget."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
from traitlets import Dict, Int, List

from anode.solve.tableau import INTERPOLATION, NODES, TABLEAU
from anode.training import Floats
from anode_lab.figures.living.networks import Network
from anode_lab.figures.style import theme_colours

_HERE = Path(__file__).parent


class LivingFlows(anywidget.AnyWidget):
    """Networks, inputs and the solver's coefficients for the page; the package's answer from here.

    Attributes:
        networks: weights and shapes, see :func:`_packed`.
        data: inputs ``x``, each with its target ``y``.
        solver: the Dormand-Prince pair.
        colours: of the figures, for a light and a dark page.
        point: that the reader has dragged to, two numbers.
        epoch: index of the epoch that is shown.
        answer: what the package gives for the point; empty where no kernel runs.
    """

    _esm = _HERE / "living.js"
    _css = _HERE / "living.css"
    networks: Any = List().tag(sync=True)
    data = Dict().tag(sync=True)
    solver = Dict().tag(sync=True)
    colours = Dict().tag(sync=True)
    point = List([0.75, 0.0]).tag(sync=True)
    epoch = Int(0).tag(sync=True)
    answer = Dict().tag(sync=True)

    def __init__(self, networks: Sequence[Network], x: Floats, y: Floats) -> None:
        super().__init__(
            networks=[_packed(network) for network in networks],
            data={"x": np.round(x, 4).tolist(), "y": y.tolist()},
            solver={
                "nodes": list(NODES),
                "tableau": TABLEAU.tolist(),
                "interpolation": INTERPOLATION.tolist(),
            },
            colours=theme_colours(),
            epoch=len(networks[0].epochs) - 1,
        )
        self._models = tuple(networks)
        self.observe(self._reply, names=["point", "epoch"])

    def _reply(self, _: Any) -> None:
        """A kernel runs: let the package solve for the point."""
        found = [network.solve(self.epoch, self.point) for network in self._models]
        self.answer = {"point": list(self.point), "epoch": self.epoch, "networks": found}


def _packed(network: Network) -> dict[str, Any]:
    """For JavaScript: single precision in base64, one epoch after the other."""
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
