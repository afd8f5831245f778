"""All claims, and the chapters that show what was measured."""

from anode_lab.claims.images import IMAGE_CLAIMS
from anode_lab.claims.toy import TOY_CLAIMS

CLAIMS = tuple(sorted(TOY_CLAIMS + IMAGE_CLAIMS, key=lambda claim: int(claim.id.removeprefix("C"))))
"""Those of the paper, in its order."""

CHAPTERS = {
    "ch:crossing": "Trajectories do not cross",
    "ch:struggle": "What Neural ODEs struggle with",
    "ch:anode": "Augmented Neural ODEs",
    "ch:generalisation": "Generalisation",
    "ch:images": "Images",
    "ch:stability": "Stability and scale",
    "ch:claims": "Claims and verdicts",
}
"""Title of each chapter that has a claim's figure, or else its measurements."""
