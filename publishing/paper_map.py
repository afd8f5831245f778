"""The map on the start page: where the paper's sections, propositions and figures are in the book.

Which figures of the book show a figure of the paper, their captions say; the data and the sizes are
those of the experiments, and the verdicts the kept ones.
"""

import re
from collections.abc import Iterable, Sequence

from anode_lab.claims import Claim, Verdict, all_claims
from anode_lab.claims.criterion import combined
from anode_lab.claims.verdicts import Verdicts, load_verdicts
from anode_lab.experiments import EXPERIMENTS, Experiment, figures
from anode_lab.formatting import table
from publishing.chapters import Page
from publishing.inspection import code_cells

MARKER = "% build-map"
"""Line of a page that stands for the map."""

VERDICTS_MARKER = "% build-verdicts"
"""Line of a page that stands for the sentence with the number of claims of each verdict."""

SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Section 2": ("Neural ODEs", ("ch:neural-odes",)),
    "Section 3": ("a simple example in 1d", ("ch:crossing",)),
    "Proposition 1": ("no flow swaps −1 and 1", ("prop-cross-order",)),
    "Section 4": ("what Neural ODEs cannot represent", ("ch:struggle",)),
    "Proposition 2": ("nor the ball and the annulus", ("cor-struggle-witness", "thm-escape")),
    "Proposition 3": ("features are a homeomorphism", ("thm-homeo-flow",)),
    "Section 4.1": ("experiments", ("ch:struggle",)),
    "Section 4.2": ("function evaluations", ("ch:struggle", "ch:corners")),
    "Section 5": ("Augmented Neural ODEs", ("def-anode", "ch:why")),
    "Section 5.1": ("experiments", ("ch:anode", "ch:generalisation")),
    "Section 5.2": ("images", ("ch:images", "ch:stability")),
    "Section 6": ("scope and future work", ("ch:stability", "ch:beyond")),
    "Appendix A": ("trajectories, Gronwall's lemma", ("thm-cross-meet", "lem-cross-gronwall")),
    "Appendix B": ("proof of Proposition 1", ("ch:crossing",)),
    "Appendix C": ("proof of Proposition 3", ("ch:struggle", "ch:homeomorphisms")),
    "Appendix D": ("proof of Proposition 2", ("ch:struggle", "ch:annulus")),
    "Appendix E": ("modelling the field", ("ch:neural-odes",)),
    "Appendix F.1": ("architecture", ("ch:neural-odes", "ch:scorecard")),
    "Appendix F.2": ("hyperparameters", ("ch:search", "ch:images")),
    "Appendix G": ("additional results", ("ch:anode", "ch:images", "ch:stability")),
}
"""Part of the paper -> what it is about, and labels of the chapters or statements for it."""

FIGURES = (
    "flows of a NODE and an ANODE",
    "the architecture",
    "trajectories and fields on the line",
    "the function g",
    "losses of NODEs and ResNets",
    "features and evaluations in training",
    "losses and flows of ANODEs",
    "features and evaluations of ANODEs",
    "generalisation",
    "losses and evaluations on images",
    "validation losses on CIFAR-10",
    "instability; Tiny ImageNet",
    "g and the features it would need",
    "the disc in the proof",
    "features on g and on separable data",
    "models of equal size",
    "weight decay",
    "three models",
    "flows on both data sets",
)
"""What each figure of the paper shows, from Figure 1 on."""

_DATA = {
    "identity-1d": "the identity on two points",
    "g1d": "the exchange of two points",
    "annulus-1d": "$g$ on the line",
    "annulus-2d": "$g$ in the plane",
    "separable-2d": "separable data",
    "slice-2d": "$g$ without a slice",
}
_CHAPTER = re.compile(r"^\((ch:[\w-]+)\)=$", re.M)
_ONE = r"\d+[a-z]?(?: \([^)]*\))?"
_OF_PAPER = re.compile(rf"\bFig(?:s|ures?)?\.? ({_ONE}(?:(?:,| and) {_ONE})*)")
_NUMBER = re.compile(r"\b(\d+)[a-z]?\b")
_FIGURES = re.compile(r"\bFigs?\.? (.*)")
_SECTION = re.compile(r"\b(section|appendix) ([A-G\d](?:\.\d+)*)")
_STATEMENTS = ("def", "prop", "thm", "lem", "cor", "rem")


def texts(pages: Sequence[Page]) -> dict[str, str]:
    """Return the texts for the marker lines; none for a book without them.

    Raises:
        ValueError: If the kept verdicts cannot be read.
    """
    if not any(MARKER in page.text or VERDICTS_MARKER in page.text for page in pages):
        return {}
    verdicts = load_verdicts()
    return {
        MARKER: paper_map(pages, verdicts),
        VERDICTS_MARKER: verdicts_sentence(verdicts),
    }


def paper_map(pages: Iterable[Page], verdicts: Verdicts) -> str:
    """Return two tables: the paper's sections and propositions, and its figures.

    Args:
        pages: Pages of the book.
        verdicts: Kept verdicts; the sizes are those of their profile.
    """
    places = figure_places(pages)
    sections = [
        [
            f"{name}, {what}",
            ", ".join(map(_reference, labels)),
            _verdicts(verdicts, [each for each in all_claims() if name in sections_of(each)]),
        ]
        for name, (what, labels) in SECTIONS.items()
    ]
    drawn = [
        [
            f"Figure {number}, {what}",
            "; ".join(
                ", ".join(map(_reference, labels)) + f" in {_reference(chapter)}"
                for chapter, labels in places.get(number, {}).items()
            )
            or "–",
            what_was_run(number, verdicts.profile),
            _verdicts(verdicts, [each for each in all_claims() if number in figures_of(each)]),
        ]
        for number, what in enumerate(FIGURES, 1)
    ]
    size = f"Sizes and verdicts: profile `{verdicts.profile}`, first seed {verdicts.seed}."
    return "\n\n".join(
        (
            table(["in the paper", "in the book", "verdicts"], sections),
            table(["in the paper", "in the book", "what was run", "verdicts"], drawn),
            size,
        )
    )


def verdicts_sentence(verdicts: Verdicts) -> str:
    """Return a sentence with the number of claims of each kept verdict, on toy data and images."""
    parts = []
    for recorded, words in (
        (False, "of the paper's {} claims about toy data, "),
        (True, "of its {} about images, "),
    ):
        found = [_judged(verdicts, each)[0] for each in all_claims() if each.recorded is recorded]
        counts = [(verdict, found.count(verdict)) for verdict in Verdict if verdict in found]
        said = [f"{n} {'is' if n == 1 else 'are'} {verdict.value}" for verdict, n in counts]
        parts.append(
            words.format(len(found)) + " and ".join(filter(None, (", ".join(said[:-1]), said[-1])))
        )
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def figure_places(pages: Iterable[Page]) -> dict[int, dict[str, list[str]]]:
    """Number of a figure of the paper -> chapters, with the figures whose captions name it."""
    found: dict[int, dict[str, list[str]]] = {}
    for page in pages:
        chapter = _CHAPTER.search(page.text)
        if chapter is None or not page.is_chapter:
            continue
        for cell in code_cells(page.notebook()):
            if cell.figure is None:
                continue
            for number in _named(str(cell.figure.get("caption", ""))):
                labels = found.setdefault(number, {}).setdefault(chapter[1], [])
                labels.append(str(cell.figure["name"]))
    return found


def _named(caption: str) -> list[int]:
    """The paper's figures that a caption names, in their order."""
    # Figures of the book have no number in the sources: they are referred to by their labels.
    parts = " ".join(_OF_PAPER.findall(" ".join(caption.split())))
    return sorted({int(number) for number in _NUMBER.findall(parts)})


def figures_of(claim: Claim) -> set[int]:
    """The paper's figures on which a claim rests."""
    found = _FIGURES.search(claim.source)
    return {int(number) for number in _NUMBER.findall(found[1])} if found else set()


def sections_of(claim: Claim) -> set[str]:
    """The sections of :data:`SECTIONS` in which the paper makes a claim."""
    named = [f"{kind.title()} {name}" for kind, name in _SECTION.findall(claim.source)]
    around = [[part for part in SECTIONS if f"{name}.".startswith(f"{part}.")] for name in named]
    return {max(parts, key=len) for parts in around if parts}


def what_was_run(number: int, profile: str) -> str:
    """Data and size for a figure of the paper, a dash if no experiment belongs to it."""
    by_size: dict[str, list[str]] = {}
    for name in figures().get(f"fig{number}", {}):
        data, size = _data_and_size(EXPERIMENTS[name], profile)
        by_size.setdefault(size, []).append(data)
    return "; ".join(f"{', '.join(data)}: {size}" for size, data in by_size.items()) or "–"


def _data_and_size(experiment: Experiment, profile: str) -> tuple[str, str]:
    size, paper = (experiment.sizes.get(each) for each in (profile, "paper"))
    if size is None:
        return (paper.images.title if paper and paper.images else experiment.name), "not run"
    run = f"{size.epochs:,} epochs, {size.seeds} seeds"
    if size.images is None:
        data = _DATA.get(experiment.name, f"`{experiment.name}`")
    else:
        data = f"{size.samples:,} images of {size.images.title}"
        run = f"{size.max_side} × {size.max_side} pixels, {size.hidden} filters, {run}"
    return data, run + (", the paper's size" if size == paper else "")


def _verdicts(kept: Verdicts, claims: Iterable[Claim]) -> str:
    """The verdicts on some claims, each with the claims that it is on; a dash if there are none."""
    found: dict[str, list[str]] = {}
    for claim in claims:
        link = f"{{ref}}`{claim.id} <claim-{claim.id.lower()}>`"
        found.setdefault(_in_words(*_judged(kept, claim)), []).append(link)
    return "; ".join(f"{', '.join(links)} {verdict}" for verdict, links in found.items()) or "–"


def _judged(kept: Verdicts, claim: Claim) -> tuple[Verdict, Verdict]:
    """The kept verdicts on a claim and on what was trained for it."""
    parts = [part for name, part in kept.parts.items() if name.rstrip("abcdefgh") == claim.id]
    if not parts:
        return Verdict.NOT_TESTABLE, Verdict.NOT_TESTABLE
    return (
        combined([Verdict(part.verdict) for part in parts]),
        combined([Verdict(part.at_hand) for part in parts]),
    )


def _in_words(verdict: Verdict, at_hand: Verdict) -> str:
    if verdict is Verdict.NOT_TESTABLE and at_hand is not Verdict.NOT_TESTABLE:
        return f"{verdict.value} (here: {at_hand.value})"
    return verdict.value


def _reference(label: str) -> str:
    kind = label.partition("-")[0]
    if kind == "fig":
        return f"{{numref}}`{label}`"
    return f"{{prf:ref}}`{label}`" if kind in _STATEMENTS else f"{{ref}}`{label}`"
