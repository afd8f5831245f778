"""Claims about images: stability, weight decay and size (C12, C13, C15, C18)."""

from anode_lab.claims.claim import Chapter, Check, Claim, register
from anode_lab.claims.cost import evaluations_over, fewest_over, loss_over, speed_up, unstable
from anode_lab.claims.criterion import Criterion
from anode_lab.claims.paper.parts import FEWER, LOWER_LOSS, MORE, TEN_TIMES, models, ratio_check
from anode_lab.experiments.images import GREY, LARGE, OVERFIT

_CHAPTER = Chapter("ch:stability", "Stability and scale")
_PAIR = models(LARGE, "p = 0, more filters", "p = 5")
_NODE_DECAY, _ANODE_DECAY = "p = 0, weight decay", "p = 5, weight decay"

register(
    Claim(
        "C12",
        "section 5.2, Fig. 12 (left and middle)",
        "Overfitting on MNIST, NODEs become unstable late in training: losses explode, evaluations "
        "pass a thousand, steps underflow. ANODEs stay stable, with fewer evaluations.",
        _CHAPTER,
        (
            *(
                Check(
                    f"unstable trainings, {name}",
                    models(OVERFIT, label),
                    unstable,
                    criterion,
                    "of the seeds",
                    failures_count=True,
                )
                for name, label, criterion in (
                    ("NODE", "p = 0", Criterion("often: more than 0.2 of them", low=0.2)),
                    ("p = 5", "p = 5", Criterion("consistently stable: less than 0.2", high=0.2)),
                )
            ),
            ratio_check(
                "evaluations after overfitting, NODE over p = 5",
                models(OVERFIT, "p = 0", "p = 5"),
                evaluations_over,
                FEWER,
            ),
        ),
    )
)

register(
    Claim(
        "C13",
        "section 5.2, Fig. 12 (right)",
        "On Tiny ImageNet ANODEs come to lower losses and train almost ten times as fast.",
        _CHAPTER,
        (
            ratio_check("final loss, NODE over p = 5, Tiny ImageNet", _PAIR, loss_over, LOWER_LOSS),
            ratio_check(
                "speed-up to NODE's loss, p = 5, Tiny ImageNet", _PAIR, speed_up, TEN_TIMES
            ),
        ),
    )
)

register(
    Claim(
        "C15",
        "section 5.2, appendix G.3, Fig. 17",
        "ANODEs without weight decay do better than NODEs with it. Both together give the fewest "
        "function evaluations, at a slightly higher loss.",
        _CHAPTER,
        (
            ratio_check(
                "final loss, NODE with decay over p = 5 without",
                models(GREY, _NODE_DECAY, "p = 5"),
                loss_over,
                LOWER_LOSS,
            ),
            ratio_check(
                "fewest evaluations of the others, over p = 5 with decay",
                models(GREY, _ANODE_DECAY, "p = 0", "p = 5", _NODE_DECAY),
                fewest_over,
                FEWER,
            ),
            ratio_check(
                "final loss, p = 5 with decay over without",
                models(GREY, _ANODE_DECAY, "p = 5"),
                loss_over,
                Criterion("slightly higher: by less than a quarter, 1 to 1.25", 1, 1.25),
            ),
        ),
    )
)

register(
    Claim(
        "C18",
        "section 6",
        "With too many additional channels, such as 100 on MNIST, losses and evaluations rise "
        "again.",
        _CHAPTER,
        (
            ratio_check(
                "final loss, p = 100 over p = 10",
                models(GREY, "p = 100", "p = 10"),
                loss_over,
                Criterion("higher: a ratio above 1, by whatever factor", low=1),
            ),
            ratio_check(
                "final evaluations, p = 100 over p = 10",
                models(GREY, "p = 100", "p = 10"),
                evaluations_over,
                MORE,
            ),
        ),
    )
)
