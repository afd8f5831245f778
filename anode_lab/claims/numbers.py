"""The numbers that the paper prints about its models and results, each beside this book's.

The settings that the paper's text states, and those of the authors' released code, are compared
with what this package does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from anode.models import NeuralODE
from anode_lab.claims.claim import Judgement
from anode_lab.claims.report import seeds, unbroken
from anode_lab.experiments.images import WEIGHT_DECAY
from anode_lab.formatting import table


@dataclass(frozen=True)
class PrintedCount:
    """A number of weights in appendix F.2.2.

    Attributes:
        data: Title of the images.
        shape: Shape of one image, ``(C, H, W)``.
        classes: Number of classes.
        augment_dim: Number p of appended channels.
        hidden: Number k of filters.
        printed: Number of weights in the paper.
    """

    data: str
    shape: tuple[int, int, int]
    classes: int
    augment_dim: int
    hidden: int
    printed: int

    def as_described(self) -> int:
        """Number of weights of the model in the text: time as a channel, one output a class."""
        return self._count(time=True, outputs=self.classes)

    def as_counted(self) -> int:
        """Number of weights of a field that is not given the time, with ten outputs."""
        return self._count(time=False, outputs=10)

    def _count(self, *, time: bool, outputs: int) -> int:
        return NeuralODE(
            self.shape,
            outputs,
            hidden=self.hidden,
            augment_dim=self.augment_dim,
            time_dependent=time,
        ).parameter_count()


_MNIST, _CIFAR, _TINY = (1, 28, 28), (3, 32, 32), (3, 64, 64)

PRINTED_COUNTS = (
    PrintedCount("MNIST", _MNIST, 10, 0, 92, 84_395),
    PrintedCount("MNIST", _MNIST, 10, 5, 64, 84_816),
    PrintedCount("CIFAR-10", _CIFAR, 10, 0, 125, 172_358),
    PrintedCount("CIFAR-10", _CIFAR, 10, 10, 64, 171_799),
    PrintedCount("Tiny ImageNet", _TINY, 200, 0, 164, 366_269),
    PrintedCount("Tiny ImageNet", _TINY, 200, 5, 64, 365_714),
)


def counts_table(counts: Iterable[PrintedCount] = PRINTED_COUNTS) -> str:
    """Make a table with one row for each number of weights.

    The columns are the printed number, that of the model as described, and that of the model which
    gives the printed number.
    """
    rows = [
        [
            each.data,
            each.augment_dim,
            each.hidden,
            f"{each.printed:,}",
            f"{each.as_described():,}",
            f"{each.as_counted():,}",
        ]
        for each in counts
    ]
    return table(["data", "$p$", "$k$", "paper", "as described", "no time, 10 outputs"], rows)


@dataclass(frozen=True)
class PrintedResult:
    """A result that the paper gives as a number, in words or digits.

    Attributes:
        source: Section in which it stands.
        what: What was measured.
        printed: The number.
        part: Name of the part of a claim that measures it here, such as "C9a"; the claim's id if it
            has only one part.
    """

    source: str
    what: str
    printed: str
    part: str


PRINTED_RESULTS = (
    PrintedResult("5.1", "NODE's evaluations, last over first, d = 1", "nearly 2", "C6b"),
    PrintedResult("5.1", "ANODE's evaluations, last over first, d = 1", "hardly above 1", "C6a"),
    PrintedResult("5.2", "speed-up by p = 10, MNIST", "roughly 10", "C9a"),
    PrintedResult("5.2", "speed-up by p = 10, CIFAR-10", "roughly 5", "C9b"),
    PrintedResult("5.2", "evaluations at loss 0.8, CIFAR-10, NODE over ANODE", "100 / 50", "C10b"),
    PrintedResult("5.2", "lowest validation loss, CIFAR-10, NODE over ANODE", "1.34 / 1.18", "C11"),
    PrintedResult("5.2", "share of unstable NODEs, MNIST", "often; NFE above 1000", "C12a"),
    PrintedResult("5.2", "speed-up by p = 5, Tiny ImageNet", "almost 10", "C13b"),
)


def results_table(judgements: Sequence[Judgement]) -> str:
    """Make a table with one row for each printed result, with our measurement and its seeds."""
    found = {name: finding for judgement in judgements for name, finding in judgement.rows()}
    rows = []
    for each in PRINTED_RESULTS:
        if each.part not in found:
            continue
        finding = found[each.part]
        subject = unbroken(finding.check.subject)
        rows.append(
            [
                each.source,
                unbroken(each.what),
                each.printed,
                f"{finding.measured} ({each.part}: {subject})",
                seeds(finding),
            ]
        )
    return table(["section", "what", "paper", "here", "seeds"], rows)


@dataclass(frozen=True)
class PrintedSetting:
    """A setting in which the paper's text, the released code and this book differ.

    Attributes:
        what: Name of the setting.
        text: Setting in the paper.
        code: Setting in the configuration files of the released code.
        here: Setting in this package.
    """

    what: str
    text: str
    code: str
    here: str


SETTINGS = (
    PrintedSetting("loss of the regressions", "mean squared error (section 3)", "Huber", "Huber"),
    PrintedSetting("points in ball and annulus", "1000 and 2000", "500 and 1500", "1000 and 2000"),
    PrintedSetting(
        "density in the annulus",
        "not stated",
        "higher towards its inner rim",
        "uniform",
    ),
    PrintedSetting("epochs on toy data", "50", "30", "50"),
    PrintedSetting("repeats on toy data", "20", "10", "20"),
    PrintedSetting(
        "data that a flow separates", "not described", "two sides of a sine", "two balls"
    ),
    PrintedSetting(
        "learning rates of the search",
        "1e-3, 5-4, 1e-4; the second is a misprint",
        "no search",
        "1e-3, 5e-4, 1e-4",
    ),
    PrintedSetting(
        "time given to a convolutional field",
        "yes; left out in the printed numbers of weights",
        "yes",
        "yes",
    ),
    PrintedSetting(
        "outputs on Tiny ImageNet",
        "of 200 classes; of 10 in the printed numbers of weights",
        "no experiment on it",
        "200",
    ),
    PrintedSetting(
        "gradients on images",
        "not stated",
        "adjoint equation",
        "through the solver's steps; the adjoint if asked",
    ),
    PrintedSetting("most steps of a solve", "not stated", "1000", "1000"),
    PrintedSetting("weight decay", "no value", "0", f"{WEIGHT_DECAY:g}"),
    PrintedSetting(
        "random numbers", "not stated", "not fixed", "one seed for weights, data and order"
    ),
)
"""Of the code: https://github.com/EmilienDupont/augmented-neural-odes, commit 88d9865."""


def settings_table() -> str:
    """Make a table with one row for each setting."""
    rows = [[each.what, each.text, each.code, each.here] for each in SETTINGS]
    return table(["setting", "paper's text", "released code", "here"], rows)
