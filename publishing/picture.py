"""The README's picture: two trained flows, for a light and for a dark page."""

import io
from pathlib import Path

from PIL import Image

from anode_lab import runs
from anode_lab.figures.augmented_neural_odes import learned_flows
from publishing import records
from publishing.project import Project

_MODELS = ("NODE", "ANODE (p = 1)")


def write_picture(project: Project, folder: Path, profile: str = "laptop") -> list[Path]:
    """Draw the flows of a NODE and an ANODE as ``folder/flows-light.webp`` and ``flows-dark.webp``.

    Args:
        project: The book; what its chapters have trained is read, the rest is trained.
        folder: Folder of the two files.
        profile: How much is trained.
    """
    store = project.results(profile)
    plane = runs.run("annulus-2d", profile=profile, models=_MODELS, store=store)
    picture = learned_flows(*(plane.runs[label] for label in _MODELS))
    made = []
    for theme in ("light", "dark"):
        buffer = io.BytesIO()
        with Image.open(io.BytesIO(picture.png(dark=theme == "dark"))) as image:
            image.save(buffer, format="WEBP", lossless=True, exact=True)
        made.append(folder / f"flows-{theme}.webp")
        records.write(made[-1], buffer.getvalue())
    return made
