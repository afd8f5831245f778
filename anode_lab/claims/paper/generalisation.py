"""Claims about inputs that were not trained on (C7, C8)."""

from anode_lab.claims.claim import Chapter, Check, Claim, register
from anode_lab.claims.criterion import Criterion
from anode_lab.claims.fitting import final_validation_loss, generalisation_gap
from anode_lab.claims.flows import unreasonable_share
from anode_lab.claims.paper.parts import ANODE, NODE, OF_CONSTANT, PLANE, models

_CHAPTER = Chapter("ch:generalisation", "Generalisation")

register(
    Claim(
        "C7",
        "section 5.1, Fig. 9 (left)",
        "An ANODE gives reasonable outputs everywhere, also where it was not trained. A NODE gives "
        "wrong ones in the channel through which it squeezed the ball out.",
        _CHAPTER,
        tuple(
            Check(
                f"unreasonable share of the disc, {name}, d = 2",
                models(PLANE, label),
                unreasonable_share,
                criterion,
                "of the disc",
            )
            for name, label, criterion in (
                (
                    "ANODE",
                    ANODE,
                    Criterion("everywhere: below 0.001, what a thin channel covers", high=0.001),
                ),
                (
                    "NODE",
                    NODE,
                    Criterion("leaks: above 0.001, what a thin channel covers", low=0.001),
                ),
            )
        ),
    )
)

register(
    Claim(
        "C8",
        "section 5.1, Fig. 9 (middle, right)",
        "With a slice of the plane left out of training, a NODE does much worse on the slice than "
        "on its training data, and an ANODE's loss there is close to 0.",
        _CHAPTER,
        (
            Check(
                "NODE's loss on the slice less its training loss",
                models("slice-2d", NODE),
                generalisation_gap,
                Criterion("a large gap: above 0.1 of the best constant's loss", low=0.1),
                OF_CONSTANT,
            ),
            Check(
                "ANODE's loss on the slice",
                models("slice-2d", ANODE),
                final_validation_loss,
                Criterion("close to 0: below 0.05 of the best constant's loss", high=0.05),
                OF_CONSTANT,
            ),
        ),
    )
)
