"""Claims about images: speed, cost and losses (C9, C10, C11, C14)."""

from anode_lab.claims.claim import Chapter, Claim, register
from anode_lab.claims.cost import (
    evaluations_at_equal_loss,
    evaluations_over,
    loss_over,
    speed_up,
    validation_over,
)
from anode_lab.claims.criterion import Criterion
from anode_lab.claims.paper.parts import FEWER, LOWER_LOSS, TEN_TIMES, models, ratio_check
from anode_lab.experiments.images import COLOUR, GREY

_CHAPTER = Chapter("ch:images", "Images")
_HALF = Criterion("twice as many: by a factor between 1.5 and 2.7", 1.5, 2.7)
_FIVE_TIMES = Criterion("five times: by a factor between 2.5 and 10", 2.5, 10)

register(
    Claim(
        "C9",
        "section 5.2, Fig. 10",
        "With p = 10 a model comes to the loss of a NODE in roughly ten times fewer iterations on "
        "MNIST, and in roughly five times fewer on CIFAR-10.",
        _CHAPTER,
        tuple(
            ratio_check(
                f"speed-up to NODE's loss, p = 10, {colours}",
                models(name, "p = 0", "p = 10"),
                speed_up,
                criterion,
            )
            for colours, name, criterion in (
                ("grey", GREY, TEN_TIMES),
                ("colour", COLOUR, _FIVE_TIMES),
            )
        ),
    )
)

register(
    Claim(
        "C10",
        "section 5.2, Fig. 10",
        "At the same loss a NODE takes about twice as many function evaluations as an ANODE.",
        _CHAPTER,
        tuple(
            ratio_check(
                f"evaluations at equal loss, NODE over p = 10, {colours}",
                models(name, "p = 0", "p = 10"),
                evaluations_at_equal_loss,
                _HALF,
            )
            for colours, name in (("grey", GREY), ("colour", COLOUR))
        ),
    )
)

register(
    Claim(
        "C11",
        "section 5.2, Fig. 11",
        "On CIFAR-10 ANODEs come to a lower validation loss than NODEs.",
        _CHAPTER,
        (
            ratio_check(
                "lowest validation loss, NODE over p = 10, colour",
                models(COLOUR, "p = 0", "p = 10"),
                validation_over,
                LOWER_LOSS,
            ),
        ),
    )
)

register(
    Claim(
        "C14",
        "section 5.2, Fig. 16",
        "A NODE with as many weights as an ANODE still has a higher loss and needs more function "
        "evaluations.",
        _CHAPTER,
        tuple(
            ratio_check(
                f"{what}, NODE of equal size over {augmented}, {colours}",
                models(name, f"p = 0, as large as {augmented}", augmented),
                values,
                criterion,
            )
            for colours, name, augmented in (("grey", GREY, "p = 5"), ("colour", COLOUR, "p = 10"))
            for what, values, criterion in (
                ("final loss", loss_over, LOWER_LOSS),
                ("final evaluations", evaluations_over, FEWER),
            )
        ),
    )
)
