"""The paper's claims about images: what each promises, in words and as a range of numbers.

The criteria were written down after the final losses and evaluations of most recorded trainings
had been seen; the epochs, the equal losses and the validation losses had not.
"""

from collections.abc import Callable

from anode.training import Floats
from anode_lab.claims.claim import Check, Claim, Need
from anode_lab.claims.cost import (
    evaluations_at_equal_loss,
    evaluations_over,
    fewest_over,
    loss_over,
    speed_up,
    unstable,
    validation_over,
)
from anode_lab.claims.criterion import Criterion
from anode_lab.claims.interval import Average
from anode_lab.experiments.images import COLOUR, GREY, LARGE, OVERFIT

_LOWER_LOSS = Criterion("lower: a ratio above 1, by whatever factor", low=1)
_FEWER = Criterion("fewer: a ratio above 1, by whatever factor", low=1)
_HALF = Criterion("twice as many: by a factor between 1.5 and 2.7", 1.5, 2.7)
_TEN = Criterion("ten times: by a factor between 5 and 20", 5, 20)
_FIVE = Criterion("five times: by a factor between 2.5 and 10", 2.5, 10)


def _ratio(
    subject: str, name: str, labels: tuple[str, ...], values: Callable[..., Floats], is_: Criterion
) -> Check:
    needs: tuple[Need, ...] = tuple((name, label) for label in labels)
    return Check(subject, needs, values, is_, "times", Average.GEOMETRIC)


_AS_5, _AS_10 = "p = 0, as large as p = 5", "p = 0, as large as p = 10"
_DECAY = "weight decay"

IMAGE_CLAIMS = (
    Claim(
        "C9",
        "section 5.2, Fig. 10",
        "With p = 10 a model comes to the loss of a NODE in roughly ten times fewer iterations on "
        "MNIST, and in roughly five times fewer on CIFAR-10.",
        "ch:images",
        (
            _ratio(
                "speed-up to NODE's loss, p = 10, grey", GREY, ("p = 0", "p = 10"), speed_up, _TEN
            ),
            _ratio(
                "speed-up to NODE's loss, p = 10, colour",
                COLOUR,
                ("p = 0", "p = 10"),
                speed_up,
                _FIVE,
            ),
        ),
    ),
    Claim(
        "C10",
        "section 5.2, Fig. 10",
        "At the same loss a NODE takes about twice as many function evaluations as an ANODE.",
        "ch:images",
        tuple(
            _ratio(
                f"evaluations at equal loss, NODE over p = 10, {colours}",
                name,
                ("p = 0", "p = 10"),
                evaluations_at_equal_loss,
                _HALF,
            )
            for colours, name in (("grey", GREY), ("colour", COLOUR))
        ),
    ),
    Claim(
        "C11",
        "section 5.2, Fig. 11",
        "On CIFAR-10 ANODEs come to a lower validation loss than NODEs.",
        "ch:images",
        (
            _ratio(
                "lowest validation loss, NODE over p = 10, colour",
                COLOUR,
                ("p = 0", "p = 10"),
                validation_over,
                _LOWER_LOSS,
            ),
        ),
    ),
    Claim(
        "C12",
        "section 5.2, Fig. 12 (left and middle)",
        "Overfitting on MNIST, NODEs become unstable late in training: losses explode, evaluations "
        "pass a thousand, steps underflow. ANODEs stay stable, with fewer evaluations.",
        "ch:stability",
        (
            *(
                Check(
                    f"unstable trainings, {model}",
                    ((OVERFIT, label),),
                    unstable,
                    criterion,
                    "of the seeds",
                    failures_count=True,
                )
                for model, label, criterion in (
                    ("NODE", "p = 0", Criterion("often: more than 0.2 of them", low=0.2)),
                    ("p = 5", "p = 5", Criterion("consistently stable: less than 0.2", high=0.2)),
                )
            ),
            _ratio(
                "evaluations after overfitting, NODE over p = 5",
                OVERFIT,
                ("p = 0", "p = 5"),
                evaluations_over,
                _FEWER,
            ),
        ),
    ),
    Claim(
        "C13",
        "section 5.2, Fig. 12 (right)",
        "On Tiny ImageNet ANODEs come to lower losses and train almost ten times as fast.",
        "ch:stability",
        (
            _ratio(
                "final loss, NODE over p = 5, Tiny ImageNet",
                LARGE,
                (_AS_5, "p = 5"),
                loss_over,
                _LOWER_LOSS,
            ),
            _ratio(
                "speed-up to NODE's loss, p = 5, Tiny ImageNet",
                LARGE,
                (_AS_5, "p = 5"),
                speed_up,
                _TEN,
            ),
        ),
    ),
    Claim(
        "C14",
        "section 5.2, Fig. 16",
        "A NODE with as many weights as an ANODE still has a higher loss and needs more function "
        "evaluations.",
        "ch:images",
        tuple(
            _ratio(
                f"{what}, NODE of equal size over {augmented}, {colours}", name, labels, how, is_
            )
            for colours, name, labels in (
                ("grey", GREY, (_AS_5, "p = 5")),
                ("colour", COLOUR, (_AS_10, "p = 10")),
            )
            for augmented in labels[1:]
            for what, how, is_ in (
                ("final loss", loss_over, _LOWER_LOSS),
                ("final evaluations", evaluations_over, _FEWER),
            )
        ),
    ),
    Claim(
        "C15",
        "section 5.2, appendix G.3, Fig. 17",
        "ANODEs without weight decay do better than NODEs with it. Both together give the fewest "
        "function evaluations, at a slightly higher loss.",
        "ch:stability",
        (
            _ratio(
                "final loss, NODE with decay over p = 5 without",
                GREY,
                (f"p = 0, {_DECAY}", "p = 5"),
                loss_over,
                _LOWER_LOSS,
            ),
            _ratio(
                "fewest evaluations of the others, over p = 5 with decay",
                GREY,
                (f"p = 5, {_DECAY}", "p = 0", "p = 5", f"p = 0, {_DECAY}"),
                fewest_over,
                _FEWER,
            ),
            _ratio(
                "final loss, p = 5 with decay over without",
                GREY,
                (f"p = 5, {_DECAY}", "p = 5"),
                loss_over,
                Criterion("slightly higher: by less than a quarter, 1 to 1.25", 1, 1.25),
            ),
        ),
    ),
    Claim(
        "C18",
        "section 6",
        "With too many additional channels, such as 100 on MNIST, losses and evaluations rise "
        "again.",
        "ch:stability",
        (
            _ratio(
                "final loss, p = 100 over p = 10",
                GREY,
                ("p = 100", "p = 10"),
                loss_over,
                Criterion("higher: a ratio above 1, by whatever factor", low=1),
            ),
            _ratio(
                "final evaluations, p = 100 over p = 10",
                GREY,
                ("p = 100", "p = 10"),
                evaluations_over,
                Criterion("more: a ratio above 1, by whatever factor", low=1),
            ),
        ),
    ),
)
"""Those of the experiments on images."""
