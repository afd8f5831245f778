"""Claims whose numbers stand on the scorecard only (C19)."""

from anode_lab.claims.claim import Chapter, Claim, register
from anode_lab.claims.fitting import slowdown
from anode_lab.claims.paper.parts import ANODE, NODE, PLANE, SLOWER, models, ratio_check

register(
    Claim(
        "C19",
        "appendix F.1",
        "With softplus in the place of ReLU, training is slower.",
        Chapter("ch:scorecard", "Scorecard"),
        tuple(
            ratio_check(
                f"epochs to fit, {name} with softplus over ReLU",
                models("softplus-2d", f"{label}, softplus") + models(PLANE, label),
                slowdown,
                SLOWER,
            )
            for name, label in (("NODE", NODE), ("ANODE", ANODE))
        ),
    )
)
