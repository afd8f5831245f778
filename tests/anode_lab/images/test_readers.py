"""Files of image sets are read whole or not at all."""

from pathlib import Path

import numpy as np
import pytest

from anode_lab.images import DataError
from anode_lab.images.downloaded import FOLDER_VARIABLE
from tests.helpers.image_sets import (
    CONTENT,
    Bytes,
    cifar_files,
    downloaded,
    idx_files,
    jpeg,
    register,
    tiny_files,
    write,
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """All sets have the sizes of the tests' own."""
    for name in CONTENT:
        register(monkeypatch, name, {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for one set."""
    return tmp_path / "set"


def read(name: str, folder: Path) -> list[tuple[Bytes, Bytes]]:
    """All images and labels of the training and the test set."""
    parts = downloaded(name).read(folder)
    return [(images[np.arange(len(images))], labels) for images, labels in parts]


# MNIST's format


@pytest.mark.parametrize("compressed", [False, True])
def test_mnist_is_read_compressed_or_not(folder: Path, compressed: bool) -> None:
    write(folder, files := idx_files(), compressed=compressed)
    parts = read("mnist", folder)
    assert [images.shape for images, _ in parts] == [(40, 1, 28, 28), (12, 1, 28, 28)]
    assert parts[1][0].tobytes() == files["t10k-images-idx3-ubyte"][16:]
    assert parts[0][1].tolist() == [i % 10 for i in range(40)]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize("left", [0, 3, 6, -1])
def test_a_truncated_idx_file_is_named_and_not_read(
    folder: Path, name: str, left: int, compressed: bool
) -> None:
    write(folder, idx_files(), compressed=compressed)
    file = folder / (f"{name}.gz" if compressed else name)
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(DataError, match=name):
        read("mnist", folder)


def test_one_wrong_pixel_of_an_idx_file_is_noticed(folder: Path) -> None:
    files = idx_files()
    content = bytearray(files["train-images-idx3-ubyte"])
    content[-1] ^= 1
    write(folder, files | {"train-images-idx3-ubyte": bytes(content)})
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte is damaged or is not MNIST"):
        read("mnist", folder)


# CIFAR-10


def test_cifar_is_read_record_by_record(folder: Path) -> None:
    """Against the description on its page: a label, then 1024 red, 1024 green, 1024 blue bytes."""
    files = cifar_files()
    (images, labels), (test_images, _) = read("cifar-10", write(folder, files))
    assert images.shape == (20, 3, 32, 32)
    assert test_images.shape == (4, 3, 32, 32)
    content = b"".join(files[f"data_batch_{i}.bin"] for i in range(1, 6))
    for n, row, column in ((0, 0, 0), (7, 3, 30), (19, 31, 31)):
        record = content[3073 * n : 3073 * (n + 1)]
        assert labels[n] == record[0]
        pixel = [record[1 + 1024 * colour + 32 * row + column] for colour in range(3)]
        assert images[n, :, row, column].tolist() == pixel


@pytest.mark.parametrize("name", ["data_batch_3.bin", "test_batch.bin"])
@pytest.mark.parametrize("change", ["cut", "longer", "gone"])
def test_a_cifar_file_of_another_length_is_named(folder: Path, name: str, change: str) -> None:
    write(folder, files := cifar_files())
    if change == "gone":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(files[name][:-1] if change == "cut" else files[name] + b"\0")
    images = downloaded("cifar-10")
    for act in (images.present, images.verify) if change == "gone" else (images.verify,):
        with pytest.raises(DataError, match=name):
            act(folder)


def test_one_wrong_byte_of_a_cifar_file_is_noticed(folder: Path) -> None:
    files = cifar_files()
    files["test_batch.bin"] = b"\x0a" + files["test_batch.bin"][1:]
    with pytest.raises(DataError, match=r"test_batch.bin is damaged"):
        read("cifar-10", write(folder, files))


# Tiny ImageNet


def red(images: Bytes) -> list[int]:
    """The red of each image, to the nearest 20."""
    return [int(20 * np.round(image[0].mean() / 20)) for image in images]


def test_tiny_imagenet_is_read_in_the_order_of_its_classes(folder: Path) -> None:
    write(folder, tiny_files())
    (images, labels), (validation, validation_labels) = read("tiny-imagenet", folder)
    assert images.shape == (6, 3, 64, 64)
    assert red(images) == [0, 20, 40, 60, 80, 100]
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert red(validation) == [120, 140, 160, 180]
    assert validation_labels.tolist() == [2, 0, 1, 2]  # n03, n01, n02, n03
    assert np.ptp(images[0], axis=0).max() == 0, "a grey image has three equal colours"


def test_only_images_that_are_asked_for_are_decoded(folder: Path) -> None:
    write(folder, tiny_files() | {"val/images/val_2.JPEG": b"damaged"})
    _, (validation, _) = downloaded("tiny-imagenet").read(folder)
    assert red(validation[np.array([3, 0])]) == [180, 120]
    with pytest.raises(DataError, match=r"val_2.JPEG cannot be decoded"):
        validation[np.array([1, 2])]


TRAINING = "train/n02/images/n02_1.JPEG"
VALIDATION = "val/images/val_2.JPEG"


@pytest.mark.parametrize("name", [TRAINING, VALIDATION])
@pytest.mark.parametrize("change", ["cut", "none", "small", "gone"])
def test_a_damaged_image_of_tiny_imagenet_is_named(folder: Path, name: str, change: str) -> None:
    files = tiny_files()
    broken = {"cut": files[name][:-200], "none": b"<html>", "small": jpeg((1, 2, 3), side=32)}
    write(folder, files | {name: broken.get(change, b"")})
    if change == "gone":
        (folder / name).unlink()
        with pytest.raises(DataError, match=Path(name).name):
            downloaded("tiny-imagenet").verify(folder)
    with pytest.raises(DataError, match=Path(name).name):
        read("tiny-imagenet", folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("wnids.txt", b"n01\nn02\n"),
        ("wnids.txt", b"\xff"),
        ("wnids.txt", None),
        ("val/val_annotations.txt", b"val_0.JPEG\tn01\n"),
        ("val/val_annotations.txt", b"val_0.JPEG\n" * 4),
        ("val/val_annotations.txt", None),
    ],
)
def test_damaged_lists_of_tiny_imagenet_are_named(
    folder: Path, name: str, content: bytes | None
) -> None:
    write(folder, tiny_files())
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=Path(name).name):
        downloaded("tiny-imagenet").present(folder)


def test_a_class_of_no_training_image_is_refused(folder: Path) -> None:
    files = tiny_files()
    rows = files["val/val_annotations.txt"].replace(b"n02", b"n77")
    with pytest.raises(DataError, match="n77"):
        read("tiny-imagenet", write(folder, files | {"val/val_annotations.txt": rows}))


# Where sets are


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloaded data, empty."""
    (folder := tmp_path / "data").mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder


def test_classes_are_words_or_else_wordnets_names(data: Path) -> None:
    images = downloaded("tiny-imagenet")
    write(data / images.place, tiny_files())
    assert images.class_names() == ("goldfish", "bullfrog", "n03")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "t10k-labels-idx1-ubyte"),
        ("cifar-10", "test_batch.bin"),
        ("tiny-imagenet", "wnids.txt"),
    ],
)
def test_a_set_is_found_where_it_is_and_a_part_is_an_error(
    data: Path, name: str, file: str
) -> None:
    images = downloaded(name)
    assert images.find() is None
    place = write(data / images.place, CONTENT[name]())
    assert images.find() == place
    (place / file).unlink()
    with pytest.raises(DataError, match=rf"(lacks {file}|{file} cannot be read).*anode data fetch"):
        images.find()


@pytest.mark.parametrize("name", CONTENT)
def test_the_identity_tells_data_apart_without_a_path(data: Path, name: str) -> None:
    images = downloaded(name)
    place = write(data / images.place, CONTENT[name]())
    before = images.identity()
    assert str(data) not in before
    read(name, place)
    assert images.identity() == before, "reading changes nothing"
    path = next(path for path in place.iterdir() if path.is_file())
    path.write_bytes(path.read_bytes()[:-1] + b"\x77")
    assert images.identity() != before
