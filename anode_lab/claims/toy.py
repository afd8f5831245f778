"""The paper's claims about toy data: what each promises, in words and as a range of numbers.

The criteria were written down before the first run of these measurements, by asking what a reader
takes the paper's words to promise, and have not been changed since. Rough values of a prototype
were known for some: that a NODE does not fit g on the line, how evaluations grow, and the losses on
the slice (C2, C4, C5, C6, C8).
"""

from anode_lab.claims.claim import Check, Claim
from anode_lab.claims.criterion import Criterion
from anode_lab.claims.fitting import (
    final_loss,
    final_validation_loss,
    generalisation_gap,
    largest_feature,
    slowdown,
    slowdown_against,
)
from anode_lab.claims.flows import (
    detour,
    detour_against,
    evaluations_growth,
    growth_against,
    unreasonable_share,
)
from anode_lab.claims.interval import Average

_LINE, _PLANE, _EASY, _SLICE = "annulus-1d", "annulus-2d", "separable-2d", "slice-2d"
_NODE, _RESNET, _ANODE, _ANODE_1 = "NODE", "ResNet", "ANODE (p = 5)", "ANODE (p = 1)"

_FITS = Criterion("fits: below 0.05 of the best constant's loss", high=0.05)
_CANNOT = Criterion("cannot fit: above 0.5 of the best constant's loss", low=0.5)
_SLOWER = Criterion("slower: takes longer, by whatever factor", low=1)
_MORE = Criterion("more: a ratio above 1, by whatever factor", low=1)

_SHARE = "of the best constant's loss"
_TIMES = "times"


def _loss(name: str, label: str, subject: str, criterion: Criterion) -> Check:
    return Check(subject, ((name, label),), final_loss, criterion, _SHARE)


def _slowdown(
    slow: tuple[str, str], fast: tuple[str, str], subject: str, criterion: Criterion
) -> Check:
    return Check(subject, (slow, fast), slowdown, criterion, _TIMES, Average.GEOMETRIC)


def _growth(name: str, label: str, subject: str, criterion: Criterion) -> Check:
    needs = ((name, label),)
    return Check(subject, needs, evaluations_growth, criterion, _TIMES, Average.GEOMETRIC)


def _detour(name: str, label: str, subject: str, criterion: Criterion) -> Check:
    return Check(subject, ((name, label),), detour, criterion, _TIMES, Average.GEOMETRIC)


_STRAIGHT = Criterion("nearly linear: at most a tenth longer than the straight line", high=1.1)
_BENT = Criterion("not nearly linear: more than a tenth longer than the straight line", low=1.1)

TOY_CLAIMS = (
    Claim(
        "C1",
        "section 3, Fig. 3 (bottom)",
        "A NODE learns the identity on −1 and 1. It does not learn to exchange the two points, and "
        "sends both to 0 instead.",
        "ch:crossing",
        (
            _loss("identity-1d", _NODE, "NODE's loss on the identity", _FITS),
            _loss("g1d", _NODE, "NODE's loss on the exchange", _CANNOT),
            Check(
                "NODE's features of −1 and 1 on the exchange",
                (("g1d", _NODE),),
                largest_feature,
                Criterion("sent to 0: within 0.1, a tenth of where they start", high=0.1),
                "from 0",
            ),
        ),
    ),
    Claim(
        "C2",
        "section 4.1, Fig. 5a",
        "On the line a ResNet fits g with ease and a NODE does not come near it.",
        "ch:struggle",
        (
            _loss(_LINE, _NODE, "NODE's loss, d = 1", _CANNOT),
            _loss(_LINE, _RESNET, "ResNet's loss, d = 1", _FITS),
        ),
    ),
    Claim(
        "C3",
        "section 4.1, Figs 5b and 5c",
        "In the plane a NODE does come to fit g, but with more trouble than a ResNet; it has less "
        "trouble on data that a flow can separate.",
        "ch:struggle",
        (
            _slowdown(
                (_PLANE, _NODE),
                (_PLANE, _RESNET),
                "epochs to fit, NODE over ResNet, d = 2",
                Criterion("struggles: at least half as long again", low=1.5),
            ),
            _loss(_PLANE, _NODE, "NODE's loss, d = 2", _FITS),
            Check(
                "that ratio on g over that on separable data",
                ((_PLANE, _NODE), (_PLANE, _RESNET), (_EASY, _NODE), (_EASY, _RESNET)),
                slowdown_against,
                _MORE,
                _TIMES,
                Average.GEOMETRIC,
            ),
        ),
    ),
    Claim(
        "C4",
        "section 4.2, Fig. 6",
        "A NODE needs many more function evaluations as training goes on, because it has to break "
        "the annulus open.",
        "ch:struggle",
        (
            _growth(
                _PLANE,
                _NODE,
                "growth of NODE's evaluations, d = 2",
                Criterion("a large increase: by half or more", low=1.5),
            ),
            Check(
                "growth on g over growth on separable data",
                ((_PLANE, _NODE), (_EASY, _NODE)),
                growth_against,
                Criterion("because: less growth where there is nothing to break", low=1),
                _TIMES,
                Average.GEOMETRIC,
            ),
        ),
    ),
    Claim(
        "C5",
        "section 5.1, Fig. 7 (left)",
        "ANODEs fit g on the line and in the plane, and much faster than NODEs.",
        "ch:anode",
        (
            _loss(_LINE, _ANODE, "ANODE's loss, d = 1", _FITS),
            _loss(_PLANE, _ANODE, "ANODE's loss, d = 2", _FITS),
            *(
                _slowdown(
                    (name, _NODE),
                    (name, _ANODE),
                    f"epochs to fit, NODE over ANODE, d = {d}",
                    Criterion("much faster: in half the epochs or fewer", low=2),
                )
                for d, name in ((1, _LINE), (2, _PLANE))
            ),
        ),
    ),
    Claim(
        "C6",
        "section 5.1, Fig. 8 (right)",
        "On the line an ANODE's function evaluations hardly grow in training, and a NODE's nearly "
        "double.",
        "ch:anode",
        (
            _growth(
                _LINE,
                _ANODE,
                "growth of ANODE's evaluations, d = 1",
                Criterion("hardly grow: by less than a quarter", high=1.25),
            ),
            _growth(
                _LINE,
                _NODE,
                "growth of NODE's evaluations, d = 1",
                Criterion("nearly double: by a factor between 1.6 and 2.4", 1.6, 2.4),
            ),
        ),
    ),
    Claim(
        "C7",
        "section 5.1, Fig. 9 (left)",
        "An ANODE gives reasonable outputs everywhere, also where it was not trained. A NODE gives "
        "wrong ones along the way by which it squeezed the ball out.",
        "ch:generalisation",
        tuple(
            Check(
                f"unreasonable share of the disc, {name}, d = 2",
                ((_PLANE, label),),
                unreasonable_share,
                criterion,
                "of the disc",
            )
            for name, label, criterion in (
                (
                    "ANODE",
                    _ANODE,
                    Criterion("everywhere: below 0.001, what a thin streak covers", high=0.001),
                ),
                (
                    "NODE",
                    _NODE,
                    Criterion("leaks: above 0.001, what a thin streak covers", low=0.001),
                ),
            )
        ),
    ),
    Claim(
        "C8",
        "section 5.1, Fig. 9 (middle, right)",
        "With a slice of the plane left out of training, a NODE does much worse on the slice than "
        "on its training data, and an ANODE's loss there is close to 0.",
        "ch:generalisation",
        (
            Check(
                "NODE's loss on the slice less its training loss",
                ((_SLICE, _NODE),),
                generalisation_gap,
                Criterion("a large gap: above 0.1 of the best constant's loss", low=0.1),
                _SHARE,
            ),
            Check(
                "ANODE's loss on the slice",
                ((_SLICE, _ANODE),),
                final_validation_loss,
                Criterion("close to 0: below 0.05 of the best constant's loss", high=0.05),
                _SHARE,
            ),
        ),
    ),
    Claim(
        "C16",
        "appendix G.4, Fig. 18",
        "In the plane ANODEs learn g a little slower than ResNets, and faster than NODEs.",
        "ch:anode",
        (
            _slowdown(
                (_PLANE, _ANODE),
                (_PLANE, _RESNET),
                "epochs to fit, ANODE over ResNet, d = 2",
                Criterion("a little slower: longer, but not twice as long", 1, 2),
            ),
            _slowdown(
                (_PLANE, _NODE), (_PLANE, _ANODE), "epochs to fit, NODE over ANODE, d = 2", _SLOWER
            ),
        ),
    ),
    Claim(
        "C17",
        "appendix G.5, Figs 7 (right) and 19",
        "ANODEs learn nearly linear flows on g and on separable data. NODEs learn more complicated "
        "ones, on g above all.",
        "ch:anode",
        (
            _detour(_PLANE, _ANODE_1, "detour of ANODE's trajectories on g", _STRAIGHT),
            _detour(_EASY, _ANODE_1, "detour of ANODE's trajectories, separable", _STRAIGHT),
            _detour(_PLANE, _NODE, "detour of NODE's trajectories on g", _BENT),
            Check(
                "detour of NODE's on g over that on separable data",
                ((_PLANE, _NODE), (_EASY, _NODE)),
                detour_against,
                _MORE,
                _TIMES,
                Average.GEOMETRIC,
            ),
        ),
    ),
    Claim(
        "C19",
        "appendix F.1",
        "With softplus in the place of ReLU, training is slower.",
        "ch:claims",
        tuple(
            _slowdown(
                ("softplus-2d", f"{label}, softplus"),
                (_PLANE, label),
                f"epochs to fit, {name} with softplus over ReLU",
                _SLOWER,
            )
            for name, label in (("NODE", _NODE), ("ANODE", _ANODE))
        ),
    ),
)
