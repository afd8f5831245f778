"""Which experiments draw which of the paper's figures."""

from collections.abc import Mapping

from anode_lab.experiments.images import COLOUR, GREY, LARGE, OVERFIT

FIGURES: Mapping[str, Mapping[str, tuple[str, ...] | None]] = {
    "fig1": {"annulus-2d": None},
    "fig3": {"identity-1d": None, "g1d": None},
    "fig5": {"annulus-1d": None, "annulus-2d": None, "separable-2d": None},
    "fig6": {"annulus-2d": None},
    "fig7": {"annulus-1d": None, "annulus-2d": None},
    "fig8": {"annulus-1d": None, "annulus-2d": None},
    "fig9": {"annulus-2d": None, "slice-2d": None},
    "fig10": {GREY: ("p = 0", "p = 1", "p = 5", "p = 10"), COLOUR: ("p = 0", "p = 5", "p = 10")},
    "fig11": {COLOUR: ("p = 0", "p = 5", "p = 10")},
    "fig12": {OVERFIT: None, LARGE: None},
    "fig15": {"annulus-2d": None, "separable-2d": None},
    "fig16": {
        GREY: ("p = 0", "p = 5", "p = 0, as large as p = 5"),
        COLOUR: ("p = 0", "p = 10", "p = 0, as large as p = 10"),
    },
    "fig17": {GREY: ("p = 0", "p = 5", "p = 0, weight decay", "p = 5, weight decay")},
    "fig18": {"annulus-2d": None},
    "fig19": {"annulus-2d": None, "separable-2d": None},
}
"""Figure -> experiment -> labels of the models in it; None is all of them."""
