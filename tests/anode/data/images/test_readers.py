"""Files of image sets are read whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torchvision.datasets.mnist import read_image_file

from anode.data.images import cifar, readers, tiny
from anode.data.images.catalogue import FOLDER_VARIABLE, SOURCES, DataError, ImageSet
from anode.data.images.idx import read_idx
from tests.helpers.image_sets import (
    ARCHIVED,
    CONTENT,
    IDX_SETS,
    Bytes,
    cifar_files,
    idx,
    idx_files,
    jpeg,
    register,
    tiny_files,
    write,
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """All sets have the sizes of the tests' own."""
    for which in CONTENT:
        register(monkeypatch, which, {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for one set."""
    return tmp_path / "set"


# IDX


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(array=arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, max_side=4)), data=st.data())
def test_idx_files_are_read_whole_or_not_at_all(
    tmp_path: Path, array: Bytes, data: st.DataObject
) -> None:
    content = idx(array)
    file = tmp_path / "file"
    file.write_bytes(content)
    assert np.array_equal(read_idx(file), array)
    cut = data.draw(st.integers(0, len(content) - 1))
    for broken in (content[:cut], content + b"\0"):
        file.write_bytes(broken)
        with pytest.raises(DataError, match=str(file)):
            read_idx(file)


def test_read_idx_agrees_with_torchvision(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (3, 4, 5), dtype=np.uint8)
    (file := tmp_path / "file").write_bytes(idx(array))
    assert torch.equal(torch.tensor(read_idx(file)), read_image_file(str(file)))


@pytest.mark.parametrize("content", [b"\0\0\x0d\1" + bytes(8), b"<html>", b"\0\0\x08\0"])
def test_what_is_no_idx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (file := tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError, match="no IDX file"):
        read_idx(file)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("which", IDX_SETS)
def test_idx_sets_are_read_compressed_or_not(
    folder: Path, which: ImageSet, compressed: bool
) -> None:
    write(folder, files := idx_files(), compressed=compressed)
    parts = readers.read(which, folder)
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
        readers.read(ImageSet.MNIST, folder)


def test_one_wrong_pixel_of_an_idx_file_is_noticed(folder: Path) -> None:
    files = idx_files()
    content = bytearray(files["train-images-idx3-ubyte"])
    content[-1] ^= 1
    write(folder, files | {"train-images-idx3-ubyte": bytes(content)})
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte is not Fashion-MNIST's"):
        readers.read(ImageSet.FASHION, folder)


# CIFAR-10


def test_cifar_is_read_record_by_record(folder: Path) -> None:
    """Against the description on its page: a label, then 1024 red, 1024 green, 1024 blue bytes."""
    files = cifar_files()
    (images, labels), (test_images, _) = readers.read(ImageSet.CIFAR10, write(folder, files))
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
    for act in (readers.has, readers.verify, readers.read):
        with pytest.raises(DataError, match=name):
            act(ImageSet.CIFAR10, folder)


def test_a_class_beyond_cifars_ten_is_refused(folder: Path) -> None:
    files = cifar_files()
    files["test_batch.bin"] = b"\x0a" + files["test_batch.bin"][1:]
    with pytest.raises(DataError, match=r"test_batch.*class 10"):
        readers.read(ImageSet.CIFAR10, write(folder, files))


def test_there_are_ten_names_of_cifars_classes() -> None:
    assert len(set(cifar.CLASSES)) == 10


# Tiny ImageNet


def red(images: Bytes) -> list[int]:
    """The red of each image, to the nearest 20."""
    return [int(20 * np.round(image[0].mean() / 20)) for image in images]


def test_tiny_imagenet_is_read_in_the_order_of_its_classes(folder: Path) -> None:
    write(folder, tiny_files())
    (images, labels), (validation, validation_labels) = readers.read(ImageSet.TINY_IMAGENET, folder)
    assert images.shape == (6, 3, 64, 64)
    assert red(images) == [0, 20, 40, 60, 80, 100]
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert red(validation) == [120, 140, 160, 180]
    assert validation_labels.tolist() == [2, 0, 1, 2]  # n03, n01, n02, n03
    assert tiny.class_names(folder) == ("goldfish", "bullfrog", "n03")
    assert np.ptp(images[0], axis=0).max() == 0, "a grey image has three equal colours"


def test_decoded_pixels_are_kept_and_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, tiny_files())
    first = readers.read(ImageSet.TINY_IMAGENET, folder)
    monkeypatch.setattr(tiny, "_decode", lambda path: pytest.fail(f"decodes {path} again"))
    for (images, _), (again, _) in zip(
        first, readers.read(ImageSet.TINY_IMAGENET, folder), strict=True
    ):
        assert np.array_equal(images, again)
    assert sorted(path.name for path in folder.glob("*.npy")) == ["train.npy", "val.npy"]
    assert all(path.stat().st_mode & 0o044 for path in folder.glob("*.npy")), "others may read them"


@pytest.mark.parametrize("content", [b"", b"half", None])
def test_broken_kept_pixels_are_made_anew(folder: Path, content: bytes | None) -> None:
    write(folder, tiny_files())
    expected = [images.copy() for images, _ in readers.read(ImageSet.TINY_IMAGENET, folder)]
    kept = folder / "train.npy"
    kept.write_bytes(kept.read_bytes()[:-1] if content is None else content)
    for images, (again, _) in zip(
        expected, readers.read(ImageSet.TINY_IMAGENET, folder), strict=True
    ):
        assert np.array_equal(images, again)


def test_pixels_that_cannot_be_kept_are_read_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: object, *_: object, **__: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    write(folder, tiny_files())
    monkeypatch.setattr(np, "save", full)
    ((images, _), _) = readers.read(ImageSet.TINY_IMAGENET, folder)
    assert red(images) == [0, 20, 40, 60, 80, 100]
    assert not list(folder.glob("*.npy"))


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
            readers.verify(ImageSet.TINY_IMAGENET, folder)
    with pytest.raises(DataError, match=Path(name).name):
        readers.read(ImageSet.TINY_IMAGENET, folder)


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
        readers.has(ImageSet.TINY_IMAGENET, folder)


def test_a_class_of_no_training_image_is_refused(folder: Path) -> None:
    files = tiny_files()
    rows = files["val/val_annotations.txt"].replace(b"n02", b"n77")
    with pytest.raises(DataError, match="n77"):
        readers.read(
            ImageSet.TINY_IMAGENET, write(folder, files | {"val/val_annotations.txt": rows})
        )


# Where sets are


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloaded data, empty."""
    (folder := tmp_path / "data").mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder


@pytest.mark.parametrize(
    ("which", "name"),
    [
        (ImageSet.MNIST, "t10k-labels-idx1-ubyte"),
        (ImageSet.FASHION, "train-images-idx3-ubyte"),
        (ImageSet.CIFAR10, "test_batch.bin"),
        (ImageSet.TINY_IMAGENET, "wnids.txt"),
    ],
)
def test_a_set_is_found_where_it_is_and_a_part_is_an_error(
    data: Path, which: ImageSet, name: str
) -> None:
    assert readers.find(which) is None
    place = write(data / SOURCES[which].place, CONTENT[which]())
    assert readers.find(which) == place
    (place / name).unlink()
    with pytest.raises(DataError, match=rf"{name}.*(missing|cannot be read)"):
        readers.find(which)


@pytest.mark.parametrize("which", SOURCES)
def test_the_digest_tells_data_apart_without_a_path(data: Path, which: ImageSet) -> None:
    files = CONTENT[which]()
    place = write(data / SOURCES[which].place, files)
    if which in ARCHIVED:
        (place / readers.CHECKSUM).write_text("0123  archive\n")
    digest = readers.digest(which, place)
    assert str(data) not in digest
    readers.read(which, place)
    assert readers.digest(which, place) == digest, "reading changes nothing"
    if which in ARCHIVED:
        (place / readers.CHECKSUM).write_text("4567  archive\n")
    else:
        path = next(place.iterdir())
        path.write_bytes(path.read_bytes()[:-1] + b"\x77")
    assert readers.digest(which, place) != digest


def test_an_empty_note_of_the_checksum_is_no_error(data: Path) -> None:
    place = write(data / "cifar-10-batches-bin", cifar_files() | {readers.CHECKSUM: b""})
    assert "unknown" in readers.digest(ImageSet.CIFAR10, place)
