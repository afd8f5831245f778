"""Colour patches: true pieces of the photographs, of one part of each for training, another for
validation."""

import numpy as np
import pytest
import torch
from torch import Tensor

from anode_lab.images import image_set
from anode_lab.images.patches import FLAT, HEIGHT, SIDE, corners, cut, photographs, scaled

CLASSES = image_set("colour-patches").class_names()


def covered(photo: Tensor, part: int) -> Tensor:
    """Which pixels of a photograph some patch of a part shows, ``(H, W)``."""
    mask = torch.zeros(photo.shape[1:], dtype=torch.bool)
    for row, column in corners(photo, part).tolist():
        mask[row : row + SIDE, column : column + SIDE] = True
    return mask


@pytest.mark.parametrize("label", range(len(CLASSES)), ids=CLASSES)
def test_no_pixel_is_shown_in_training_and_in_validation(label: int) -> None:
    photo = scaled()[label]
    train, validation = (covered(photo, part) for part in (0, 1))
    assert not (train & validation).any()
    # Validation sees a fair share of the photograph, training more of it.
    assert 0.2 < validation.float().mean() < train.float().mean() < 0.8


def test_neighbours_in_training_and_validation_are_apart() -> None:
    """By a gap of 8 pixels, as those beside each other are nearly the same."""
    for photo in scaled():
        columns = [set(corners(photo, part)[:, 1].tolist()) for part in (0, 1)]
        distance = min(abs(a - b) for a in columns[0] for b in columns[1])
        assert distance >= SIDE + 8


@pytest.mark.parametrize("part", [0, 1])
def test_patches_are_pieces_of_their_photographs(part: int) -> None:
    found, labels = cut(30, part, seed=5)
    mirrored = 0
    for patch, label in zip(found, labels.tolist(), strict=True):
        photo = scaled()[label]
        places = corners(photo, part)
        # The corner pixel narrows the search down; then the whole patch is compared.
        for candidate, flipped in ((patch, False), (patch.flip(-1), True)):
            first = photo[:, places[:, 0], places[:, 1]]
            near = places[(first == candidate[:, :1, 0]).all(0)]
            pieces = [photo[:, r : r + SIDE, c : c + SIDE] for r, c in near.tolist()]
            if any(torch.equal(piece, candidate) for piece in pieces):
                mirrored += flipped
                break
        else:
            pytest.fail(f"a patch of {CLASSES[label]} is not in it")
    assert 5 < mirrored < 25, "about half are mirrored"


def test_classes_take_turns() -> None:
    assert cut(25, 0, seed=0)[1].tolist() == [i % 10 for i in range(25)]


def test_no_patch_is_all_but_one_grey() -> None:
    assert cut(500, 0, seed=0)[0].flatten(1).std(1, correction=0).min() > FLAT


def test_the_names_are_those_of_the_photographs() -> None:
    assert tuple(photographs()) == CLASSES


def test_photographs_are_colourful_and_of_one_height() -> None:
    for name, photo in zip(CLASSES, scaled(), strict=True):
        assert min(photo.shape[1:]) == HEIGHT
        assert 0 <= photo.min() <= photo.max() <= 1
        assert (photo[0] - photo[2]).abs().mean() > 0.01, f"{name} is grey"


@pytest.mark.slow
def test_the_task_is_neither_trivial_nor_hopeless() -> None:
    """Colours alone do not solve it, and a linear classifier does better than chance by far."""
    from sklearn.linear_model import LogisticRegression

    (x, y), (x_test, y_test) = (cut(n, part, seed=0) for part, n in enumerate((3000, 1000)))
    for features in (lambda x: x.mean((2, 3)), lambda x: x[:, :, ::4, ::4].flatten(1)):
        model = LogisticRegression(C=0.1, max_iter=500)
        model.fit(np.asarray(features(x)), y)
        assert 0.3 < model.score(np.asarray(features(x_test)), y_test) < 0.8
