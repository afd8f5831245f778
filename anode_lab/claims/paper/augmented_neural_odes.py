"""Claims about augmented Neural ODEs on toy data (C5, C6, C16, C17)."""

from anode_lab.claims.claim import Chapter, Claim, register
from anode_lab.claims.criterion import Criterion
from anode_lab.claims.fitting import slowdown
from anode_lab.claims.flows import detour, detour_against, evaluations_growth
from anode_lab.claims.paper.parts import (
    ANODE,
    FITS,
    LINE,
    MORE,
    NODE,
    PLANE,
    RESNET,
    SEPARABLE,
    SLOWER,
    loss_check,
    models,
    ratio_check,
)

_CHAPTER = Chapter("ch:anode", "Augmented Neural ODEs")
_ONE_DIMENSION_MORE = "ANODE (p = 1)"
_STRAIGHT = Criterion("nearly linear: at most a tenth longer than the straight line", high=1.1)
_BENT = Criterion("not nearly linear: more than a tenth longer than the straight line", low=1.1)

register(
    Claim(
        "C5",
        "section 5.1, Fig. 7 (left)",
        "ANODEs fit g on the line and in the plane, and much faster than NODEs.",
        _CHAPTER,
        (
            loss_check("ANODE's loss, d = 1", (LINE, ANODE), FITS),
            loss_check("ANODE's loss, d = 2", (PLANE, ANODE), FITS),
            *(
                ratio_check(
                    f"epochs to fit, NODE over ANODE, d = {d}",
                    models(name, NODE, ANODE),
                    slowdown,
                    Criterion("much faster: in half the epochs or fewer", low=2),
                )
                for d, name in ((1, LINE), (2, PLANE))
            ),
        ),
    )
)

register(
    Claim(
        "C6",
        "section 5.1, Fig. 8 (right)",
        "On the line an ANODE's function evaluations hardly grow in training, and a NODE's nearly "
        "double.",
        _CHAPTER,
        (
            ratio_check(
                "growth of ANODE's evaluations, d = 1",
                models(LINE, ANODE),
                evaluations_growth,
                Criterion("hardly grow: by less than a quarter", high=1.25),
            ),
            ratio_check(
                "growth of NODE's evaluations, d = 1",
                models(LINE, NODE),
                evaluations_growth,
                Criterion("nearly double: by a factor between 1.6 and 2.4", 1.6, 2.4),
            ),
        ),
    )
)

register(
    Claim(
        "C16",
        "appendix G.4, Fig. 18",
        "In the plane ANODEs learn g a little slower than ResNets, and faster than NODEs.",
        _CHAPTER,
        (
            ratio_check(
                "epochs to fit, ANODE over ResNet, d = 2",
                models(PLANE, ANODE, RESNET),
                slowdown,
                Criterion("a little slower: longer, but not twice as long", 1, 2),
            ),
            ratio_check(
                "epochs to fit, NODE over ANODE, d = 2",
                models(PLANE, NODE, ANODE),
                slowdown,
                SLOWER,
            ),
        ),
    )
)

register(
    Claim(
        "C17",
        "appendix G.5, Figs 7 (right) and 19",
        "ANODEs learn nearly linear flows on g and on separable data. NODEs learn more complicated "
        "ones, on g above all.",
        _CHAPTER,
        (
            *(
                ratio_check(f"detour of {subject}", models(name, label), detour, criterion)
                for subject, name, label, criterion in (
                    ("ANODE's trajectories on g", PLANE, _ONE_DIMENSION_MORE, _STRAIGHT),
                    ("ANODE's trajectories, separable", SEPARABLE, _ONE_DIMENSION_MORE, _STRAIGHT),
                    ("NODE's trajectories on g", PLANE, NODE, _BENT),
                )
            ),
            ratio_check(
                "detour of NODE's on g over that on separable data",
                models(PLANE, NODE) + models(SEPARABLE, NODE),
                detour_against,
                MORE,
            ),
        ),
    )
)
