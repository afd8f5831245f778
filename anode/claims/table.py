"""All claims, and the chapters that show what was measured."""

from anode.claims.images import IMAGES
from anode.claims.toy import TOY

CLAIMS = tuple(sorted(TOY + IMAGES, key=lambda claim: int(claim.id.removeprefix("C"))))
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
