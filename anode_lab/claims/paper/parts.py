"""What the parts of several claims have in common: models, criteria, losses and ratios."""

from collections.abc import Callable

from anode.arrays import Floats
from anode_lab.claims.claim import Check, Need
from anode_lab.claims.criterion import Criterion
from anode_lab.claims.fitting import final_loss
from anode_lab.claims.interval import Average

LINE, PLANE, SEPARABLE = "annulus-1d", "annulus-2d", "separable-2d"
"""The experiments on g on the line, on g in the plane, and on data that a flow can separate."""

NODE, RESNET, ANODE = "NODE", "ResNet", "ANODE (p = 5)"
"""Labels of the models on toy data."""

FITS = Criterion("fits: below 0.05 of the best constant's loss", high=0.05)
CANNOT_FIT = Criterion("cannot fit: above 0.5 of the best constant's loss", low=0.5)
SLOWER = Criterion("slower: takes longer, by whatever factor", low=1)
MORE = Criterion("more: a ratio above 1, by whatever factor", low=1)
FEWER = Criterion("fewer: a ratio above 1, by whatever factor", low=1)
LOWER_LOSS = Criterion("lower: a ratio above 1, by whatever factor", low=1)
TEN_TIMES = Criterion("ten times: by a factor between 5 and 20", 5, 20)

OF_CONSTANT = "of the best constant's loss"
"""Unit of losses on toy data."""


def models(experiment: str, *labels: str) -> tuple[Need, ...]:
    """Some models of one experiment."""
    return tuple((experiment, label) for label in labels)


def loss_check(subject: str, need: Need, criterion: Criterion) -> Check:
    """A check of a model's loss after the last epoch, as a share of the best constant's."""
    return Check(subject, (need,), final_loss, criterion, OF_CONSTANT)


def ratio_check(
    subject: str, needs: tuple[Need, ...], values: Callable[..., Floats], criterion: Criterion
) -> Check:
    """A check of a ratio, averaged over the seeds by its geometric mean."""
    return Check(subject, needs, values, criterion, "times", Average.GEOMETRIC)
