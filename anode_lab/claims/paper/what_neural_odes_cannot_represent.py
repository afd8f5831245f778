"""Claims about what Neural ODEs struggle with (C2 to C4)."""

from anode_lab.claims.claim import Chapter, Claim, register
from anode_lab.claims.criterion import Criterion
from anode_lab.claims.fitting import slowdown, slowdown_against
from anode_lab.claims.flows import evaluations_growth, growth_against
from anode_lab.claims.paper.parts import (
    CANNOT_FIT,
    FITS,
    LINE,
    MORE,
    NODE,
    PLANE,
    RESNET,
    SEPARABLE,
    loss_check,
    models,
    ratio_check,
)

_CHAPTER = Chapter("ch:struggle", "What Neural ODEs cannot represent")

register(
    Claim(
        "C2",
        "section 4.1, Fig. 5a",
        "On the line a ResNet fits g with ease and a NODE does not come near it.",
        _CHAPTER,
        (
            loss_check("NODE's loss, d = 1", (LINE, NODE), CANNOT_FIT),
            loss_check("ResNet's loss, d = 1", (LINE, RESNET), FITS),
        ),
    )
)

register(
    Claim(
        "C3",
        "section 4.1, Figs 5b and 5c",
        "In the plane a NODE does come to fit g, but with more trouble than a ResNet; it has less "
        "trouble on data that a flow can separate.",
        _CHAPTER,
        (
            ratio_check(
                "epochs to fit, NODE over ResNet, d = 2",
                models(PLANE, NODE, RESNET),
                slowdown,
                Criterion("struggles: at least half as long again", low=1.5),
            ),
            loss_check("NODE's loss, d = 2", (PLANE, NODE), FITS),
            ratio_check(
                "that ratio on g over that on separable data",
                models(PLANE, NODE, RESNET) + models(SEPARABLE, NODE, RESNET),
                slowdown_against,
                MORE,
            ),
        ),
    )
)

register(
    Claim(
        "C4",
        "section 4.2, Fig. 6",
        "A NODE needs many more function evaluations as training goes on, because it has to break "
        "the annulus open.",
        _CHAPTER,
        (
            ratio_check(
                "growth of NODE's evaluations, d = 2",
                models(PLANE, NODE),
                evaluations_growth,
                Criterion("a large increase: by half or more", low=1.5),
            ),
            ratio_check(
                "growth on g over growth on separable data",
                models(PLANE, NODE) + models(SEPARABLE, NODE),
                growth_against,
                Criterion("because: less growth where there is nothing to break", low=1),
            ),
        ),
    )
)
