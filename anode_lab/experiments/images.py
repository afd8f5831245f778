"""The paper's experiments on images (section 5.2, appendix G), and what stands in for its data.

The paper's size needs a GPU and downloads. On a laptop Fashion-MNIST stands in for MNIST, and
patches of photographs for CIFAR-10, both averaged to fewer pixels.
"""

from anode.data.images.catalogue import ImageSet
from anode.data.images.loading import load
from anode.training import Loss
from anode_lab.experiments.experiment import Experiment, ModelSpec, Profile, Size, Split


def _images(size: Size, seed: int) -> Split:
    if size.images is None:
        raise ValueError("the size of an experiment on images says which, got images=None")
    return load(
        size.images,
        n_train=size.samples,
        n_test=size.samples // 4,
        max_side=size.max_side,
        seed=seed,
    )


def _augmented(*dims: int) -> tuple[ModelSpec, ...]:
    return tuple(ModelSpec(f"p = {p}", augment_dim=p) for p in dims)


def _experiment(
    name: str,
    source: str,
    models: tuple[ModelSpec, ...],
    sizes: dict[Profile, Size],
    outputs: int = 10,
) -> Experiment:
    return Experiment(
        name,
        source,
        _images,
        models,
        sizes,
        data_per_seed=False,
        outputs=outputs,
        loss=Loss.CROSS_ENTROPY,
        recorded=True,
    )


def _smoke(images: ImageSet, samples: int = 96) -> Size:
    return Size(
        seeds=2, epochs=2, samples=samples, batch_size=32, hidden=4, max_side=8, images=images
    )


def _paper(images: ImageSet, samples: int, side: int) -> Size:
    return Size(
        seeds=5,
        epochs=20,
        samples=samples,
        batch_size=256,
        hidden=64,
        max_side=side,
        images=images,
    )


GREY = "images-grey"
COLOUR = "images-colour"
OVERFIT = "images-overfit"
LARGE = "images-large"

WEIGHT_DECAY = 1e-3
"""The paper does not say which it used."""

IMAGES = (
    _experiment(
        GREY,
        "Figs 10, 12, 16 and 17, MNIST; section 6",
        (
            *_augmented(0, 10, 5, 1),
            ModelSpec("p = 0, as large as p = 5", as_large_as=5),
            ModelSpec("p = 0, weight decay", weight_decay=WEIGHT_DECAY),
            ModelSpec("p = 5, weight decay", augment_dim=5, weight_decay=WEIGHT_DECAY),
            *_augmented(2, 100),
        ),
        {
            Profile.SMOKE: _smoke(ImageSet.DIGITS),
            Profile.LAPTOP: Size(
                seeds=5, epochs=16, samples=8000, hidden=16, max_side=14, images=ImageSet.FASHION
            ),
            Profile.PAPER: _paper(ImageSet.MNIST, 60_000, 28),
        },
    ),
    _experiment(
        COLOUR,
        "Figs 10, 11 and 16, CIFAR-10",
        (*_augmented(0, 10, 5), ModelSpec("p = 0, as large as p = 10", as_large_as=10)),
        {
            Profile.SMOKE: _smoke(ImageSet.PATCHES),
            Profile.LAPTOP: Size(
                seeds=5, epochs=16, samples=6000, hidden=16, max_side=16, images=ImageSet.PATCHES
            ),
            Profile.PAPER: _paper(ImageSet.CIFAR10, 50_000, 32),
        },
    ),
    _experiment(
        OVERFIT,
        "section 5.2, Fig. 12, left and middle",
        _augmented(0, 5),
        {
            Profile.SMOKE: _smoke(ImageSet.DIGITS),
            Profile.LAPTOP: Size(
                seeds=5, epochs=1000, samples=320, hidden=16, max_side=8, images=ImageSet.DIGITS
            ),
            Profile.PAPER: Size(
                seeds=5,
                epochs=100,
                samples=60_000,
                batch_size=256,
                hidden=64,
                images=ImageSet.MNIST,
            ),
        },
    ),
    _experiment(
        LARGE,
        "section 5.2, Fig. 12, right",
        (
            *_augmented(5),
            ModelSpec("p = 0, as large as p = 5", as_large_as=5),
        ),
        {
            Profile.SMOKE: _smoke(ImageSet.PATCHES),
            Profile.PAPER: _paper(ImageSet.TINY_IMAGENET, 100_000, 64),
        },
        outputs=200,
    ),
)
