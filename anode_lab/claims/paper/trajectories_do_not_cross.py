"""Claims about trajectories, which do not cross (C1)."""

from anode_lab.claims.claim import Chapter, Check, Claim, register
from anode_lab.claims.criterion import Criterion
from anode_lab.claims.fitting import largest_feature
from anode_lab.claims.paper.parts import CANNOT_FIT, FITS, NODE, loss_check

register(
    Claim(
        "C1",
        "section 3, Fig. 3 (bottom)",
        "A NODE learns the identity on −1 and 1. It does not learn to exchange the two points, and "
        "sends both to 0 instead.",
        Chapter("ch:crossing", "Trajectories do not cross"),
        (
            loss_check("NODE's loss on the identity", ("identity-1d", NODE), FITS),
            loss_check("NODE's loss on the exchange", ("g1d", NODE), CANNOT_FIT),
            Check(
                "NODE's features of −1 and 1 on the exchange",
                (("g1d", NODE),),
                largest_feature,
                Criterion("sent to 0: within 0.1, a tenth of where they start", high=0.1),
                "from 0",
            ),
        ),
    )
)
