"""Trained flows that live in the page: drag a point, and see where the flow takes it.

The page has the weights, some kilobytes, and integrates the networks itself, so nothing has to run
but the reader's browser. In a notebook with a kernel the package answers beside it.
"""

from collections.abc import Sequence
from typing import Any

from anode.data import Data
from anode_lab.figures.style import Picture
from anode_lab.measures.toy_flows import some_of_each
from anode_lab.measures.weights_by_epoch import NetworkByEpoch

SHOWN = 40
"""Number of inputs of each class that are drawn."""


def living_flows(networks: Sequence[NetworkByEpoch], data: Data, *, still: Picture) -> Any:
    """Return the flows of one or more networks side by side, with sliders, and a point to drag.

    Args:
        networks: Networks with inputs in the plane and states in two or three dimensions.
        data: Data set; some of its inputs are drawn with the paths that they take.
        still: Picture that is shown instead where anywidget is not installed.

    Returns:
        A widget, or ``still``.

    Raises:
        ValueError: If there is no network, or one has other dimensions.
    """
    if not networks:
        raise ValueError("living_flows needs one network or more, got none")
    for network in networks:
        if network.inputs != 2 or network.dim not in (2, 3):
            raise ValueError(
                f"{network.label}: inputs must have 2 dimensions and states 2 or 3, got "
                f"{network.inputs} and {network.dim}"
            )
    try:
        from anode_lab.figures.parts.living.widget import LivingFlows
    except ImportError:
        return still
    chosen = some_of_each(data, SHOWN)
    return LivingFlows(networks, data.x[chosen].double().numpy(), data.y[chosen, 0].numpy())
