"""Images: chosen by the seed, from a whole set or not at all, under the name of what they are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from anode.data.images.catalogue import FOLDER_VARIABLE, SOURCES
from anode.data.images.loading import DataError, ImageSet, available, class_names, identity, load
from tests.helpers.image_sets import ARCHIVED, CONTENT, IDX_SETS, idx_files, register, write

DEBIAN = SOURCES[ImageSet.FASHION].elsewhere[0]
ALWAYS = (ImageSet.DIGITS, ImageSet.PATCHES)
SIDES = {
    ImageSet.MNIST: (1, 28),
    ImageSet.FASHION: (1, 28),
    ImageSet.CIFAR10: (3, 32),
    ImageSet.TINY_IMAGENET: (3, 64),
    ImageSet.DIGITS: (1, 8),
    ImageSet.PATCHES: (3, 32),
}
"""Channels and pixels along a side."""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloaded data, empty, on a machine that has no other."""
    (folder := tmp_path / "data").mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    for which in CONTENT:
        register(monkeypatch, which, {})
    return folder


def put(which: ImageSet, data: Path) -> None:
    """The set where it is looked for, if it is not always here."""
    if which in SOURCES:
        write(data / SOURCES[which].place, CONTENT[which]())


# Every set


@pytest.mark.parametrize("which", ImageSet)
def test_images_are_what_they_are_called(which: ImageSet, data: Path) -> None:
    put(which, data)
    channels, side = SIDES[which]
    train, test = load(which, n_train=4, n_test=3)
    assert train.name == test.name == f"{which.title}, {side} × {side} pixels"
    assert train.x.shape[1:] == test.x.shape[1:] == (channels, side, side)
    assert (len(test), test.y.shape, test.y.dtype) == (3, (3,), torch.int64)
    assert train.x.dtype == torch.float32
    assert train.x.min() >= 0
    assert 0.2 < train.x.max() <= 1, "pixels go from 0 to 1"
    assert train.y.max() < len(class_names(which))


@pytest.mark.parametrize("which", ImageSet)
def test_the_seed_fixes_the_choice(which: ImageSet, data: Path) -> None:
    put(which, data)
    first, again, other = (load(which, n_train=6, n_test=3, seed=s)[0] for s in (3, 3, 4))
    assert torch.equal(first.x, again.x)
    assert torch.equal(first.y, again.y)
    assert not torch.equal(first.x, other.x)


@pytest.mark.parametrize("which", ImageSet)
def test_fewer_images_are_the_first_of_more(which: ImageSet, data: Path) -> None:
    put(which, data)
    few, more = (load(which, n_train=n, n_test=n) for n in (2, 4))
    for i in range(2):
        assert torch.equal(few[i].x, more[i].x[:2])
        assert torch.equal(few[i].y, more[i].y[:2])


@pytest.mark.parametrize("which", ImageSet)
def test_large_images_are_averaged(which: ImageSet, data: Path) -> None:
    put(which, data)
    channels, side = SIDES[which]
    full, small = (load(which, n_train=4, n_test=1, max_side=m)[0] for m in (64, side // 2))
    assert small.name == f"{which.title}, averaged to {side // 2} × {side // 2} pixels"
    squares = full.x.view(4, channels, side // 2, 2, side // 2, 2).mean((3, 5))
    torch.testing.assert_close(small.x, squares)
    assert torch.equal(small.y, full.y)


@pytest.mark.parametrize(("most", "side"), [(28, 28), (27, 14), (13, 7), (6, 4), (1, 1)])
def test_sides_are_the_largest_that_fit(data: Path, most: int, side: int) -> None:
    put(ImageSet.MNIST, data)
    train, _ = load(ImageSet.MNIST, n_train=2, n_test=2, max_side=most)
    assert train.input_shape == (1, side, side)


@pytest.mark.parametrize("which", SOURCES)
def test_a_set_that_is_not_here_says_how_to_get_it(which: ImageSet) -> None:
    assert not available(which)
    with pytest.raises(DataError, match=rf"anode data fetch {which.value}.*colour-patches"):
        load(which, n_train=1, n_test=1)


@pytest.mark.parametrize(
    ("which", "name"),
    [
        (ImageSet.MNIST, "t10k-labels-idx1-ubyte"),
        (ImageSet.FASHION, "train-images-idx3-ubyte"),
        (ImageSet.CIFAR10, "test_batch.bin"),
        (ImageSet.TINY_IMAGENET, "val/images/val_3.JPEG"),
    ],
)
def test_a_part_of_a_set_is_not_taken_for_it(which: ImageSet, name: str, data: Path) -> None:
    put(which, data)
    assert available(which)
    (data / SOURCES[which].place / name).unlink()
    with pytest.raises(DataError, match=name):
        load(which, n_train=1, n_test=1)


@pytest.mark.parametrize("which", ALWAYS)
def test_what_comes_with_a_library_is_always_here(
    which: ImageSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "absent"))
    assert available(which)
    assert len(load(which, n_train=1, n_test=1)[0]) == 1


# One set or another


def test_digits_are_split_without_overlap() -> None:
    train, test = load(ImageSet.DIGITS, n_train=60_000, n_test=10_000)
    assert (len(train), len(test)) == (1500, 297), "more than there are is all there are"
    everything = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 16
    assert sorted(map(bytes, torch.cat([train.x, test.x]).numpy())) == sorted(
        map(bytes, everything.numpy())
    )


@pytest.mark.parametrize("which", IDX_SETS)
def test_shuffled_images_have_their_own_labels(which: ImageSet, data: Path) -> None:
    put(which, data)
    content = idx_files()["train-images-idx3-ubyte"][16:]
    pixels = np.frombuffer(content, np.uint8).reshape(40, 1, 28, 28)
    labels = dict(zip(map(bytes, pixels.astype(np.float32) / 255), range(40), strict=True))
    train, _ = load(which, n_train=40, n_test=12)
    seen = [labels[bytes(image)] for image in train.x.numpy()]
    assert sorted(seen) == list(range(40))
    assert [i % 10 for i in seen] == train.y.tolist()


def test_a_stand_in_says_so() -> None:
    assert "stand-in for CIFAR-10" in load(ImageSet.PATCHES, n_train=1, n_test=1)[0].name


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_debians_package_is_what_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    train, test = load(ImageSet.FASHION, n_train=60_000, n_test=10_000)
    assert train.y.bincount().tolist() == [6000] * 10
    assert test.y.bincount().tolist() == [1000] * 10


@pytest.mark.parametrize("which", [w for w in ImageSet if w is not ImageSet.TINY_IMAGENET])
def test_ten_classes_have_ten_names(which: ImageSet) -> None:
    assert len(set(class_names(which))) == 10


def test_names_of_tiny_imagenets_classes_come_with_it(data: Path) -> None:
    with pytest.raises(DataError, match="not on this machine"):
        class_names(ImageSet.TINY_IMAGENET)
    put(ImageSet.TINY_IMAGENET, data)
    assert class_names(ImageSet.TINY_IMAGENET)[0] == "goldfish"


# Arguments


@pytest.mark.parametrize("name", ["n_train", "n_test", "max_side"])
def test_numbers_must_be_positive(name: str) -> None:
    arguments = {"n_train": 1, "n_test": 1, "max_side": 8} | {name: 0}
    with pytest.raises(ValueError, match=f"{name} must be 1 or more, got 0"):
        load(ImageSet.DIGITS, **arguments)


@pytest.mark.parametrize("which", ALWAYS)
def test_a_seed_is_not_negative(which: ImageSet) -> None:
    with pytest.raises(ValueError, match="seed=-1"):
        load(which, n_train=1, n_test=1, seed=-1)


def test_the_variable_must_name_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(ValueError, match=r"ANODE_DATA must name a folder.*absent"):
        load(ImageSet.MNIST, n_train=1, n_test=1)


# Identity


def test_identity_says_which_data_without_a_path(data: Path) -> None:
    seen = [identity()]
    for which in SOURCES:
        put(which, data)
        seen.append(identity())
    assert len(set(seen)) == len(SOURCES) + 1
    assert not any(str(data) in text for text in seen)


@pytest.mark.parametrize("which", ARCHIVED)
def test_identity_is_the_same_once_pixels_are_decoded(which: ImageSet, data: Path) -> None:
    put(which, data)
    before = identity()
    load(which, n_train=1, n_test=1)
    assert identity() == before


def test_identity_of_broken_data_does_not_raise(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(ImageSet.MNIST, data)
    next((data / "MNIST" / "raw").iterdir()).unlink()
    assert "mnist: DataError" in identity()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "absent"))
    assert "mnist: ValueError" in identity()
