"""Images: chosen by the seed, from a whole set or not at all, under the name of what they are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from anode_lab.images import IMAGE_SETS, DataError, ImageSet, image_set, register_image_set
from anode_lab.images.downloaded import FOLDER_VARIABLE, images_identity
from tests.helpers.image_sets import CONTENT, downloaded, idx_files, register, write

ALWAYS = ("digits", "colour-patches")
SIDES = {
    "mnist": (1, 28),
    "cifar-10": (3, 32),
    "tiny-imagenet": (3, 64),
    "digits": (1, 8),
    "colour-patches": (3, 32),
}
"""Channels and pixels along a side."""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloaded data, empty, on a machine that has no other."""
    (folder := tmp_path / "data").mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    for name in CONTENT:
        register(monkeypatch, name, {})
    return folder


def put(name: str, data: Path) -> ImageSet:
    """The set, where it is looked for if it is not always here."""
    if name in CONTENT:
        write(data / downloaded(name).place, CONTENT[name]())
    return image_set(name)


# Every set


def test_every_set_is_tested() -> None:
    assert IMAGE_SETS.keys() == SIDES.keys()


@pytest.mark.parametrize("name", SIDES)
def test_images_are_what_they_are_called(name: str, data: Path) -> None:
    images = put(name, data)
    channels, side = SIDES[name]
    train, test = images.load(n_train=4, n_test=3)
    assert train.name == test.name == f"{images.title}, {side} × {side} pixels"
    assert train.x.shape[1:] == test.x.shape[1:] == (channels, side, side)
    assert (len(test), test.y.shape, test.y.dtype) == (3, (3,), torch.int64)
    assert train.x.dtype == torch.float32
    assert train.x.min() >= 0
    assert 0.2 < train.x.max() <= 1, "pixels go from 0 to 1"
    assert train.y.max() < len(images.class_names())
    assert images.citation


@pytest.mark.parametrize("name", SIDES)
def test_the_seed_fixes_the_choice(name: str, data: Path) -> None:
    images = put(name, data)
    first, again, other = (images.load(n_train=6, n_test=3, seed=s)[0] for s in (3, 3, 4))
    assert torch.equal(first.x, again.x)
    assert torch.equal(first.y, again.y)
    assert not torch.equal(first.x, other.x)


@pytest.mark.parametrize("name", SIDES)
def test_fewer_images_are_the_first_of_more(name: str, data: Path) -> None:
    images = put(name, data)
    few, more = (images.load(n_train=n, n_test=n) for n in (2, 4))
    for i in range(2):
        assert torch.equal(few[i].x, more[i].x[:2])
        assert torch.equal(few[i].y, more[i].y[:2])


@pytest.mark.parametrize("name", SIDES)
def test_large_images_are_averaged(name: str, data: Path) -> None:
    images = put(name, data)
    channels, side = SIDES[name]
    full, small = (images.load(n_train=4, n_test=1, max_side=m)[0] for m in (64, side // 2))
    assert small.name == f"{images.title}, averaged to {side // 2} × {side // 2} pixels"
    squares = full.x.view(4, channels, side // 2, 2, side // 2, 2).mean((3, 5))
    torch.testing.assert_close(small.x, squares)
    assert torch.equal(small.y, full.y)


@pytest.mark.parametrize(("most", "side"), [(28, 28), (27, 14), (13, 7), (6, 4), (1, 1)])
def test_sides_are_the_largest_that_fit(data: Path, most: int, side: int) -> None:
    train, _ = put("mnist", data).load(n_train=2, n_test=2, max_side=most)
    assert train.input_shape == (1, side, side)


@pytest.mark.parametrize("name", CONTENT)
def test_a_set_that_is_not_here_says_how_to_get_it(name: str) -> None:
    assert not image_set(name).available()
    with pytest.raises(DataError, match=rf"anode data fetch {name}.*colour-patches"):
        image_set(name).load(n_train=1, n_test=1)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "t10k-labels-idx1-ubyte"),
        ("cifar-10", "test_batch.bin"),
        ("tiny-imagenet", "val/images/val_3.JPEG"),
    ],
)
def test_a_part_of_a_set_is_not_taken_for_it(name: str, file: str, data: Path) -> None:
    images = put(name, data)
    assert images.available()
    (data / downloaded(name).place / file).unlink()
    with pytest.raises(DataError, match=file):
        images.load(n_train=1, n_test=4)


@pytest.mark.parametrize("name", ALWAYS)
def test_what_comes_with_a_library_is_always_here(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "absent"))
    assert image_set(name).available()
    assert len(image_set(name).load(n_train=1, n_test=1)[0]) == 1


# One set or another


def test_digits_are_split_without_overlap() -> None:
    train, test = image_set("digits").load(n_train=60_000, n_test=10_000)
    assert (len(train), len(test)) == (1500, 297), "more than there are is all there are"
    everything = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 16
    assert sorted(map(bytes, torch.cat([train.x, test.x]).numpy())) == sorted(
        map(bytes, everything.numpy())
    )


def test_shuffled_images_have_their_own_labels(data: Path) -> None:
    content = idx_files()["train-images-idx3-ubyte"][16:]
    pixels = np.frombuffer(content, np.uint8).reshape(40, 1, 28, 28)
    labels = dict(zip(map(bytes, pixels.astype(np.float32) / 255), range(40), strict=True))
    train, _ = put("mnist", data).load(n_train=40, n_test=12)
    seen = [labels[bytes(image)] for image in train.x.numpy()]
    assert sorted(seen) == list(range(40))
    assert [i % 10 for i in seen] == train.y.tolist()


def test_a_stand_in_says_so() -> None:
    assert "stand-in for CIFAR-10" in image_set("colour-patches").load(n_train=1, n_test=1)[0].name


@pytest.mark.parametrize("name", sorted(SIDES.keys() - {"tiny-imagenet"}))
def test_ten_classes_have_ten_names(name: str) -> None:
    assert len(set(image_set(name).class_names())) == 10


def test_names_of_tiny_imagenets_classes_come_with_it(data: Path) -> None:
    with pytest.raises(DataError, match="not on this machine"):
        image_set("tiny-imagenet").class_names()
    assert put("tiny-imagenet", data).class_names()[0] == "goldfish"


# Arguments


@pytest.mark.parametrize("name", ["n_train", "n_test", "max_side"])
def test_numbers_must_be_positive(name: str) -> None:
    arguments = {"n_train": 1, "n_test": 1, "max_side": 8} | {name: 0}
    with pytest.raises(ValueError, match=f"{name} must be 1 or more, got 0"):
        image_set("digits").load(**arguments)


@pytest.mark.parametrize("name", ALWAYS)
def test_a_seed_is_not_negative(name: str) -> None:
    with pytest.raises(ValueError, match=r"seed must be .*got -1"):
        image_set(name).load(n_train=1, n_test=1, seed=-1)


def test_the_variable_must_name_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(ValueError, match=r"ANODE_DATA must name a folder.*absent"):
        image_set("mnist").load(n_train=1, n_test=1)


def test_an_unknown_name_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"one of .*digits.*, got 'imagenet'"):
        image_set("imagenet")


def test_a_set_has_a_name_of_its_own_and_is_offered_where_another_is_missing() -> None:
    with pytest.raises(ValueError, match="there is an image set 'digits'"):
        register_image_set(image_set("digits"))
    with pytest.raises(DataError, match=r"digits \(scikit-learn\)"):
        image_set("mnist").load(n_train=1, n_test=1)


# Identity


def test_identity_says_which_data_without_a_path(data: Path) -> None:
    seen = [images_identity()]
    for name in CONTENT:
        put(name, data)
        seen.append(images_identity())
    assert len(set(seen)) == len(CONTENT) + 1
    assert not any(str(data) in text for text in seen)


def test_identity_of_broken_data_does_not_raise(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put("mnist", data)
    next((data / "MNIST" / "raw").iterdir()).unlink()
    assert "mnist: DataError" in images_identity()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "absent"))
    assert "mnist: ValueError" in images_identity()
