"""Images: read whole or not at all, split by the seed, never downloaded unasked."""

import gzip
import hashlib
import struct
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torchvision.datasets import FashionMNIST
from torchvision.datasets.mnist import read_image_file

from anode.data import images
from anode.data.images import DataError, class_names, identity, load_images, read_idx

Bytes = NDArray[np.uint8]


def idx(array: Bytes) -> bytes:
    """``array`` as an IDX file."""
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.tobytes()
    )


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without Fashion-MNIST, whatever this one has."""
    monkeypatch.setattr(images, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setenv(images.FOLDER_VARIABLE, str(tmp_path))


@pytest.fixture
def fashion(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Contents of small files that stand for Fashion-MNIST's: 40 training and 12 test images."""
    rng = np.random.default_rng(0)
    files = {}
    for part, count in (("train", 40), ("t10k", 12)):
        pixels = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        files[f"{part}-images-idx3-ubyte"] = idx(pixels)
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(count, dtype=np.uint8) % 10)
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(images, "FASHION_SHA256", checksums)
    return files


def write(folder: Path, files: dict[str, bytes], *, compressed: bool = False) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def raw(tmp_path: Path, fashion: dict[str, bytes]) -> Path:
    """The files where torchvision puts them."""
    return write(tmp_path / "FashionMNIST" / "raw", fashion)


# Digits


def test_digits_are_there_without_any_file() -> None:
    train, test = load_images(n_train=1500, n_test=297)
    assert train.name == test.name == "digits of scikit-learn, 8 × 8 pixels"
    assert train.x.shape == (1500, 1, 8, 8)
    assert test.x.shape == (297, 1, 8, 8)
    assert (train.x.min(), train.x.max()) == (0, 1)
    assert set(train.y.tolist()) == set(range(10))
    assert class_names(train) == tuple("0123456789")


def test_digits_are_split_without_overlap() -> None:
    train, test = load_images(n_train=1500, n_test=297)
    everything = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 16
    assert sorted(map(bytes, torch.cat([train.x, test.x]).numpy())) == sorted(
        map(bytes, everything.numpy())
    )


def test_more_than_there_are_is_all_there_are() -> None:
    train, test = load_images(n_train=60_000, n_test=10_000)
    assert (len(train), len(test)) == (1500, 297)


# Splits


@pytest.mark.parametrize("where", ["digits", "fashion"])
def test_the_seed_fixes_the_choice(where: str, request: pytest.FixtureRequest) -> None:
    if where == "fashion":
        request.getfixturevalue("raw")
    first, again, other = (load_images(n_train=30, n_test=10, seed=s)[0] for s in (3, 3, 4))
    assert torch.equal(first.x, again.x)
    assert torch.equal(first.y, again.y)
    assert not torch.equal(first.x, other.x)


def test_fewer_images_are_the_first_of_more() -> None:
    few, more = (load_images(n_train=n, n_test=n)[0] for n in (20, 40))
    assert torch.equal(few.x, more.x[:20])


# Fashion-MNIST


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("place", ["torchvision", "Debian"])
def test_fashion_is_read_where_it_lies(
    tmp_path: Path, fashion: dict[str, bytes], place: str, compressed: bool
) -> None:
    folder = tmp_path / "FashionMNIST" / "raw" if place == "torchvision" else images.DEBIAN_FOLDER
    write(folder, fashion, compressed=compressed)
    train, test = load_images(n_train=40, n_test=12)
    assert train.name == "Fashion-MNIST, 28 × 28 pixels"
    assert (train.x.shape, test.x.shape) == ((40, 1, 28, 28), (12, 1, 28, 28))
    assert class_names(train)[9] == "boot"
    # The shuffled images still have their own labels.
    pixels = np.frombuffer(fashion["train-images-idx3-ubyte"][16:], np.uint8).reshape(40, 1, 28, 28)
    labels = dict(zip(map(bytes, pixels.astype(np.float32) / 255), range(40), strict=True))
    for image, label in zip(train.x.numpy(), train.y.tolist(), strict=True):
        assert labels[bytes(image)] % 10 == label


def test_torchvision_reads_the_same(raw: Path, tmp_path: Path) -> None:
    ours = read_idx(raw / "train-images-idx3-ubyte")
    assert torch.equal(ours, FashionMNIST(str(tmp_path)).data)


def test_large_images_are_averaged(raw: Path) -> None:
    full = load_images(n_train=40, n_test=12)[0]
    small = load_images(n_train=40, n_test=12, max_side=14)[0]
    assert small.name == "Fashion-MNIST, averaged to 14 × 14 pixels"
    squares = full.x.view(40, 1, 14, 2, 14, 2).mean((3, 5))
    torch.testing.assert_close(small.x, squares)
    assert torch.equal(small.y, full.y)


@pytest.mark.parametrize(("most", "side"), [(28, 28), (27, 14), (13, 7), (6, 4), (1, 1)])
def test_sides_are_the_largest_that_fit(raw: Path, most: int, side: int) -> None:
    assert load_images(n_train=2, n_test=2, max_side=most)[0].input_shape == (1, side, side)


def test_debians_package_is_what_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path("/usr/share/datasets/fashion-mnist")
    if not folder.is_dir():
        pytest.skip("Debian's dataset-fashion-mnist is not installed")
    monkeypatch.setattr(images, "DEBIAN_FOLDER", folder)
    train, test = load_images(n_train=60_000, n_test=10_000)
    assert train.y.bincount().tolist() == [6000] * 10
    assert test.y.bincount().tolist() == [1000] * 10


# Broken files


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize("left", [0, 3, 6, -1])
def test_a_truncated_file_is_named_and_not_read(
    tmp_path: Path, fashion: dict[str, bytes], name: str, left: int, compressed: bool
) -> None:
    folder = write(tmp_path / "FashionMNIST" / "raw", fashion, compressed=compressed)
    file = folder / (f"{name}.gz" if compressed else name)
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(DataError, match=name):
        load_images(n_train=1, n_test=1)


def test_one_wrong_pixel_is_noticed(raw: Path) -> None:
    file = raw / "train-images-idx3-ubyte"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte is not Fashion-MNIST's"):
        load_images(n_train=1, n_test=1)


def test_an_unfinished_download_is_no_reason_to_take_other_data(raw: Path) -> None:
    (raw / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"only some.*t10k-labels-idx1-ubyte"):
        load_images(n_train=1, n_test=1)


@pytest.mark.parametrize("content", [b"\0\0\x0d\1" + bytes(8), b"<html>", b"\0\0\x08\0"])
def test_what_is_no_idx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (file := tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError, match="no IDX file"):
        read_idx(file)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(array=arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, max_side=4)), data=st.data())
def test_idx_files_are_read_whole_or_not_at_all(
    tmp_path: Path, array: Bytes, data: st.DataObject
) -> None:
    content = idx(array)
    file = tmp_path / "file"
    file.write_bytes(content)
    assert np.array_equal(read_idx(file).numpy(), array)
    cut = data.draw(st.integers(0, len(content) - 1))
    for broken in (content[:cut], content + b"\0"):
        file.write_bytes(broken)
        with pytest.raises(DataError, match=str(file)):
            read_idx(file)


def test_read_idx_agrees_with_torchvision(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (3, 4, 5), dtype=np.uint8)
    (file := tmp_path / "file").write_bytes(idx(array))
    assert torch.equal(read_idx(file), read_image_file(str(file)))


# Arguments


@pytest.mark.parametrize("name", ["n_train", "n_test", "max_side"])
def test_numbers_must_be_positive(name: str) -> None:
    arguments = {"n_train": 1, "n_test": 1, "max_side": 8} | {name: 0}
    with pytest.raises(ValueError, match=f"{name} must be 1 or more, got 0"):
        load_images(**arguments)


def test_a_seed_is_not_negative() -> None:
    with pytest.raises(ValueError, match="seed=-1"):
        load_images(n_train=1, n_test=1, seed=-1)


def test_the_variable_must_name_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(images.FOLDER_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(ValueError, match=r"ANODE_DATA must name a folder.*absent"):
        load_images(n_train=1, n_test=1)


# Identity


def test_identity_says_which_data_without_a_path(tmp_path: Path, fashion: dict[str, bytes]) -> None:
    digits = identity()
    assert digits.startswith("digits of scikit-learn")
    folder = write(tmp_path / "FashionMNIST" / "raw", fashion)
    plain = identity()
    assert plain.startswith("Fashion-MNIST")
    file = folder / "t10k-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    changed = identity()
    assert len({digits, plain, changed}) == 3
    assert not any(str(tmp_path) in text for text in (digits, plain, changed))


def test_identity_of_broken_data_does_not_raise(
    raw: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (raw / "t10k-images-idx3-ubyte").unlink()
    unfinished = identity()
    monkeypatch.setenv(images.FOLDER_VARIABLE, str(tmp_path / "absent"))
    assert {unfinished, identity()} == {"none: DataError", "none: ValueError"}


# Downloads


@pytest.fixture
def mirror(
    tmp_path: Path, fashion: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A server on this machine that torchvision takes for Fashion-MNIST's."""
    served = write(tmp_path / "served", fashion, compressed=True)
    handler = partial(SimpleHTTPRequestHandler, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(
            FashionMNIST, "mirrors", [f"http://127.0.0.1:{server.server_address[1]}/"]
        )
        checksums = [
            (file.name, hashlib.md5(file.read_bytes()).hexdigest()) for file in served.iterdir()
        ]
        monkeypatch.setattr(FashionMNIST, "resources", checksums)
        yield
        server.shutdown()


@pytest.mark.usefixtures("mirror")
def test_what_is_downloaded_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # The variable may name a folder that download is to make.
    monkeypatch.setenv(images.FOLDER_VARIABLE, str(tmp_path / "new"))
    folder = images.download()
    assert folder == tmp_path / "new" / "FashionMNIST" / "raw"
    assert load_images(n_train=1, n_test=1)[0].name.startswith("Fashion-MNIST")
