"""The paper's experiments on images (section 5.2, appendix G).

The paper's size needs a GPU. On a laptop fewer images are used, averaged to fewer pixels, and only
the first epochs are trained at the paper's size. Tests use digits and patches of photographs that
need no download.
"""

from collections.abc import Mapping
from dataclasses import replace

from anode import Method, SolverSettings
from anode.training import Loss
from anode_lab.experiments.experiment import Experiment, ModelSpec, Split
from anode_lab.experiments.profiles import Size, sizes

GREY = "images-grey"
COLOUR = "images-colour"
OVERFIT = "images-overfit"
LARGE = "images-large"
GREY_BEGUN = "images-grey-begun"
COLOUR_BEGUN = "images-colour-begun"

WEIGHT_DECAY = 1e-3
"""Weight decay of Fig. 17; the paper does not state its own."""


def _images(size: Size, seed: int) -> Split:
    if size.images is None:
        raise ValueError("the size of an experiment on images says which, got images=None")
    return size.images.load(
        n_train=size.samples,
        n_test=size.samples // 4,
        max_side=size.max_side,
        seed=seed,
    )


def _augmented(p: int, *, weight_decay: float = 0.0) -> ModelSpec:
    label = f"p = {p}, weight decay" if weight_decay else f"p = {p}"
    return ModelSpec(label, options={"augment_dim": p}, weight_decay=weight_decay)


def _as_large_as(p: int) -> ModelSpec:
    options = {"augment_dim": 0}
    return ModelSpec(f"p = 0, as large as p = {p}", options=options, as_large_as=_augmented(p))


def _more_filters_than(p: int) -> ModelSpec:
    """The paper's NODE for Tiny ImageNet, with the filters that ten outputs would have called for.

    The numbers of weights in appendix F.2.2 are those of a linear layer with ten outputs. With 200,
    a NODE as large as the ANODE would need ten times as many.
    """
    return replace(_as_large_as(p), label="p = 0, more filters", outputs_counted=10)


def _one_step(p: int) -> ModelSpec:
    """One Euler step from 0 to 1: a residual block of the same convolutions, without an ODE."""
    solver = SolverSettings(method=Method.EULER, step_size=1.0)
    return ModelSpec(f"p = {p}, one step", options={"augment_dim": p, "solver": solver})


def _experiment(
    name: str,
    source: str,
    models: tuple[ModelSpec, ...],
    figures: Mapping[str, tuple[str, ...] | None],
    *,
    outputs: int = 10,
) -> Experiment:
    return Experiment(
        name,
        source,
        _images,
        models,
        sizes(name.removeprefix("images-")),
        figures,
        data_per_seed=False,
        outputs=outputs,
        loss=Loss.CROSS_ENTROPY,
        recorded=True,
    )


EXPERIMENTS = (
    _experiment(
        GREY,
        "Figs 10, 12, 16 and 17, MNIST; section 6",
        (
            *map(_augmented, (0, 10, 5, 1)),
            _as_large_as(5),
            _augmented(0, weight_decay=WEIGHT_DECAY),
            _augmented(5, weight_decay=WEIGHT_DECAY),
            *map(_augmented, (2, 100)),
            _one_step(10),
        ),
        {
            "fig10": ("p = 0", "p = 1", "p = 5", "p = 10"),
            "fig16": ("p = 0", "p = 5", "p = 0, as large as p = 5"),
            "fig17": ("p = 0", "p = 5", "p = 0, weight decay", "p = 5, weight decay"),
        },
    ),
    _experiment(
        COLOUR,
        "Figs 10, 11 and 16, CIFAR-10; weight decay as in Fig. 17",
        (
            *map(_augmented, (0, 10, 5)),
            _as_large_as(10),
            _one_step(10),
            _augmented(0, weight_decay=WEIGHT_DECAY),
            _augmented(10, weight_decay=WEIGHT_DECAY),
            *map(_augmented, (1, 2)),
        ),
        {
            "fig10": ("p = 0", "p = 5", "p = 10"),
            "fig11": ("p = 0", "p = 5", "p = 10"),
            "fig16": ("p = 0", "p = 10", "p = 0, as large as p = 10"),
        },
    ),
    _experiment(
        GREY_BEGUN,
        "Fig. 10, upper row: the first epochs at the paper's size",
        tuple(map(_augmented, (0, 10))),
        {},
    ),
    _experiment(
        COLOUR_BEGUN,
        "Fig. 10, lower row: the first epochs at the paper's size",
        tuple(map(_augmented, (0, 10))),
        {},
    ),
    _experiment(
        OVERFIT,
        "section 5.2, Fig. 12, left and middle",
        tuple(map(_augmented, (0, 5))),
        {"fig12": None},
    ),
    _experiment(
        LARGE,
        "section 5.2, Fig. 12, right",
        (*map(_augmented, (5, 0)), _more_filters_than(5)),
        {"fig12": None},
        outputs=200,
    ),
)
